"""Where mail goes next, as mail servers write it when they ask what should happen there.

Postfix asks with its next hop as it stands: a recipient's domain, or what a transport table has in
its place. Where it was told of nothing, it asks again for every parent domain, with a leading dot;
no policy is about what is below a domain (RFC 8461, 3.4), but an operator's rules may be, and those
are looked at for the domain itself.

A name that cannot be read is an error, and not one that has no policy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from unstrip.escaping import brief
from unstrip.hostname import BadHostName, host_name, is_address

SMTP = 25
_LONGEST = 1024  # bytes: more cannot be made a name of 253 octets (RFC 1035, 2.3.4) and a port
_SERVICES = {  # as /etc/services has them; any other has to be a number
    **dict.fromkeys(("", "smtp", "mail"), SMTP),
    "submission": 587,
    **dict.fromkeys(("submissions", "smtps", "ssmtp", "urd"), 465),
}
_PORT = re.compile(r"[0-9]{1,5}")
_LAST_PORT = 65535
_HOP = re.compile(r"(?:\[(?:ipv6:)?(?P<host>[^][]+)\]|(?P<domain>[^][:]+))(?::(?P<port>[^:]*))?")
_HERE = (".", "/", "unix:")  # a parent domain, and sockets of this machine


class BadNextHop(ValueError):
    """It cannot be understood; nothing may be concluded from that."""


@dataclass(frozen=True, slots=True)
class NextHop:
    """Where mail goes next.

    Attributes: host: A-labels in lower case, or an address; port; direct: it is the server itself,
        and no MX is looked up for it.
    """

    host: str
    port: int = SMTP
    direct: bool = False

    @property
    def key(self) -> str:
        """Write it as a mail server does, so that `next_hop` would read the same."""
        host = f"[{self.host}]" if self.direct else self.host
        return host if self.port == SMTP else f"{host}:{self.port}"


def next_hop(key: bytes) -> NextHop | None:
    """Return what a key means, None where it is nothing that could have a policy.

    Raises: BadNextHop: it ought to be a name or an address, and is none.
    """
    if len(key) > _LONGEST:
        raise BadNextHop(f"a next hop of {len(key)} bytes")
    try:
        return _read(key.decode().lower())
    except (UnicodeDecodeError, BadHostName) as error:
        raise BadNextHop(f"'{brief(key.decode('latin-1'))}' is no next hop") from error


def _read(key: str) -> NextHop | None:
    if not key or key.startswith(_HERE):
        return None
    if is_address(key):  # of IPv6, whose colons would begin a port
        return NextHop(host_name(key), direct=True)
    found = _HOP.fullmatch(key)
    if found is None:
        raise BadHostName(key)
    host = _name(found["host"] or found["domain"])
    direct = found["host"] is not None or is_address(host)
    return NextHop(host, _port(found["port"] or ""), direct)


def _name(host: str) -> str:
    if host.endswith(".."):
        raise BadHostName(host)
    return host_name(host)


def _port(text: str) -> int:
    port = int(text) if _PORT.fullmatch(text) else _SERVICES.get(text, 0)
    if not 0 < port <= _LAST_PORT:
        raise BadHostName(text)
    return port

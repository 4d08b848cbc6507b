"""The servers that are asked, as /etc/resolv.conf names them, and which could be believed."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from unstrip.escaping import brief
from unstrip.hostname import is_address

RESOLV_CONF = Path("/etc/resolv.conf")
_MOST = 3  # as in resolv.conf(5)
_LOCAL = "127.0.0.1"
# They listen on loopback, but hand on what some other machine said, or have done so: the AD bit
# of their answers is a stranger's (systemd issue 34121).
FORWARDERS = {
    "127.0.0.11": "Docker's own, which only forwards",
    "127.0.0.53": "systemd-resolved, which may hand on what others say",
    "127.0.0.54": "systemd-resolved's proxy, which only forwards",
}


@dataclass(frozen=True, slots=True)
class Server:
    """One server.

    Attributes: address: of IPv4 or IPv6; port: for UDP and TCP; trusted: the operator says that
        it validates, and that nobody on the way to it can change what it says.
    """

    address: str
    port: int = 53
    trusted: bool = False

    def __str__(self) -> str:
        """Write it as people do, the port only where it is another one."""
        return self.address if self.port == 53 else f"{self.address} port {self.port}"

    @property
    def distrust(self) -> str:
        """Say why its word on DNSSEC cannot be believed, "" where it could be.

        Whoever is on the way to another machine can set the AD bit (P-08; RFC 4035, 4.9.3).
        """
        if self.trusted:
            return ""
        if self.address in FORWARDERS:
            return f"{self} is {FORWARDERS[self.address]}"
        if not ipaddress.ip_address(self.address).is_loopback:
            return f"{self} is another machine"
        return ""


def system(trusted: Collection[str] = (), path: Path = RESOLV_CONF) -> tuple[Server, ...]:
    """Return the system's servers; without any it is the one on this machine (resolv.conf(5)).

    Args: trusted: the addresses of those that are declared so.
    """
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    words = (line.split() for line in lines)
    named = [word[1] for word in words if word[:1] == ["nameserver"] and len(word) > 1]
    addresses = [name for name in dict.fromkeys(named) if is_address(name)][:_MOST]
    return tuple(Server(name, trusted=name in trusted) for name in addresses or [_LOCAL])


def server(text: str, *, trusted: bool = False) -> Server:
    """Return the server that is written as "ADDRESS" or "ADDRESS@PORT", as Unbound writes them.

    Raises: ValueError: it is none.
    """
    address, at, port = text.partition("@")
    if not is_address(address) or (at and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise ValueError(f"'{brief(text)}' is no address of a DNS server")
    return Server(address, int(port or 53), trusted)

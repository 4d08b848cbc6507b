"""What an Exim sender is told of a domain: options of its smtp transport.

Exim has lists of hosts, so each server gets what it needs. No list says that a server must not be
used; but mail waits for one that is kept from TLS and has to have it, so that is what is done to
those, and to all that a policy does not name. A star at the end of a list stands for every other
host, an exclamation mark takes one out.

DANE is Exim's own, and it does it only where it sees by itself that DNSSEC vouches for the server.
hosts_require_dane would not do: where Exim does not see that, or finds the records gone, it returns
the mail to its sender. So there is a second list of who must not be used, for when it does not see
it; and where the records are gone, a certificate has to prove the name.

Exim looks the hosts up by itself, perhaps later, and may see one that was not seen here. What every
server needs, such a host needs too: it may be there because somebody forged an unsigned MX.

Of a plain name in a list, Exim looks up the addresses, by unsigned DNS, and compares those: who can
forge them could put a host of his own in the place of one that is named. A regular expression is
compared with the name of the host instead, so that is how a list is written. The name is the one
that Exim comes to behind all aliases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from unstrip.derivation import Derivation, Destination
from unstrip.escaping import brief
from unstrip.hostname import is_host_name
from unstrip.mta.needs import (
    BARRED,
    USABLE,
    Need,
    closed,
    hosts,
    overridden,
    overriding,
    servers,
    wished,
)
from unstrip.policy import Level, dane
from unstrip.policy.dane import Standing
from unstrip.policy.questions import Security

_ALL = ("*",)
_BY_DNSSEC = "${{if eq{{$lookup_dnssec_authenticated}}{{yes}}{{{}}}{{{}}}}}"
LISTS = (
    "hosts_require_tls",
    "hosts_avoid_tls",
    "hosts_avoid_tls_unsigned",
    "hosts_try_dane",
    "tls_verify_hosts",
    "tls_verify_cert_hostnames",
)


@dataclass(frozen=True, slots=True)
class Options:
    """The options, each a list of hosts; where `defer` says why, nothing is to be sent now.

    Attributes: hosts_avoid_tls_unsigned: in place of hosts_avoid_tls for a server to which Exim did
        not come by DNSSEC; words: what Exim has to be set to, and what it cannot be told.
    """

    hosts_require_tls: tuple[str, ...] = ()
    hosts_avoid_tls: tuple[str, ...] = ()
    hosts_avoid_tls_unsigned: tuple[str, ...] = ()
    hosts_try_dane: tuple[str, ...] = _ALL
    tls_verify_hosts: tuple[str, ...] = ()
    tls_verify_cert_hostnames: tuple[str, ...] = _ALL
    defer: str = ""
    words: tuple[str, ...] = ()

    @property
    def by_dane(self) -> bool:
        """Some server has to meet its TLSA records, and so to be reached by DNSSEC."""
        return self.hosts_avoid_tls_unsigned != self.hosts_avoid_tls


def options(derivation: Derivation) -> Options:
    """Return what Exim is told of a domain's mail."""
    if reason := _waiting(derivation):
        return Options(defer=brief(reason))
    ways, shut, barred = _ways(derivation), closed(derivation), hosts(derivation, *BARRED)
    freed = overridden(derivation, Need.FREE)
    every = shut or bool(ways.used and not hosts(derivation, Need.FREE))
    proved = every and not shut and not ways.encrypted
    avoided = _all_but((*ways.used, *freed)) if shut else barred
    unsigned = _all_but((*ways.without_dane, *freed)) if every else (*ways.by_dane, *barred)
    return Options(
        hosts_require_tls=_all_but(freed) if every else (*ways.used, *barred),
        hosts_avoid_tls=avoided,
        hosts_avoid_tls_unsigned=unsigned if ways.by_dane else avoided,
        hosts_try_dane=() if derivation.overridden else _all_but(_otherwise(derivation)),
        tls_verify_hosts=_ALL if proved else (*ways.by_dane, *ways.named),
        words=_words(derivation),
    )


def settings(told: Options) -> Iterator[str]:
    """Yield the lines of the transport, as they stand in Exim's configuration."""
    lists = {name: text(getattr(told, name)) for name in LISTS}
    unsigned = lists.pop("hosts_avoid_tls_unsigned")
    if told.by_dane:
        lists["hosts_avoid_tls"] = _BY_DNSSEC.format(lists["hosts_avoid_tls"], unsigned)
    for name, value in lists.items():
        yield f"{name} = {value}".rstrip()


def text(listed: tuple[str, ...]) -> str:
    """Write a list of hosts as it stands in Exim's configuration."""
    return " : ".join(_item(host, r"\N") for host in listed)  # \N: not to be expanded


def expanded(listed: tuple[str, ...]) -> str:
    """Write a list of hosts as it is once Exim has expanded it."""
    return " : ".join(map(_item, listed))


def _item(host: str, guard: str = "") -> str:
    if host == "*":
        return host
    name = host.removeprefix("!")
    pattern = re.escape(name).replace(":", "::")  # a colon alone would end the item
    return f"{'!' if host != name else ''}{guard}^{pattern}${guard}"


def _waiting(derivation: Derivation) -> str:
    if derivation.lost:
        return derivation.waits
    barred = [each for each in derivation.servers if each.decision.refuses]
    usable = hosts(derivation, *USABLE)
    return barred[0].decision.refuses if barred and not usable else ""


@dataclass(frozen=True, slots=True)
class _Ways:
    """The hosts that may be used, by how they have to be protected."""

    by_dane: tuple[str, ...]
    named: tuple[str, ...]
    encrypted: tuple[str, ...]

    @property
    def without_dane(self) -> tuple[str, ...]:
        return (*self.named, *self.encrypted)

    @property
    def used(self) -> tuple[str, ...]:
        return (*self.by_dane, *self.without_dane)


def _ways(derivation: Derivation) -> _Ways:
    """Sort the hosts; where Exim looks at no TLSA record, by what the other sources want."""
    by_dane = hosts(derivation, Need.DANE)
    named = hosts(derivation, Need.NAMED, Need.PINNED)
    encrypted = hosts(derivation, Need.ENCRYPTED, Need.UNUSABLE)
    if derivation.route.security is Security.SECURE:
        return _Ways(_names(servers(derivation, Need.DANE)), named, encrypted)
    wanted = wished(derivation, Level.AUTHENTICATED, besides=(dane.SOURCE,))
    strict = [name for name in by_dane if name in wanted]
    rest = [name for name in by_dane if name not in strict]
    return _Ways((), (*named, *strict), (*encrypted, *rest))


def _all_but(names: tuple[str, ...]) -> tuple[str, ...]:
    return (*(f"!{name}" for name in names), *_ALL)


def _otherwise(derivation: Derivation) -> tuple[str, ...]:
    """Return those that have to prove themselves by other means than DANE, or need not do so."""
    unusable = (each for each in derivation.destinations if _standing(each) is Standing.ENCRYPTED)
    freed = (each for each in derivation.destinations if each.decision.overrides)
    return _names((*unusable, *servers(derivation, Need.PINNED), *freed))


def _names(found: Iterable[Destination]) -> tuple[str, ...]:
    """Return the names that Exim may have for them: that behind all aliases is the TLSA base."""
    names = (name for each in found for name in (each.endpoint.host, *_base(each)))
    return tuple(dict.fromkeys(names))


def _base(server: Destination) -> tuple[str, ...]:
    base = server.dane.base if server.dane else ""
    return (base,) if is_host_name(base) else ()


def _standing(server: Destination) -> Standing:
    return server.dane.standing if server.dane else Standing.UNCHECKED


def _words(derivation: Derivation) -> tuple[str, ...]:
    words = []
    by_dane, secure = hosts(derivation, Need.DANE), derivation.route.security is Security.SECURE
    if pinned := hosts(derivation, Need.PINNED):
        words.append(f"Exim knows no pins: {brief(', '.join(pinned))} has to prove its name")
    if by_dane and not secure:
        listed = brief(", ".join(by_dane))
        words.append(f"without a signed MX, no TLSA record of {listed} is looked at")
    if by_dane and secure:
        words.append("Exim has to see DNSSEC: it needs options trust-ad in /etc/resolv.conf")
    if hosts(derivation, Need.NAMED):
        words.append("the transport needs tls_sni = $host")  # RFC 8461, 7.1
    return (*words, *overriding(derivation))

"""The protocols: one file each, and the registry of them.

What a protocol file has is described in `Protocol`, below. Adding a file here gives it to the
conformance suite, the command line and the lab.
"""

from __future__ import annotations

from dataclasses import dataclass
from re import Pattern
from typing import Protocol as Shape

from unstrip.protocols import (
    acap,
    ftp,
    http,
    imap,
    irc,
    ldap,
    lmtp,
    managesieve,
    mysql,
    nntp,
    nut,
    pop3,
    postgresql,
    rdp,
    smtp,
    tds,
    telnet,
    vnc,
    xmpp_client,
    xmpp_server,
)
from unstrip.upgrade import Asking, Listing, Manner, Serving, Upgrade
from unstrip.wire import Dialog, Wire

LEGACY_TLS = "TLSv1.2"  # the newest version that a LEGACY protocol's in-band upgrade knows


class Protocol(Shape):
    """What a protocol file has.

    Attributes:
        NAME: IANA's service name, where there is one.
        DEFINED_BY: the document that defines the upgrade.
        ALIASES: what else it is called, by `openssl s_client -starttls` for one.
        LISTING: how a server says in clear that it has TLS.
        OFFER: the word that says so, in capitals.
        VERB: the command that asks for it, as people call it.
        PORTS: URL scheme to port, for the in-band upgrade; the usual one first.
        IMPLICIT_PORTS: the same for TLS from the first byte; empty where there is no such thing.
        SERVICES: the names before a domain of SRV records that lead to it (RFC 2782), and whether
            TLS comes first there; empty where there are none.
        ALPN: its name in TLS, None where none is registered.
        LEGACY: the in-band upgrade knows neither TLS 1.3 nor ALPN.
        GREETS: the server speaks first.
        ALPN_DUE: where TLS comes first, nothing but ALPN tells what is spoken, so it has to agree.
        MANNERS: the ways to spell the request.
        REQUEST: finds the request in all that a client said in clear.
        IN_CLEAR: matches each thing that its client may say before TLS.
    """

    NAME: str
    DEFINED_BY: str
    ALIASES: tuple[str, ...]
    LISTING: Listing
    OFFER: str
    VERB: str
    PORTS: dict[str, int]
    IMPLICIT_PORTS: dict[str, int]
    SERVICES: dict[str, bool]
    ALPN: str | None
    LEGACY: bool
    GREETS: bool
    ALPN_DUE: bool
    MANNERS: tuple[Manner, ...]
    REQUEST: Pattern[bytes]
    IN_CLEAR: Pattern[bytes]

    def client(self, wire: Wire, ask: Asking = ...) -> Dialog[Upgrade]:
        """The connecting side."""

    def server(self, wire: Wire, serve: Serving = ...) -> Dialog[Upgrade]:
        """The accepting side."""

    def farewell(self, wire: Wire) -> Dialog[None]:
        """The connecting side's leave-taking."""


REGISTRY: dict[str, Protocol] = {
    module.NAME: module
    for module in (
        smtp,
        lmtp,
        imap,
        pop3,
        managesieve,
        acap,
        nntp,
        xmpp_client,
        xmpp_server,
        irc,
        ftp,
        telnet,
        ldap,
        http,
        postgresql,
        mysql,
        tds,
        rdp,
        vnc,
        nut,
    )
}


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a URL scheme means: a protocol, its port, and whether TLS is there from the start."""

    name: str
    protocol: str
    port: int
    implicit: bool


def _schemes() -> dict[str, Scheme]:
    found: dict[str, Scheme] = {}
    for name, protocol in REGISTRY.items():
        for scheme, port in protocol.PORTS.items():
            found[scheme] = Scheme(scheme, name, port, implicit=False)
        usual = next(iter(protocol.PORTS.values()))
        for alias in (name, *protocol.ALIASES):
            found.setdefault(alias, Scheme(alias, name, usual, implicit=False))
        for scheme, port in protocol.IMPLICIT_PORTS.items():
            found[scheme] = Scheme(scheme, name, port, implicit=True)
    return found


SCHEMES: dict[str, Scheme] = _schemes()


@dataclass(frozen=True, slots=True)
class Service:
    """What SRV records below a domain, at "_imaps._tcp" for one, lead to (RFC 2782)."""

    name: str
    protocol: str
    implicit: bool


SERVICES: dict[str, Service] = {
    service: Service(service, name, implicit)
    for name, protocol in REGISTRY.items()
    for service, implicit in protocol.SERVICES.items()
}

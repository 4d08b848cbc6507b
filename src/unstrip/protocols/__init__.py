"""The protocols: one file each, and the registry of them.

A protocol file has `NAME`, `MUST_LIST` (whether a server has to answer the question what it can
do), `OFFER` (the word that advertises TLS), `VERB` (the command that asks for it), `PORTS` and
`IMPLICIT_PORTS` (URL scheme to port, IANA's names), `ALPN`, `IN_CLEAR` (all that its client may say
before TLS), and the functions `client`, `server` and `farewell`. Adding
one here gives it to the conformance suite, the command line and the lab.
"""

from __future__ import annotations

from dataclasses import dataclass
from re import Pattern
from typing import Protocol as Shape

from unstrip.protocols import imap, pop3, smtp
from unstrip.wire import Asking, Dialog, Serving, Upgrade, Wire


class Protocol(Shape):
    """What a protocol file has."""

    NAME: str
    MUST_LIST: bool
    OFFER: str
    VERB: str
    PORTS: dict[str, int]
    IMPLICIT_PORTS: dict[str, int]
    ALPN: str | None
    IN_CLEAR: Pattern[bytes]

    def client(self, wire: Wire, ask: Asking = ...) -> Dialog[Upgrade]:
        """The connecting side."""

    def server(self, wire: Wire, serve: Serving = ...) -> Dialog[Upgrade]:
        """The accepting side."""

    def farewell(self, wire: Wire) -> Dialog[None]:
        """The connecting side's leave-taking."""


REGISTRY: dict[str, Protocol] = {module.NAME: module for module in (smtp, imap, pop3)}


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
        for scheme, port in protocol.IMPLICIT_PORTS.items():
            found[scheme] = Scheme(scheme, name, port, implicit=True)
    return found


SCHEMES: dict[str, Scheme] = _schemes()

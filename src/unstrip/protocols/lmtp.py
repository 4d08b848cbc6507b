"""LMTP: STARTTLS (RFC 3207) in SMTP's dialect for local delivery (RFC 2033)."""

from __future__ import annotations

from unstrip.protocols.smtp import (
    DEFINED_BY,
    LEGACY,
    LISTING,
    MANNERS,
    OFFER,
    REQUEST,
    VERB,
    Dialect,
    farewell,
)
from unstrip.protocols.smtp import client as smtp_client
from unstrip.protocols.smtp import server as smtp_server
from unstrip.upgrade import Asking, Serving, Upgrade
from unstrip.wire import Dialog, Wire

__all__ = ["DEFINED_BY", "LEGACY", "LISTING", "MANNERS", "OFFER", "REQUEST", "VERB", "farewell"]

NAME = "lmtp"
ALIASES = ()
PORTS = {"lmtp": 24}  # IANA's "any private mail system"; never 25 (RFC 2033, 5)
IMPLICIT_PORTS: dict[str, int] = {}
SERVICES: dict[str, bool] = {}
ALPN = None  # none is registered for LMTP
GREETS = True
ALPN_DUE = False

# RFC 2033, 4.1: LHLO in place of EHLO and HELO; 5: what a server has to have
LMTP = Dialect("LHLO", "LMTP", ("PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME"))
IN_CLEAR = LMTP.in_clear


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The delivering side: greeting, LHLO, STARTTLS, and LHLO again inside."""
    return smtp_client(wire, ask, LMTP)


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The accepting side: it upgrades any correct client and takes no mail from anyone."""
    return smtp_server(wire, serve, LMTP)

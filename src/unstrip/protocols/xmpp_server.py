"""XMPP between servers: STARTTLS (RFC 6120, 5; RFC 7590); implicit TLS (XEP-0368)."""

from __future__ import annotations

from unstrip.protocols.xmpp_client import (
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
from unstrip.protocols.xmpp_client import client as xmpp_client
from unstrip.protocols.xmpp_client import server as xmpp_server
from unstrip.upgrade import Asking, Serving, Upgrade
from unstrip.wire import Dialog, Wire

__all__ = ["DEFINED_BY", "LEGACY", "LISTING", "MANNERS", "OFFER", "REQUEST", "VERB", "farewell"]

NAME = "xmpp-server"
ALIASES = ()
PORTS = {"xmpp-server": 5269}
IMPLICIT_PORTS = {"xmpps-server": 5270}  # by custom; XEP-0368 has it from SRV
SERVICES = {"_xmpp-server._tcp": False, "_xmpps-server._tcp": True}  # RFC 6120, 3.2.1; XEP-0368
ALPN = "xmpp-server"  # XEP-0368
GREETS = False
ALPN_DUE = False

# RFC 6120, 4.7.1: a server says who it is; one that does not is offered no features
SERVERS = Dialect("jabber:server", names_itself=True, mechanism="EXTERNAL")
IN_CLEAR = SERVERS.in_clear


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The connecting side: a stream with its features, STARTTLS, and a new stream inside."""
    return xmpp_client(wire, ask, SERVERS)


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The accepting side: it upgrades any correct client and lets nobody log in."""
    return xmpp_server(wire, serve, SERVERS)

"""XMPP between servers, as a box hears it."""

from __future__ import annotations

from unstrip.lab.dialects.xmpp_client import XmppClient, words
from unstrip.protocols.xmpp_server import SERVERS


class XmppServer(XmppClient):
    """RFC 6120: another namespace, and another login."""

    PROTOCOL = "xmpp-server"
    STREAM = SERVERS
    WORDS = words(SERVERS)

"""XMPP between servers: what differs from a client's; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from unstrip.protocols import xmpp_client, xmpp_server
from unstrip.protocols.xmpp_server import IN_CLEAR, SERVERS
from unstrip.upgrade import Asking

HEADER = SERVERS.header(Asking(helo="relay.example.org", host="example.com"))


def test_a_server_says_who_it_is():
    assert b"xmlns='jabber:server'" in HEADER
    assert b" from='relay.example.org' to='example.com' " in HEADER


@pytest.mark.parametrize(
    ("said", "allowed"),
    [
        (HEADER, True),
        (HEADER.replace(b"relay.example.org", b"[192.0.2.1]"), True),
        (xmpp_client.STARTTLS, True),
        (b"</stream:stream>", True),
        (HEADER.replace(b" from='relay.example.org'", b""), False),
        (HEADER.replace(b"relay", b"alice@relay"), False),
        (HEADER.replace(b"jabber:server", b"jabber:client"), False),
        (b"<db:result from='a' to='b'>x</db:result>", False),
    ],
)
def test_what_may_be_said_in_clear_is_a_closed_list(said, allowed):
    assert bool(IN_CLEAR.fullmatch(said)) is allowed


def test_clients_and_servers_are_not_taken_for_each_other():
    assert not xmpp_client.IN_CLEAR.fullmatch(HEADER)
    assert xmpp_server.NAME != xmpp_client.NAME
    assert not {*xmpp_server.PORTS, *xmpp_server.IMPLICIT_PORTS} & {
        *xmpp_client.PORTS,
        *xmpp_client.IMPLICIT_PORTS,
    }

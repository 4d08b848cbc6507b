import pytest

from tests.lab.dialects.hearing import bites, cut_replies
from unstrip.lab.dialect import Topic
from unstrip.lab.dialects.xmpp_server import XmppServer

HEADER = (
    b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'"
    b" xmlns:db='jabber:server:dialback' version='1.0'>"
)
FEATURES = HEADER + b"<stream:features><db:dialback/></stream:features>"
GO_AHEAD = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_it_is_cut_as_a_clients_stream_is(size):
    said = [FEATURES, GO_AHEAD]
    assert cut_replies(XmppServer(), bites(b"".join(said), size)) == said
    assert XmppServer().read_command(HEADER).topic is Topic.LISTING


def test_a_box_speaks_in_the_namespace_of_servers():
    words = XmppServer.WORDS
    assert b"'jabber:server'" in words.answer
    assert b"'jabber:server'" in words.spoofed

import pytest

from tests.lab.endings import REFUSALS, advertised, withheld
from tests.lab.stage import play, playable
from unstrip.lab.dialects import DIALECTS
from unstrip.trouble import Trouble
from unstrip.upgrade import Manner

QUOTED = [  # what is refused in a line of text is kept as it was said
    (protocol, code)
    for protocol, code in REFUSALS
    if protocol in ("smtp", "imap", "pop3", "lmtp", "nntp", "ftp", "irc")
]


@pytest.mark.parametrize("protocol", playable("refuse"))
def test_the_server_never_hears_of_it_whatever_it_offered(authority, protocol):
    scene = play(authority, "refuse", protocol)
    assert advertised(scene.only) is DIALECTS[protocol].lists()
    assert scene.only.handshake is None
    assert withheld(protocol, scene.crossings)


def test_a_refusal_that_nobody_waits_for_is_shown_where_tls_should_have_been(authority):
    evidence = play(authority, "refuse", "mysql").only
    assert evidence.failure.trouble is Trouble.TLS
    assert "Bad handshake" in evidence.failure.words


@pytest.mark.parametrize("protocol", ["smtp", "ldap", "xmpp-client"])
def test_a_request_that_a_naive_box_overlooks_is_granted(authority, protocol):
    assert play(authority, "refuse", protocol, naive=True, manner=Manner.SPLIT).only.secured


@pytest.mark.parametrize(("protocol", "code"), QUOTED)
def test_the_refusal_is_kept_in_its_own_words(authority, protocol, code):
    upgrade = play(authority, "refuse", protocol, reply=code).only.upgrade
    words = DIALECTS[protocol].WORDS.refusals[code].replace(b"{tag}", b"")
    assert words.decode().strip() in upgrade.said

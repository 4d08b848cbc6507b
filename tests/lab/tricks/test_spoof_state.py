import pytest

from tests.lab.stage import play, playable
from tests.protocols.specimen import only_permitted
from unstrip.lab.crossings import Leg
from unstrip.lab.dialects import DIALECTS
from unstrip.trouble import Trouble


@pytest.mark.parametrize("protocol", ["imap", "nntp", "ftp"])
def test_a_client_that_is_greeted_as_logged_in_says_nothing_at_all(authority, protocol):
    scene = play(authority, "spoof-state", protocol, insist=False)
    assert scene.only.failure.trouble is Trouble.SPOOFED
    assert scene.crossings.said(Leg.FROM_CLIENT) == b""


@pytest.mark.parametrize("protocol", playable("spoof-state"))
def test_the_claim_is_the_first_that_the_client_hears_and_no_tls_follows_it(authority, protocol):
    scene = play(authority, "spoof-state", protocol)
    assert scene.only.handshake is None
    dialect = DIALECTS[protocol]()
    assert scene.crossings.said(Leg.TO_CLIENT).startswith(dialect.say(dialect.WORDS.spoofed))
    assert only_permitted(protocol, scene.crossings.said(Leg.FROM_CLIENT))

import pytest

from tests.lab.endings import advertised, came_to, ending, withheld
from tests.lab.stage import play, playable
from unstrip.lab.dialects import DIALECTS

REFUSALS = {
    "smtp": "454 ",
    "lmtp": "454 ",
    "imap": " NO [UNAVAILABLE]",
    "pop3": "-ERR [SYS/TEMP]",
    "nntp": "580 ",
    "ftp": "431 ",
    "irc": " 691 ",
}


@pytest.mark.parametrize("protocol", playable("refuse-temporary"))
def test_it_is_not_taken_for_leave_and_the_server_never_hears_of_it(authority, protocol):
    scene = play(authority, "refuse-temporary", protocol)
    assert came_to(scene.only) is ending("refuse-temporary", protocol)
    assert advertised(scene.only) is DIALECTS[protocol].lists()
    assert scene.only.handshake is None
    assert withheld(protocol, scene.crossings)


@pytest.mark.parametrize(("protocol", "words"), REFUSALS.items())
def test_the_refusal_is_kept(authority, protocol, words):
    assert words in play(authority, "refuse-temporary", protocol).only.upgrade.said

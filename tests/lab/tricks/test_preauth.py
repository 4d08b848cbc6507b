from tests.lab.stage import play
from unstrip.lab.crossings import Leg
from unstrip.wire import Trouble


def test_a_client_that_is_said_to_be_logged_in_says_nothing_at_all(authority):
    scene = play(authority, "preauth", "imap", insist=False)
    assert scene.only.failure.trouble is Trouble.SPOOFED
    assert scene.crossings.said(Leg.FROM_CLIENT) == b""

import pytest

from tests.lab.stage import PROTOCOLS, play
from unstrip.lab.crossings import Leg
from unstrip.lab.tricks.clear_answer import ANSWERS
from unstrip.wire import Trouble


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plaintext_after_the_go_ahead_is_shown_and_nothing_follows_it(authority, protocol):
    scene = play(authority, "clear-answer", protocol)
    assert scene.only.failure.trouble is Trouble.TLS
    assert ANSWERS[protocol].decode().strip() in scene.only.failure.words
    assert scene.only.handshake is None
    crossed = scene.crossings
    assert crossed.said(Leg.TO_SERVER) == crossed.in_clear(Leg.TO_SERVER)
    assert len(scene.clear_lines(Leg.FROM_CLIENT)) == 2

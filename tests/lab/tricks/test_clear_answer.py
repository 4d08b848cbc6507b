import pytest

from tests.lab.endings import came_to, ending
from tests.lab.stage import play, playable
from tests.protocols.specimen import only_permitted
from unstrip.escaping import printable
from unstrip.lab.crossings import Leg
from unstrip.lab.dialects import DIALECTS


@pytest.mark.parametrize("protocol", playable("clear-answer"))
def test_plaintext_after_the_go_ahead_is_shown_and_nothing_follows_it(authority, protocol):
    scene = play(authority, "clear-answer", protocol)
    assert came_to(scene.only) is ending("clear-answer", protocol)
    assert printable(DIALECTS[protocol].WORDS.unexpected)[:20] in scene.only.failure.words
    assert scene.only.handshake is None
    crossed = scene.crossings
    assert crossed.said(Leg.TO_SERVER) == crossed.in_clear(Leg.TO_SERVER)
    assert only_permitted(protocol, crossed.in_clear(Leg.FROM_CLIENT))

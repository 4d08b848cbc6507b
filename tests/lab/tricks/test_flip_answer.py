import pytest

from tests.lab.stage import play, playable
from unstrip.lab.crossings import Leg
from unstrip.upgrade import Outcome


@pytest.mark.parametrize("protocol", playable("flip-answer"))
def test_the_no_is_kept_and_differs_from_the_yes_in_one_byte(authority, protocol):
    scene = play(authority, "flip-answer", protocol)
    assert scene.only.upgrade.outcome is Outcome.REFUSED
    assert scene.only.upgrade.said
    assert scene.only.handshake is None
    said, heard = map(scene.crossings.in_clear, (Leg.FROM_SERVER, Leg.TO_CLIENT))
    assert sum(yes != no for yes, no in zip(said, heard, strict=True)) == 1

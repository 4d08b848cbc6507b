import pytest

from tests.lab.stage import PROTOCOLS, play
from unstrip.lab.crossings import Leg
from unstrip.wire import Trouble


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_reset_is_told_from_any_other_ending(authority, protocol):
    scene = play(authority, "reset", protocol)
    assert scene.only.failure.trouble is Trouble.RESET
    assert scene.only.upgrade.advertised
    assert len(scene.clear_lines(Leg.TO_SERVER)) == 1
    assert not scene.troubles

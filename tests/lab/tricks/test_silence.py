import pytest

from tests.lab.stage import PROTOCOLS, play
from unstrip.lab.crossings import Leg
from unstrip.wire import Trouble


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_waiting_has_an_end_and_nothing_follows_it(authority, protocol):
    scene = play(authority, "silence", protocol, timeout=0.3)
    assert scene.only.failure.trouble is Trouble.DEADLINE
    assert scene.only.upgrade.advertised
    assert len(scene.clear_lines(Leg.FROM_CLIENT)) == 2
    assert len(scene.clear_lines(Leg.TO_SERVER)) == 1

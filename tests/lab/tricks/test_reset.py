import pytest

from tests.lab.endings import advertised, withheld
from tests.lab.stage import play, playable
from unstrip.lab.dialects import DIALECTS
from unstrip.trouble import Trouble


@pytest.mark.parametrize("protocol", playable("reset"))
def test_the_reset_is_told_from_any_other_ending(authority, protocol):
    scene = play(authority, "reset", protocol)
    assert scene.only.failure.trouble is Trouble.RESET
    assert advertised(scene.only) is DIALECTS[protocol].lists()
    assert withheld(protocol, scene.crossings)
    assert not scene.troubles

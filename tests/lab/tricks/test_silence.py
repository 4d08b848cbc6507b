import pytest

from tests.lab.endings import advertised, withheld
from tests.lab.stage import play, playable
from tests.protocols.specimen import only_permitted
from unstrip.lab.crossings import Leg
from unstrip.lab.dialects import DIALECTS
from unstrip.trouble import Trouble


@pytest.mark.parametrize("protocol", playable("silence"))
def test_waiting_has_an_end_and_nothing_follows_it(authority, protocol):
    scene = play(authority, "silence", protocol, timeout=0.3)
    assert scene.only.failure.trouble is Trouble.DEADLINE
    assert advertised(scene.only) is DIALECTS[protocol].lists()
    assert withheld(protocol, scene.crossings)
    assert only_permitted(protocol, scene.crossings.in_clear(Leg.FROM_CLIENT))

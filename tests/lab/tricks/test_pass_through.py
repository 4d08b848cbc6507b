import pytest

from tests.lab.stage import play, playable
from unstrip.lab.crossings import Leg


@pytest.mark.parametrize("protocol", playable("pass"))
def test_the_control_is_green_and_changes_nothing(authority, protocol):
    scene = play(authority, "pass", protocol)
    assert scene.only.secured
    assert scene.only.handshake.webpki.valid
    assert scene.only.upgrade.advertised
    assert not scene.troubles
    crossed = scene.crossings
    assert crossed.said(Leg.FROM_CLIENT) == crossed.said(Leg.TO_SERVER)
    assert crossed.said(Leg.FROM_SERVER) == crossed.said(Leg.TO_CLIENT)

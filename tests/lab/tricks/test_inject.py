import pytest

from tests.lab.stage import play, playable
from unstrip.lab.crossings import Leg
from unstrip.trouble import Trouble


@pytest.mark.parametrize("protocol", playable("inject"))
def test_what_was_injected_is_the_residue_and_tls_never_begins(authority, protocol):
    scene = play(authority, "inject", protocol)
    assert scene.only.failure.trouble is Trouble.INJECTED
    assert scene.only.residue
    assert scene.only.handshake is None
    crossed = scene.crossings
    assert crossed.said(Leg.FROM_CLIENT) == crossed.in_clear(Leg.FROM_CLIENT)


@pytest.mark.parametrize("protocol", playable("inject"))
def test_it_shares_the_segment_of_the_go_ahead(authority, protocol):
    scene = play(authority, "inject", protocol)
    sent = [crossing.data for crossing in scene.crossings if crossing.leg is Leg.TO_CLIENT]
    (shared,) = [segment for segment in sent if segment.endswith(scene.only.residue)]
    go_ahead = shared.removesuffix(scene.only.residue)
    assert go_ahead
    assert go_ahead in scene.crossings.said(Leg.FROM_SERVER)

import pytest

from tests.lab.stage import PROTOCOLS, play
from unstrip.lab.crossings import Leg
from unstrip.lab.tricks.inject import ANSWERS
from unstrip.wire import Trouble


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_was_injected_is_the_residue_and_tls_never_begins(authority, protocol):
    scene = play(authority, "inject", protocol)
    assert scene.only.failure.trouble is Trouble.INJECTED
    assert scene.only.residue == ANSWERS[protocol]
    assert scene.only.handshake is None
    crossed = scene.crossings
    assert crossed.said(Leg.FROM_CLIENT) == crossed.in_clear(Leg.FROM_CLIENT)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_shares_the_segment_of_the_go_ahead(authority, protocol):
    crossings = play(authority, "inject", protocol).crossings
    segments = [crossing.data for crossing in crossings if crossing.leg is Leg.TO_CLIENT]
    assert any(segment.endswith(b"\r\n" + ANSWERS[protocol]) for segment in segments)

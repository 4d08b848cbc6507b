import pytest

from tests.lab.endings import came_to, ending
from tests.lab.stage import play, playable
from unstrip.escaping import printable
from unstrip.lab.crossings import Leg
from unstrip.lab.tricks.inject_late import GAP


def injected(scene):
    """What the server never said: the segment, the one before it, and all that crossed until then.

    Up to there the client had heard the server alone.
    """
    crossed = tuple(scene.crossings)
    sent = [crossing for crossing in crossed if crossing.leg is Leg.TO_CLIENT]
    heard = 0
    for before, segment in zip([None, *sent], sent, strict=False):
        if not scene.crossings.said(Leg.FROM_SERVER).startswith(segment.data, heard):
            return segment, before, crossed[: crossed.index(segment)]
        heard += len(segment.data)
    raise AssertionError("nothing was injected")


@pytest.mark.parametrize("protocol", playable("inject-late"))
def test_it_breaks_the_handshake_and_is_shown(authority, protocol):
    scene = play(authority, "inject-late", protocol)
    assert came_to(scene.only) is ending("inject-late", protocol)
    assert scene.only.handshake is None
    segment, _, _ = injected(scene)
    assert printable(segment.data)[:20] in scene.only.failure.words


@pytest.mark.parametrize("protocol", playable("inject-late"))
def test_it_has_a_segment_of_its_own(authority, protocol):
    segment, before, _ = injected(play(authority, "inject-late", protocol))
    assert segment.at - before.at >= GAP * 0.9


@pytest.mark.parametrize("protocol", playable("inject-late"))
def test_the_server_hears_of_tls_only_when_it_is_too_late(authority, protocol):
    scene = play(authority, "inject-late", protocol)
    _, _, until = injected(scene)
    heard = b"".join(crossing.data for crossing in until if crossing.leg is Leg.TO_SERVER)
    assert heard == scene.crossings.in_clear(Leg.TO_SERVER)

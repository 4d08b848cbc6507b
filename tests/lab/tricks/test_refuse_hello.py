import pytest

from tests.lab.stage import play, playable
from unstrip.lab.crossings import Leg
from unstrip.protocols import REGISTRY
from unstrip.upgrade import Outcome


@pytest.mark.parametrize("protocol", playable("refuse-hello"))
def test_the_refusal_is_kept_and_tls_asked_for_all_the_same(authority, protocol):
    scene = play(authority, "refuse-hello", protocol)
    assert scene.only.secured
    assert scene.only.upgrade.unlisted
    assert scene.only.upgrade.offered == ()
    assert REGISTRY[protocol].REQUEST.fullmatch(scene.crossings.in_clear(Leg.TO_SERVER))


@pytest.mark.parametrize("protocol", playable("refuse-hello"))
def test_without_insisting_nothing_is_offered(authority, protocol):
    evidence = play(authority, "refuse-hello", protocol, insist=False).only
    assert evidence.upgrade.outcome is Outcome.NOT_OFFERED
    assert evidence.upgrade.unlisted

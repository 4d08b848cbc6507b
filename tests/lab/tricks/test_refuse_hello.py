import pytest

from tests.lab.stage import PROTOCOLS, play
from unstrip.lab.crossings import Leg
from unstrip.wire import Outcome


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_refusal_is_kept_and_tls_asked_for_all_the_same(authority, protocol):
    scene = play(authority, "refuse-hello", protocol)
    assert scene.only.secured
    assert scene.only.upgrade.unlisted
    assert scene.only.upgrade.offered == ()
    (asked,) = scene.clear_lines(Leg.TO_SERVER)
    assert asked.strip().endswith((b"STARTTLS", b"STLS"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_without_insisting_nothing_is_offered(authority, protocol):
    evidence = play(authority, "refuse-hello", protocol, insist=False).only
    assert evidence.upgrade.outcome is Outcome.NOT_OFFERED
    assert evidence.upgrade.unlisted

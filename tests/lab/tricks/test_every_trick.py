"""What a correct client must see of each trick, and what must not cross."""

import pytest

from tests.lab.endings import CASES, REFUSALS, USUAL, came_to, ending, withheld
from tests.lab.stage import RUNNERS, play
from tests.protocols.specimen import only_permitted
from tests.protocols.specimens import SPECIMENS
from unstrip.lab.crossings import Leg
from unstrip.lab.dialects import DIALECTS
from unstrip.lab.tricks import TRICKS, NoSuchTrick, protocols, trick_named
from unstrip.upgrade import Outcome

KEEPS_LENGTH = ["pass", "mask-offer", "mask-banner", "mask-verb", "flip-answer"]


def test_what_every_trick_comes_to_is_known():
    assert set(USUAL) == set(TRICKS)


@pytest.mark.parametrize("protocol", DIALECTS)
def test_exceptions_are_of_tricks_that_there_are(protocol):
    played = {trick for trick, name in CASES if name == protocol}
    codes = {f"refuse {code}" for name, code in REFUSALS if name == protocol}
    assert set(SPECIMENS[protocol].tricked) <= played | codes
    for case, comes_to in SPECIMENS[protocol].tricked.items():
        assert comes_to is not USUAL.get(case)


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
def test_every_trick_says_what_it_is(trick):
    assert trick.ID
    assert trick.WHAT
    assert not trick.WHAT.endswith(".")
    assert protocols(trick)
    assert trick_named(trick.NAME) is trick


def test_there_is_no_other_trick():
    with pytest.raises(NoSuchTrick, match="no trick is called 'magic'"):
        trick_named("magic")


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
@pytest.mark.parametrize(("trick", "protocol"), CASES)
def test_our_client_sees_through_it_and_lets_nothing_cross_in_clear(
    authority, trick, protocol, runner
):
    timeout = 0.3 if trick == "silence" else 3.0
    scene = play(authority, trick, protocol, visits=2, timeout=timeout, runner=runner)
    assert {came_to(seen) for seen in scene.seen} == {ending(trick, protocol)}
    assert scene.crossings.complete
    for visit in (1, 2):
        assert only_permitted(protocol, scene.crossings.in_clear(Leg.FROM_CLIENT, visit))


@pytest.mark.parametrize(("trick", "protocol"), CASES)
def test_the_evidence_of_it_is_what_the_box_did(authority, trick, protocol):
    timeout = 0.3 if trick == "silence" else 3.0
    scene = play(authority, trick, protocol, timeout=timeout)
    crossed = scene.crossings
    assert scene.only.clear_sent == len(crossed.in_clear(Leg.FROM_CLIENT))
    assert scene.only.secured is (ending(trick, protocol) is Outcome.UPGRADED)


@pytest.mark.parametrize(("protocol", "code"), REFUSALS)
def test_no_refusal_is_leave_to_go_on_in_clear(authority, protocol, code):
    scene = play(authority, "refuse", protocol, reply=code)
    assert came_to(scene.only) is ending("refuse", protocol, code)
    assert withheld(protocol, scene.crossings)
    assert only_permitted(protocol, scene.crossings.in_clear(Leg.FROM_CLIENT))


@pytest.mark.parametrize(
    ("trick", "protocol"), [(name, protocol) for name, protocol in CASES if name in KEEPS_LENGTH]
)
def test_masking_keeps_every_length(authority, trick, protocol):
    crossed = play(authority, trick, protocol).crossings
    for before, after in ((Leg.FROM_SERVER, Leg.TO_CLIENT), (Leg.FROM_CLIENT, Leg.TO_SERVER)):
        said, passed = crossed.in_clear(before), crossed.in_clear(after)
        assert [len(line) for line in said.split(b"\n")] == [len(x) for x in passed.split(b"\n")]
        assert said

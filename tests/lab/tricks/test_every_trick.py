"""What a correct client must see of each trick, and what must not cross."""

import pytest

from tests.lab.stage import PROTOCOLS, RUNNERS, play
from unstrip.lab.crossings import Leg
from unstrip.lab.tricks import TRICKS, NoSuchTrick, trick_named
from unstrip.protocols import REGISTRY
from unstrip.wire import Outcome, Trouble

# trick: what it comes to, for each protocol that it exists for
MATRIX = {
    "pass": dict.fromkeys(PROTOCOLS, Outcome.UPGRADED),
    "remove-offer": dict.fromkeys(PROTOCOLS, Outcome.UPGRADED),  # asked for all the same
    "mask-offer": dict.fromkeys(PROTOCOLS, Outcome.UPGRADED),
    "mask-banner": dict.fromkeys(PROTOCOLS, Outcome.UPGRADED),
    "refuse-hello": dict.fromkeys(PROTOCOLS, Outcome.UPGRADED),
    "flicker": dict.fromkeys(PROTOCOLS, Outcome.UPGRADED),
    "refuse": dict.fromkeys(PROTOCOLS, Outcome.REFUSED),
    "refuse-temporary": dict.fromkeys(PROTOCOLS, Outcome.REFUSED),
    "bogus-success": {"smtp": Outcome.REFUSED, "imap": Trouble.BROKEN, "pop3": Trouble.BROKEN},
    "silence": dict.fromkeys(PROTOCOLS, Trouble.DEADLINE),
    "reset": dict.fromkeys(PROTOCOLS, Trouble.RESET),
    "mask-verb": dict.fromkeys(PROTOCOLS, Outcome.REFUSED),
    "preauth": {"imap": Trouble.SPOOFED},
    "early-ok": {"imap": Trouble.UNSOLICITED},
    "inject": dict.fromkeys(PROTOCOLS, Trouble.INJECTED),
    "inject-fragment": dict.fromkeys(PROTOCOLS, Trouble.INJECTED),
    "inject-late": dict.fromkeys(PROTOCOLS, Trouble.TLS),
    "clear-answer": dict.fromkeys(PROTOCOLS, Trouble.TLS),
    "own-certificate": dict.fromkeys(PROTOCOLS, Outcome.UPGRADED),  # and not verified
    "greet-inside": dict.fromkeys(PROTOCOLS, Trouble.UNSOLICITED),
}
CASES = [(trick, protocol) for trick, comes_to in MATRIX.items() for protocol in comes_to]
KEEPS_LENGTH = ["pass", "mask-offer", "mask-banner", "mask-verb"]


def comes_to(evidence):
    return evidence.upgrade.outcome if evidence.failure is None else evidence.failure.trouble


def test_the_matrix_has_every_trick_for_every_protocol_it_exists_for():
    assert {(name, p) for name, trick in TRICKS.items() for p in trick.PROTOCOLS} == set(CASES)


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
def test_every_trick_says_what_it_is(trick):
    assert trick.ID
    assert trick.WHAT
    assert not trick.WHAT.endswith(".")
    assert set(trick.PROTOCOLS) <= set(REGISTRY)
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
    assert {comes_to(seen) for seen in scene.seen} == {MATRIX[trick][protocol]}
    assert scene.crossings.complete
    for visit in (1, 2):
        lines = scene.clear_lines(Leg.FROM_CLIENT, visit)
        assert all(REGISTRY[protocol].IN_CLEAR.fullmatch(line) for line in lines), lines


@pytest.mark.parametrize(("trick", "protocol"), CASES)
def test_the_evidence_of_it_is_what_the_box_did(authority, trick, protocol):
    timeout = 0.3 if trick == "silence" else 3.0
    scene = play(authority, trick, protocol, timeout=timeout)
    crossed = scene.crossings
    assert scene.only.clear_sent == len(crossed.in_clear(Leg.FROM_CLIENT))
    assert scene.only.secured is (MATRIX[trick][protocol] is Outcome.UPGRADED)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("trick", KEEPS_LENGTH)
def test_masking_keeps_every_length(authority, trick, protocol):
    crossed = play(authority, trick, protocol).crossings
    for before, after in ((Leg.FROM_SERVER, Leg.TO_CLIENT), (Leg.FROM_CLIENT, Leg.TO_SERVER)):
        said, passed = crossed.in_clear(before), crossed.in_clear(after)
        assert [len(line) for line in said.split(b"\n")] == [len(x) for x in passed.split(b"\n")]
        assert said

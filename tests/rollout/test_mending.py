"""What counts as mended: a change after the failure that touches it, and reports after that."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.publication.scene import MX1, MX2
from tests.rollout.reported import TODAY, ago, noted, seen
from unstrip.policy.mta_sts import Mode
from unstrip.policy.questions import ResultType
from unstrip.rollout.mending import mended
from unstrip.rollout.snapshot import MX, HostSeen, Leaf, Shown, Snapshot
from unstrip.tlsrpt.overview import OTHERS, Cause, Met
from unstrip.tlsrpt.received import Proof
from unstrip.tlsrpt.values import PolicyType

OLD, NEW = seen(MX1, MX2, key="old"), seen(MX1, MX2, key="new")
CLEAR = seen(MX1, MX2, key="")
NARROW = seen(MX1, MX2, mode=Mode.TESTING, patterns=(MX1,))
WIDE = seen(MX1, MX2, mode=Mode.TESTING, patterns=(MX1, MX2))
UNKNOWN = Snapshot(unknown=(MX,))
MET, LATELY = ago(10), {"sender.example": ago(1)}


GOOD, BAD, LATER = (Shown("192.0.2.1", Leaf(k)) for k in ("good", "bad", "later"))
BAD = replace(BAD, address="192.0.2.2")
MUTE = Shown("192.0.2.2")
TWO, ONE, RENEWED = (
    Snapshot(hosts=(HostSeen(MX1, 10, (), shown),))
    for shown in ((GOOD, BAD), (GOOD, MUTE), (LATER, MUTE))
)


def met(result: str = "certificate-expired", host: str = MX1, last: date = MET) -> Met:
    cause = Cause(result, PolicyType.STS, "example.org", host)
    return Met(
        cause, 3, last, last, ("sender.example",), (Proof.DKIM,), ("example.org",), (), (), ""
    )


def trail(*snapshots: Snapshot):
    """One every eight days until now."""
    return [noted(8 * back, one) for back, one in enumerate(reversed(snapshots))][::-1]


@pytest.mark.parametrize(
    ("failure", "snapshots", "words"),
    [
        (met(), (OLD, NEW, NEW), "mx1.example.org shows another certificate"),
        (met(host=""), (OLD, NEW, NEW), "a host shows another certificate"),
        (met("starttls-not-supported"), (CLEAR, NEW, NEW), "mx1.example.org leads to TLS"),
        (met(), (OLD, seen(MX2, key="old"), seen(MX2, key="old")), f"{MX1} is no MX host"),
        (met(host=""), (OLD, seen(MX2, key=""), seen(MX2, key="")), "the MX has other hosts"),
        (met("validation-failure"), (NARROW, WIDE, WIDE), "the policy names other hosts"),
        (met("what"), (OLD, NEW, NEW), "mx1.example.org shows another certificate"),
        (met(), (seen(MX1, begins=8.1),), "mx1.example.org has another certificate"),
        (met(), (OLD, UNKNOWN, NEW, NEW), "mx1.example.org shows another certificate"),
    ],
)
def test_a_change_that_touches_the_failure_mends_it(failure, snapshots, words):
    found = mended(failure, trail(*snapshots), LATELY)
    assert found.startswith(f"{words} since ")


@pytest.mark.parametrize(
    ("failure", "snapshots"),
    [
        (met(), ()),
        (met(), (OLD, OLD)),
        (met(last=TODAY), (OLD, NEW, NEW)),
        (met(), (OLD, NEW, NEW, NEW)),
        (met(host="elsewhere.example"), (OLD, NEW, NEW)),
        (met("starttls-not-supported"), (OLD, NEW, NEW)),
        (met("starttls-not-supported"), (seen(MX1, begins=8.1),)),
        (met("certificate-expired"), (NARROW, WIDE, WIDE)),
        (met(), (seen(MX2), seen(MX1, MX2), seen(MX1, MX2))),
        (met(), (OLD, UNKNOWN, UNKNOWN)),
        (met(), (OLD, Snapshot(hosts=OLD.hosts), OLD)),
        (met(), (OLD, CLEAR, OLD)),
        (met(), (OLD, NEW, OLD)),
        (met(), (TWO, ONE, ONE)),
        (met(), (TWO, RENEWED, RENEWED)),
        (met("starttls-not-supported"), (OLD, CLEAR, OLD)),
        (met("starttls-not-supported"), (OLD, CLEAR, CLEAR)),
        (met("starttls-not-supported"), (CLEAR, NEW, CLEAR)),
        (met(host=""), (seen(MX1), seen(MX1, MX2), seen(MX1))),
        (met(OTHERS, host=""), (OLD, NEW, NEW)),
    ],
    ids=[
        "nothing is known",
        "nothing has changed",
        "met again today",
        "changed before",
        "never a host",
        "a certificate is no STARTTLS",
        "nor is a new one",
        "mx lines are no certificate",
        "it came into the MX",
        "not known now",
        "the same again",
        "in clear in between",
        "another one in between",
        "an address is mute",
        "an address is mute, and the others are renewed",
        "never in clear when it was met",
        "in clear since",
        "in clear again",
        "another host in between",
        "nobody knows what it was",
    ],
)
def test_whatever_else_has_changed_mends_nothing(failure, snapshots):
    assert mended(failure, trail(*snapshots), LATELY) == ""


def test_a_change_on_the_day_of_the_failure_may_have_brought_it():
    assert mended(met(), [noted(12, OLD), noted(10, NEW), noted(0, NEW)], LATELY) == ""


def test_a_certificate_that_was_there_when_it_failed_is_none_that_was_renewed():
    fresh = seen(MX1, begins=10)
    assert mended(met(), [noted(10, fresh), noted(0, fresh)], LATELY) == ""
    assert mended(met(), [noted(0, fresh)], LATELY)


def test_a_mute_address_is_no_renewed_one():
    fresh = seen(MX1, begins=8).hosts[0]
    half = Snapshot(hosts=(replace(fresh, shown=(*fresh.shown, MUTE)),))
    assert mended(met(), [noted(0, half)], LATELY) == ""


def test_everybody_who_met_it_has_to_report_again():
    both = replace(met(), senders=("other.example", "sender.example"))
    assert mended(both, trail(OLD, NEW, NEW), LATELY) == ""
    assert mended(both, trail(OLD, NEW, NEW), {**LATELY, "other.example": ago(2)})


@given(st.data(), st.sampled_from(ResultType))
def test_who_is_mute_never_mends(data, result):
    """Whatever was seen before of both addresses, if one of them is mute since."""
    clear = {True} if result is ResultType.STARTTLS_NOT_SUPPORTED else set()
    states = st.sampled_from([None, "old", "new", *clear])
    shown = data.draw(st.lists(st.tuples(states, states), min_size=1, max_size=6))

    def look(*states):
        each = [
            Shown(f"192.0.2.{n}", Leaf(s) if isinstance(s, str) else None, s is True)
            for n, s in enumerate(states)
        ]
        return Snapshot(hosts=(HostSeen(MX1, 10, (), tuple(each)),))

    known = [[s for s in states if s is not None] for states in zip(*shown, strict=True)]
    assume(all(known))
    before = [noted(30 - n, look(*states)) for n, states in enumerate(shown)]
    for now in ((None, None), (None, "newest"), ("newest", None)):
        after = [noted(8, look(*now)), noted(0, look(*now))]
        assert mended(met(result.value), [*before, *after], LATELY) == ""


@pytest.mark.parametrize("reported", [{}, {"sender.example": ago(8)}, {"x.example": ago(1)}])
def test_without_reports_from_after_the_change_nobody_knows(reported):
    assert mended(met(), trail(OLD, NEW, NEW), reported) == ""

"""What earlier visits make us expect: TLS where there was TLS, and never less than others ask."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verdict.scenes import (
    NOW,
    days_ago,
    hidden,
    implicit,
    refused,
    steadily,
    stripped,
    unheard,
    untrusted,
    upgraded,
)
from unstrip.evidence import Evidence, Failure
from unstrip.policy import Level, Policy, decide
from unstrip.policy.history import MEMORY, opinion, proved
from unstrip.trouble import Trouble

UNPROVED = upgraded(untrusted())
BROKEN_INSIDE = upgraded(failure=Failure(Trouble.ENDED, "connection closed"))


def level(*visits: Evidence) -> Level | None:
    found = opinion(visits)
    return found.level if found else None


def test_no_visit_proves_nothing():
    assert opinion([]) is None


@pytest.mark.parametrize(
    "visit",
    [stripped(), refused(), BROKEN_INSIDE, unheard(ConnectionRefusedError())],
    ids=["in clear", "refused", "broken inside", "never connected"],
)
def test_visits_without_tls_to_the_end_prove_nothing(visit):
    assert opinion([visit] * 500) is None


@pytest.mark.parametrize(
    "visit", [upgraded(), UNPROVED, hidden(), implicit()], ids=["ok", "unproved", "hidden", "465"]
)
def test_one_visit_in_tls_makes_us_expect_tls(visit):
    assert level(visit) is Level.ENCRYPT


def test_the_opinion_attests_the_offer_and_says_what_it_rests_on():
    found = opinion([stripped(), days_ago(3, upgraded()), days_ago(1, upgraded())])
    assert found is not None
    assert found.source == "history"
    assert found.attests
    assert found.enforced
    assert "2 earlier visits" in found.text
    assert "2026-11-20" in found.text


def test_three_valid_certificates_over_a_week_make_us_expect_a_valid_one():
    assert level(*steadily(upgraded())) is Level.AUTHENTICATED


def test_the_order_of_the_visits_does_not_matter():
    visits = steadily(upgraded())
    assert opinion(reversed(visits)) == opinion(visits)


def test_many_valid_certificates_within_a_week_are_not_steady_yet():
    visits = [days_ago(n / 4, upgraded()) for n in range(27)]
    assert level(*visits) is Level.ENCRYPT


def test_exactly_a_week_is_enough():
    visits = [days_ago(7, upgraded()), days_ago(4, upgraded()), days_ago(0, upgraded())]
    assert level(*visits) is Level.AUTHENTICATED


def test_two_valid_certificates_a_month_apart_are_not_steady_yet():
    assert level(days_ago(30, upgraded()), days_ago(0, upgraded())) is Level.ENCRYPT


def test_certificates_that_prove_nothing_never_become_steady():
    assert level(*steadily(UNPROVED, 10)) is Level.ENCRYPT


def test_visits_in_clear_in_between_take_nothing_away():
    visits = [*steadily(upgraded()), *[stripped()] * 500]
    assert level(*visits) is Level.AUTHENTICATED


def test_a_visit_that_proved_nothing_takes_nothing_away():
    assert level(*steadily(upgraded()), days_ago(0, UNPROVED)) is Level.AUTHENTICATED


def test_the_opinion_ends_180_days_after_the_last_visit_in_tls():
    found = opinion([days_ago(200, upgraded()), days_ago(10, upgraded()), days_ago(1, stripped())])
    assert found is not None
    assert found.expires == NOW - timedelta(days=10) + timedelta(days=180)


def test_an_opinion_that_has_ended_is_not_enforced():
    found = opinion([days_ago(MEMORY.days, upgraded())])
    assert decide([found], NOW).level is Level.MAY
    assert decide([found], NOW - timedelta(seconds=1)).level is Level.ENCRYPT


def test_it_raises_what_others_leave_open():
    found = opinion(steadily(upgraded()))
    assert decide([Policy("caller", Level.MAY), found], NOW).level is Level.AUTHENTICATED


def test_it_never_lowers_what_others_ask_for():
    found = opinion([upgraded()])
    assert decide([Policy("caller", Level.AUTHENTICATED), found], NOW).level is Level.AUTHENTICATED


VISITS = st.sampled_from([upgraded(), UNPROVED, stripped(), refused(), BROKEN_INSIDE])


@given(st.lists(st.tuples(VISITS, st.integers(0, 300))), VISITS, st.integers(0, 300))
def test_one_more_visit_never_lowers_the_opinion(known, more, age):
    visits = [days_ago(days, visit) for visit, days in known]
    before, after = opinion(visits), opinion([*visits, days_ago(age, more)])
    if before is not None:
        assert after is not None
        assert after.level >= before.level
        assert after.expires >= before.expires


def test_proved_is_a_visit_with_a_valid_certificate():
    assert proved(upgraded())
    assert not proved(UNPROVED)
    assert not proved(stripped())
    assert not proved(replace(upgraded(), handshake=replace(upgraded().handshake, webpki=None)))

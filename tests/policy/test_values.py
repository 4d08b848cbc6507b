"""Levels are ordered, and of several opinions the strictest decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.evidence import from_json, to_json
from unstrip.policy import Decision, Level, Policy, decide

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MAY = Policy("default", Level.MAY)
ENCRYPT = Policy("history", Level.ENCRYPT, "TLS on 2 earlier visits", attests=True)
VERIFY = Policy("local", Level.AUTHENTICATED, "rule 1")

whens = st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # the zone is added
opinions = st.builds(
    Policy,
    source=st.sampled_from(["local", "history", "list", "command line"]),
    level=st.sampled_from(Level),
    text=st.text(max_size=8),
    pins=st.lists(st.sampled_from(["aa", "bb", "cc"]), max_size=2).map(tuple),
    attests=st.booleans(),
    enforced=st.booleans(),
    expires=whens,
)


def test_levels_stand_in_order_of_strictness():
    shuffled = [Level.ENCRYPT, Level.NONE, Level.AUTHENTICATED, Level.MAY]
    assert sorted(shuffled) == [Level.NONE, Level.MAY, Level.ENCRYPT, Level.AUTHENTICATED]


@pytest.mark.parametrize(("lower", "higher"), list(combinations(Level, 2)))
def test_each_level_is_below_every_one_after_it(lower, higher):
    assert lower < higher
    assert lower <= higher
    assert higher > lower
    assert not higher <= lower


@pytest.mark.parametrize("level", Level)
def test_a_level_is_neither_below_nor_above_itself(level):
    assert level <= level  # noqa: PLR0124  # that is the question
    assert not level < level  # noqa: PLR0124


def test_a_level_does_not_compare_with_a_word():
    with pytest.raises(TypeError, match="not supported"):
        _ = Level.MAY < "verify"


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("none", Level.NONE),
        ("may", Level.MAY),
        ("encrypt", Level.ENCRYPT),
        ("verify", Level.AUTHENTICATED),
    ],
)
def test_a_level_is_made_from_the_word_that_options_and_tables_use(word, level):
    assert Level(word) is level


def test_without_an_opinion_the_decision_is_opportunistic():
    assert decide([], NOW) == Decision(Level.MAY)
    assert decide([None, None], NOW) == Decision(Level.MAY)
    assert decide([], NOW).why() == "no policy"


@pytest.mark.parametrize("order", list(permutations([MAY, ENCRYPT, VERIFY])))
def test_the_strictest_opinion_wins_in_whatever_order_they_come(order):
    assert decide(order, NOW).level is Level.AUTHENTICATED


def test_nothing_lowers_what_another_opinion_asks_for():
    loose = Policy("list", Level.NONE, "plaintext only")
    assert decide([ENCRYPT, loose, MAY], NOW).level is Level.ENCRYPT


def test_a_lone_opinion_may_ask_for_plaintext_only():
    assert decide([Policy("local", Level.NONE)], NOW).level is Level.NONE


def test_an_expired_opinion_does_not_count():
    over = replace(VERIFY, expires=NOW - timedelta(seconds=1))
    assert decide([MAY, over], NOW) == Decision(Level.MAY, (MAY,))


def test_an_opinion_expires_at_the_very_moment_it_names():
    assert decide([replace(VERIFY, expires=NOW)], NOW).level is Level.MAY


def test_an_opinion_counts_until_it_expires():
    lasting = replace(VERIFY, expires=NOW + timedelta(microseconds=1))
    assert decide([lasting], NOW).level is Level.AUTHENTICATED


def test_an_opinion_that_is_only_tested_is_not_enforced():
    testing = replace(VERIFY, enforced=False, pins=("aa",), attests=True)
    assert decide([MAY, testing], NOW) == Decision(Level.MAY, (MAY,))


def test_pins_of_all_opinions_come_together_once_each():
    one = replace(VERIFY, pins=("aa", "bb"))
    other = Policy("list", Level.ENCRYPT, pins=("bb", "cc"))
    assert decide([one, other], NOW).pins == ("aa", "bb", "cc")


def test_pins_of_an_expired_opinion_are_not_accepted():
    over = replace(VERIFY, pins=("aa",), expires=NOW - timedelta(days=1))
    assert decide([over, MAY], NOW).pins == ()


def test_because_holds_those_that_asked_for_it_attest_or_pin():
    pinning = Policy("list", Level.ENCRYPT, pins=("aa",))
    decision = decide([MAY, ENCRYPT, pinning, VERIFY], NOW)
    assert decision.because == (ENCRYPT, pinning, VERIFY)


def test_attested_are_the_opinions_that_know_of_the_offer():
    assert decide([MAY, ENCRYPT, VERIFY], NOW).attested == (ENCRYPT,)


def test_why_names_each_source_once():
    again = replace(VERIFY, text="rule 2")
    assert decide([VERIFY, again, ENCRYPT], NOW).why() == "local, history"


@given(st.lists(st.none() | opinions, max_size=6))
def test_the_decision_is_never_below_any_opinion_in_force(several):
    decision = decide(several, NOW)
    in_force = [
        one
        for one in several
        if one is not None and one.enforced and (one.expires is None or one.expires > NOW)
    ]
    assert all(one.level <= decision.level for one in in_force)
    assert {pin for one in in_force for pin in one.pins} == set(decision.pins)


@given(st.lists(opinions, max_size=5), opinions)
def test_one_more_opinion_lowers_nothing_that_others_insist_on(several, more):
    before, after = decide(several, NOW), decide([*several, more], NOW)
    if before.because:
        assert after.level >= before.level
    assert set(after.pins) >= set(before.pins)


@given(st.lists(opinions, max_size=4))
def test_a_decision_goes_to_json_and_back_without_loss(several):
    decision = decide(several, NOW)
    assert from_json(Decision, to_json(decision)) == decision

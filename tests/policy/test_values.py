"""Levels are ordered, and of several opinions the strictest decides; ways to prove are not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.evidence import from_json, to_json
from unstrip.policy import Decision, Level, Policy, decide
from unstrip.tlsa import Tlsa, TlsaSet

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MAY = Policy("default", Level.MAY)
ENCRYPT = Policy("history", Level.ENCRYPT, "TLS on 2 earlier visits", attests=True)
VERIFY = Policy("local", Level.AUTHENTICATED, "rule 1")

# as the sources give them (RFC 7672, 2.2 and 2.2.1; RFC 8461, 4)
RECORDS = TlsaSet((Tlsa(3, 1, 1, bytes(32)),), ("mx.example.org",))
DANE = Policy("dane", Level.AUTHENTICATED, "1 record", attests=True, tlsa=RECORDS, overrules=True)
HALF = replace(DANE, overrules=False)  # the MX was not signed
UNUSABLE = Policy("dane", Level.ENCRYPT, "no usable record", attests=True)
FAILED = Policy("dane", Level.MAY, "no answer", refuses="no answer")
STS = Policy("mta-sts", Level.AUTHENTICATED, "mode enforce", attests=True, webpki=True)
UNLISTED = replace(STS, attests=False, refuses="mx is none of the policy's hosts")
TESTING = replace(STS, enforced=False)
LISTED = replace(STS, source="starttls-everywhere", pins=("aa",))
PINNED = Policy("local", Level.AUTHENTICATED, "rule 1", pins=("aa",))

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
    tlsa=st.none() | st.just(RECORDS),
    webpki=st.booleans(),
    refuses=st.sampled_from(["", "not to be used"]),
)
last_words = st.builds(
    Policy,
    source=st.just("local"),
    level=st.sampled_from([Level.MAY, Level.ENCRYPT, Level.AUTHENTICATED]),
    text=st.just("example.org require something"),
    pins=st.lists(st.sampled_from(["aa", "bb"]), max_size=1).map(tuple),
    overrides=st.just(value=True),
    rule=st.just("rule 1"),
)
# what overrules others insists on its own records, as DANE does
overruling = st.sampled_from([DANE, replace(DANE, enforced=False), replace(DANE, expires=NOW)])
some = opinions | overruling


def in_effect(one: Policy) -> bool:
    return one.enforced and (one.expires is None or one.expires > NOW)


enforced = some.filter(in_effect)


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
    assert decide([MAY, testing], NOW) == Decision(Level.MAY, (MAY,), tested=(testing,))


def test_a_test_that_is_over_is_not_even_reported():
    over = replace(VERIFY, enforced=False, expires=NOW)
    assert decide([MAY, over], NOW).tested == ()


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


# The table of merges: what one host's decision is, in each case of a mail domain


@dataclass(frozen=True, slots=True)
class Merge:
    """Opinions about one host, and what they have to come to."""

    opinions: list[Policy | None]
    level: Level
    by: str  # "pins", "tlsa" or "webpki": what the certificate is held against
    named: bool = True
    vouched: bool = True
    refuses: str = ""


MERGES = {
    "all MX with DANE, and STS": Merge([DANE, STS], Level.AUTHENTICATED, "tlsa"),
    "all MX with DANE, and STS that does not list the host": Merge(
        [DANE, UNLISTED], Level.AUTHENTICATED, "tlsa"
    ),
    "insecure MX with TLSA, and STS": Merge(
        [HALF, STS], Level.AUTHENTICATED, "webpki", named=False
    ),
    "insecure MX with TLSA, and STS that does not list the host": Merge(
        [HALF, UNLISTED], Level.AUTHENTICATED, "webpki",
        named=False, vouched=False, refuses=UNLISTED.refuses,
    ),
    "insecure MX with TLSA, without STS": Merge(
        [HALF], Level.AUTHENTICATED, "tlsa", named=False, vouched=False
    ),
    "insecure MX with TLSA, and STS in test": Merge(
        [HALF, TESTING], Level.AUTHENTICATED, "tlsa", named=False, vouched=False
    ),
    "the MX without TLSA among others, and STS": Merge([STS], Level.AUTHENTICATED, "webpki"),
    "the MX without TLSA among others, without STS": Merge([None], Level.MAY, "webpki"),
    "all TLSA unusable, and STS": Merge([UNUSABLE, STS], Level.AUTHENTICATED, "webpki"),
    "all TLSA unusable, without STS": Merge([UNUSABLE], Level.ENCRYPT, "webpki"),
    "bogus TLSA, and STS": Merge(
        [FAILED, STS], Level.AUTHENTICATED, "webpki", refuses="no answer"
    ),
    "bogus TLSA, without STS": Merge([FAILED], Level.MAY, "webpki", refuses="no answer"),
    "STS alone, the MX unsigned": Merge([STS], Level.AUTHENTICATED, "webpki", named=False),
    "STS in test, the MX unsigned": Merge(
        [TESTING], Level.MAY, "webpki", named=False, vouched=False
    ),
    "no policy, the MX unsigned": Merge([], Level.MAY, "webpki", named=False, vouched=False),
    "no policy": Merge([], Level.MAY, "webpki"),
    "DANE, and a pin of the operator's": Merge([DANE, PINNED], Level.AUTHENTICATED, "pins"),
    "insecure MX with TLSA, and a pin": Merge(
        [HALF, PINNED], Level.AUTHENTICATED, "pins", named=False
    ),
    "DANE, and a pin in a signed list": Merge([DANE, LISTED], Level.AUTHENTICATED, "pins"),
    "STS, and history": Merge([STS, ENCRYPT], Level.AUTHENTICATED, "webpki", named=False),
    "DANE, and what the user asks for": Merge([VERIFY, DANE], Level.AUTHENTICATED, "tlsa"),
}  # fmt: skip


def proof(decision: Decision) -> str:
    """What a certificate is held against."""
    return "pins" if decision.pins else "tlsa" if decision.tlsa else "webpki"


@pytest.mark.parametrize("merge", MERGES.values(), ids=MERGES)
def test_sources_merge_by_the_rfcs(merge):
    for order in permutations(merge.opinions):
        decision = decide(order, NOW, named=merge.named)
        assert (decision.level, proof(decision)) == (merge.level, merge.by)
        assert (decision.vouched, decision.refuses) == (merge.vouched, merge.refuses)


def test_a_source_that_is_overruled_is_no_reason():
    assert decide([DANE, STS], NOW).because == (DANE,)
    assert decide([HALF, STS], NOW).because == (HALF, STS)


def test_who_refuses_is_among_the_reasons_at_whatever_level():
    assert decide([FAILED, VERIFY], NOW).because == (FAILED, VERIFY)


@pytest.mark.parametrize("change", [{"enforced": False}, {"expires": NOW}])
def test_what_is_not_in_force_overrules_nobody(change):
    decision = decide([replace(DANE, **change), UNLISTED], NOW)
    assert (proof(decision), decision.refuses) == ("webpki", UNLISTED.refuses)


# Whatever the opinions are


@given(st.lists(st.none() | some, max_size=6), st.booleans())
def test_the_decision_is_never_below_any_opinion_in_force(several, named):
    decision = decide(several, NOW, named=named)
    in_force = [one for one in several if one is not None and in_effect(one)]
    assert all(one.level <= decision.level for one in in_force)
    assert {pin for one in in_force for pin in one.pins} == set(decision.pins)


@given(st.lists(some, max_size=5), some, st.booleans())
def test_one_more_opinion_lowers_nothing_that_others_insist_on(several, more, named):
    before, after = decide(several, NOW, named=named), decide([*several, more], NOW, named=named)
    if before.because:
        assert after.level >= before.level
    assert set(after.pins) >= set(before.pins)


@given(st.lists(some, max_size=5), enforced, st.booleans())
def test_only_what_overrules_takes_a_refusal_back_and_only_of_those_that_want_the_webpki(
    several, more, named
):
    before, after = decide(several, NOW, named=named), decide([*several, more], NOW, named=named)
    if before.refuses and not after.refuses:
        assert more.overrules
        assert all(one.webpki and not one.pins for one in before.because if one.refuses)
    assert not more.refuses or after.refuses or (more.webpki and not more.pins)


@given(st.lists(some, max_size=5), enforced, st.booleans())
def test_a_host_is_vouched_for_by_whoever_knows_it_and_by_nobody_else(several, more, named):
    before, after = decide(several, NOW, named=named), decide([*several, more], NOW, named=named)
    knows = more.pins or more.overrules or (more.webpki and not more.refuses)
    assert after.vouched is (before.vouched or bool(knows))
    assert after.vouched or not named


@given(st.lists(some, max_size=4), st.randoms(use_true_random=False), st.booleans())
def test_the_order_in_which_the_sources_are_asked_makes_no_difference(several, random, named):
    shuffled = several[:]
    random.shuffle(shuffled)
    one, other = (decide(order, NOW, named=named) for order in (several, shuffled))
    for what in ("level", "vouched"):
        assert getattr(one, what) == getattr(other, what)
    assert (bool(one.refuses), proof(one)) == (bool(other.refuses), proof(other))
    assert set(one.pins) == set(other.pins)


@given(st.lists(some, max_size=4), st.booleans())
def test_without_a_last_word_nobody_is_overridden(several, named):
    decision = decide(several, NOW, named=named)
    assert not decision.overrides
    assert (decision.overridden, decision.instead_of()) == ((), "")


@given(st.lists(some, max_size=4), last_words, st.integers(0, 4), st.booleans())
def test_the_operators_last_word_is_all_there_is_whatever_others_say(several, last, place, named):
    decision = decide([*several[:place], last, *several[place:]], NOW, named=named)
    alone = decide([last], NOW, named=named)
    assert replace(decision, overridden=()) == alone
    assert (decision.level, decision.refuses, decision.tlsa) == (last.level, "", None)
    assert decision.overrides
    held = [one for one in several if one.expires is None or one.expires > NOW]
    assert decision.overridden == tuple(held)


@given(st.lists(some | last_words, max_size=4), some, st.booleans())
def test_what_the_sender_requires_is_lowered_by_nobody(several, wanted, named):
    required = replace(wanted, enforced=True, expires=None, webpki=False, overrules=False)
    decision = decide(several, NOW, named=named, required=required)
    assert decision.level >= required.level
    assert set(decision.pins) >= set(required.pins)
    assert decision.refuses or not required.refuses


@given(st.lists(some, max_size=4), some, st.booleans())
def test_without_a_last_word_what_the_sender_requires_is_one_more_opinion(several, wanted, named):
    required = replace(wanted, enforced=True, expires=None)
    one = decide(several, NOW, named=named, required=required)
    assert one == decide([required, *several], NOW, named=named)


@pytest.mark.parametrize("change", [{"enforced": False}, {"expires": NOW}])
def test_a_last_word_that_is_not_in_force_is_none(change):
    last = Policy("local", Level.MAY, overrides=True, **change)
    assert decide([last, DANE], NOW).level is Level.AUTHENTICATED


def test_who_is_overridden_is_told_with_what_he_asks_for():
    last = Policy("local", Level.MAY, overrides=True)
    decision = decide([DANE, last, UNLISTED, replace(LISTED, enforced=False)], NOW)
    assert decision.instead_of() == "dane (verify), mta-sts (not to be used)"


def test_another_rule_of_whoever_has_the_last_word_is_told_by_its_name():
    last = Policy("local", Level.MAY, overrides=True, rule="rule 1")
    other = Policy("local", Level.ENCRYPT, rule="rule 2")
    assert decide([last, other], NOW).instead_of() == "rule 2 (encrypt)"


@given(st.lists(some | last_words, max_size=4))
def test_a_decision_goes_to_json_and_back_without_loss(several):
    decision = decide(several, NOW)
    assert from_json(Decision, to_json(decision)) == decision

"""What would have become of mail: by whose policy, of which sender, for which reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rollout.reported import DANE, EXPIRED, NOTHING, UNFETCHED, said
from tests.tlsrpt.told import OTHER, SENDER, told
from unstrip.policy.questions import ResultType
from unstrip.rollout.effects import concerned, heeding, only
from unstrip.rollout.values import Effect
from unstrip.tlsrpt.values import Failure

SPARED = {"sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"}


def effect(one, heeders=frozenset()):
    (found,) = [effect for effect in Effect if list(only([one], effect, heeders))]
    return found


@pytest.mark.parametrize("result", ResultType)
def test_only_a_policy_that_could_not_be_had_loses_nothing(result):
    one = said(0, 0, 1, failure=Failure(f" {result.value.upper()} "))
    assert (effect(one) is Effect.SPARED) == (result.value in SPARED)


def test_dane_loses_mail_in_any_mode():
    assert effect(said(0, 0, 1, policy=DANE)) is Effect.ALREADY


def test_a_sender_heeds_the_policy_if_it_has_done_so_once():
    bare = said(0, 0, 1, policy=NOTHING)
    assert heeding([bare, said(3, 1, sender=OTHER)]) == {OTHER}
    assert effect(bare) is Effect.SPARED
    assert effect(bare, frozenset({SENDER})) is Effect.LOST
    assert not concerned(said(policy=DANE), frozenset({SENDER}))


def test_a_report_is_split_by_effect():
    both = replace(
        said(0, 9, 5),
        tally=replace(said(0, 9, 5).tally, failures=((EXPIRED, 2), (UNFETCHED, 1))),
    )
    (lost,) = only([both], Effect.LOST, frozenset())
    (spared,) = only([both], Effect.SPARED, frozenset())
    assert lost.tally.failures == ((EXPIRED, 2), (Failure(""), 2))
    assert (lost.tally.failed, spared.tally.failed, lost.tally.succeeded) == (4, 1, 0)


@given(st.lists(told, max_size=5))
def test_no_failure_is_dropped_and_none_counted_twice(many):
    heeders = heeding(many)
    parts = [one for effect in Effect for one in only(many, effect, heeders)]
    counted = sum(n for one in parts for _, n in one.tally.failures)
    reported = sum(max(one.tally.failed, sum(n for _, n in one.tally.failures)) for one in many)
    assert counted == reported

"""Losses: what nobody knows any more is not taken for nothing, and not for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from unstrip.io.store.losses import LONGEST
from unstrip.policy.mta_sts import Known, Mode, StsPolicy, Trouble

NOW = datetime.now(UTC).replace(microsecond=0)
DOMAIN = "example.org"
NONE = Known(DOMAIN, looked=NOW)
FAILED = replace(NONE, record=Trouble(NOW, "no answer", certain=False))
POLICY = replace(NONE, policy=StsPolicy(Mode.ENFORCE, 604800, ("mx",)), fetched=NOW)


def test_where_nothing_was_lost_no_domain_is(store):
    assert (store.loss(), store.lost(DOMAIN), store.regain()) == (None, "", False)
    store.remember(None, NONE)
    store.lose(NOW)
    assert store.lost(DOMAIN)  # what it had before was not in question


def test_a_loss_is_about_every_domain_and_says_since_when(store):
    store.lose(NOW)
    words = f"the store was damaged on {NOW:%Y-%m-%d}, and may have known a policy of {DOMAIN}"
    assert store.lost(DOMAIN) == words
    assert store.loss() == NOW


@pytest.mark.parametrize(
    ("looked", "clear"),
    [
        (NONE, True),
        (POLICY, True),
        (FAILED, False),
        (replace(FAILED, record=Trouble(NOW, "no id", certain=True)), True),
        (replace(POLICY, record=FAILED.record), True),  # it holds whatever becomes of the record
        (replace(NONE, fetch=Trouble(NOW, "connection refused", certain=False)), False),
    ],
)
def test_a_clean_answer_clears_a_domain_and_a_failure_does_not(store, looked, clear):
    store.lose(NOW)
    store.remember(None, looked)
    assert (store.lost(DOMAIN) == "") is clear
    store.remember(looked, replace(FAILED, looked=NOW + timedelta(seconds=1)))
    assert (store.lost(DOMAIN) == "") is clear  # which no later failure takes back
    assert store.lost("other.example")


def test_whoever_forgets_a_domain_by_command_has_it_cleared(store):
    store.lose(NOW)
    store.remember(None, FAILED)
    assert store.release(DOMAIN) == (1, 0)
    assert store.lost(DOMAIN) == ""


def test_a_loss_is_over_when_no_policy_could_hold_any_more(store):
    store.lose(NOW)
    assert store.loss(NOW + LONGEST - timedelta(seconds=1)) == NOW
    assert store.loss(NOW + LONGEST) is None
    store.lose(NOW - LONGEST)
    assert store.lost(DOMAIN) == ""


def test_a_loss_that_is_yet_to_come_by_the_clock_holds_from_now_on_and_no_longer(store):
    store.lose(NOW + timedelta(days=9999))
    assert store.lost(DOMAIN)
    assert NOW - timedelta(seconds=1) <= store.loss() <= datetime.now(UTC)
    assert store.loss(NOW + LONGEST + timedelta(hours=1)) is None


def test_a_clock_that_is_set_back_does_not_end_it(store):
    store.lose(NOW)
    assert store.loss(NOW - timedelta(days=365)) is not None


def test_the_operator_may_go_on_as_if_nothing_had_been_lost(store):
    store.lose(NOW)
    assert store.regain()
    assert (store.loss(), store.lost(DOMAIN)) == (None, "")
    store.remember(None, NONE)
    store.lose(NOW)
    assert store.lost(DOMAIN)  # another loss is about all again

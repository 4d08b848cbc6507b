"""Derivations in the store: gone with whatever they rest on, and by no clock kept for longer."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from tests.io.store.test_policies import DAY, DOMAIN, HOUR, MINUTE, NOW, fetched, listed
from tests.verdict.scenes import SMTP, upgraded
from unstrip.io.store import open_store
from unstrip.policy.mta_sts import Known


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        (NOW - DAY, False),
        (NOW - timedelta(microseconds=1), False),
        (NOW, True),
        (NOW + HOUR - timedelta(microseconds=1), True),
        (NOW + HOUR, False),
        (NOW + DAY, False),
    ],
)
def test_what_was_derived_holds_from_when_it_was_made_until_it_ends(store, at, holds):
    store.keep_derived(DOMAIN, NOW, NOW + HOUR, b"derived", store.era())
    assert store.derived(DOMAIN, at) == (b"derived" if holds else None)
    assert store.derived("other.example", at) is None


def test_what_was_derived_of_all_domains_comes_by_name_as_far_as_it_holds(store):
    for name in ("c.example", "a.example", "b.example"):
        store.keep_derived(name, NOW, NOW + HOUR, name.encode(), store.era())
    store.keep_derived("over.example", NOW - DAY, NOW + MINUTE, b"over", store.era())
    store.keep_derived(
        "to-come.example", NOW + 2 * MINUTE, NOW + DAY, b"by another clock", store.era()
    )
    at = NOW + MINUTE
    first = store.derivations(at, "", 2)
    assert first == [("a.example", b"a.example"), ("b.example", b"b.example")]
    assert store.derivations(at, "b.example", 2) == [("c.example", b"c.example")]
    assert store.derivations(at, "c.example", 2) == []


def test_what_is_derived_anew_takes_its_place_whatever_the_clock_says(store):
    store.keep_derived(DOMAIN, NOW, NOW + HOUR, b"first", store.era())
    store.keep_derived(DOMAIN, NOW - DAY, NOW - DAY + MINUTE, b"second", store.era())
    assert store.derived(DOMAIN, NOW) is None
    assert store.derived(DOMAIN, NOW - DAY) == b"second"


def test_what_has_ended_is_not_kept(store):
    store.keep_derived("old.example", NOW - DAY, NOW, b"x" * 1000, store.era())
    store.keep_derived(DOMAIN, NOW, NOW + HOUR, b"derived", store.era())
    assert store._database.rows("select name from derivation") == [(DOMAIN,)]


def test_whatever_is_remembered_of_a_domain_ends_what_was_derived_for_it_alone(store):
    for name in (DOMAIN, "other.example"):
        store.keep_derived(name, NOW, NOW + HOUR, b"derived", store.era())
    store.remember(None, Known(DOMAIN, looked=NOW))
    assert store.derived(DOMAIN, NOW) is None
    assert store.derived("other.example", NOW) == b"derived"


def test_what_rests_on_a_policy_that_has_been_replaced_is_not_kept(store):
    """One derives from what it read; another has remembered a policy before the first is done."""
    made = datetime.now(UTC)
    store.remember(None, fetched(made))
    store.keep_derived(DOMAIN, made, made + HOUR, b"without that policy", store.era())
    assert store.derived(DOMAIN, made) is None
    later = datetime.now(UTC)
    store.keep_derived(DOMAIN, later, later + HOUR, b"with it", store.era())
    assert store.derived(DOMAIN, later) == b"with it"


CHANGES = {
    "a policy is forgotten": lambda store: store.release(DOMAIN),
    "visits are forgotten": lambda store: store.forget(SMTP.host),
    "a visit shows more": lambda store: store.keep(upgraded()),
    "there is another list": lambda store: store.keep_list("list", "A", listed()),
    "something was lost": lambda store: store.lose(NOW),
    "that is forgotten": lambda store: store.regain(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_was_begun_before_all_was_released_is_not_kept(place, store, change):
    era = store.era()
    with closing(open_store(place)) as other:
        change(other)
    store.keep_derived(DOMAIN, NOW, NOW + HOUR, b"rests on what is no more", era)
    assert store.derived(DOMAIN, NOW) is None
    store.keep_derived(DOMAIN, NOW, NOW + HOUR, b"derived", store.era())
    assert store.derived(DOMAIN, NOW) == b"derived"


def test_what_is_found_out_of_other_domains_begins_no_era(store):
    era = store.era()
    store.remember(None, Known("other.example", looked=NOW))
    store.keep_derived("other.example", NOW, NOW + HOUR, b"x", era)
    store.keep(upgraded())
    era = store.era()
    store.keep(upgraded())  # as the one before it
    assert store.era() == era

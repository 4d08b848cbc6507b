"""The trail in the store: a row for each change, whose time never goes back."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from unstrip.io.store import StoreError, open_store
from unstrip.policy.mta_sts import Mode
from unstrip.rollout.snapshot import POLICY, HostSeen, Leaf, Noted, Shown, Snapshot

NOW, HOUR = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC), timedelta(hours=1)
OURS = "example.org"
SHOWN = Shown("192.0.2.1", Leaf("ab", NOW, NOW + HOUR))
HOST = HostSeen("mx.example.org", 10, ("3 1 1 ab",), (SHOWN, Shown("192.0.2.2")))
SEEN = Snapshot("1", Mode.TESTING, 86400, ("mx.example.org",), ("v=\0\ud7ff\x1b",), (HOST,))
OTHER = replace(SEEN, policy_id="2")


def test_what_was_noted_comes_back_whole(place):
    with closing(open_store(place)) as store:
        assert store.note(OURS, NOW, SEEN)
    with closing(open_store(place)) as store:
        assert store.trail(OURS) == (Noted(NOW, NOW, SEEN),)
        assert store.trail("other.example") == ()


def test_only_a_change_makes_a_new_row(store):
    fresh = [store.note(OURS, NOW + n * HOUR, seen) for n, seen in enumerate((SEEN, SEEN, OTHER))]
    assert fresh == [True, False, True]
    assert store.trail(OURS) == (
        Noted(NOW, NOW + HOUR, SEEN),
        Noted(NOW + 2 * HOUR, NOW + 2 * HOUR, OTHER),
    )


def test_what_was_there_before_and_came_back_is_a_row_of_its_own(store):
    for n, seen in enumerate((SEEN, OTHER, SEEN)):
        store.note(OURS, NOW + n * HOUR, seen)
    assert [noted.snapshot for noted in store.trail(OURS)] == [SEEN, OTHER, SEEN]


def test_each_domain_has_its_own(store):
    store.note(OURS, NOW, SEEN)
    assert store.note("other.example", NOW, SEEN)
    assert len(store.trail(OURS)) == 1


def test_a_clock_that_was_set_back_puts_nothing_before_what_was_seen(store):
    store.note(OURS, NOW, SEEN)
    store.note(OURS, NOW - HOUR, SEEN)
    store.note(OURS, NOW - HOUR, OTHER)
    assert store.trail(OURS) == (Noted(NOW, NOW, SEEN), Noted(NOW, NOW, OTHER))


def test_two_who_note_the_same_make_one_row(place):
    with closing(open_store(place)) as one, closing(open_store(place)) as other:
        assert [store.note(OURS, NOW, SEEN) for store in (one, other)] == [True, False]
        assert len(one.trail(OURS)) == 1


@pytest.mark.parametrize("body", [b"[1]", b"{", b'{"hosts": 1}'])
def test_what_cannot_be_read_is_an_error_and_no_empty_trail(store, body):
    store.note(OURS, NOW, SEEN)
    store._database.run("update trail set body = ?", body)
    with pytest.raises(StoreError):
        store.trail(OURS)
    with pytest.raises(StoreError):
        store.note(OURS, NOW, SEEN)


def test_a_time_that_is_none_is_an_error(store):
    store.note(OURS, NOW, SEEN)
    store._database.run("update trail set first = ?", 2**62)
    with pytest.raises(StoreError):
        store.trail(OURS)


def test_a_look_that_found_out_less_and_nothing_else_is_no_change(path):
    less = replace(SEEN, policy_id="", mode=None, max_age=0, patterns=(), unknown=(POLICY,))
    with closing(open_store(path)) as store:
        assert store.note(OURS, NOW, SEEN)
        assert not store.note(OURS, NOW + HOUR, less)
        assert store.trail(OURS) == (Noted(NOW, NOW, SEEN),)  # nobody saw it then
        assert store.note(OURS, NOW + HOUR, replace(less, reports=("another",)))


def test_an_address_that_is_mute_for_a_while_makes_no_row(store):
    mute = replace(HOST, shown=(Shown("192.0.2.1"), Shown("192.0.2.2")))
    assert store.note(OURS, NOW, SEEN)
    assert not store.note(OURS, NOW + HOUR, replace(SEEN, hosts=(mute,)))
    assert not store.note(OURS, NOW + 2 * HOUR, SEEN)
    assert store.trail(OURS) == (Noted(NOW, NOW + 2 * HOUR, SEEN),)

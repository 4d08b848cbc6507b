"""Outgoing reports in the store: each is there once, tried by one, and done for good."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.tlsrpt.days import DAY
from unstrip.io.store import StoreError, open_store
from unstrip.tlsrpt.schedule import Fate, Tried, after, first

URI, OTHER = "mailto:tls@example.org", "https://example.org/tls"
JOB = first(DAY, "example.org", URI)
SECOND = first(DAY, "example.org", OTHER)
EARLIER = replace(first(DAY - timedelta(days=1), "example.net", URI), due=JOB.due)
LATE = JOB.due + timedelta(hours=9)
MINUTE = timedelta(minutes=1)


def test_what_is_planned_is_there_once_however_often_it_is_planned(store):
    store.plan([JOB, SECOND, JOB])
    store.plan([replace(JOB, due=LATE)])
    assert set(store.jobs(DAY)) == {JOB, SECOND}
    assert store.jobs(DAY - timedelta(days=1)) == ()
    assert set(store.jobs(DAY, JOB.domain)) == {JOB, SECOND}
    assert store.jobs(DAY, "other.example") == ()


def test_a_day_is_planned_when_that_is_said(store):
    store.plan([JOB])
    assert not store.planned(DAY)
    for _ in range(2):
        store.set_planned(DAY)
    assert store.planned(DAY)


def test_what_waits_is_due_when_its_time_has_come(store):
    store.plan([JOB])
    assert store.due(JOB.due - timedelta(microseconds=1), 9) == ()
    assert store.due(JOB.due, 9) == (JOB,)


def test_not_more_is_due_than_was_asked_for_and_of_one_day_if_so(store):
    store.plan([JOB, SECOND, EARLIER])
    assert len(store.due(LATE, 2)) == 2
    assert store.due(LATE, 9, EARLIER.day) == (EARLIER,)


def test_one_alone_takes_a_job(store):
    store.plan([JOB])
    assert store.take(JOB, JOB.due + MINUTE)
    assert not store.take(JOB, JOB.due + MINUTE)
    assert store.due(JOB.due, 9) == ()


def test_a_job_whose_taker_died_is_due_again(store):
    store.plan([JOB])
    store.take(JOB, JOB.due + MINUTE)
    assert store.due(JOB.due + MINUTE, 9) == (replace(JOB, due=JOB.due + MINUTE),)


def test_what_came_of_a_try_is_kept(store, place):
    store.plan([JOB])
    tried = after(JOB, Tried(Fate.LATER, "451 sp\0\u00e4ter"), JOB.due)
    store.settle(tried)
    with closing(open_store(place)) as again:
        assert again.jobs(DAY) == (tried,)
    assert store.due(JOB.due, 9) == ()
    assert store.due(tried.due, 9) == (tried,)


@pytest.mark.parametrize("fate", [Fate.ACCEPTED, Fate.NEVER])
def test_what_is_done_is_never_due_again_nor_undone(store, fate):
    store.plan([JOB])
    done = after(JOB, Tried(fate, "so it is"), JOB.due)
    store.settle(done)
    store.settle(after(JOB, Tried(Fate.LATER, "late news"), LATE))
    store.plan([JOB])
    assert not store.take(done, LATE)
    assert store.jobs(DAY) == (done,)
    assert store.due(LATE + timedelta(days=99), 9) == ()


def test_where_reports_were_delivered_to_is_known_by_its_time(store):
    store.plan([JOB, SECOND, EARLIER])
    store.settle(after(JOB, Tried(Fate.ACCEPTED, "ok"), JOB.due))
    store.settle(after(EARLIER, Tried(Fate.ACCEPTED, "ok"), JOB.due))
    store.settle(after(SECOND, Tried(Fate.NEVER, "no"), JOB.due))
    assert store.delivered(JOB.due, LATE) == (URI, URI)
    assert store.delivered(JOB.due + MINUTE, LATE) == store.delivered(JOB.due, JOB.due) == ()


def test_what_is_old_is_forgotten(store):
    store.plan([JOB, EARLIER])
    store.set_planned(EARLIER.day)
    assert store.forget_sent(DAY) == 1
    assert store.jobs(EARLIER.day) == ()
    assert not store.planned(EARLIER.day)
    assert store.jobs(DAY) == (JOB,)


def test_a_long_destination_is_kept_as_well(store):
    long = first(DAY, f"{'x' * 60}.example", f"https://example.org/{'y' * 980}")
    store.plan([long])
    assert store.jobs(DAY) == (long,)


@pytest.mark.parametrize(
    ("column", "value"), [("state", "lost"), ("day", "2026-99-99"), ("words", b"\xff")]
)
def test_what_cannot_be_read_is_an_error(store, column, value):
    store.plan([JOB])
    store._database.run(f"update outgoing set {column} = ?", value)  # noqa: S608  # our own words only
    with pytest.raises(StoreError):
        store._jobs("tries = 0")

"""When reports go out: spread, tried again, and given up in the end."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.tlsrpt.schedule import (
    PATIENCE,
    SPREAD,
    Fate,
    State,
    Tried,
    after,
    closed,
    expired,
    first,
    missing,
    overdue,
    put_off,
    withdrawn,
)

DAY = date(2026, 11, 21)
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
URI = "mailto:tls@example.org"
JOB = first(DAY, "example.org", URI)


def test_a_day_is_closed_when_it_is_over_in_utc():
    assert not closed(DAY, MIDNIGHT - timedelta(seconds=1))
    assert closed(DAY, MIDNIGHT)


@given(st.text(max_size=30))
def test_a_report_is_due_in_the_first_hours_after_its_day(domain):
    assert MIDNIGHT <= first(DAY, domain, URI).due <= MIDNIGHT + SPREAD


def test_reports_are_spread_over_those_hours():
    dues = [first(DAY, f"{number}.example", URI).due for number in range(400)]
    for quarter in range(4):
        begins = MIDNIGHT + quarter * SPREAD / 4
        assert 60 < sum(begins <= due < begins + SPREAD / 4 for due in dues) < 140


def test_a_report_is_due_at_the_same_time_whenever_one_asks():
    assert first(DAY, "example.org", URI) == JOB


def test_what_is_accepted_is_done():
    done = after(JOB, Tried(Fate.ACCEPTED, "250 ok"), JOB.due + PATIENCE)
    assert done.due == JOB.due + PATIENCE
    assert (done.state, done.tries, done.words) == (State.DELIVERED, 1, "250 ok")


def test_what_is_refused_for_good_is_not_tried_again():
    assert after(JOB, Tried(Fate.NEVER, "550 no"), JOB.due).state is State.REFUSED


def test_it_is_tried_again_less_and_less_often_and_given_up_after_a_day():
    job, now, pauses = JOB, JOB.due, []
    while (job := after(job, Tried(Fate.LATER, "451 later"), now)).state is State.WAITING:
        pauses.append(job.due - now)
        now = job.due
        assert len(pauses) < 100
    assert job.state is State.GIVEN_UP
    assert JOB.due + PATIENCE <= now
    assert 8 < job.tries < 30
    assert timedelta(minutes=5) <= pauses[0] < timedelta(minutes=7)
    assert max(pauses) < timedelta(hours=3)


def test_a_report_that_nobody_was_there_to_send_is_given_up():
    late = MIDNIGHT + SPREAD + PATIENCE
    assert overdue(JOB, late - timedelta(seconds=1)) is JOB
    assert overdue(JOB, late) == replace(JOB, state=State.GIVEN_UP, due=late)
    assert not expired(DAY, late - timedelta(seconds=1))
    assert expired(DAY, late)


def test_what_is_not_wanted_any_more_says_why_and_since_when():
    found = withdrawn(JOB, "no record", MIDNIGHT)
    assert found == replace(JOB, state=State.WITHDRAWN, words="no record", due=MIDNIGHT)


def test_what_there_was_no_time_for_is_due_soon_and_has_not_been_tried():
    assert put_off(JOB, MIDNIGHT) == replace(JOB, due=MIDNIGHT + timedelta(minutes=5))
    late = MIDNIGHT + SPREAD + PATIENCE
    assert put_off(JOB, late).state is State.GIVEN_UP


def test_that_nobody_asks_is_believed_at_once_if_it_is_sure():
    found = missing(JOB, "none", MIDNIGHT, sure=True)
    assert (found.state, found.words, found.tries) == (State.WITHDRAWN, "none", 1)


def test_that_nobody_asks_is_believed_after_hours_if_anyone_could_have_said_so():
    job, now = JOB, JOB.due
    while (job := missing(job, "none", now, sure=False)).state is State.WAITING:
        now = job.due
    assert job.state is State.WITHDRAWN
    assert timedelta(hours=3) < now - JOB.due < timedelta(hours=8)


def test_that_nobody_asks_is_not_believed_if_it_was_another_reason_before():
    tried = replace(JOB, tries=9, words="no answer")
    assert missing(tried, "none", MIDNIGHT, sure=False).state is State.WAITING


def test_what_nobody_asks_for_is_not_given_up():
    late = MIDNIGHT + SPREAD + PATIENCE
    assert missing(JOB, "none", late, sure=False).state is State.WITHDRAWN


@pytest.mark.parametrize("fate", [Fate.ACCEPTED, Fate.NEVER])
def test_what_is_done_is_never_given_up(fate):
    done = after(JOB, Tried(fate, ""), JOB.due)
    assert overdue(done, MIDNIGHT + timedelta(days=9)) is done

"""The clock of a session."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from unstrip.io.clock import Clock, DeadlinePassed


def test_it_begins_when_it_is_made_and_says_when_that_was_in_utc():
    before = datetime.now(UTC)
    clock = Clock(10)
    assert before <= clock.began <= datetime.now(UTC)
    assert clock.began.utcoffset() == timedelta(0)


def test_time_that_has_gone_is_no_longer_left():
    clock = Clock(10)
    time.sleep(0.02)
    elapsed, left = clock.elapsed(), clock.left()
    assert elapsed >= 0.02
    assert 9 < left < 10
    assert clock.left() <= left
    assert clock.elapsed() >= elapsed


@pytest.mark.parametrize("limit", [0, -1, 0.001, 0.05])
def test_when_none_is_left_it_says_how_much_there_was(limit):
    clock = Clock(limit)
    time.sleep(max(limit, 0) + 0.02)
    with pytest.raises(DeadlinePassed, match=f"^{limit:g} seconds are over$"):
        clock.left()


def test_a_deadline_that_passed_is_a_timeout():
    assert issubclass(DeadlinePassed, TimeoutError)


def test_without_limit_there_is_always_time():
    assert Clock(float("inf")).left() == float("inf")

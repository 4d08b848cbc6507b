"""Which days are meant, and that each of them is read, once."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.faces.cli.received import TODAY, receive
from tests.tlsrpt.days import DOMAIN
from tests.tlsrpt.told import tell
from unstrip.faces.cli.report_days import Days, chosen, read
from unstrip.faces.cli.speech import Complaint
from unstrip.io.store import default_path, open_store


def at(day: str) -> datetime:
    return datetime.fromisoformat(day)


def test_the_usual_days_end_today():
    days = chosen(None, None, 30)
    assert TODAY <= days.until <= datetime.now(UTC).date()
    assert days.until - days.since == timedelta(days=29)


def test_the_usual_days_end_where_another_end_is_given():
    assert chosen(None, at("2025-03-02"), 3) == Days(date(2025, 2, 28), date(2025, 3, 2))


def test_days_may_be_given():
    assert chosen(at("2025-03-02"), at("2025-03-02"), 9) == Days(date(2025, 3, 2), date(2025, 3, 2))


def test_there_are_no_days_before_there_were_reports():
    assert chosen(at("0001-01-01"), None, 9).since == date(2018, 9, 1)
    with pytest.raises(Complaint, match="there were no TLS reports before 2018-09-01"):
        chosen(None, at("2018-08-31"), 9)


def test_days_to_come_and_days_that_are_none_are_mistakes():
    with pytest.raises(Complaint, match="still to come"):
        chosen(None, at("9999-12-31"), 9)
    with pytest.raises(Complaint, match="no day from 2025-03-02 to 2025-03-01"):
        chosen(at("2025-03-02"), at("2025-03-01"), 9)


@pytest.mark.parametrize("length", [1, 6, 7, 8, 14, 15, 30])
def test_every_day_is_read_once(length, home):
    receive(*(tell(ago, 1, day=TODAY) for ago in range(32)))
    days = Days(TODAY - timedelta(days=length), TODAY - timedelta(days=1))
    with closing(open_store(default_path())) as kept:
        told = [one.day for one in read(kept, DOMAIN, days)]
    assert told == [days.since + timedelta(days=number) for number in range(length)]


def test_only_the_domain_that_is_asked_for_is_read(home):
    receive(tell(1, 1, day=TODAY), tell(1, 2, day=TODAY, domain="example.net"))
    days = chosen(None, None, 3)
    with closing(open_store(default_path())) as kept:
        assert [one.domain for one in read(kept, "example.net", days)] == ["example.net"]
        assert len(list(read(kept, None, days))) == 2

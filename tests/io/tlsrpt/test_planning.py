"""Closing days: each domain's report is planned once, whoever dies over it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from tests.io.tlsrpt.counted import count
from tests.tlsrpt.days import DAY, DOMAIN
from unstrip.io.reporting import ReportSettings
from unstrip.io.store import Store, open_store
from unstrip.io.tlsrpt import planning
from unstrip.io.tlsrpt.planning import SETTLED, close, outlook, over
from unstrip.tlsrpt.schedule import PATIENCE, SPREAD, Fate, State, Tried, after, first

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
SOON = MIDNIGHT + SETTLED
SETTINGS = ReportSettings("Sender Inc", "postmaster@sender.example", suppress=("quiet.example",))
ONE_DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "store.sqlite3")) as opened:
        yield opened


def planned(store, day=DAY):
    return {(job.domain, job.uri) for job in store.jobs(day)}


def test_a_day_is_over_when_all_of_it_is_counted():
    assert not over(DAY, MIDNIGHT)
    assert not over(DAY, SOON - timedelta(seconds=1))
    assert over(DAY, SOON)


def test_nothing_is_planned_before_the_day_is_over(store):
    count(store)
    assert close(store, SETTINGS, MIDNIGHT) == []
    assert not store.planned(DAY)
    assert planned(store) == set()


def test_each_domain_that_asks_for_it_gets_one_for_each_destination(store):
    count(store, record=f"v=TLSRPTv1; rua=mailto:a@{DOMAIN},https://{DOMAIN}/")
    count(store, "quiet.example")
    count(store, "mute.example", "")
    count(store, "other.example", "v=TLSRPTv1;rua=mailto:x@other.example")
    close(store, SETTINGS, SOON)
    assert store.planned(DAY)
    assert planned(store) == {
        (DOMAIN, f"mailto:a@{DOMAIN}"),
        (DOMAIN, f"https://{DOMAIN}/"),
        ("other.example", "mailto:x@other.example"),
    }


def test_what_is_counted_late_is_reported_all_the_same_and_the_others_stay_as_they_are(store):
    count(store)
    close(store, SETTINGS, SOON)
    (job,) = store.jobs(DAY)
    store.settle(after(job, Tried(Fate.ACCEPTED, "ok"), job.due))
    count(store, "late.example", "v=TLSRPTv1; rua=mailto:x@late.example")
    count(store, record=f"v=TLSRPTv1; rua=mailto:new@{DOMAIN}")
    close(store, SETTINGS, SOON + SPREAD)
    assert planned(store) == {(DOMAIN, job.uri), ("late.example", "mailto:x@late.example")}
    assert {each.state for each in store.jobs(DAY, DOMAIN)} == {State.DELIVERED}


def test_where_the_record_of_the_day_is_no_use_it_is_to_be_looked_up(store):
    count(store, record="v=TLSRPTv1; rua=ftp://x")
    close(store, SETTINGS, SOON)
    assert planned(store) == {(DOMAIN, "")}


def test_one_day_alone_may_be_asked_for(store):
    count(store)
    count(store, day=DAY - ONE_DAY)
    close(store, SETTINGS, SOON, DAY)
    assert store.planned(DAY)
    assert not store.planned(DAY - ONE_DAY)


def test_a_day_that_nobody_reported_in_time_is_told_once(store):
    count(store)
    late = MIDNIGHT + SPREAD + PATIENCE
    assert close(store, SETTINGS, late) == [DAY]
    assert close(store, SETTINGS, late) == []
    assert planned(store) == set()


def test_who_dies_in_the_midst_goes_on_where_it_was(store, monkeypatch):
    monkeypatch.setattr(planning, "_BATCH", 2)
    domains = [f"d{number}.example" for number in range(7)]
    for domain in domains:
        count(store, domain)
    whole = planning.outlook

    def dies(*words):
        yield from islice(whole(*words), 5)
        raise KeyboardInterrupt

    monkeypatch.setattr(planning, "outlook", dies)
    with pytest.raises(KeyboardInterrupt):
        close(store, SETTINGS, SOON)
    assert len(planned(store)) == 4
    assert not store.planned(DAY)
    monkeypatch.setattr(planning, "outlook", whole)
    close(store, SETTINGS, SOON)
    assert {domain for domain, _ in planned(store)} == set(domains)


@pytest.mark.parametrize(("times", "reported"), [(0, False), (2, False), (3, True)])
@pytest.mark.parametrize("hours", [20, 25])
def test_a_day_of_next_to_nothing_but_our_own_reports_is_not_reported(
    store, times, reported, hours
):
    """Else two who report to each other would do so for ever."""
    count(store, times=times)
    sent = first(DAY - ONE_DAY, "customer.example", f"mailto:tls@{DOMAIN}")
    store.plan([sent])
    store.settle(after(sent, Tried(Fate.ACCEPTED, "ok"), MIDNIGHT - timedelta(hours=hours)))
    ((_, where),) = outlook(store, SETTINGS, DAY)
    assert bool(where.rua) is reported

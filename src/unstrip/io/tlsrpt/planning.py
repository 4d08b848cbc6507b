"""Closing days: as soon as one is over, it is kept where its reports go and when.

Nothing is lost if this dies in the midst: what is kept already stays as it is. And until it is too
late to report on a day it is gone through again each time, for some of it may be counted late: what
waited in another machine's spool, or while the store could not be written.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from unstrip.io.reporting import ReportSettings
from unstrip.io.store import Store
from unstrip.tlsrpt.schedule import Job, closed, expired, first
from unstrip.tlsrpt.values import Day
from unstrip.tlsrpt.wanted import Wanted, recipients, wanted

SETTLED = timedelta(minutes=5)  # by then all that was received before midnight is counted
_BATCH = 200  # domains in one transaction: others want to write meanwhile


def close(
    store: Store, settings: ReportSettings, now: datetime, only: date | None = None
) -> list[date]:
    """Plan the reports of all days that are over, or of one of them.

    Returns: days of which it is too late to report, since nobody was there to do it.
    """
    missed = []
    for day in store.days():
        if only not in (None, day) or not over(day, now):
            continue
        if not expired(day, now):
            _plan(store, settings, day)
        elif not store.planned(day):
            missed.append(day)
        store.set_planned(day)
    return missed


def over(day: date, now: datetime) -> bool:
    """Tell whether a day is over, and all of it counted."""
    return closed(day, now - SETTLED)


def outlook(store: Store, settings: ReportSettings, day: date) -> Iterator[tuple[Day, Wanted]]:
    """Yield each domain of a day, and where its report goes."""
    begin, one_day = datetime.combine(day, time.min, UTC), timedelta(days=1)
    # those of the day before may have waited in our mail server's queue
    ours = recipients(store.delivered(begin - one_day, begin + one_day))
    for each in store.day(day):
        yield each, wanted(each, settings.suppressed, ours)


def jobs(settings: ReportSettings, day: Day, where: Wanted) -> list[Job]:
    """Return a domain's report, once for each destination."""
    return [first(day.day, day.domain, rua.uri, settings.spreading) for rua in where.rua]


def _plan(store: Store, settings: ReportSettings, day: date) -> None:
    known = {job.domain for job in store.jobs(day)}
    found = (each for each in outlook(store, settings, day) if each[0].domain not in known)
    while batch := [jobs(settings, *each) for each in islice(found, _BATCH)]:
        store.plan([job for several in batch for job in several])

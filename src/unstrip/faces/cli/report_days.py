"""Of which days reports are looked at, and reading them from the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import click

from unstrip.escaping import printable
from unstrip.faces.cli.progress import counting
from unstrip.faces.cli.speech import Complaint

if TYPE_CHECKING:
    from unstrip.io.store import Store
    from unstrip.tlsrpt.received import Told

_FIRST = date(2018, 9, 1)  # RFC 8460 came out that month
_ONE, _WEEK = timedelta(days=1), timedelta(days=7)


class _Day(click.DateTime):
    """A day, in the one form that means the same to everybody."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return its beginning."""
        try:
            day: datetime = super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"'{printable(str(value))}' is no day: write it as 2026-11-21", param, ctx)
        return day


DAY = _Day()


@dataclass(frozen=True, slots=True)
class Days:
    """Days in UTC, both ends among them."""

    since: date
    until: date


def chosen(since: datetime | None, until: datetime | None, usual: int) -> Days:
    """Return the days that are asked for: by default the `usual` number, of which today is one.

    Raises: Complaint: there are none, or none of them can have a report.
    """
    last = until.date() if until else datetime.now(UTC).date()
    first = since.date() if since else last - timedelta(days=usual - 1)
    if last < _FIRST:
        raise Complaint(f"--until: there were no TLS reports before {_FIRST}")
    if last > datetime.now(UTC).date() + _WEEK:
        raise Complaint("--until: that day is still to come")
    if first > last:
        raise Complaint(f"there is no day from {first} to {last}", "give an earlier --since")
    return Days(max(first, _FIRST), last)


def read(kept: Store, domain: str | None, days: Days) -> Iterator[Told]:
    """Yield what was told of these days, a week at a time: years of it need little memory."""
    from unstrip.tlsrpt.overview import lean

    return lean(_read(kept, domain, days))


def _read(kept: Store, domain: str | None, days: Days) -> Iterator[Told]:
    with counting("reading reports", "weeks") as advance:
        first = days.since
        while first <= days.until:
            yield from kept.received(domain, first, min(days.until, first + _WEEK - _ONE))
            first += _WEEK
            advance()

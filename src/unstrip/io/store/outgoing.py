"""Reports on their way out: where each goes, when it is to be tried, and what came of that.

There is one row for a day, a domain and a destination, and it is there for good: what was delivered
is never due again. Who tries one takes it first, so that no two do, on however many machines; if
they die over it, it is due again some time later.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

from unstrip.io.store.database import Database, Row, microseconds, moment
from unstrip.tlsrpt.schedule import Job, State

_KEY = "day = ? and domain = ? and uri = ?"
_COLUMNS = "day, domain, uri, due, tries, state, words"
_ADD = f"""
insert into outgoing ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?)
on conflict (day, domain, uri) do nothing
"""  # noqa: S608  # our own words only
_TAKE = f"update outgoing set due = ? where {_KEY} and state = 'waiting' and due = ?"  # noqa: S608  # likewise
_SETTLE = f"""
update outgoing set due = ?, tries = ?, state = ?, words = ? where {_KEY} and state = 'waiting'
"""  # noqa: S608  # likewise


class Outgoing:
    """Outgoing reports in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def planned(self, day: date) -> bool:
        """Tell whether it is known of a whole day where its reports go."""
        return bool(self._database.rows("select day from outgoing_day where day = ?", str(day)))

    def plan(self, jobs: Iterable[Job]) -> None:
        """Keep where reports go, all of it or nothing; what is kept already stays as it is."""
        with self._database.transaction():
            self._database.run_each(_ADD, map(_row, jobs))

    def set_planned(self, day: date) -> None:
        """Say that all of a day is kept."""
        statement = "insert into outgoing_day (day) values (?) on conflict (day) do nothing"
        self._database.run(statement, str(day))

    def jobs(self, day: date, domain: str | None = None) -> tuple[Job, ...]:
        """Return all of a day, or of one domain on it, by domain and destination."""
        which, values = ("", ()) if domain is None else (" and domain = ?", (domain,))
        return self._jobs(f"day = ?{which} order by domain, uri", str(day), *values)

    def due(self, now: datetime, most: int, day: date | None = None) -> tuple[Job, ...]:
        """Return what waits and is due, of one day or of any, at most so many."""
        which, values = ("", ()) if day is None else ("day = ? and ", (str(day),))
        return self._jobs(
            f"{which}state = 'waiting' and due <= ? order by due, domain, uri limit {most:d}",
            *(*values, microseconds(now)),
        )

    def take(self, job: Job, until: datetime) -> bool:
        """Take a job for oneself until a time, which is when it is due again unless settled.

        Returns: False if somebody else has it.
        """
        when = microseconds(until)
        return self._database.run(_TAKE, when, *_key(job), microseconds(job.due)) == 1

    def settle(self, job: Job) -> None:
        """Keep what came of a try."""
        values = (microseconds(job.due), job.tries, job.state.value, job.words.encode())
        self._database.run(_SETTLE, *values, *_key(job))

    def delivered(self, begin: datetime, end: datetime) -> tuple[str, ...]:
        """Return where reports were delivered to in a span of time, once for each."""
        rows = self._database.rows(
            "select uri from outgoing where state = 'delivered' and due >= ? and due < ?",
            *map(microseconds, (begin, end)),
        )
        return tuple(row[0] for row in rows)

    def forget_sent(self, day: date) -> int:
        """Forget the reports on all days before one; return how many there were."""
        with self._database.transaction():
            self._database.run("delete from outgoing_day where day < ?", str(day))
            return self._database.run("delete from outgoing where day < ?", str(day))

    def _jobs(self, which: str, *values: str | int) -> tuple[Job, ...]:
        query = f"select {_COLUMNS} from outgoing where {which}"  # noqa: S608  # our own words only
        return tuple(map(self._job, self._database.rows(query, *values)))

    def _job(self, row: Row) -> Job:
        day, domain, uri, due, tries, state, words = row
        try:
            return Job(
                date.fromisoformat(day),
                domain,
                uri,
                moment(due),
                tries,
                State(state),
                bytes(words).decode(),
            )
        except (ValueError, TypeError, OverflowError) as error:
            raise self._database.failed(error) from error


def _key(job: Job) -> tuple[str, str, str]:
    return str(job.day), job.domain, job.uri


def _row(job: Job) -> Row:
    due = microseconds(job.due.astimezone(UTC))
    return (*_key(job), due, job.tries, job.state.value, job.words.encode())

"""The ledger: how the deliveries of each day went, counted by domain, policy and failure.

Counting is in one transaction with the place up to which a spool was counted, so whoever dies in
the midst has counted all of it or nothing. Policies and failures are known by a digest of what they
are, as they may be longer than any key; texts of others are bytes, since a zero may be in them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b

from unstrip.evidence import to_json
from unstrip.io.store.database import Database, Row, Value
from unstrip.tlsrpt.values import Applied, Attempt, Day, Failure, Tally

_PAGE = 200  # domains that are read at a time
_ADD_DOMAIN = """
insert into ledger_domain (day, domain, record) values (?, ?, ?)
on conflict (day, domain) do update set record = excluded.record
where ledger_domain.record <> excluded.record
"""
_ADD_POLICY = """
insert into ledger_policy (day, domain, policy, body, succeeded, failed) values (?, ?, ?, ?, ?, ?)
on conflict (day, domain, policy) do update set
succeeded = ledger_policy.succeeded + excluded.succeeded,
failed = ledger_policy.failed + excluded.failed
"""
_ADD_FAILURE = """
insert into ledger_failure (day, domain, policy, failure, body, sessions) values (?, ?, ?, ?, ?, ?)
on conflict (day, domain, policy, failure) do update set
sessions = ledger_failure.sessions + excluded.sessions
"""
_MOVE = """
insert into ledger_spool (segment, day, taken) values (?, ?, ?)
on conflict (segment) do update set taken = excluded.taken, day = excluded.day
where ledger_spool.taken = ?
"""
_DOMAINS = """
select domain, record from ledger_domain where day = ? and domain > ? order by domain limit ?
"""
_POLICIES = """
select domain, policy, body, succeeded, failed from ledger_policy
where day = ? and domain >= ? and domain <= ? order by domain, policy
"""
_FAILURES = """
select domain, policy, body, sessions from ledger_failure
where day = ? and domain >= ? and domain <= ? order by domain, policy, failure
"""
_TABLES = ("ledger_domain", "ledger_policy", "ledger_failure", "ledger_spool")

_Key = tuple[str, bytes]  # a domain, and a policy of it


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a segment of a spool those stand that are counted.

    Attributes: segment: its name, which no other ever has; begin: where they begin, and end.
    """

    segment: str
    begin: int
    end: int


class Ledger:
    """The ledger in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, day: date, attempts: Iterable[tuple[Attempt, int]], spool: Position | None = None
    ) -> None:
        """Count deliveries of a day, each with how often there was the same.

        Args: attempts: in their order, since what a domain said last of reports is kept.
        Raises: StoreError: also if somebody else has counted what is at that place.
        """
        page = _Page(attempts)
        with self._database.transaction():
            if spool is not None:
                self._move(day, spool)
            self._database.run_each(_ADD_DOMAIN, page.domains(day))
            self._database.run_each(_ADD_POLICY, page.policies(day))
            self._database.run_each(_ADD_FAILURE, page.failures(day))

    def taken(self, segment: str) -> int:
        """Return up to where a segment is counted."""
        query = "select taken from ledger_spool where segment = ?"
        rows = self._database.rows(query, segment)
        return int(rows[0][0]) if rows else 0

    def days(self, domain: str | None = None) -> tuple[date, ...]:
        """Return the days of which there are counts, of all domains or of one."""
        which, values = ("", ()) if domain is None else (" where domain = ?", (domain,))
        query = f"select distinct day from ledger_domain{which} order by day"  # noqa: S608  # our own words only
        return tuple(date.fromisoformat(row[0]) for row in self._database.rows(query, *values))

    def day(self, day: date, domain: str | None = None) -> Iterator[Day]:
        """Yield what was counted on a day, domain by domain, few of them in memory at a time."""
        if domain is not None:
            query = "select domain, record from ledger_domain where day = ? and domain = ?"
            yield from self._days(day, self._database.rows(query, str(day), domain))
            return
        last = ""
        while page := self._database.rows(_DOMAINS, str(day), last, _PAGE):
            yield from self._days(day, page)
            last = page[-1][0]

    def forget_before(self, day: date) -> int:
        """Forget all that was counted before a day; return how many domains and days that were."""
        with self._database.transaction():
            found = [
                self._database.run(f"delete from {table} where day < ?", str(day))  # noqa: S608  # our own words only
                for table in _TABLES
            ]
        return found[0]

    def _move(self, day: date, spool: Position) -> None:
        values = (spool.segment, str(day), spool.end, spool.begin)
        if self._database.run(_MOVE, *values) != 1:
            raise self._database.failed(ValueError("somebody else counts the same"))

    def _days(self, day: date, page: list[Row]) -> Iterator[Day]:
        """Yield the days of some domains that stand behind one another."""
        if not page:
            return
        within = (str(day), page[0][0], page[-1][0])
        failures: dict[_Key, list[tuple[Failure, int]]] = defaultdict(list)
        for domain, policy, body, sessions in self._database.rows(_FAILURES, *within):
            found = self._database.read(Failure, body, f"a failure of {domain}")
            failures[domain, bytes(policy)].append((found, sessions))
        tallies: dict[str, list[Tally]] = defaultdict(list)
        for domain, policy, body, succeeded, failed in self._database.rows(_POLICIES, *within):
            applied = self._database.read(Applied, body, f"a policy that applied to {domain}")
            reasons = tuple(failures[domain, bytes(policy)])
            tallies[domain].append(Tally(applied, succeeded, failed, reasons))
        for domain, record in page:
            yield Day(day, domain, bytes(record).decode("utf-8", "replace"), tuple(tallies[domain]))


class _Page:
    """What is to be added, each thing once."""

    def __init__(self, attempts: Iterable[tuple[Attempt, int]]) -> None:
        self._records: dict[str, str] = {}
        self._counts: Counter[tuple[str, Applied, bool]] = Counter()
        self._failures: Counter[tuple[str, Applied, Failure]] = Counter()
        for attempt, times in attempts:
            self._records[attempt.domain] = attempt.record
            for outcome in attempt.outcomes:
                self._counts[attempt.domain, outcome.policy, outcome.failed] += times
                for failure in outcome.failures:
                    self._failures[attempt.domain, outcome.policy, failure] += times

    def domains(self, day: date) -> Iterator[tuple[Value, ...]]:
        for domain, record in self._records.items():
            yield str(day), domain, record.encode("utf-8", "replace")

    def policies(self, day: date) -> Iterator[tuple[Value, ...]]:
        for (domain, policy, failed), times in self._counts.items():
            body = to_json(policy)
            counts = (0, times) if failed else (times, 0)
            yield str(day), domain, _digest(body), body, *counts

    def failures(self, day: date) -> Iterator[tuple[Value, ...]]:
        for (domain, policy, failure), times in self._failures.items():
            body = to_json(failure)
            yield str(day), domain, _digest(to_json(policy)), _digest(body), body, times


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=16).digest()

"""Feeding the ledger from what is no datagram: a mail server's log, and checks of our own.

What applied to a session is what our daemon tells mail servers of the domain, from the same memory.
A domain that asks for no reports is not counted. One of which nothing could be found out is passed
over, and told of: it must not hold up all the others.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Protocol

from unstrip.derivation import MAIL, Derivation
from unstrip.hostname import is_address
from unstrip.io.domain import DomainChecked
from unstrip.io.inquiry import Asked
from unstrip.io.store.ledger import Position
from unstrip.io.tlsrpt.following import Chunk
from unstrip.policy.questions import Source
from unstrip.tlsrpt.exim import Log, Logged
from unstrip.tlsrpt.observed import session
from unstrip.tlsrpt.record import Looked, look
from unstrip.tlsrpt.sessions import attempt
from unstrip.tlsrpt.values import Attempt

OLD = timedelta(days=2)  # no report tells of an earlier day any more
_AT_ONCE, _MOST = 20, 2000  # domains that are asked about, and remembered

UNASKED, UNKNOWN, UNSAID = "unasked", "unknown", "unsaid"


class Ledger(Protocol):
    """Where it is counted; a `Store` is one."""

    def add(
        self, day: date, attempts: Iterable[tuple[Attempt, int]], spool: Position | None = None
    ) -> None:
        """Count deliveries of a day, and up to where that was read, or neither."""


class Inquirer(Protocol):
    """Who finds out what applied; an `Inquiry` is one."""

    async def decided(self, domain: str) -> Derivation:
        """Return what should happen to a domain's mail."""

    async def run(self, source: Source[Looked], asked: list[Asked]) -> Looked:
        """Drive one source to its end."""


@dataclass(frozen=True, slots=True)
class _About:
    """What a session is held against: policies and the record; or why it is not counted."""

    derivation: Derivation | None = None
    record: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Told:
    """A session of a line that ends somewhere; without one, the end of what was read."""

    day: date
    end: int
    logged: Logged | None = None


class Feed:
    """Exim's log, read into a ledger.

    Args: utc: times without a zone are in UTC, and not in this machine's.

    Attributes: counted: sessions that are in the ledger now; passed: those that are not, by why:
        "unasked", "unknown" (the domain could not be looked up), "unsaid", "old".
    """

    def __init__(self, ledger: Ledger, inquirer: Inquirer, *, utc: bool = False) -> None:
        self._ledger, self._inquirer, self._utc = ledger, inquirer, utc
        self._log, self._known = Log(), dict[str, _About]()
        self.counted, self.passed = 0, Counter[str]()

    async def take(self, chunk: Chunk, now: datetime, *, lasting: bool = True) -> None:
        """Count the sessions of some lines.

        Args: lasting: where they stand is remembered with them.
        Raises: StoreError: what is not counted yet is counted the next time.
        """
        for line in chunk.before.splitlines():
            self._log.read(_text(line))
        told = [*self._told(chunk, now), _Told(now.date(), chunk.end)]
        await self._ask({each.logged.domain for each in told if each.logged})
        begin = chunk.begin
        for day, group in groupby(told, lambda each: each.day):
            several = list(group)
            position = Position(chunk.segment, begin, several[-1].end) if lasting else None
            attempts = Counter(self._attempts(several))
            self._ledger.add(day, attempts.items(), position)
            self.counted += attempts.total()
            begin = several[-1].end

    def _told(self, chunk: Chunk, now: datetime) -> Iterator[_Told]:
        end = chunk.begin
        for line in chunk.data.splitlines(keepends=True):
            end += len(line)
            for logged in self._log.read(_text(line)):
                at = self._when(logged.at)
                if abs(now - at) <= OLD:
                    yield _Told(at.date(), end, logged)
                else:
                    self.passed["old"] += 1

    def _when(self, at: datetime) -> datetime:
        if at.tzinfo is None and self._utc:
            return at.replace(tzinfo=UTC)
        return at.astimezone(UTC)

    def _attempts(self, several: Iterable[_Told]) -> Iterator[Attempt]:
        for logged in (each.logged for each in several if each.logged):
            about = self._known[logged.domain]
            found = None
            if about.derivation is not None:
                found = attempt(about.derivation, about.record, logged.session)
            if found is not None:
                yield found
            else:
                self.passed[about.why or UNSAID] += 1

    async def _ask(self, domains: set[str]) -> None:
        if len(self._known) + len(domains) > _MOST:
            self._known.clear()
        waiting = iter(sorted(domains - self._known.keys()))

        async def work() -> None:
            for domain in waiting:
                self._known[domain] = await self._about(domain)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_AT_ONCE):
                    group.create_task(work())
        except ExceptionGroup as several:  # the first that went wrong stopped the others
            raise several.exceptions[0] from None

    async def _about(self, domain: str) -> _About:
        if is_address(domain):
            return _About(why=UNASKED)
        looked = await self._inquirer.run(look(domain), [])
        if looked.record is None:
            return _About(why=UNKNOWN if looked.failed else UNASKED)
        return _About(await self._inquirer.decided(domain), looked.record.text)


async def count(
    domain: DomainChecked, inquirer: Inquirer, ledger: Ledger, now: datetime
) -> tuple[int, str]:
    """Count what a check of a domain saw of its mail servers, each as one session.

    Returns: how many that were, and why there are none.
    """
    looked = await inquirer.run(look(domain.domain), [])
    if looked.record is None:
        return 0, looked.failed or looked.wrong or "it asks for no reports"
    found = Counter(_of_check(domain, looked.record.text))
    ledger.add(now.date(), found.items())
    return found.total(), "" if found else "nothing could be seen of its servers' TLS"


def _of_check(domain: DomainChecked, record: str) -> Iterator[Attempt]:
    for service in domain.services:
        derivation = service.inquired.derivation
        if derivation.sought.name != MAIL:
            continue
        seen = [session(each.evidence, each.verdict) for each in service.servers]
        sessions = [each for each in seen if each is not None]
        told = [attempt(derivation, record, each) for each in sessions or (None,)]
        yield from (each for each in told if each is not None)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r\n")

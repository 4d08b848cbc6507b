"""Counting: what is in the spool goes into the ledger, each datagram once.

- Equal datagrams are counted together, as most are equal, and understood once.
- What was counted, and up to where, is one transaction. So neither is ever true without the other,
  whoever dies whenever; and what could not be counted waits in the spool.
- No transaction is long, whatever comes: mail servers that ask wait for it.
- A segment that was counted to its end is removed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from unstrip.io.store import Store
from unstrip.io.store.ledger import Position
from unstrip.io.tlsrpt import spool
from unstrip.tlsrpt.datagram import BadDatagram, read
from unstrip.tlsrpt.values import Attempt

_ROWS = 5000  # that a transaction writes, and those of the last datagram: tenths of a second
_PAUSE = 0.1  # seconds between two of them, within which whoever waits for SQLite looks again


class Counting:
    """The counting of one spool; in one thread.

    Args: open_store: where the ledger is; it is opened anew after any trouble.

    Attributes: counted: datagrams that are in the ledger now; refused: that make no sense, by why;
        complaint: what was wrong with the last of those.
    """

    def __init__(self, folder: Path, open_store: Callable[[], Store]) -> None:
        self._folder, self._open, self._opened_by = folder, open_store, open_store
        self.counted, self.refused, self.complaint = 0, Counter[str](), ""
        self._store: Store | None = None
        self._taken: dict[Path, int] = {}

    def believe(self, open_store: Callable[[], Store]) -> None:
        """Count into that store from the next counting on; any thread may say so."""
        self._open = open_store

    def count(self) -> None:
        """Count all there is. Raises: OSError: it waits for the next time (StoreError is one)."""
        try:
            store = self._opened()
            for segment in spool.segments(self._folder):
                self._count(segment, store)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the store."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _opened(self) -> Store:
        opening, now = self._open, self._store
        another = opening is not self._opened_by
        if now is not None and (another or not now.is_there()):  # what is there no one would find
            self.close()
        if self._store is None:
            self._store = opening()
            for segment in spool.segments(self._folder):
                self._find_place(segment, self._store, another=another)
            self._opened_by = opening
        return self._store

    def _find_place(self, segment: Path, store: Store, *, another: bool) -> None:
        """Go on where the store says, as a commit may have been done that failed, or been lost.

        Another store is told what the one before has.
        """
        taken, before = store.taken(segment.name), self._taken.get(segment, 0)
        if another and before > taken:
            store.add(spool.day_of(segment), (), Position(segment.name, taken, before))
            taken = before
        self._taken[segment] = taken

    def _count(self, segment: Path, store: Store) -> None:
        begin = self._taken.get(segment, 0)  # one that is new is in no store
        batch = spool.read(segment, begin)
        for number, page in enumerate(_pages(batch.datagrams)):
            time.sleep(_PAUSE if number else 0)
            attempts = [(told, times) for told, times in page if isinstance(told, Attempt)]
            position = Position(segment.name, begin, begin + page.size)
            store.add(spool.day_of(segment), attempts, position)
            self._taken[segment] = begin = position.end
            self.counted += sum(times for _, times in attempts)
            self._refuse(page)
        if batch.broken:
            self._refuse([(BadDatagram("spool", f"{segment} is damaged"), 1)])
        if batch.ended:
            segment.unlink(missing_ok=True)
            self._taken.pop(segment, None)

    def _refuse(self, understood: Iterable[tuple[Attempt | BadDatagram, int]]) -> None:
        for why, times in understood:
            if isinstance(why, BadDatagram):
                self.refused[why.kind] += times
                self.complaint = str(why)


class _Page:
    """What is counted in one transaction.

    Attributes: size: bytes that it has in the spool; rows: that it writes into the ledger, at most.
    """

    def __init__(self) -> None:
        self.size = self.rows = 0
        self._understood: dict[bytes, Attempt | BadDatagram] = {}
        self._times: dict[bytes, int] = {}  # in the order of the last times

    def add(self, datagram: bytes) -> None:
        """Count one that stands behind the others."""
        if datagram not in self._understood:
            understood = self._understood[datagram] = _understood(datagram)
            self.rows += _rows(understood)
        self._times[datagram] = self._times.pop(datagram, 0) + 1
        self.size += spool.behind(0, len(datagram))

    def __iter__(self) -> Iterator[tuple[Attempt | BadDatagram, int]]:
        """Yield each delivery, or why it is none, with how often it was told."""
        for datagram, times in self._times.items():
            yield self._understood[datagram], times


def _pages(datagrams: list[bytes]) -> Iterator[_Page]:
    page = _Page()
    for datagram in datagrams:
        page.add(datagram)
        if page.rows >= _ROWS:
            yield page
            page = _Page()
    if page.size:
        yield page


def _understood(datagram: bytes) -> Attempt | BadDatagram:
    try:
        return read(datagram)
    except BadDatagram as error:
        return error


def _rows(understood: Attempt | BadDatagram) -> int:
    if isinstance(understood, BadDatagram):
        return 0
    return 1 + sum(1 + len(outcome.failures) for outcome in understood.outcomes)

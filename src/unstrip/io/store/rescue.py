"""Rescue: a file that is damaged is moved aside, and what can be read of it goes on.

- What takes its place is whole, and has the mark of a loss, before it does so. A process that dies
  on the way leaves the damaged file where it was, or the new one, and never none.
- Nothing is destroyed: the damaged file, and its log, are beside the new one by another name.
- Only what was a store of ours is touched: one that this process had open, or that has our words in
  it. Somebody may have named any file in the configuration.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

from unstrip.evidence import Evidence, from_json
from unstrip.io.store.database import PATIENCE, Row, StoreError, microseconds
from unstrip.io.store.derivations import release_derived
from unstrip.io.store.losses import Losses
from unstrip.io.store.received import Whole
from unstrip.io.store.schema import bring_up_to_date
from unstrip.io.store.sqlite import SqliteDatabase, identity
from unstrip.policy.mta_sts import Known
from unstrip.rollout.snapshot import Snapshot
from unstrip.tlsrpt.schedule import State
from unstrip.tlsrpt.values import Applied, Failure

_LOGS = ("-wal", "-shm")
_OURS = re.compile(
    rb"(?i:create table (?:if not exists )?)visit \(|\{\"domain\":\"[^\"]+\",\"policy\":"
)
_WORDS = {date: date.fromisoformat, State: State}  # what is kept as text of some form
_BROKEN = (sqlite3.Error, sqlite3.Warning, OSError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class _Table:
    """What is carried over of a table: all but the numbers of its rows.

    Attributes: index: one of its indexes, which begins with the first column; columns: each with
        the type that a value must have, or as what its text or JSON is read; agrees: tells whether
        such values are of one thing.
    """

    index: str
    columns: dict[str, type]
    agrees: Callable[[Row], bool] = lambda _: True

    def makes_sense(self, row: Row) -> bool:
        """Tell whether all values are what they are meant to be."""
        return all(map(_is_a, self.columns.values(), row)) and self.agrees(row)


# what was derived is derived anew
_TABLES = {
    "policy": _Table(
        "sqlite_autoindex_policy_1",
        {"domain": str, "known": Known, "kept": int},
        lambda row: from_json(Known, row[1]).domain == row[0],
    ),
    "policy_list": _Table(
        "sqlite_autoindex_policy_list_1",
        {"name": str, "signer": str, "made": int, "body": bytes},
    ),
    "visit": _Table(
        "visit_endpoint",
        {
            "host": str,
            "port": int,
            "protocol": str,
            "implicit": int,
            "server_name": str,
            "began": str,
            "telling": int,
            "secured": int,
            "evidence": Evidence,
        },
    ),
    "ledger_domain": _Table(
        "sqlite_autoindex_ledger_domain_1", {"day": date, "domain": str, "record": bytes}
    ),
    "ledger_policy": _Table(
        "sqlite_autoindex_ledger_policy_1",
        {
            "day": date,
            "domain": str,
            "policy": bytes,
            "body": Applied,
            "succeeded": int,
            "failed": int,
        },
    ),
    "ledger_failure": _Table(
        "sqlite_autoindex_ledger_failure_1",
        {
            "day": date,
            "domain": str,
            "policy": bytes,
            "failure": bytes,
            "body": Failure,
            "sessions": int,
        },
    ),
    "ledger_spool": _Table(
        "sqlite_autoindex_ledger_spool_1", {"segment": str, "day": date, "taken": int}
    ),
    "outgoing": _Table(
        "sqlite_autoindex_outgoing_1",
        {
            "day": date,
            "domain": str,
            "uri": str,
            "due": int,
            "tries": int,
            "state": State,
            "words": bytes,
        },
    ),
    "outgoing_day": _Table("sqlite_autoindex_outgoing_day_1", {"day": date}),
    "received": _Table(
        "sqlite_autoindex_received_1",
        {
            "name": str,
            "said": str,
            "source": str,
            "day": date,
            "domain": str,
            "proved": int,
            "taken": int,
            "size": int,
            "body": Whole,
        },
    ),
    "refused": _Table("sqlite_autoindex_refused_1", {"day": date, "kind": str, "seen": int}),
    "trail": _Table("trail_domain", {"domain": str, "first": int, "last": int, "body": Snapshot}),
}


@dataclass(frozen=True, slots=True)
class Rescued:
    """What came of it.

    Attributes: aside: where the damaged file is now, None if there is nothing wrong with it any
        more; rows: how many were carried over, by table.
    """

    aside: Path | None
    rows: dict[str, int]

    def __str__(self) -> str:
        """Say it, for the operator."""
        if self.aside is None:
            return "a store was damaged, and lost what it had last"
        said = f"{self.rows['policy']} policies and {self.rows['visit']} visits were carried over"
        return f"a damaged store was moved to {self.aside}; {said}"


def rescue(path: Path, now: datetime, opened: tuple[int, int] | None = None) -> Rescued | None:
    """Put a store that works in the place of a damaged one.

    Args: opened: the identity of the file that this process had open as its store.
    Returns: None where there is nothing to be done: another process has been here before.
    Raises: StoreError: it cannot be done, or that was no store of ours.
    """
    try:
        with _alone(path):
            if _is_well(path):
                return _doubted(path, now) if identity(path) == opened else None
            if identity(path) != opened and not _was_ours(path):
                raise StoreError(f"{path} is no store, and nothing in it says that it was one")
            return _replaced(path, now)
    except _BROKEN as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"the damaged store in {path} cannot be replaced: {error}") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Have a file to oneself, as far as others do this as well; nobody is waited for for ever.

    The lock is a file of our own, or else everybody who may read the folder could hold us up.
    """
    lock, until = path.with_name(f"{path.name}.lock"), time.monotonic() + PATIENCE
    while (descriptor := _locked(lock)) is None:
        if time.monotonic() > until:
            raise StoreError(f"another process has {lock}")
        time.sleep(0.05)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(lock: Path) -> int | None:
    """Return the descriptor of a lock that is had, None if another has it."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(descriptor)
        if identity(lock) == (found.st_dev, found.st_ino):  # else it was taken away meanwhile
            return descriptor
    os.close(descriptor)
    return None


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file only to look into it, with its log if there is one."""
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        yield connection


def _is_well(path: Path) -> bool:
    with suppress(*_BROKEN), _reading(path) as found:
        if found.execute("pragma quick_check(1)").fetchall() != [("ok",)]:
            return False
        there = found.execute("select name from sqlite_master where type = 'table'").fetchall()
        return all(
            table.makes_sense(row)
            for name, table in _TABLES.items()
            if (name,) in there  # an earlier version had fewer
            for row in found.execute(f"select {', '.join(table.columns)} from {name}")  # noqa: S608
        )
    return False


def _doubted(path: Path, now: datetime) -> Rescued:
    """Note that something was lost of a file which made no sense a moment ago, as with its log."""
    with closing(SqliteDatabase(path)) as database:
        bring_up_to_date(database)  # its tables may have been in there
        Losses(database).lose(now)
    return Rescued(None, {})


def _was_ours(path: Path) -> bool:
    """Tell whether any of our words are in it."""
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
            return _OURS.search(body) is not None


def _replaced(path: Path, now: datetime) -> Rescued:
    new = path.with_name(f"{path.name}.rebuilt")
    for suffix in ("", *_LOGS):  # of one who died on the way
        Path(f"{new}{suffix}").unlink(missing_ok=True)
    rows = _rebuilt(path, new, now)
    aside = _free(path, now)
    for suffix in (*_LOGS, ""):
        with suppress(FileNotFoundError):
            os.link(f"{path}{suffix}", f"{aside}{suffix}")
    for suffix in _LOGS:  # else it would be taken for that of the new one
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    new.replace(path)
    return Rescued(aside, rows)


def _free(path: Path, now: datetime) -> Path:
    """Return a name beside it that nothing has yet."""
    name = f"{path.name}.damaged-{now:%Y%m%dT%H%M%SZ}"
    aside, number = path.with_name(name), 1
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"{name}-{number}")
    return aside


def _rebuilt(damaged: Path, path: Path, now: datetime) -> dict[str, int]:
    """Make the new store, with all that can be read in the damaged one; return how much that is."""
    new = SqliteDatabase(path)
    with closing(new):
        bring_up_to_date(new)
        shutil.copymode(damaged, path)
        rows = dict.fromkeys(_TABLES, 0)
        with new.transaction():
            for name, row in _saved(damaged):
                columns = ", ".join(_TABLES[name].columns)
                places = ", ".join("?" * len(row))
                words = f"insert or ignore into {name} ({columns}) values ({places})"  # noqa: S608
                rows[name] += new.run(words, *row)
            new.run("insert into clear (domain) select domain from policy")
            new.run("insert into loss (at) values (?)", microseconds(now))
            release_derived(new)  # and what others are deriving just now
    return rows


def _saved(path: Path) -> Iterator[tuple[str, Row]]:
    """Yield the rows that can be read, and make sense, with the names of their tables."""
    with suppress(sqlite3.Error), _reading(path) as damaged:
        for name, table in _TABLES.items():
            yield from (
                (name, row) for row in _rows(damaged, name, table) if table.makes_sense(row)
            )


def _rows(damaged: sqlite3.Connection, name: str, table: _Table) -> Iterator[Row]:
    """Yield the rows of a table, each asked for by its number: a broken one hides no other."""
    words = f"select {', '.join(table.columns)} from {name} where rowid = ?"  # noqa: S608
    for number in sorted(_numbers(damaged, name, table)):
        with suppress(*_BROKEN):
            yield from damaged.execute(words, (number,)).fetchall()


def _numbers(damaged: sqlite3.Connection, name: str, table: _Table) -> set[int]:
    """Return the numbers of a table's rows.

    Table and index are read from both ends, each up to where it is broken.
    """
    found: set[int] = set()
    first = next(iter(table.columns))
    for source, key in (("not indexed", "rowid"), (f"indexed by {table.index}", first)):
        for order in ("asc", "desc"):
            words = f"select rowid from {name} {source} order by {key} {order}"  # noqa: S608
            with suppress(*_BROKEN):
                found.update(number for (number,) in damaged.execute(words))
    return found


def _is_a(kind: type, value: object) -> bool:
    if kind in (str, int, bytes):
        return isinstance(value, kind)
    try:
        _WORDS.get(kind, partial(from_json, kind))(value)  # type: ignore[arg-type]  # whatever is there
    except (ValueError, TypeError, RecursionError):
        return False
    return True

"""The store in a file of its own, by SQLite: for one machine, and as many processes as it has.

What was kept is on the disk when the call returns, and what was not is as if it had never begun,
whenever the process or the machine dies.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

from unstrip.io.store.database import PATIENCE, Database, Row, StoreDamagedError, StoreError, Value

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_CUT = sqlite3.SQLITE_IOERR_SHORT_READ  # the file, or its log, ends too early
_TROUBLE = (sqlite3.Error, sqlite3.Warning, OSError, ValueError, OverflowError)


def identity(path: Path) -> tuple[int, int]:
    """Return which file it is, by whatever name."""
    found = path.stat()
    return found.st_dev, found.st_ino


class SqliteDatabase(Database):
    """A file, which is made when it is not there.

    Raises: StoreError, here and from every method.
    """

    BYTES, NUMBERED = "blob", "integer primary key"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.place, self._path = str(path), path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._file = identity(path)
        except _TROUBLE as error:
            raise self.failed(error) from error
        self._belongs()  # what is no database of ours is left as it is
        self._write_ahead()
        self.run("pragma synchronous = full")  # what was kept outlives a cut of the power
        self.run("pragma cache_size = -512")  # KiB; the kernel has the file in memory as well

    def _belongs(self) -> None:
        """Refuse what another program keeps here."""
        if self.version():
            return
        tables = self.rows("select name from sqlite_master where type = 'table'")
        if tables and ("visit",) not in tables:  # the first stores had no version, and just that
            raise StoreError(f"{self.place} is a database of another program")

    def _write_ahead(self) -> None:
        """Keep a log beside the file. For this alone SQLite does not wait until others are done."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._connection.execute("pragma journal_mode = wal")
                return
            except sqlite3.Error as error:
                busy = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > deadline:
                    raise self.failed(error) from error
            time.sleep(0.01)

    def rows(self, statement: str, *values: Value) -> list[Row]:
        """Run a statement and return its rows."""
        with self.turn:
            try:
                return self._connection.execute(statement, values).fetchall()
            except _TROUBLE as error:
                raise self.failed(error) from error

    def run(self, statement: str, *values: Value) -> int:
        """Run a statement and return how many rows it changed."""
        with self.turn:
            try:
                return self._connection.execute(statement, values).rowcount
            except _TROUBLE as error:
                raise self.failed(error) from error

    def run_each(self, statement: str, values: Iterable[Row]) -> None:
        """Run a statement once for each row of values."""
        with self.turn:
            try:
                self._connection.executemany(statement, values)
            except _TROUBLE as error:
                raise self.failed(error) from error

    def version(self) -> int:
        """Return the version of the schema, 0 where there is none yet."""
        return int(self.rows("pragma user_version")[0][0])

    def set_version(self, version: int) -> None:
        """Say which version of the schema this is now."""
        self.run(f"pragma user_version = {version:d}")

    def begin(self) -> None:
        """Begin a transaction, once no other is under way in any process."""
        self.run("begin immediate")

    def roll_back(self) -> None:
        """Undo what was done since the beginning."""
        self.run("rollback")

    def is_there(self) -> bool:
        """Tell whether the file that is open still has its name."""
        try:
            return identity(self._path) == self._file
        except OSError:
            return False

    def claim(self, key: int) -> bool:  # noqa: ARG002
        """Let everybody have it: on one machine there is hardly ever more than one who looks."""
        return True

    def unclaim(self, key: int) -> None:
        """There is nothing to be done."""

    def failed(self, error: Exception) -> StoreError:
        """Return the error to be raised because of another one."""
        told = super().failed(error)
        code = getattr(error, "sqlite_errorcode", 0)
        damaged = code == _CUT or code & 0xFF in _DAMAGED  # without what says more
        return StoreDamagedError(str(told)) if damaged else told

    def close(self) -> None:
        """Close the file."""
        with self.turn:
            self._connection.close()

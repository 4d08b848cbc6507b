"""The store in a file of its own, by SQLite: for one machine, and as many processes as it has.

What was kept is on the disk when the call returns, and what was not is as if it had never begun,
whenever the process or the machine dies.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from unstrip.io.store.database import PATIENCE, Database, Row, Value

_TROUBLE = (sqlite3.Error, sqlite3.Warning, OSError, ValueError, OverflowError)


class SqliteDatabase(Database):
    """A file, which is made when it is not there.

    Raises: StoreError, here and from every method.
    """

    BYTES, NUMBERED = "blob", "integer primary key"

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, PATIENCE, isolation_level=None)
        except _TROUBLE as error:
            raise self.failed(error) from error
        self.version()  # what is no database of ours is left as it is
        self._write_ahead()
        self.run("pragma synchronous = full")  # what was kept outlives a cut of the power

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
        try:
            return self._connection.execute(statement, values).fetchall()
        except _TROUBLE as error:
            raise self.failed(error) from error

    def run(self, statement: str, *values: Value) -> int:
        """Run a statement and return how many rows it changed."""
        try:
            return self._connection.execute(statement, values).rowcount
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

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

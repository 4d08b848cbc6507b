"""The store: all that is kept from one run to the next, in SQLite or in PostgreSQL.

A store that cannot be read is an error, never an empty one: that would loosen a decision.
"""

from __future__ import annotations

import os
from pathlib import Path

from unstrip.io.files import NoHome, state_folder
from unstrip.io.store.claims import Claims
from unstrip.io.store.database import Database, StoreDamagedError, StoreDriverError, StoreError
from unstrip.io.store.derivations import Derivations
from unstrip.io.store.ledger import Ledger
from unstrip.io.store.losses import Losses
from unstrip.io.store.outgoing import Outgoing
from unstrip.io.store.policies import KeptList, Policies
from unstrip.io.store.received import Received
from unstrip.io.store.schema import bring_up_to_date
from unstrip.io.store.trail import Trail
from unstrip.io.store.visits import Remembered, Visits

__all__ = [
    "KeptList",
    "Remembered",
    "Store",
    "StoreDamagedError",
    "StoreDriverError",
    "StoreError",
    "default_path",
    "file_of",
    "open_store",
]


def default_path() -> Path:
    """Return where the store is, by the platform's convention; an old one keeps its name.

    Raises: StoreError: the user has no home directory.
    """
    try:
        folder = state_folder()
    except NoHome as error:
        raise StoreError(f"{error} to keep the store in") from error
    path, old = folder / "store.sqlite3", folder / "history.sqlite3"
    return old if os.path.lexists(old) and not os.path.lexists(path) else path


def open_store(where: str | Path) -> Store:
    """Open a store; a file is made when it is not there.

    Args: where: a path, or a URL "postgresql://...".
    Raises: StoreError, here and from every method: it cannot be used.
    """
    database = _database(str(where))
    try:
        bring_up_to_date(database)
    except BaseException:
        database.close()
        raise
    return Store(database)


class Store(Visits, Policies, Derivations, Losses, Claims, Ledger, Outgoing, Received, Trail):
    """All of it: of visits and policies, and of reports.

    What they came to, what was lost of them, who looks for one now; what is to be reported, where
    to, what others have reported, and what was there on each day.
    """

    def release(self, domain: str) -> tuple[int, int]:
        """Forget the policy of a domain, and the visits to a host of that name, all unread.

        Returns: how many there were of either.
        """
        with self._database.transaction():
            return self._forget_policy(domain), self._forget(domain)

    def try_writing(self) -> None:
        """Write what changes nothing. Raises: StoreError: nothing can be written."""
        self._database.run("delete from policy where domain = ''")

    def is_there(self) -> bool:
        """Tell whether others who open it now have the same; a rescue puts a file aside."""
        return self._database.is_there()

    def close(self) -> None:
        """Let go of it."""
        self._database.close()


def file_of(where: str) -> Path | None:
    """Return the file that a store is in, None if it is a database of a server.

    Raises: StoreError: it is neither.
    """
    if where.startswith(("postgresql://", "postgres://")):
        return None
    if "://" in where:
        raise StoreError("a store is a file, or a URL that begins with postgresql://")
    if where.startswith(("postgresql:", "postgres:")):  # a password may be in it
        raise StoreError("a store in PostgreSQL is written postgresql://HOST/DATABASE")
    if where in ("", ":memory:"):  # SQLite would forget either at the end
        raise StoreError(f"'{where}' is no name of a file")
    return Path(where)


def _database(where: str) -> Database:
    path = file_of(where)
    if path is not None:
        from unstrip.io.store.sqlite import SqliteDatabase

        return SqliteDatabase(path)
    try:
        from unstrip.io.store.postgresql import PostgresqlDatabase
    except ImportError as error:
        raise StoreDriverError(StoreDriverError.WORDS) from error
    return PostgresqlDatabase(where)

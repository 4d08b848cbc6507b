"""A look at where the store is to be, which makes nothing and changes nothing.

A database of a server is not asked, for that would go over the network.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from unstrip.io.store import StoreDriverError, StoreError, file_of
from unstrip.io.store.schema import VERSION

_MARK = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Glance:
    """What is there.

    Attributes: words: how it stands; trouble: why it could not be used, "" if nothing speaks
        against it; damaged: there is a file, and it is no store; hint: what could be done, "" for
        what can always be done.
    """

    words: str
    trouble: str = ""
    damaged: bool = False
    hint: str = ""


def glance(where: str) -> Glance:
    """Look at a store."""
    try:
        path = file_of(where)
    except StoreError as error:
        return Glance("no store", str(error))
    if path is None:
        missing = find_spec("psycopg") is None
        return Glance(
            "a database of PostgreSQL, which is not asked now",
            StoreDriverError.WORDS if missing else "",
            hint=StoreDriverError.hint if missing else "",
        )
    return _file(path) if os.path.lexists(path) else _nothing(path)


def _nothing(path: Path) -> Glance:
    return Glance(f"{path}, which is yet to be made", _unwritable(_nearest(path.parent)))


def _nearest(folder: Path) -> Path:
    """Return the folder itself, or the one in which it would be made."""
    return next(each for each in (folder, *folder.parents) if os.path.lexists(each))


def _unwritable(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} is no directory"
    # SQLite keeps a log beside the file
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"nothing can be made in {folder}"


def _file(path: Path) -> Glance:
    words = str(path)
    if not path.is_file():
        return Glance(words, f"{path} is no file")
    if not os.access(path, os.R_OK | os.W_OK):
        return Glance(words, f"{path} cannot be read and written")
    if trouble := _unwritable(path.parent):
        return Glance(words, trouble)
    try:
        return _version(path) if path.stat().st_size else Glance(f"{words}, which is empty")
    except (OSError, sqlite3.Error) as error:
        return Glance(words, f"{path} cannot be used: {error}", damaged=True)


def _version(path: Path) -> Glance:
    with path.open("rb") as file:
        if file.read(len(_MARK)) != _MARK:
            return Glance(str(path), f"{path} is no database of SQLite", damaged=True)
    # without a log nobody is at it, and looking must not make one
    used = path.with_name(f"{path.name}-wal").exists()
    way = f"file:{quote(str(path))}?mode=ro{'' if used else '&immutable=1'}"
    with closing(sqlite3.connect(way, uri=True, isolation_level=None)) as database:
        version = int(database.execute("pragma user_version").fetchone()[0])
        database.execute("select count(*) from sqlite_master").fetchone()
    if not 0 <= version <= VERSION:
        return Glance(str(path), f"{path} was written by another version of unstrip")
    old = ", to be brought up to date" if version < VERSION else ""
    return Glance(f"{path}{old}")

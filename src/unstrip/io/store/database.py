"""A database, as far as the store needs one: statements, rows, and a transaction of one at a time.

Statements are our own words, in what both databases have in common of SQL, with `?` for a value.
Whatever goes wrong in there is a `StoreError`.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeAlias, TypeVar

from unstrip.escaping import brief
from unstrip.evidence import from_json

PATIENCE = 5  # seconds to wait for whoever else is writing

Value: TypeAlias = str | bytes | int
Row: TypeAlias = tuple[Any, ...]
T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class StoreError(OSError):
    """The store cannot be read or written; nothing may be concluded from that.

    Attributes: hint: what could be done, "" where whoever wants it used knows better.
    """

    hint: ClassVar[str] = ""


class StoreDamagedError(StoreError):
    """It is no database any more, or something in it makes no sense."""


class StoreDriverError(StoreError):
    """What speaks to the database is not installed."""

    WORDS = "a store in PostgreSQL needs psycopg, which is not installed"
    hint = "run pip install '.[shared]' where unstrip was installed from: docs/howto/cluster.md"


class Database(ABC):
    """Where all is kept. Several threads may use it; each waits for its turn.

    Attributes: BYTES, NUMBERED: its words for the type of bytes, and of a key that it counts up by
        itself; place: where it is, for people, without any password; turn: who has it may use it.
    """

    BYTES: ClassVar[str]
    NUMBERED: ClassVar[str]
    place: str

    def __init__(self) -> None:
        self.turn = threading.RLock()

    @abstractmethod
    def rows(self, statement: str, *values: Value) -> list[Row]:
        """Run a statement and return its rows."""

    @abstractmethod
    def run(self, statement: str, *values: Value) -> int:
        """Run a statement and return how many rows it changed."""

    @abstractmethod
    def run_each(self, statement: str, values: Iterable[Row]) -> None:
        """Run a statement once for each row of values."""

    @abstractmethod
    def version(self) -> int:
        """Return the version of the schema, 0 where there is none yet."""

    @abstractmethod
    def set_version(self, version: int) -> None:
        """Say which version of the schema this is now."""

    @abstractmethod
    def begin(self) -> None:
        """Begin a transaction, once no other is under way in any process."""

    @abstractmethod
    def roll_back(self) -> None:
        """Undo what was done since the beginning."""

    @abstractmethod
    def claim(self, key: int) -> bool:
        """Have a claim, if nobody else has it, until it is taken back or the connection ends."""

    @abstractmethod
    def unclaim(self, key: int) -> None:
        """Take a claim back."""

    def is_there(self) -> bool:
        """Tell whether what is open is what has that place now: a file may have been moved."""
        return True

    @abstractmethod
    def close(self) -> None:
        """Let go of it."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is done meanwhile, and nobody else writes."""
        with self.turn:
            self.begin()
            try:
                yield
                self.run("commit")
            except BaseException:
                with suppress(StoreError):  # the first trouble is the one to be told
                    self.roll_back()
                raise

    def read(self, kind: type[T], kept: Any, what: str) -> T:  # noqa: ANN401  # whatever is there
        """Return a value that was kept as JSON.

        Args: what: what it is, for people.
        Raises: StoreDamagedError: it is none.
        """
        try:
            return from_json(kind, kept)
        except (ValueError, TypeError, RecursionError) as error:
            raise self.damaged(f"{what}: {error}") from error

    def damaged(self, words: str) -> StoreDamagedError:
        """Return the error to be raised of something in it that makes no sense."""
        return StoreDamagedError(str(self.failed(ValueError(words))))

    def kept(self, kind: type[T], value: object) -> T:
        """Return what was kept, if it is of its kind: SQLite would keep anything anywhere.

        Raises: StoreError.
        """
        if isinstance(value, kind):
            return value
        raise self.failed(TypeError(f"{type(value).__name__} in the place of {kind.__name__}"))

    def failed(self, error: Exception) -> StoreError:
        """Return the error to be raised because of another one."""
        words = brief(" ".join(str(error).split()))
        return StoreError(f"the store in {self.place} cannot be used: {words}")


def microseconds(time: datetime) -> int:
    """Return a time as it is kept: exact, and comparable in every database."""
    return (time - _EPOCH) // _MICROSECOND


def moment(kept: int) -> datetime:
    """Return the time that was kept."""
    return _EPOCH + kept * _MICROSECOND

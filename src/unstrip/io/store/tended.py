"""The store of one who must not stop: what goes wrong in it is counted and told.

A damaged file is put aside, with what can be read of it carried over. One that was moved or removed
is used no more, whatever is open of it: others would use what has its name now. Who has waited for
the store in vain makes nobody else wait so soon.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from time import monotonic
from typing import Protocol, TypeVar

from unstrip.io.store import Store, StoreDamagedError, StoreError, file_of, open_store
from unstrip.io.store.rescue import rescue
from unstrip.io.store.sqlite import identity

T = TypeVar("T")
LONG = 1.0  # seconds: who has waited for so long in vain
PAUSE = 30.0  # seconds until somebody waits again
SURE = 5.0  # seconds for which nobody looks whether it is still the same file
_NOBODY = "nobody.invalid"


class Operation(Enum):
    """What a store is used for, as far as one may fail and the other may not."""

    READ = "read"
    WRITE = "write"
    CLAIM = "claim"


class Listener(Protocol):
    """Who is told what becomes of the store."""

    def failing(self, operation: Operation, words: str) -> None:
        """It begins to fail."""

    def working(self, operation: Operation) -> None:
        """It works again."""

    def lost(self, words: str) -> None:
        """Something may have been lost."""


class Tended:
    """The store at a place, for use by one thread.

    Args: listener: is told what becomes of it; replaced: is called when another file has taken its
        place.
    Attributes: failures: how often it failed, by what it was used for; ails: why it does, by what
        was tried last; rescues: how often a damaged file was put aside; lost: when something was
        lost that could still matter.
    Raises: StoreError: it cannot be opened.
    """

    def __init__(
        self, where: str | Path, listener: Listener, replaced: Callable[[], None] = lambda: None
    ) -> None:
        self._where, self._listener, self._replaced = str(where), listener, replaced
        self._path = file_of(self._where)
        self._store: Store | None = None
        self._opened: tuple[int, int] | None = None  # which file it is, by whatever name
        self._sure, self._elsewhere = 0.0, False  # until when that is so; that it is so no more
        self._damaged, self._again = "", 0.0  # why it is not used; when it may be mended
        self._pauses: dict[Operation, float] = {}
        self.failures: Counter[Operation] = Counter()
        self.ails: dict[Operation, str] = {}
        self.rescues = 0
        self.lost: datetime | None = None
        self.use(Operation.READ, lambda _: None)

    def use(self, operation: Operation, call: Callable[[Store], T]) -> T:
        """Return what a call to the store returns.

        Raises: StoreError, at once where somebody has just waited in vain.
        """
        began = monotonic()
        if began < self._pauses.get(operation, began):
            self.failures[operation] += 1
            raise StoreError(self.ails[operation])
        try:
            told = self._tried(call)
        except StoreError as error:
            self._failed(operation, str(error), monotonic() - began)
            raise
        self._worked(operation)
        return told

    def look(self) -> None:
        """See whether it is there and can be read, and whether what was lost still matters."""
        self._sure = 0.0
        with suppress(StoreError):
            self.lost = self.use(Operation.READ, _looked)

    def close(self) -> None:
        """Let go of it."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _tried(self, call: Callable[[Store], T]) -> T:
        try:
            return call(self._current())
        except StoreDamagedError as error:
            if self._path is None:  # who serves it has to mend it
                raise
            self._failed(Operation.READ, str(error))
            self._damaged = str(error)
            self.close()
        return call(self._current())

    def _current(self) -> Store:
        if self._damaged:
            self._mend()
        if self._store is not None and self._was_moved():
            self._elsewhere = True
            self.close()
        if self._store is None:
            self._store = open_store(self._where)
            self._opened, self._sure = self._there(), monotonic() + SURE
            self.lost = self._store.loss()
        if self._elsewhere:
            self._begin_anew(self._store)
        return self._store

    def _there(self) -> tuple[int, int] | None:
        """Return which file is there, None if there is none."""
        try:
            return identity(self._path) if self._path else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self._path} cannot be looked at: {error}") from error

    def _was_moved(self) -> bool:
        """Tell, from time to time, whether what is open is no more what has that name."""
        if self._path is None or monotonic() < self._sure:
            return False
        self._sure = monotonic() + SURE
        with suppress(StoreError):  # nobody can tell
            return self._there() != self._opened
        return False

    def _begin_anew(self, store: Store) -> None:
        """Use a file that somebody has put in the place of the one that was open, or nobody has."""
        if store.loss() is None:  # else whoever put it there has noted that
            store.lose(datetime.now(UTC))
        self.lost, self._elsewhere = store.loss(), False
        self._listener.lost(f"{self._path} is another file than before, and may know less")
        self._replaced()

    def _mend(self) -> None:
        """Have another file take the place of the damaged one; until then, that is not used."""
        assert self._path is not None, "only a file can be damaged"
        if monotonic() < self._again:
            raise StoreError(self._damaged)
        self._again = monotonic() + PAUSE
        if self._there() is None:
            self._damaged, self._elsewhere = "", True
            return
        done = rescue(self._path, datetime.now(UTC), self._opened)
        if done is not None:
            self.rescues += done.aside is not None
            self._listener.lost(str(done))
        self._damaged = ""
        self._replaced()

    def _failed(self, operation: Operation, words: str, seconds: float = 0.0) -> None:
        self.failures[operation] += 1
        if operation not in self.ails:
            self._listener.failing(operation, words)
        self.ails[operation] = words
        if seconds >= LONG:
            self._pauses[operation] = monotonic() + PAUSE

    def _worked(self, operation: Operation) -> None:
        if self.ails.pop(operation, None) is not None:
            self._listener.working(operation)


def _looked(store: Store) -> datetime | None:
    """Try all that an answer rests on; return when something was lost."""
    store.known(_NOBODY)
    store.derived(_NOBODY, datetime.now(UTC))
    store.visits_of(_NOBODY, "smtp")
    return store.loss()

"""The clock of one session: seconds since it began, and how many are left."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class DeadlinePassed(TimeoutError):
    """The time allowed for the whole session ran out."""


class Clock:
    """Started when made.

    Args: limit: seconds allowed in all: for look-up, connection, dialog and handshake together.
    """

    def __init__(self, limit: float) -> None:
        self.began = datetime.now(UTC)
        self._start = time.monotonic()
        self.limit = limit

    def elapsed(self) -> float:
        """Return seconds since the start."""
        return time.monotonic() - self._start

    def left(self) -> float:
        """Return the seconds left.

        Raises: DeadlinePassed: none are.
        """
        left = self.limit - self.elapsed()
        if left <= 0:
            raise DeadlinePassed(f"{self.limit:g} seconds are over")
        return left

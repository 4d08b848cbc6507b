"""Taking turns: of all who share a store, one looks a domain up, and the others use what it found.

Who finds a domain claimed waits a little. It gets its turn when the other is done, or gone; then
the store says what there is to know. To wait is never worth more than to look oneself: who has
waited long enough looks as if there were nobody else, and so does who cannot claim anything, since
the store fails.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum
from time import monotonic

from unstrip.io.store import StoreError

PATIENCE = 10.0  # seconds
MOST = 256  # claims at a time: PostgreSQL has room for some 6,400, by default, for all who share it
_SHORTEST, _LONGEST = 0.03, 0.5  # seconds from one try to the next


class Turn(Enum):
    """How somebody came to look."""

    FIRST = "first"
    AFTER = "taken-over"  # from another, who is done or gone
    LATE = "late"  # another was still at it
    FREE = "free"  # without a claim: there are too many, or the store has failed


class Turns:
    """For use within one event loop.

    Args: claim, unclaim: of a store, which may raise StoreError; patience: seconds; most: claims.
    """

    def __init__(
        self,
        claim: Callable[[str], Awaitable[bool]],
        unclaim: Callable[[str], Awaitable[None]],
        *,
        patience: float = PATIENCE,
        most: int = MOST,
    ) -> None:
        self._claim, self._unclaim = claim, unclaim
        self._patience, self._most = patience, most
        self._held = 0

    @asynccontextmanager
    async def of(self, domain: str) -> AsyncIterator[Turn]:
        """Wait for one's turn, and have it until the block is left."""
        turn = await self._wait(domain)
        if turn in (Turn.LATE, Turn.FREE):
            yield turn
            return
        try:
            yield turn
        finally:
            self._held -= 1
            with suppress(StoreError):  # then the claim is gone with the connection
                await self._unclaim(domain)

    async def _wait(self, domain: str) -> Turn:
        """Return what came of waiting."""
        turn, pause, until = Turn.FIRST, _SHORTEST, monotonic() + self._patience
        with suppress(StoreError):
            while self._held < self._most:
                if await self._had(domain):
                    return turn
                if monotonic() >= until:
                    return Turn.LATE
                turn = Turn.AFTER
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # no secret
                pause = min(2 * pause, _LONGEST)
        return Turn.FREE

    async def _had(self, domain: str) -> bool:
        """Claim a domain; it is counted before that, for many may try at once."""
        self._held += 1
        had = False
        try:
            had = await self._claim(domain)
        finally:
            self._held -= not had
        return had

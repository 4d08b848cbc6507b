"""Letting clients go when a service ends, whatever is spoken there."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Protocol


class Client(Protocol):
    """One connection that somebody else has made."""

    @property
    def gone(self) -> asyncio.Future[None]:
        """Has a result when it is over."""

    def leave(self) -> None:
        """Hear nothing more, and end when all that was asked is answered."""

    def abort(self) -> None:
        """End now."""


async def let_go(clients: Collection[Client], patience: float) -> None:
    """Let all clients leave, and end those that have not within so many seconds.

    Args: clients: those there are, of which each that is gone is taken out.
    """
    leaving = tuple(clients)
    for client in leaving:
        client.leave()
    if leaving:
        await asyncio.wait([client.gone for client in leaving], timeout=patience)
    for client in tuple(clients):
        client.abort()

"""Asking ahead: the hosts of a domain are looked up together, where a source takes one by one.

Else names whose servers keep silent would cost a domain their time one after another. What a source
is going to ask whatever comes of it, `dane.following` tells; that is asked as soon as it is known,
some at a time, and the source finds the answers here. Nothing else is asked ahead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from unstrip.policy import dane
from unstrip.policy.questions import Dns, DnsAnswer

AT_ONCE = 20  # questions under way for one source

Ask = Callable[[Dns], Awaitable[DnsAnswer]]


class Ahead:
    """Asks DNS for one source, while the block lasts; what is still under way at its end is not.

    Args: ask: our resolver's.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask, self._places = ask, asyncio.Semaphore(AT_ONCE)
        self._asked: dict[Dns, asyncio.Task[DnsAnswer]] = {}

    async def __aenter__(self) -> Self:
        """Return what to ask."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Call off what nobody waits for any more."""
        for task in self._asked.values():
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)

    async def ask(self, question: Dns) -> DnsAnswer:
        """Return the answer, and ask what follows from it."""
        task = self._asked.get(question)
        answer = await (self._ask(question) if task is None else task)
        for next_one in dane.following(answer):
            if next_one not in self._asked:
                self._asked[next_one] = asyncio.create_task(self._one(next_one))
        return answer

    async def _one(self, question: Dns) -> DnsAnswer:
        async with self._places:
            return await self._ask(question)

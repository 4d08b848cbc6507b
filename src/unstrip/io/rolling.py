"""Doing many things, some at a time: the next is begun as soon as one has ended.

So what takes long holds up one place, and not all that was begun together with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


async def rolling(work: Iterable[Coroutine[Any, Any, T]], most: int) -> AsyncIterator[T]:
    """Yield what comes of each, as they end.

    Args: work: is gone through as places become free; most: at a time.
    Raises: the first that one of them has raised, or the going through; nothing is begun after
        that, and what has begun comes to its end first.
    """
    source, failed = iter(work), list[BaseException]()
    running = set[asyncio.Task[T]]()
    try:
        while True:
            if not failed:
                _begin(source, running, most, failed)
            if not running:
                break
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if error := task.exception():
                    failed.append(error)
                else:
                    yield task.result()
    finally:  # nobody may want to know any more
        for task in running:
            task.cancel()
    if failed:
        raise failed[0]


def _begin(
    source: Iterator[Coroutine[Any, Any, T]],
    running: set[asyncio.Task[T]],
    most: int,
    failed: list[BaseException],
) -> None:
    """Fill the places that are free."""
    try:
        while len(running) < most and (one := next(source, None)) is not None:
            running.add(asyncio.create_task(one))
    except Exception as error:  # noqa: BLE001  # it is raised when the others have ended
        failed.append(error)

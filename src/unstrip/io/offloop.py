"""One thread beside an event loop, for calls that may take long, as those of a store do.

They are made one after another, in the order in which they came, while the loop goes on. The thread
is a daemon, begins with the first call, and ends when nobody can ask for another one.
"""

from __future__ import annotations

import threading
import weakref
from asyncio import wrap_future
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import ParamSpec, TypeAlias, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_Calls: TypeAlias = "SimpleQueue[Callable[[], None] | None]"  # None is the last


class OffLoop:
    """The thread; whoever asks it for calls does so from one other thread."""

    def __init__(self) -> None:
        self._calls: _Calls = SimpleQueue()
        self._begun = False
        self._once: dict[Callable[[], object], Future[object]] = {}

    async def do(self, call: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        """Return what a call returns, or raise what it raises.

        One that has begun is made to its end, though nobody waits for it any more.
        """
        return await wrap_future(self.later(call, *args, **more))

    def later(self, call: Callable[P, T], *args: P.args, **more: P.kwargs) -> Future[T]:
        """Have a call made when its turn has come."""
        if not self._begun:
            self._begun = True
            threading.Thread(target=_work, args=(self._calls,), daemon=True).start()
            weakref.finalize(self, self._calls.put, None)
        told: Future[T] = Future()
        self._calls.put(partial(_make, told, partial(call, *args, **more)))
        return told

    def once(self, call: Callable[[], object]) -> None:
        """Have a call made, unless it is being made, or is still to be."""
        told = self._once.get(call)
        if told is None or told.done():
            self._once[call] = self.later(call)


def _work(calls: _Calls) -> None:
    while (call := calls.get()) is not None:
        call()
        del call  # whatever it holds is let go before the next one comes


def _make(told: Future[T], call: Callable[[], T]) -> None:
    if not told.set_running_or_notify_cancel():  # nobody waits any more
        return
    try:
        told.set_result(call())
    except BaseException as error:  # noqa: BLE001  # whatever it is, whoever asked is told
        told.set_exception(error)

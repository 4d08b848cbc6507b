"""The resolver of the whole system: asks DNS, keeps the answers, and says what DNSSEC vouches for.

A resolver has a backend that finds answers out: `stub.Stub` asks the servers that are configured,
`unbound.Validator` has libunbound look and validate in this process. The resolver itself remembers
what still holds, asks each question only once however many wait for the answer, and never makes
anybody wait longer than it was told to. Whatever happens is a `DnsAnswer`, never an exception.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from unstrip.io.resolver.cache import Cache
from unstrip.io.resolver.reading import failure
from unstrip.io.resolver.servers import Server
from unstrip.policy.questions import Dns, DnsAnswer, Status

T = TypeVar("T")

TIMEOUT = 15.0  # seconds for one question, trying the servers included
AT_ONCE = 200  # questions under way: each has a socket


class Backend(Protocol):
    """What finds out the answer to one question."""

    @property
    def servers(self) -> tuple[Server, ...]:
        """Whom it asks, nobody where it finds that out itself."""

    @property
    def distrust(self) -> str:
        """Why nothing that it says of DNSSEC could be believed, "" if something could be."""

    async def ask(self, question: Dns) -> DnsAnswer:
        """Return the answer, or why there is none."""

    def follow(self, before: Backend) -> None:
        """Know what the one before has found out, as far as it matters still."""

    def close(self) -> None:
        """Let go of what it holds; whoever still asks gets a failure."""


class Resolver:
    """For use within one event loop.

    Args: backend: finds out what is not known; timeout: seconds for a question, however long its
        caller would wait; cache: what is known already.
    Attributes: backend.
    """

    def __init__(
        self, backend: Backend, *, timeout: float = TIMEOUT, cache: Cache | None = None
    ) -> None:
        self.backend, self._timeout = backend, timeout
        self._cache = Cache() if cache is None else cache
        self._under_way: dict[Dns, asyncio.Task[DnsAnswer]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    async def ask(self, question: Dns, timeout: float | None = None) -> DnsAnswer:
        """Return the answer.

        Args: timeout: seconds to wait for it; None is as long as the resolver itself would.
        """
        known = self._cache.get(question)
        if known is not None:
            return known
        task = self._under_way.get(question)
        if task is None:
            task = self._under_way[question] = asyncio.create_task(self._find(question))
            task.add_done_callback(lambda _: self._under_way.pop(question, None))
        # who gives up leaves the question under way for the others
        done, _ = await asyncio.wait({task}, timeout=timeout)
        if not done:
            return failure(Status.TIMEOUT, f"no answer in {timeout:g} seconds")
        return task.result()

    def close(self) -> None:
        """Let go of what the backend holds; whoever still asks gets a failure."""
        self.backend.close()

    async def _find(self, question: Dns) -> DnsAnswer:
        try:
            async with asyncio.timeout(self._timeout), self._places:
                answer = await self.backend.ask(question)
        except TimeoutError:
            answer = failure(Status.TIMEOUT, f"no answer in {self._timeout:g} seconds")
        self._cache.keep(question, answer)
        return answer


class BlockingResolver:
    """The same for callers without an event loop: it has one in a thread, while the block lasts.

    Any number of threads may ask. The thread is a daemon: nobody waits for a question that is
    still under way at the end.

    Args: make: makes the resolver, within that loop.
    """

    def __init__(self, make: Callable[[], Resolver]) -> None:
        self._make = make
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        try:
            self._resolver = self._run(self._made())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the thread, and whatever is under way in it."""
        self._end()

    def ask(self, question: Dns, timeout: float | None = None) -> DnsAnswer:
        """Return the answer; see `Resolver.ask`."""
        return self._run(self._resolver.ask(question, timeout))

    def _end(self) -> None:
        self._run(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _made(self) -> Resolver:
        return self._make()

    def _run(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)

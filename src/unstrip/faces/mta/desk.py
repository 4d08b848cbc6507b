"""The desk: where answers are kept ready, and what nobody has asked yet is found out once.

A reply is kept under the very bytes that asked for it, so that most requests cost one look into a
dictionary, whether there is a policy or not.

- A reply is kept for as long as what it rests on, but not for long: what others have found out
  meanwhile, and what the operator has released, is in the store. A failure is kept for seconds.
- Time is measured by a clock that nobody sets.
- Who asks has a reply in good time. What takes longer goes on, for whoever asks next.
- Whatever goes wrong, mail waits: no failure becomes "there is no policy".
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any, Protocol

from unstrip.derivation import Derivation
from unstrip.escaping import brief
from unstrip.io.store import StoreError
from unstrip.mta.nexthop import NextHop
from unstrip.mta.tongue import Query, Told, Tongue

PATIENCE = 20.0  # seconds; Postfix gives up after 100, Exim when it is told to
ROOM = 3 * 1024 * 1024  # bytes of all that is kept ready: of a minute, some 8,000 requests
_LONGEST, _FAILURE = 60.0, 5.0  # seconds for which a reply is kept
_ENTRY = 250  # bytes that an entry takes beside its request and its reply
_MOST = 4000  # requests that wait, and next hops that are being looked up


class Inquirer(Protocol):
    """Who finds out what should happen; an `Inquiry` is one."""

    async def decided(self, domain: str, port: int) -> Derivation:
        """Return what should happen to a domain's mail."""

    async def next_hop(self, host: str, port: int) -> Derivation:
        """Return what should happen at a server that mail goes through."""

    def kept(self) -> AsyncGenerator[Derivation, None]:
        """Give what was found out earlier of any domain, as far as it still holds."""


@dataclass(slots=True)
class Kept:
    """A reply that is ready: its bytes, its kind, and until when it is, by the monotonic clock."""

    data: bytes
    kind: str
    until: float


class Desk:
    """For one tongue, within one event loop.

    Args: patience: seconds until one who asks is told to ask again; room: bytes of what is kept
        ready; note: is told what went wrong in here.

    Attributes: tongue: in which it is asked; answers: how many there were of each kind; looks: how
        often something had to be found out; late: how often that took too long; failures: how often
        it broke; misses: how many answers were not ready.
    """

    def __init__(
        self,
        tongue: Tongue,
        inquirer: Inquirer,
        *,
        patience: float = PATIENCE,
        room: int = ROOM,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.tongue, self._inquirer = tongue, inquirer
        self._patience, self._room, self._note = patience, room, note
        self._young: dict[bytes, Kept] = {}  # asked for since the others became old
        self._old: dict[bytes, Kept] = {}
        self._taken = 0  # bytes of the young
        self._asked: dict[bytes, asyncio.Task[Told]] = {}
        self._looking: dict[NextHop, asyncio.Task[Derivation]] = {}
        self.answers: dict[str, int] = defaultdict(int)
        self.looks = self.late = self.failures = self.misses = 0

    @property
    def hits(self) -> int:
        """How many replies were ready."""
        return sum(self.answers.values()) - self.misses

    @property
    def entries(self) -> int:
        """How many replies are kept; one that got old and was asked for again is there twice."""
        return len(self._young) + len(self._old)

    def ready(self, request: bytes, now: float) -> bytes | None:
        """Return the reply to a whole request if it is there.

        Args: now: by the monotonic clock.
        """
        kept = self._young.get(request)
        if kept is None and (kept := self._old.get(request)) is not None:
            self._put(request, kept)
        if kept is None or kept.until <= now:
            return None
        self.answers[kept.kind] += 1
        return kept.data

    def ask(self, request: bytes) -> asyncio.Future[Told]:
        """Find out what to reply to a whole request; all who ask meanwhile share it.

        Returns: what has a result in good time, whatever happens, and is not to be cancelled.
        """
        task = self._asked.get(request)
        if task is None:
            if max(len(self._asked), len(self._looking)) >= _MOST:
                return self._at_once(self.tongue.failed("too much is being looked up"))
            task = self._asked[request] = asyncio.create_task(self._answer(request))
            task.add_done_callback(partial(_gone, self._asked, request))
        task.add_done_callback(self._count)
        return task

    def believe(self, inquirer: Inquirer) -> None:
        """Ask another one from now on, and keep nothing of what was answered so far."""
        self._inquirer = inquirer
        self._young, self._old, self._taken = {}, {}, 0
        self._asked, self._looking = {}, {}  # who waits gets what was to be had before

    async def prepare(self, seconds: float) -> None:
        """Have replies ready for what is kept, as far as this time and half of the room allow.

        It only saves time: what fails here fails again, and is told of, when somebody asks.
        """
        inquirer, until = self._inquirer, monotonic() + seconds
        with suppress(Exception):
            async with aclosing(inquirer.kept()) as kept:
                async for derivation in kept:
                    if self._old or self._inquirer is not inquirer or monotonic() > until:
                        return
                    self._foresee(derivation)

    async def close(self) -> None:
        """Give up what is being found out."""
        tasks = [*self._asked.values(), *self._looking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, request: bytes) -> Told:
        seconds = _LONGEST
        try:
            told = self.tongue.asked(request)
            if isinstance(told, Query):
                told, seconds = await self._find(told)
        except StoreError as error:
            told = self._broken(str(error))
        except Exception as error:  # noqa: BLE001  # a mistake of ours loosens nothing either
            told = self._broken(f"{type(error).__name__}: {error}")
        if self._asked.get(request) is asyncio.current_task():
            self._keep(request, told, seconds)
        return told

    async def _find(self, query: Query) -> tuple[Told, float]:
        """Return a reply, and for how many seconds it holds."""
        look = self._look(query.hop)
        done, _ = await asyncio.wait((look,), timeout=self._patience)
        if not done:
            self.late += 1
            words = f"what should happen at {query.hop.host} is still being found out"
            return self.tongue.failed(words), 0.0
        derivation = look.result()
        return query.tell(derivation), _left(derivation)

    def _foresee(self, derivation: Derivation) -> None:
        """Keep the replies to whatever may be asked about a domain."""
        for request in self.tongue.requests(derivation.domain):
            query = self.tongue.asked(request)
            if isinstance(query, Query) and request not in self._young:
                self._keep(request, query.tell(derivation), _left(derivation))

    def _look(self, hop: NextHop) -> asyncio.Task[Derivation]:
        task = self._looking.get(hop)
        if task is None:
            self.looks += 1
            task = self._looking[hop] = asyncio.create_task(self._derived(hop))
            task.add_done_callback(partial(_gone, self._looking, hop))
        return task

    async def _derived(self, hop: NextHop) -> Derivation:
        if hop.direct:
            return await self._inquirer.next_hop(hop.host, hop.port)
        return await self._inquirer.decided(hop.host, hop.port)

    def _broken(self, words: str) -> Told:
        self.failures += 1
        self._note(brief(words))
        return self.tongue.failed(words)

    def _keep(self, request: bytes, told: Told, seconds: float) -> None:
        seconds = min(seconds, _FAILURE if told.passing else _LONGEST)
        if seconds > 0 and told.lasting:
            self._put(request, Kept(told.data, told.kind, monotonic() + seconds))

    def _put(self, request: bytes, kept: Kept) -> None:
        """Keep a reply; when the young have half the room, what nobody has asked for goes."""
        self._taken += len(request) + len(kept.data) + _ENTRY
        if self._taken > self._room // 2:
            self._old, self._young, self._taken = self._young, {}, 0
        self._young[request] = kept

    def _count(self, task: asyncio.Future[Told]) -> None:
        if not task.cancelled():
            self.answers[task.result().kind] += 1
            self.misses += 1

    def _at_once(self, told: Told) -> asyncio.Future[Told]:
        known = asyncio.get_running_loop().create_future()
        known.set_result(told)
        known.add_done_callback(self._count)
        return known


def _left(derivation: Derivation) -> float:
    """Return for how many seconds it holds; a clock that was set back makes that no longer."""
    left = derivation.expires - max(derivation.at, datetime.now(UTC))
    return left.total_seconds()


def _gone(tasks: dict[Any, asyncio.Task[Any]], key: object, task: asyncio.Task[Any]) -> None:
    """Take a task that is done off the list; it may have failed with nobody there to be told."""
    if tasks.get(key) is task:
        del tasks[key]
    if not task.cancelled():
        task.exception()

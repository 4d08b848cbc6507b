"""Asking the world what should happen: drives the sources, and remembers what they learnt.

Whatever fails out there is an answer to the source that asked, which knows what follows. What fails
in here, a store that cannot be read, is an error: nobody may take it for "there is no policy".
The store may take long, so a thread of its own talks to it, while all else goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Protocol, TypeVar

from unstrip.derivation import Beliefs, Derivation, Destination, Sought, derive, derive_one
from unstrip.evidence import Endpoint, from_json, to_json
from unstrip.hostname import is_address
from unstrip.io.addresses import Unresolved
from unstrip.io.ahead import Ahead, Ask
from unstrip.io.offloop import OffLoop
from unstrip.io.store import StoreError
from unstrip.io.turns import Turns
from unstrip.policy import dane, mta_sts
from unstrip.policy.dane import Domain, Host, Route, Standing
from unstrip.policy.mta_sts import Known, Mode
from unstrip.policy.questions import (
    Address,
    Answer,
    Dns,
    DnsAnswer,
    Https,
    HttpsAnswer,
    HttpsFailure,
    Kind,
    Question,
    ResultType,
    Security,
    Source,
    Status,
)
from unstrip.tlsa import DANE, EVERY

TIMEOUT = 30.0  # seconds for all that has to be found out about a domain
_SMTP, _HOUR = 25, 3600
_MARK = 32  # bytes, before a derivation that is kept
_LONGEST = 64 * 1024  # bytes of one that is kept
_PAGE = 32  # derivations that are taken from memory at a time

T = TypeVar("T")
Fetch = Callable[[Https], Awaitable[HttpsAnswer | HttpsFailure]]
Note = Callable[[str], object]
Alarmed = Callable[[str, str], object]


class Memory(Protocol):
    """What has to be remembered between two inquiries; a `Store` is one.

    It is used by one thread, together with what `Beliefs` remember of earlier visits.
    """

    def known(self, domain: str) -> Known | None:
        """Return what is known of a domain's MTA-STS policy."""

    def remember(self, base: Known | None, new: Known) -> Known:
        """Keep what was found out since `base`, and return what is kept."""

    def claim(self, domain: str) -> bool:
        """Say that we look for a domain's policy, unless another does who shares this memory."""

    def unclaim(self, domain: str) -> None:
        """Take that back."""

    def derived(self, name: str, now: datetime) -> bytes | None:
        """Return what was derived earlier, and still holds."""

    def derivations(self, now: datetime, after: str, most: int) -> list[tuple[str, bytes]]:
        """Return what was derived and holds now, by name: so many that come after a name."""

    def era(self) -> int:
        """Return to which era belongs what is derived from now on."""

    def keep_derived(
        self, name: str, made: datetime, expires: datetime, body: bytes, era: int
    ) -> None:
        """Keep what was derived, unless what it may rest on was released since its era."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to the world, its answer, and the seconds that it took."""

    question: Question
    answer: Answer
    seconds: float


@dataclass(frozen=True, slots=True)
class Inquired:
    """What an inquiry came to.

    Attributes: derivation: what should happen; asked: every question and answer, in their order;
        alarms: what the operator should look at, since an attacker would have liked it (P-03), and
        what is wrong with what is believed.
    """

    derivation: Derivation
    asked: tuple[Asked, ...] = ()
    alarms: tuple[str, ...] = ()


class Inquiry:
    """For use within one event loop.

    Args: ask: our resolver's; fetch: our web client's; beliefs: what is believed beforehand;
        memory: None to do without one; distrust: why nothing that the resolver says of DNSSEC
        could be believed, "" if it could be; alarms: what is wrong with what is believed, to be
        told with all mail; note: is told each alarm of a look; turned: is told of each look how it
        was our turn, or "shared" if another has looked meanwhile; aside: the thread for the memory;
        timeout: seconds for each inquiry. What is not found out by then is a look-up that failed.
    """

    def __init__(
        self,
        ask: Ask,
        fetch: Fetch,
        beliefs: Beliefs,
        memory: Memory | None = None,
        distrust: str = "",
        *,
        alarms: tuple[str, ...] = (),
        note: Alarmed = lambda _of, _words: None,
        turned: Note = lambda _: None,
        aside: OffLoop | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._ask, self._fetch, self._beliefs, self._memory = ask, fetch, beliefs, memory
        self._distrust, self._alarms, self._mark = distrust, alarms, _mark(beliefs)
        self._note, self._aside, self._timeout = note, aside or OffLoop(), timeout
        self._turned, self._turns = turned, Turns(self._claim, self._unclaim)
        self._looking: dict[str, asyncio.Task[Looked]] = {}

    @property
    def beliefs(self) -> Beliefs:
        """What is believed before anybody is asked."""
        return self._beliefs

    async def mail(self, domain: str, port: int = _SMTP, *, again: bool = False) -> Inquired:
        """Find out what should happen at the servers that take a domain's mail.

        Args: again: look for a new policy though it is not time (RFC 8461, 5.1).
        Raises: StoreError.
        """
        asked: list[Asked] = []
        route, looked = await asyncio.gather(
            self.run(dane.mail(domain, port), asked), self.look(domain, again=again)
        )
        derivation = await self._derived(Sought(), route, looked.known, port)
        alarms = (*self._alarms, *looked.alarms)
        return Inquired(derivation, (*asked, *looked.asked), alarms)

    async def service(self, domain: str, sought: Sought) -> Inquired:
        """Find out what should happen at the servers that SRV records name."""
        asked: list[Asked] = []
        route = await self.run(dane.service(sought.name, domain), asked)
        return Inquired(await self._derived(sought, route), tuple(asked))

    async def server(self, endpoint: Endpoint) -> Destination:
        """Find out what should happen at a server that the user named.

        Where nobody could be believed, nobody is asked; an address has no records to ask for.
        """
        stands = await self._stands(endpoint)
        return await self._aside.do(derive_one, endpoint, stands, self._beliefs, _now())

    async def next_hop(self, host: str, port: int = _SMTP) -> Derivation:
        """Find out what should happen at a server that mail goes through whatever its domain.

        That server is the policy domain (RFC 8461, 3.4), and no MX is asked for. An address has
        no policy but the user's own.

        Raises: StoreError.
        """
        found = Host(host, port, Standing.ABSENT, ttl=_HOUR, words="it is an address")
        known = None
        if not is_address(host):
            stands = self._stands(Endpoint(host, port, "smtp"))
            said, looked = await asyncio.gather(stands, self.look(host))
            found, known = said or found, looked.known
        route = Domain(host, Route.ITSELF, Security.SECURE, (found,), found.ttl, words="named")
        return await self._derived(Sought(), route, known)

    async def _derived(
        self, sought: Sought, route: Domain, sts: Known | None = None, port: int = _SMTP
    ) -> Derivation:
        return await self._aside.do(self._derive, sought, route, sts, port)

    def _derive(self, sought: Sought, route: Domain, sts: Known | None, port: int) -> Derivation:
        """Bring all together; where a policy is enforced, earlier visits could not ask for more."""
        now, beliefs = _now(), self._beliefs
        try:
            return derive(sought, route, beliefs, now, sts, port)
        except StoreError:
            policy = sts.in_force(now) if sts else None
            if policy is None or policy.mode is not Mode.ENFORCE:
                raise
        return derive(sought, route, replace(beliefs, visits=lambda _: ()), now, sts, port)

    async def _stands(self, endpoint: Endpoint) -> Host | None:
        """Find out what DANE says of a server that the user named."""
        if self._distrust:
            words, port = self._distrust, endpoint.port
            return Host(endpoint.host, port, Standing.UNCHECKED, ttl=_HOUR, words=words)
        if is_address(endpoint.host):
            return None
        usages = DANE if endpoint.protocol == "smtp" else EVERY  # RFC 7672, 3.1.3
        return await self.run(dane.server(endpoint.host, endpoint.port, usages), [])

    async def addresses(self, host: str) -> list[str]:
        """Return the addresses of a host that DNS named, from where its policies come too.

        Raises: Unresolved.
        """
        four, six = await asyncio.gather(
            self._ask(Dns(host, Kind.A)), self._ask(Dns(host, Kind.AAAA))
        )
        if found := [each.address for answer in (six, four) for each in answer.of(Address)]:
            return found
        raise Unresolved(f"{host} has no address: {(four if four.failed else six).said()}")

    async def decided(self, domain: str, port: int = _SMTP) -> Derivation:
        """Return what should happen to a domain's mail, from memory where that still holds.

        Raises: StoreError.
        """
        memory = self._memory if port == _SMTP else None  # what is kept has no port
        if memory is None:
            return (await self.mail(domain, port)).derivation
        kept = await self._aside.do(memory.derived, domain, _now())
        known = _read(kept) if kept and kept.startswith(self._mark) else None
        if known is not None:
            return known
        era = await self._aside.do(memory.era)
        derivation = (await self.mail(domain)).derivation
        body = self._mark + to_json(derivation)
        if derivation.checked and len(body) <= _LONGEST:
            at, until = derivation.at, derivation.expires
            await self._aside.do(memory.keep_derived, domain, at, until, body, era)
        return derivation

    async def kept(self) -> AsyncGenerator[Derivation, None]:
        """Give what memory has of every domain, by name, as far as that still holds.

        Raises: StoreError.
        """
        name, memory = "", self._memory
        while memory is not None:
            page = await self._aside.do(memory.derivations, _now(), name, _PAGE)
            for name, body in page:  # noqa: B007  # the last one is where the next page begins
                known = _read(body) if body.startswith(self._mark) else None
                if known is not None:
                    yield known
            if len(page) < _PAGE:
                return

    async def run(self, source: Source[T], asked: list[Asked]) -> T:
        """Drive one source to its end, and note what it asked."""
        ends = time.monotonic() + self._timeout
        async with Ahead(self._ask) as ahead:
            try:
                question = next(source)
                while True:
                    began = time.monotonic()
                    answer = await self._answer(question, ahead, ends - began)
                    asked.append(Asked(question, answer, time.monotonic() - began))
                    question = source.send(answer)
            except StopIteration as stop:
                result: T = stop.value
                return result

    async def _answer(self, question: Question, ahead: Ahead, seconds: float) -> Answer:
        """Return the answer, or that there is no time left for one."""
        with suppress(TimeoutError):
            if seconds > 0:
                async with asyncio.timeout(seconds):
                    if isinstance(question, Dns):
                        return await ahead.ask(question)
                    return await self._fetch(question)
        words = f"the {self._timeout:g} seconds for all questions are over"
        if isinstance(question, Dns):
            return DnsAnswer(Status.TIMEOUT, words=words)
        return HttpsFailure(ResultType.STS_POLICY_FETCH_ERROR, words)

    async def look(self, domain: str, *, again: bool = False) -> Looked:
        """Look for a domain's MTA-STS policy; whoever asks meanwhile gets the same answer.

        Args: again: though it is not time.
        Raises: StoreError.
        """
        task = self._looking.get(domain)
        if task is None:
            task = self._looking[domain] = asyncio.create_task(self._find(domain, again=again))
            task.add_done_callback(partial(self._looked, domain))
        return await asyncio.shield(task)  # who gives up leaves it under way for the others

    def _looked(self, domain: str, task: asyncio.Task[Looked]) -> None:
        del self._looking[domain]
        if not task.cancelled():
            task.exception()  # whoever waits is told; it is no news if nobody does any more

    async def _find(self, domain: str, *, again: bool) -> Looked:
        """Look if that is due, unless another who shares our memory has just done so."""
        base = await self._known(domain)
        if base is not None and not again and not base.due(_now()):
            return Looked(base)
        async with self._turns.of(domain) as turn:
            known = await self._known(domain)
            if known is not None and known != base:  # found meanwhile, by whatever clock
                self._turned("shared")
                return Looked(known)
            self._turned(turn.value)
            return await self._discover(domain, known, again=again)

    async def _known(self, domain: str) -> Known | None:
        memory = self._memory
        return None if memory is None else await self._aside.do(memory.known, domain)

    async def _claim(self, domain: str) -> bool:
        memory = self._memory
        return memory is None or await self._aside.do(memory.claim, domain)

    async def _unclaim(self, domain: str) -> None:
        if self._memory is not None:
            await self._aside.do(self._memory.unclaim, domain)

    async def _discover(self, domain: str, base: Known | None, *, again: bool) -> Looked:
        asked: list[Asked] = []
        found = await self.run(mta_sts.discover(domain, _now(), base, again=again), asked)
        alarms = mta_sts.alarms(base, found) if base else ()
        for alarm in alarms:
            self._note(alarm.key, alarm.words)
        if self._memory is not None and found != base:
            found = await self._aside.do(self._memory.remember, base, found)
        return Looked(found, tuple(asked), tuple(alarm.words for alarm in alarms))


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of looking for an MTA-STS policy: what is known now, as for `Inquired` else."""

    known: Known
    asked: tuple[Asked, ...] = ()
    alarms: tuple[str, ...] = ()


def _mark(beliefs: Beliefs) -> bytes:
    """Return what tells our decisions from those of others, who may share our memory."""
    return sha256(to_json((beliefs.table, beliefs.listed))).digest()


def _read(body: bytes) -> Derivation | None:
    """Return what was derived, None if another version wrote it: then it is derived anew."""
    try:
        return from_json(Derivation, body[_MARK:])
    except ValueError:
        return None


def _now() -> datetime:
    return datetime.now(UTC)

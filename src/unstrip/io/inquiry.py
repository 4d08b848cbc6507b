"""Asking the world what should happen: drives the sources, and remembers what they learnt.

Whatever fails out there is an answer to the source that asked, which knows what follows. What fails
in here, a store that cannot be read, is an error: nobody may take it for "there is no policy".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from hashlib import sha256
from typing import Protocol, TypeVar

from unstrip.derivation import Beliefs, Derivation, Destination, Sought, derive, derive_one
from unstrip.evidence import Endpoint, from_json, to_json
from unstrip.hostname import is_address
from unstrip.io.addresses import Unresolved
from unstrip.io.ahead import Ahead, Ask
from unstrip.policy import dane, mta_sts
from unstrip.policy.dane import Domain, Host, Route, Standing
from unstrip.policy.mta_sts import Known
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
_LONGEST, _MOST = 64 * 1024, 1024  # bytes of one that is kept; those at hand, as values

T = TypeVar("T")
Fetch = Callable[[Https], Awaitable[HttpsAnswer | HttpsFailure]]


class Memory(Protocol):
    """What has to be remembered between two inquiries; a `Store` is one."""

    def known(self, domain: str) -> Known | None:
        """Return what is known of a domain's MTA-STS policy."""

    def remember(self, base: Known | None, new: Known) -> Known:
        """Keep what was found out since `base`, and return what is kept."""

    def derived(self, name: str, now: datetime) -> bytes | None:
        """Return what was derived earlier, and still holds."""

    def keep_derived(self, name: str, made: datetime, expires: datetime, body: bytes) -> None:
        """Keep what was derived."""


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
        told with all mail; timeout: seconds for each inquiry. What is not found out by then is a
        look-up that failed.
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
        timeout: float = TIMEOUT,
    ) -> None:
        self._ask, self._fetch, self._beliefs, self._memory = ask, fetch, beliefs, memory
        self._distrust, self._alarms, self._mark = distrust, alarms, _mark(beliefs)
        self._timeout = timeout
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
        derivation = derive(Sought(), route, self._beliefs, _now(), looked.known)
        alarms = (*self._alarms, *looked.alarms)
        return Inquired(derivation, (*asked, *looked.asked), alarms)

    async def service(self, domain: str, sought: Sought) -> Inquired:
        """Find out what should happen at the servers that SRV records name."""
        asked: list[Asked] = []
        route = await self.run(dane.service(sought.name, domain), asked)
        return Inquired(derive(sought, route, self._beliefs, _now()), tuple(asked))

    async def server(self, endpoint: Endpoint) -> Destination:
        """Find out what should happen at a server that the user named.

        Where nobody could be believed, nobody is asked; an address has no records to ask for.
        """
        return derive_one(endpoint, await self._stands(endpoint), self._beliefs, _now())

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
        return derive(Sought(), route, self._beliefs, _now(), known)

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
        kept = memory.derived(domain, _now()) if memory else None
        known = _read(kept) if kept and kept.startswith(self._mark) else None
        if known is not None:
            return known
        derivation = (await self.mail(domain, port)).derivation
        if memory is not None and derivation.checked:
            body = self._mark + to_json(derivation)
            if len(body) <= _LONGEST:
                memory.keep_derived(domain, derivation.at, derivation.expires, body)
        return derivation

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
        asked: list[Asked] = []
        base = self._memory.known(domain) if self._memory else None
        found = await self.run(mta_sts.discover(domain, _now(), base, again=again), asked)
        alarms = mta_sts.alarms(base, found) if base else ()
        if self._memory is not None and found != base:
            found = self._memory.remember(base, found)
        return Looked(found, tuple(asked), alarms)


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of looking for an MTA-STS policy: what is known now, as for `Inquired` else."""

    known: Known
    asked: tuple[Asked, ...]
    alarms: tuple[str, ...]


def _mark(beliefs: Beliefs) -> bytes:
    """Return what tells our decisions from those of others, who may share our memory."""
    return sha256(to_json((beliefs.table, beliefs.listed))).digest()


@lru_cache(_MOST)
def _read(body: bytes) -> Derivation | None:
    """Return what was derived, None if another version wrote it: then it is derived anew."""
    try:
        return from_json(Derivation, body[_MARK:])
    except ValueError:
        return None


def _now() -> datetime:
    return datetime.now(UTC)

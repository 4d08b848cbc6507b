"""Whether a server's word on DNSSEC is believed: only where it has been seen to validate.

A server that does not validate never sets the AD bit, or sets whatever somebody else said; both
would pass for "unsigned" or "authentic". So before it is believed it is tried: a name that is
signed must come with the AD bit, and one whose signatures are wrong must not come at all.

Once proved, a server stays so until it is seen to fail: somebody who merely keeps those two names
from being answered must not be able to turn DANE off (P-06). If it is seen to fail then, it is not
as if it had never validated: nothing that it says is used, or a server that was tampered with would
have turned DANE off as well.

"This is not signed" is what one says too that has just stopped validating. So it counts for as long
as the last proof is fresh: a trial, or an answer that the server has vouched for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from unstrip.policy.questions import Dns, DnsAnswer, Kind, Security

AGAIN, RETRY = 3600.0, 60.0  # seconds after which a server is tried again, proved or not
FRESH = 60.0  # seconds after a proof, or a trial, for which an unsigned answer needs no other
REMEDY = "install unbound on this machine, or declare a validating resolver trusted"


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The two names that a server is tried with.

    Attributes: validates: one that is signed; fails: one whose signatures are wrong. None leaves
        that half out.
    """

    validates: Dns | None = Dns("iana.org", Kind.A)  # noqa: RUF009  # a frozen value
    fails: Dns | None = Dns("dnssec-failed.org", Kind.A)  # noqa: RUF009  # a frozen value


class Standing(Enum):
    """What is known of a server."""

    PROVED = "proved"
    DISPROVED = "disproved"
    UNKNOWN = "unknown"
    LOST = "lost"  # proved once, and disproved since


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of trying a server, and why, in words."""

    standing: Standing
    words: str = ""


Ask = Callable[[Dns], Awaitable[DnsAnswer]]


class Trust:
    """What is known of one server, found out when it is first asked for.

    Args: ask: asks that server, and reads its answer as if it were believed; distrust: why there
        is no need to try, "" where there is.
    """

    def __init__(
        self,
        ask: Ask,
        test: SelfTest,
        distrust: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._test, self._clock = ask, test, clock
        self.distrust = distrust
        self._known = Finding(Standing.DISPROVED if distrust else Standing.UNKNOWN, distrust)
        self._until = float("inf") if distrust else float("-inf")
        self._fresh = float("-inf")  # until when an unsigned answer is believed
        self._trial: asyncio.Task[Finding] | None = None

    @property
    def known(self) -> Finding | None:
        """What was found out lately."""
        return self._known if self._clock() < self._until else None

    async def finding(self) -> Finding:
        """Return what is known, found out anew where that was too long ago."""
        return self.known or await self._tried()

    async def borne_out(self, answer: DnsAnswer) -> Finding:
        """Return the same in view of an answer of a server that is believed.

        One that it vouches for is a proof; one that it does not wants a fresh one.
        """
        if answer.secure:
            self._fresh = self._clock() + FRESH
        if answer.security is Security.INSECURE and self._clock() >= self._fresh:
            return await self._tried()
        return self._known

    def follow(self, other: Trust) -> None:
        """Know what another has found out of the same server; it is tried anew all the same."""
        self._known = other._known

    async def _tried(self) -> Finding:
        """Return what comes of a trial; all who want one meanwhile share it."""
        if self._trial is None or self._trial.get_loop() is not asyncio.get_running_loop():
            self._trial = asyncio.create_task(self._try())
            self._trial.add_done_callback(self._forget)
        return await asyncio.shield(self._trial)  # who waits may give up, the others do not

    async def _try(self) -> Finding:
        found, before = await try_out(self._ask, self._test), self._known.standing
        if found.standing is Standing.DISPROVED and before in _WAS_PROVED:
            found = Finding(Standing.LOST, f"{found.words}, though it did")
        if not (found.standing is Standing.UNKNOWN and before in _WAS_PROVED):
            self._known = found
        now = self._clock()
        self._until = now + (AGAIN if found.standing is Standing.PROVED else RETRY)
        self._fresh = now + FRESH  # whatever came of it: nobody is tried more often
        return self._known

    def _forget(self, trial: asyncio.Task[Finding]) -> None:
        if self._trial is trial:
            self._trial = None


async def try_out(ask: Ask, test: SelfTest) -> Finding:
    """Ask for both names at once, and say what that shows."""
    trials = [(test.validates, _signed), (test.fails, _forged)]
    wanted = [(name, fault) for name, fault in trials if name is not None]
    answers = await asyncio.gather(*(ask(name) for name, _ in wanted))
    found = [
        _finding(name, fault(answer), answer)
        for (name, fault), answer in zip(wanted, answers, strict=True)
    ]
    # one wrong answer is enough, whoever keeps the other name from being answered (P-06)
    return min(
        found, key=lambda one: _TELLING.index(one.standing), default=Finding(Standing.PROVED)
    )


_WAS_PROVED = {Standing.PROVED, Standing.LOST}
_TELLING = [Standing.DISPROVED, Standing.UNKNOWN, Standing.PROVED]


def _finding(name: Dns, fault: str, answer: DnsAnswer) -> Finding:
    """Return what one answer shows."""
    if not fault:
        return Finding(Standing.PROVED)
    if answer.failed:
        return Finding(Standing.UNKNOWN, f"trying it with {name.name}: {answer.said()}")
    return Finding(Standing.DISPROVED, f"it does not validate: {name.name} {fault}")


def _signed(answer: DnsAnswer) -> str:
    return "" if answer.secure else "is signed, and it does not say so"


def _forged(answer: DnsAnswer) -> str:
    bogus = answer.security is Security.BOGUS
    return "" if bogus else "has wrong signatures, and it did not mind"

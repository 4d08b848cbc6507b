"""Asking the servers that are configured, in turn, and telling what DNSSEC says.

Where one that could be believed is configured, no other is asked: else whoever silences the one
that validates would be answered by one that does not, and a forged answer would pass (P-06).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import dns.flags
import dns.rcode

from unstrip.io.resolver import Backend, reading
from unstrip.io.resolver.exchange import BadName, exchange
from unstrip.io.resolver.parsing import Garbled
from unstrip.io.resolver.servers import Server
from unstrip.io.resolver.trust import REMEDY, RETRY, Finding, SelfTest, Standing, Trust
from unstrip.policy.questions import Dns, DnsAnswer, Security, Status

WAITS = (2.0, 4.0)  # seconds for each server, in the first round and in the second
_PROVED = Finding(Standing.PROVED)
# if no server answers, the failure that says most
_TELLING = [Status.DISTRUSTED, Status.SERVFAIL, Status.MALFORMED, Status.TIMEOUT]
_BELIEVED, _PERHAPS = {Standing.PROVED}, {Standing.UNKNOWN, Standing.LOST}


class Stub:
    """The servers that do the work for us.

    Args: servers: at least one; test: what must hold before one is believed; mix_case: guard names
        by random capitals too ("0x20"); waits: seconds for each server, round by round.
    Attributes: trust: what is known of each server.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        test: SelfTest | None = None,
        *,
        mix_case: bool = False,
        waits: Sequence[float] = WAITS,
    ) -> None:
        self._mix_case, self._waits = mix_case, tuple(waits)
        test = test or SelfTest()
        self.trust = {
            server: Trust(partial(self._probe, server), test, server.distrust) for server in servers
        }

    @property
    def servers(self) -> tuple[Server, ...]:
        """Whom it asks."""
        return tuple(self.trust)

    @property
    def distrust(self) -> str:
        """Why nothing that they say of DNSSEC could be believed, "" if something could be."""
        reasons = [server.distrust for server in self.servers]
        return "" if "" in reasons else f"{', '.join(reasons)}; {REMEDY}"

    def follow(self, before: Backend) -> None:
        """Know what the one before has found out of servers that stay."""
        if isinstance(before, Stub):
            for server in self.trust.keys() & before.trust.keys():
                self.trust[server].follow(before.trust[server])

    async def ask(self, question: Dns) -> DnsAnswer:
        """Return the first answer that one of them has, or the most telling failure."""
        known = await self._whom_to_ask()
        failures: list[DnsAnswer] = []
        for wait in self._waits:
            for server, finding in known.items():
                answer = await self._asked(server, question, finding, wait)
                if not answer.failed or _is_final(answer, finding):
                    return answer
                failures.append(answer)
        return min(failures, key=lambda failed: _TELLING.index(failed.status))

    def close(self) -> None:
        """Do nothing: what is open is so for one question."""

    async def _whom_to_ask(self) -> dict[Server, Finding]:
        """Return those who have proved themselves; else those who may yet; else all there are."""
        trusts = self.trust.values()
        if any(trust.known is None for trust in trusts):
            await asyncio.gather(*(trust.finding() for trust in trusts))
        known = {server: await trust.finding() for server, trust in self.trust.items()}
        for standings in (_BELIEVED, _PERHAPS):
            if best := {s: found for s, found in known.items() if found.standing in standings}:
                return best
        return known

    async def _probe(self, server: Server, question: Dns) -> DnsAnswer:
        return await self._one(server, question, _PROVED, max(self._waits))

    async def _asked(
        self, server: Server, question: Dns, finding: Finding, wait: float
    ) -> DnsAnswer:
        """Ask one server, and mark its answer with what it is worth, as is known by then."""
        answer = await self._one(server, question, finding, wait)
        if finding.standing is Standing.PROVED:
            finding = await self.trust[server].borne_out(answer)
        return _marked(answer, server, finding)

    async def _one(self, server: Server, question: Dns, finding: Finding, wait: float) -> DnsAnswer:
        """Ask one server."""
        try:
            async with asyncio.timeout(wait):
                return await self._judged(server, question, finding)
        except TimeoutError:
            return reading.failure(Status.TIMEOUT, f"{server}: no answer in {wait:g} seconds")
        except OSError as error:
            words = f"{server}: {error.strerror or error}".lower()
            return reading.failure(Status.TIMEOUT, words)
        except (Garbled, BadName) as error:
            return reading.failure(Status.MALFORMED, f"{server}: {error}")

    async def _judged(self, server: Server, question: Dns, finding: Finding) -> DnsAnswer:
        message = await exchange(server, question, mix_case=self._mix_case)
        answer = reading.answer(message, question)
        if reading.says_bogus(message):  # believed or not: a failure is the safe side
            answer = reading.failure(Status.SERVFAIL, ", ".join(reading.errors(message)))
            return replace(answer, security=Security.BOGUS)
        if finding.standing is not Standing.PROVED or answer.status is Status.MALFORMED:
            return answer
        if answer.failed:
            refused = message.head.rcode() == dns.rcode.SERVFAIL
            forged = refused and await self._hides(server, question)
            return replace(answer, security=Security.BOGUS) if forged else answer
        authentic = message.head.flags & dns.flags.AD
        return replace(answer, security=Security.SECURE if authentic else Security.INSECURE)

    async def _hides(self, server: Server, question: Dns) -> bool:
        """Tell whether it has an answer that it gives only to who does not want it checked.

        That tells a forged answer from servers that are down (RFC 4035, 5.5).
        """
        try:
            message = await exchange(server, question, unchecked=True, mix_case=self._mix_case)
        except (OSError, Garbled):
            return False
        return message.head.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)


def _marked(answer: DnsAnswer, server: Server, finding: Finding) -> DnsAnswer:
    """Return an answer as what it is worth."""
    if answer.failed or finding.standing is Standing.PROVED:
        return answer
    if finding.standing is Standing.LOST:
        return reading.failure(Status.DISTRUSTED, f"{server}: {finding.words}; {REMEDY}")
    if finding.standing is Standing.UNKNOWN:  # who silences the trial must not turn DANE off
        words = f"{server}: whether it validates could not be found out: {finding.words}"
        return reading.failure(Status.TIMEOUT, words)
    # what is found out about the server later must not come too late for this answer
    ttl = answer.ttl if server.distrust else min(answer.ttl, int(RETRY))
    return replace(answer, ttl=ttl, words=_unchecked(server, finding))


def _is_final(answer: DnsAnswer, finding: Finding) -> bool:
    """Tell whether no other server should be asked.

    One that validates has looked: what somebody else says would be worth less.
    """
    looked = answer.status is Status.SERVFAIL and finding.standing is Standing.PROVED
    return looked or answer.security is Security.BOGUS


def _unchecked(server: Server, finding: Finding) -> str:
    about = "" if server.distrust else f"{server}: "
    return f"{about}{finding.words}; {REMEDY}"

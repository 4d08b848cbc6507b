"""One check, whole: what should be, what is, and how the two compare.

The faces that check (the command line, later the scanner and the daemon) all come here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from unstrip.derivation import Beliefs, Destination, derive_one
from unstrip.evidence import Endpoint, Evidence
from unstrip.io.asyncio import attend
from unstrip.io.inquiry import Inquiry
from unstrip.io.session import Terms
from unstrip.io.store import Store
from unstrip.policy import Level, Policy, local
from unstrip.protocols import REGISTRY
from unstrip.target import implicit_twin
from unstrip.upgrade import Manner, Outcome
from unstrip.verdict import Verdict, judge

PROBE_TIMEOUT = 10.0  # seconds at most for each probe


@dataclass(frozen=True, slots=True)
class Plan:
    """How to check.

    Attributes:
        terms: for each session.
        requirement: what the caller asks for, or the default.
        table: the operator's own table.
        store: earlier visits, and where to keep this one; None for neither.
        probe: look further: ask again, spelt otherwise, an unknown verb, the implicit port.
        implicit_port: where implicit TLS is, if not at IANA's port.
        elsewhere: what other vantages saw.
        inquiry: asks the world what should happen; None to do without.
    """

    terms: Terms
    requirement: Policy
    table: local.Table = field(default_factory=local.Table)
    store: Store | None = None
    probe: bool = False
    implicit_port: int | None = None
    elsewhere: tuple[Evidence, ...] = ()
    inquiry: Inquiry | None = None

    @property
    def beliefs(self) -> Beliefs:
        """What is believed before anybody is asked."""
        if self.store is None:
            return Beliefs(self.table)
        return Beliefs(self.table, visits=self.store.visits, visits_of=self.store.visits_of)


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it.

    Attributes: destination: what was checked, and what every source says of it; evidence: of the
        attempt itself; beside: of the probes; verdict: how they compare with the decision, which
        it holds.
    """

    destination: Destination
    evidence: Evidence
    beside: tuple[Evidence, ...]
    verdict: Verdict

    @property
    def endpoint(self) -> Endpoint:
        """What was checked."""
        return self.destination.endpoint


async def check(endpoint: Endpoint, plan: Plan) -> Checked:
    """Check one endpoint that the user named.

    Raises: StoreError: the store cannot be used; whatever the peer does is in the verdict.
    """
    if plan.inquiry is not None:
        destination = await plan.inquiry.server(endpoint)
    else:
        destination = derive_one(endpoint, None, plan.beliefs, datetime.now(UTC))
    return await visit(destination, plan)


async def visit(destination: Destination, plan: Plan) -> Checked:
    """Check one server, of which it is known what should happen there."""
    endpoint = destination.endpoint
    earlier = plan.store.visits(endpoint) if plan.store else ()
    decision = destination.required(plan.requirement, datetime.now(UTC))
    insist = plan.probe or decision.level >= Level.ENCRYPT
    ask = replace(plan.terms.ask, insist=insist)
    terms = replace(plan.terms, ask=ask, tlsa=decision.tlsa)
    evidence = await attend(endpoint, terms)
    beside = await _probe(endpoint, terms, plan, evidence) if plan.probe else ()
    elsewhere = tuple(seen for seen in plan.elsewhere if about(seen, endpoint))
    verdict = judge(decision, evidence, earlier, beside, elsewhere)
    if plan.store:
        plan.store.keep(evidence)
    return Checked(destination, evidence, beside, verdict)


async def _probe(
    endpoint: Endpoint, terms: Terms, plan: Plan, evidence: Evidence
) -> tuple[Evidence, ...]:
    """Look further, one connection at a time; never where the server asks to be left alone."""
    failure, upgrade = evidence.failure, evidence.upgrade
    if failure is not None and not evidence.transcript:  # nobody there, or nobody who speaks
        return ()
    if upgrade is not None and upgrade.outcome is Outcome.BUSY:
        return ()
    terms = replace(terms, timeout=min(terms.timeout, PROBE_TIMEOUT))
    seen: list[Evidence] = []
    for target, manner in _probes(endpoint, plan):
        ask = replace(terms.ask, manner=manner)
        seen.append(await attend(target, replace(terms, ask=ask)))
    return tuple(seen)


def _probes(endpoint: Endpoint, plan: Plan) -> Iterator[tuple[Endpoint, Manner]]:
    if not endpoint.implicit:
        for manner in REGISTRY[endpoint.protocol].MANNERS:
            yield endpoint, manner
    twin = implicit_twin(endpoint, plan.implicit_port)
    if twin is not None:
        yield twin, Manner.PLAIN


def about(seen: Evidence, endpoint: Endpoint) -> bool:
    """Tell whether evidence is about the same host and port."""
    return (seen.endpoint.host, seen.endpoint.port) == (endpoint.host, endpoint.port)

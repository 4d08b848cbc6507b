"""The JSON of a check and of a comparison: everything, in one object a target.

It is documented in docs/reference/json.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from unstrip.comparison import Comparison
from unstrip.evidence import Evidence
from unstrip.faces.cli.notes import notes
from unstrip.faces.cli.report import EXITS, exit_of, rows_of, worst
from unstrip.io.check import Checked
from unstrip.io.compare import Compared
from unstrip.io.domain import DomainChecked, ServiceChecked
from unstrip.policy.dane import Host, Route
from unstrip.policy.mta_sts import Known, Mode
from unstrip.policy.questions import Security
from unstrip.verdict import Code, Standing, Verdict


@dataclass(frozen=True, slots=True)
class Record:
    """One check.

    Attributes:
        target: host and port.
        code, confidence, standing, exit: the verdict in short; exit is the code for this target.
        round_trips: until our first word inside TLS.
        clear_sent, clear_received: bytes that crossed in clear.
        verdict, evidence, beside: all of it; `--vantage` reads the evidence.
    """

    target: str
    code: Code
    confidence: float
    standing: Standing
    exit: int
    round_trips: int | None
    clear_sent: int
    clear_received: int
    verdict: Verdict
    evidence: Evidence
    beside: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """One service of a domain.

    Attributes:
        service: "mail", or the label of its SRV records.
        route: how its servers were found; security: what DNSSEC says of that; words: why they
            were not found.
        dane: what DANE says of each of them.
        mode: of the MTA-STS policy in force, None if none is; sts: all that is known of it.
        waits: why nothing is to be sent to any of them now, "" if something may be.
        alarms: what has changed that somebody else would have liked.
        notes: whose fault it is, and what to do about it.
        servers: each of them, checked.
    """

    service: str
    route: Route
    security: Security
    words: str
    dane: tuple[Host, ...]
    mode: Mode | None
    sts: Known | None
    waits: str
    alarms: tuple[str, ...]
    notes: tuple[str, ...]
    servers: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class DomainRecord:
    """One domain. Attributes: target: its name; exit: the exit code for it; services: its own."""

    target: str
    exit: int
    services: tuple[ServiceRecord, ...]


def domain_record(domain: DomainChecked) -> DomainRecord:
    """Return what is printed of one domain."""
    services = tuple(_service_record(service) for service in domain.services)
    return DomainRecord(domain.domain, worst(row.exit for row in rows_of(domain)).value, services)


def _service_record(service: ServiceChecked) -> ServiceRecord:
    derivation = service.inquired.derivation
    policy = derivation.sts.in_force(derivation.at) if derivation.sts else None
    return ServiceRecord(
        service=derivation.sought.name,
        route=derivation.route.route,
        security=derivation.route.security,
        words=derivation.route.words,
        dane=derivation.route.hosts,
        mode=policy.mode if policy else None,
        sts=derivation.sts,
        waits=derivation.waits,
        alarms=service.inquired.alarms,
        notes=tuple(notes(derivation)),
        servers=tuple(record(checked) for checked in service.servers),
    )


def record(checked: Checked) -> Record:
    """Return what is printed of one check."""
    verdict, evidence = checked.verdict, checked.evidence
    return Record(
        target=str(checked.endpoint),
        code=verdict.code,
        confidence=verdict.confidence,
        standing=verdict.standing,
        exit=exit_of(checked).value,
        round_trips=evidence.round_trips,
        clear_sent=evidence.clear_sent,
        clear_received=evidence.clear_received,
        verdict=verdict,
        evidence=evidence,
        beside=checked.beside,
    )


@dataclass(frozen=True, slots=True)
class ComparisonRecord:
    """One comparison.

    Attributes:
        target: host and port, as given.
        exit: the exit code for this target.
        comparison: the two ways side by side.
        evidence: of each visit, in their order.
    """

    target: str
    exit: int
    comparison: Comparison
    evidence: tuple[Evidence, ...]


def comparison_record(compared: Compared) -> ComparisonRecord:
    """Return what is printed of one comparison."""
    return ComparisonRecord(
        target=str(compared.endpoint),
        exit=EXITS[compared.comparison.standing].value,
        comparison=compared.comparison,
        evidence=compared.evidence,
    )

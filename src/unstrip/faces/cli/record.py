"""The JSON of a check: everything, in one object a target; documented in docs/reference/json.md."""

from __future__ import annotations

from dataclasses import dataclass

from unstrip.evidence import Evidence
from unstrip.faces.cli.report import exit_of
from unstrip.io.check import Checked
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

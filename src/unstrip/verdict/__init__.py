"""The verdict: how what was seen compares with what should have happened.

`judge` is pure and the only place that has opinions on it, so that the check, the guard, the
daemon and the scanner cannot disagree. Rules are small functions, one file an idea: the offer,
the request, the channel, what policies ask beyond it, and what could not be told. Requirements and
probes are named by the IDs of docs/topics/threats.md.
"""

from __future__ import annotations

from collections.abc import Iterable

from unstrip.evidence import Evidence
from unstrip.policy import Decision, Level
from unstrip.upgrade import Outcome
from unstrip.verdict import channel, expectation, offer, request, unknown
from unstrip.verdict.case import Case, Rule
from unstrip.verdict.channel import authenticated, exposure, good_enough
from unstrip.verdict.values import (
    Code,
    Exposure,
    Finding,
    Proof,
    Reach,
    Standing,
    Verdict,
)

__all__ = [
    "Code",
    "Exposure",
    "Finding",
    "Proof",
    "Reach",
    "Standing",
    "Verdict",
    "authenticated",
    "exposure",
    "good_enough",
    "judge",
]

RULES: tuple[Rule, ...] = (
    offer.RULES + request.RULES + channel.RULES + expectation.RULES + unknown.RULES
)
_SETTLED = frozenset({Outcome.NOT_OFFERED, Outcome.REFUSED})  # in clear, by agreement


def judge(
    decision: Decision,
    evidence: Evidence,
    history: Iterable[Evidence] = (),
    beside: Iterable[Evidence] = (),
    elsewhere: Iterable[Evidence] = (),
) -> Verdict:
    """Return the verdict on one attempt.

    Args:
        decision: what was insisted on.
        evidence: the attempt itself, asked plainly.
        history: earlier evidence about the same endpoint, oldest first.
        beside: evidence of now: probes of the same endpoint, the implicit port of its host.
        elsewhere: evidence about the same endpoint from another vantage.
    """
    case = Case(decision, evidence, tuple(history), tuple(beside), tuple(elsewhere))
    findings = _strongest(finding for rule in RULES for finding in rule(case))
    return Verdict(
        code=_name(case, findings),
        meets=_meets(decision, evidence),
        exposure=exposure(decision, evidence),
        findings=findings,
        decision=decision,
    )


def _strongest(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding a code, the surest of them; the gravest code first."""
    best: dict[Code, Finding] = {}
    for finding in findings:
        known = best.get(finding.code)
        if known is None or known.confidence < finding.confidence:
            best[finding.code] = finding
    if any(code.rank < Code.RATE_LIMITED.rank for code in best):  # then it could be told
        best = {code: finding for code, finding in best.items() if not code.unknown}
    return tuple(sorted(best.values(), key=lambda finding: finding.code.rank))


def _name(case: Case, findings: tuple[Finding, ...]) -> Code:
    """The gravest finding names the verdict; TLS that stands is named by what it proves."""
    secured = case.evidence.secured
    for finding in findings:
        if finding.code.note or (secured and finding.code is Code.CERTIFICATE_INVALID):
            continue
        return finding.code
    if not secured:
        return Code.INCONCLUSIVE
    proven = authenticated(case.decision, case.evidence.handshake)
    return Code.TLS_OK_AUTHENTICATED if proven else Code.TLS_OK_UNAUTHENTICATED


def _meets(decision: Decision, evidence: Evidence) -> bool:
    """The link is as good as asked for; an attempt that broke off is none."""
    if evidence.failure is not None or decision.refuses:
        return False
    if evidence.secured and evidence.handshake is not None:
        whole = not (evidence.upgrade and evidence.upgrade.exposed)
        return good_enough(decision, evidence.handshake) and (whole or decision.level <= Level.MAY)
    settled = evidence.upgrade is not None and evidence.upgrade.outcome in _SETTLED
    return settled and decision.level <= Level.MAY

"""Rules about what policies ask beyond a good link: this host and no other; what a test shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from unstrip.escaping import printable
from unstrip.policy import Policy
from unstrip.upgrade import Outcome
from unstrip.verdict.case import Case
from unstrip.verdict.channel import proven
from unstrip.verdict.values import Code, Finding


def refused(case: Case) -> Iterator[Finding]:
    """However good the link, this host is not to be used (RFC 8461, 4.1; RFC 7672, 2.1.2)."""
    refuses = case.decision.refuses
    if refuses and _reached(case):
        rules = (policy.rule for policy in case.decision.because if policy.refuses == refuses)
        words = f"this host is not to be used now: {printable(refuses)}"
        yield Finding(Code.HOST_REFUSED, 0.99, words, source=next(rules, ""))


def unproven_route(case: Case) -> Iterator[Finding]:
    """The certificate is good, for a host that anybody on the path could have put there (P-11)."""
    if case.evidence.secured and not case.decision.vouched:
        host = case.evidence.endpoint.host
        words = f"that {host} is the right host, only an unsigned answer of DNS says"
        yield Finding(Code.ROUTE_UNPROVEN, 0.99, words, source="RFC 7672, 1.3.2")


def failing_test(case: Case) -> Iterator[Finding]:
    """A policy that is only tested would have kept this host from being used (P-05)."""
    for policy in case.decision.tested if _reached(case) else ():
        if fault := _fault(case, policy):
            words = f"enforced, {policy.source} would not let this pass: {printable(fault)}"
            yield Finding(Code.TESTING_WOULD_FAIL, 0.99, words, source=policy.rule)
            return


def _fault(case: Case, policy: Policy) -> str:
    if policy.refuses:
        return policy.refuses
    if case.evidence.handshake is None:
        return "no TLS"
    # RFC 8461, 4.2: the WebPKI's names, whatever else authenticates this host
    tried = replace(case.decision, pins=policy.pins, tlsa=policy.tlsa)
    good = proven(tried, case.evidence.handshake)
    return "" if good else "the certificate does not prove the name"


def _reached(case: Case) -> bool:
    """There was a server that gave service: else there is nothing to tell of it."""
    silent = (Outcome.BUSY, Outcome.UNAVAILABLE)
    return case.evidence.connected is not None and case.upgrade.outcome not in silent


RULES = (refused, unproven_route, failing_test)

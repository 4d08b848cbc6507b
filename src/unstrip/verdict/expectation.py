"""Rules about what policies ask beyond a good link: this host and no other; what a test shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from unstrip.escaping import printable
from unstrip.evidence import Evidence
from unstrip.handshake import Handshake
from unstrip.policy import Decision, Level, Policy
from unstrip.upgrade import Outcome
from unstrip.verdict.case import Case
from unstrip.verdict.channel import authenticated, proven
from unstrip.verdict.values import Code, Finding


def shortfall(policy: Policy, decision: Decision, evidence: Evidence) -> str:
    """Say why a server does not meet one policy, judged by itself; "" where it does.

    Args: decision: what all policies came to; evidence: of an attempt that came far enough to tell.
    """
    if policy.refuses or policy.level <= Level.MAY:
        return policy.refuses
    if evidence.handshake is None:
        return "no TLS"
    if evidence.upgrade is not None and evidence.upgrade.exposed:
        return "not everything passes through TLS"
    if policy.level is Level.AUTHENTICATED and not _takes(policy, decision, evidence.handshake):
        return "the certificate does not prove the name"
    return ""


def _takes(policy: Policy, decision: Decision, handshake: Handshake) -> bool:
    """Tell whether a certificate is proof enough for one policy.

    One that has proofs of its own takes no other: RFC 8461, 4.2 asks for the WebPKI's names,
    whatever else authenticates this host. One that has none takes what the decision takes.
    """
    own = bool(policy.pins or policy.webpki or policy.tlsa)
    tried = replace(decision, pins=policy.pins, tlsa=policy.tlsa) if own else decision
    of_this_host = own or policy.attests  # who wants whoever is meant asks who named this one
    return (proven if of_this_host else authenticated)(tried, handshake)


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
        if fault := shortfall(policy, case.decision, case.evidence):
            words = f"enforced, {policy.source} would not let this pass: {printable(fault)}"
            yield Finding(Code.TESTING_WOULD_FAIL, 0.99, words, source=policy.rule)
            return


def _reached(case: Case) -> bool:
    """There was a server that gave service: else there is nothing to tell of it."""
    silent = (Outcome.BUSY, Outcome.UNAVAILABLE)
    return case.evidence.connected is not None and case.upgrade.outcome not in silent


RULES = (refused, unproven_route, failing_test)

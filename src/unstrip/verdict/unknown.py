"""Rules for what never came as far as the upgrade: then nothing can be said about it."""

from __future__ import annotations

from collections.abc import Iterator

from unstrip.escaping import brief
from unstrip.trouble import Trouble
from unstrip.upgrade import Outcome
from unstrip.verdict.case import Case, proofs
from unstrip.verdict.values import Code, Finding

_NAMED = {
    Trouble.UNRESOLVED: Code.NAME_UNRESOLVED,
    Trouble.UNREACHABLE: Code.UNREACHABLE,
    Trouble.DEADLINE: Code.DEADLINE_PASSED,
    Trouble.RESET: Code.CONNECTION_RESET,
    Trouble.ENDED: Code.CONNECTION_CLOSED,
    Trouble.TOO_LONG: Code.ENDLESS_ANSWER,
    Trouble.BROKEN: Code.NOT_THE_PROTOCOL,
}


def busy(case: Case) -> Iterator[Finding]:
    """421 and its like: come back later is not "no TLS"."""
    if case.upgrade.outcome is Outcome.BUSY:
        words = f"the server asks to come back later: {brief(case.upgrade.said)}"
        yield Finding(
            Code.RATE_LIMITED, 0.9, words, proof=proofs(case.evidence, case.upgrade.said.encode())
        )


def no_service(case: Case) -> Iterator[Finding]:
    """The greeting was a refusal."""
    if case.upgrade.outcome is Outcome.UNAVAILABLE:
        words = f"the server gives no service: {brief(case.upgrade.said)}"
        yield Finding(Code.SERVICE_REFUSED, 0.9, words)


def broken_off(case: Case) -> Iterator[Finding]:
    """The attempt ended before anything could be seen; the sentence says where and why."""
    failure = case.evidence.failure
    if failure is not None and failure.trouble in _NAMED:
        yield Finding(_NAMED[failure.trouble], 0.9, failure.words, _other_door(case))


def _other_door(case: Case) -> tuple[str, ...]:
    """A port that begins with TLS says nothing to whoever waits for a greeting."""
    evidence, failure = case.evidence, case.evidence.failure
    mute = evidence.connected is not None and not evidence.transcript
    if not mute or failure is None or failure.trouble is not Trouble.DEADLINE:
        return ()
    schemes = tuple(case.protocol.IMPLICIT_PORTS)
    words = "the server said nothing; if this port begins with TLS, try"
    return (f"{words} {schemes[0]}://",) if schemes else ()


RULES = (busy, no_service, broken_off)

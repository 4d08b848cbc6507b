"""What would have become of mail that a report says failed, had the policy been enforced.

- A sender that could not have the policy goes without one, so it loses nothing (RFC 8461, 3.3).
- DANE counts in every mode: what failed by it is lost now, whatever the policy says.
- A sender that applied no policy does not heed ours, unless it has done so to other mail.
- A session that succeeded with a later server was delivered, and would have been.
- Anything else would have been lost, also where nobody says why, or in words that nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from unstrip.policy.questions import ResultType
from unstrip.rollout.values import Effect
from unstrip.tlsrpt.received import Told
from unstrip.tlsrpt.values import Failure, PolicyType

_WITHOUT_POLICY = frozenset(
    each.value
    for each in (
        ResultType.STS_POLICY_FETCH_ERROR,
        ResultType.STS_POLICY_INVALID,
        ResultType.STS_WEBPKI_INVALID,
    )
)


def heeding(told: Iterable[Told]) -> frozenset[str]:
    """Return the senders that have applied a policy of MTA-STS to any mail of ours."""
    return frozenset(one.submitter for one in told if one.tally.policy.kind is PolicyType.STS)


def concerned(one: Told, heeders: frozenset[str]) -> bool:
    """Tell whether these sessions would have been held to the policy."""
    match one.tally.policy.kind:
        case PolicyType.STS:
            return True
        case PolicyType.NONE:
            return one.submitter in heeders
        case PolicyType.TLSA:
            return False


def only(told: Iterable[Told], effect: Effect, heeders: frozenset[str]) -> Iterator[Told]:
    """Yield what was told of failures with one effect, and of nothing else."""
    for one in told:
        parts = tuple((failure, n) for e, failure, n in _parts(one, heeders) if e is effect)
        if parts:
            failed = min(one.tally.failed, sum(times for _, times in parts))
            yield replace(one, tally=replace(one.tally, succeeded=0, failed=failed, failures=parts))


def _parts(one: Told, heeders: frozenset[str]) -> Iterator[tuple[Effect, Failure, int]]:
    """Yield each failure; what is counted and not explained is one, too."""
    tally = one.tally
    for failure, times in tally.failures:
        if times:
            yield _effect(one, failure, heeders), failure, times
    unsaid = tally.failed - sum(times for _, times in tally.failures)
    if unsaid > 0:
        nothing = Failure("")
        yield _effect(one, nothing, heeders), nothing, unsaid


def _effect(one: Told, failure: Failure, heeders: frozenset[str]) -> Effect:
    tally = one.tally
    if not tally.failed:
        return Effect.SPARED
    if tally.policy.kind is PolicyType.TLSA:
        return Effect.ALREADY
    without = failure.result.strip().lower() in _WITHOUT_POLICY
    return Effect.SPARED if without or not concerned(one, heeders) else Effect.LOST

"""One session with a mail server, held against each policy that applied to it.

Who saw the session, a check of ours or somebody else's log, tells what is known of it; the policies
are those that were derived for the domain. What nobody looked at is left out: of a certificate that
was not held against the TLSA records, nothing is said under DANE.

- DANE and MTA-STS are both told of where both apply (RFC 8460, 4.4), and a policy that is only
  tested is told of as if it were enforced.
- A policy that there is, and that could not be had, fails every session until it can be.
- A look-up that only took too long may be our own fault, and is told to nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from unstrip.derivation import Derivation
from unstrip.policy.dane import Host, Standing
from unstrip.policy.mta_sts import Known, Mode, StsPolicy
from unstrip.policy.questions import ResultType
from unstrip.tlsrpt.values import Applied, Attempt, Failure, Outcome, PolicyType

UNLISTED = "mx-not-in-policy"
_LONGEST = 300  # characters of a reason

Faults = tuple[tuple[ResultType, str], ...]  # each with a reason


@dataclass(frozen=True, slots=True)
class Session:
    """What is known of a session.

    Attributes:
        host: the name that MX gives.
        broken: why there was no TLS, None if there was.
        by_dane: what was wrong with the certificate by the TLSA records; None if nobody looked.
        by_webpki: the same by the WebPKI, for the host's name.
        sending_ip, receiving_ip, helo: as in a `Failure`.
    """

    host: str
    broken: tuple[ResultType, str] | None = None
    by_dane: Faults | None = None
    by_webpki: Faults | None = None
    sending_ip: str = ""
    receiving_ip: str = ""
    helo: str = ""

    def failures(self, faults: Faults) -> tuple[Failure, ...]:
        """Return each fault as it is reported."""
        return tuple(
            Failure(
                result.value,
                self.sending_ip,
                self.host,
                self.helo,
                self.receiving_ip,
                reason[:_LONGEST],
            )
            for result, reason in faults
        )


def attempt(derivation: Derivation, record: str, session: Session | None = None) -> Attempt | None:
    """Return what is reported of a session; None if nothing can be said of it.

    Args: session: None if there was none, which leaves what went wrong before.
    """
    outcomes = tuple(_outcomes(derivation, session))
    return Attempt(derivation.domain, record, outcomes) if outcomes else None


def _outcomes(derivation: Derivation, session: Session | None) -> Iterator[Outcome]:
    before = (*_lost_route(derivation), *_unfetched(derivation))
    yield from before
    if session is None:
        yield from (_lost(host) for host in derivation.route.hosts if _is_lost(host))
        return
    host = next((each for each in derivation.route.hosts if each.name == session.host), None)
    policy = in_force(derivation)
    if host is not None:
        yield from _by_dane(host, session)
    if policy is not None:
        yield from _by_sts(derivation, policy, session)
    if not before and policy is None and host is not None and host.standing not in _APPLYING:
        yield _by_none(session)


# DANE

_APPLYING = frozenset({Standing.AUTHENTICATED, Standing.ENCRYPTED, Standing.FAILED})


def _by_dane(host: Host, session: Session) -> Iterator[Outcome]:
    records = Applied(PolicyType.TLSA, host.base, tuple(each.text for each in host.published))
    match host.standing:
        case Standing.AUTHENTICATED:
            yield from _held(records, session, session.by_dane)
        case Standing.ENCRYPTED:  # RFC 7672, 2.2: then TLS is all that is asked for
            invalid = session.failures(((ResultType.TLSA_INVALID, host.words),))
            for outcome in _held(records, session, ()):
                yield Outcome(records, outcome.failed, (*invalid, *outcome.failures))
        case Standing.FAILED if _is_lost(host):
            yield _lost(host)


def _is_lost(host: Host) -> bool:
    return host.standing is Standing.FAILED and host.result is not None


def _lost(host: Host) -> Outcome:
    """What is told of a server whose records could not be had."""
    assert host.result is not None
    why = Failure(host.result.value, host=host.name, reason=host.words[:_LONGEST])
    return Outcome(Applied(PolicyType.TLSA, host.base or host.name), failed=True, failures=(why,))


def _lost_route(derivation: Derivation) -> Iterator[Outcome]:
    """The servers themselves could not be found out, since DNSSEC does not vouch for them."""
    route = derivation.route
    if route.result is not None:
        why = Failure(route.result.value, reason=route.words[:_LONGEST])
        yield Outcome(Applied(PolicyType.TLSA, route.name), failed=True, failures=(why,))


# MTA-STS


def in_force(derivation: Derivation) -> StsPolicy | None:
    """Return the policy that was held to; RFC 8461, 5: one of mode none is none."""
    policy = derivation.sts.in_force(derivation.at) if derivation.sts else None
    return None if policy is None or policy.mode is Mode.NONE else policy


def _by_sts(derivation: Derivation, policy: StsPolicy, session: Session) -> Iterator[Outcome]:
    applied = Applied(PolicyType.STS, derivation.domain, policy.lines, policy.mx)
    faults = session.by_webpki
    if not policy.allows(session.host):
        faults = ((ResultType.VALIDATION_FAILURE, UNLISTED), *(faults or ()))
    stale = _fetch_failures(derivation.sts)
    for outcome in _held(applied, session, faults):
        yield Outcome(applied, outcome.failed, (*outcome.failures, *stale))


def _unfetched(derivation: Derivation) -> Iterator[Outcome]:
    """There is a policy, and it could not be had, and there was none before."""
    failures = _fetch_failures(derivation.sts)
    if failures and derivation.sts and derivation.sts.in_force(derivation.at) is None:
        yield Outcome(Applied(PolicyType.STS, derivation.domain), failed=True, failures=failures)


def _fetch_failures(known: Known | None) -> tuple[Failure, ...]:
    trouble = known.fetch if known else None
    if trouble is None or trouble.result is None:
        return ()
    return (Failure(trouble.result.value, reason=trouble.words[:_LONGEST]),)


# Any


def _by_none(session: Session) -> Outcome:
    """RFC 8460, 4.4: without a policy, TLS with whomever is what was hoped for."""
    (outcome,) = _held(Applied(PolicyType.NONE), session, session.by_dane or ())
    return outcome


def _held(applied: Applied, session: Session, faults: Faults | None) -> Iterator[Outcome]:
    """Hold a session against one policy; nothing comes of it where nobody looked."""
    if session.broken is not None:
        faults = (session.broken,)
    if faults is not None:
        yield Outcome(applied, bool(faults), session.failures(faults))

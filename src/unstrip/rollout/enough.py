"""Whether enough was told to tell: who has not asked does not know that nobody complains.

What counts is signed, as anyone could have sent the rest; of a policy that names every host; and of
days on which the MX had the hosts that it has now. Anyone with a domain can sign: whose praise is
to count is for the operator to say, and names below one domain are one sender.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta

from unstrip.policy.mta_sts import Mode, StsPolicy
from unstrip.publication import Objection, Weight
from unstrip.rollout.effects import concerned
from unstrip.rollout.senders import holder
from unstrip.rollout.snapshot import MX, Noted
from unstrip.rollout.values import Basis, Unsigned
from unstrip.tlsrpt.received import Proof, Told
from unstrip.tlsrpt.values import Applied, PolicyType

DAYS, SENDERS, SESSIONS = 7, 2, 20
FRESH = timedelta(days=4)  # a report comes a day or two late
_MX = "mx:"


def basis(told: Iterable[Told], heeders: frozenset[str], trusted: Collection[str] = ()) -> Basis:
    """Count what was told of sessions that would be held to the policy.

    Args: trusted: domains that are a sender each, whatever is above them.
    """
    ones = [one for one in told if concerned(one, heeders)]
    days = {one.day for one in ones}
    return Basis(
        reports=len({(one.submitter, one.report_id, one.day) for one in ones}),
        senders=tuple(sorted({holder(one.submitter, trusted) for one in ones})),
        days=len(days),
        sessions=sum(one.tally.succeeded + one.tally.failed for one in ones),
        last=max(days, default=None),
    )


def counting(
    told: Iterable[Told],
    hosts: Iterable[str],
    trail: Sequence[Noted],
    unsigned: Unsigned = Unsigned.DOUBT,
) -> tuple[Told, ...]:
    """Return what shows how mail gets in with this policy, to these hosts.

    Args: hosts: in the MX now; trail: oldest first, the last one of now.
    """
    since, names = settled(trail), tuple(hosts)
    return tuple(
        one
        for one in told
        if one.proof is Proof.DKIM or unsigned is Unsigned.TRUST
        if one.tally.policy.kind is PolicyType.STS
        if one.tally.succeeded + one.tally.failed
        if since is None or one.day > since
        if _names(one.tally.policy, names)
    )


def settled(trail: Sequence[Noted]) -> date | None:
    """Return the day on which the MX got the hosts that it has; None if no change is known."""
    known = [noted for noted in trail if MX not in noted.snapshot.unknown]
    for earlier, later in zip(known[-2::-1], known[:0:-1], strict=True):
        if earlier.snapshot.names != known[-1].snapshot.names:
            return later.first.date()
    return None


def objections(counted: Basis, until: date, *, unsigned: bool = False) -> Iterator[Objection]:
    """Say that too little was told. Args: unsigned: nothing else was, and it did not count."""
    too_few = (
        _few(counted.days, DAYS, "days"),
        _few(len(counted.senders), SENDERS, "senders"),
        _few(counted.sessions, SESSIONS, "sessions"),
    )
    if missing := ", ".join(filter(None, too_few)):
        words = f"too little was reported to tell: {missing}"
        hint = (
            "what counts is signed, of a policy that names these hosts, and since the MX has them; "
            "wait for more, or see that reports are asked for, and taken in"
        )
        if unsigned:
            hint += "; no report was signed: if you know who sends them, --unsigned trust"
        yield Objection(Weight.UNKNOWN, words, "RFC 8461, 5", hint)
    elif counted.last and counted.last < until - FRESH:
        words = f"nobody has reported since {counted.last}: what has changed since nobody knows"
        hint = "see that reports are asked for, and taken in: unstrip report take"
        yield Objection(Weight.UNKNOWN, words, "RFC 8461, 5", hint)


def _few(count: int, least: int, what: str) -> str:
    return f"{count} of {least} {what}" if count < least else ""


def _names(policy: Applied, hosts: tuple[str, ...]) -> bool:
    """Tell whether a policy names all hosts, as a sender has told it; some leave it out."""
    lines = [line.strip().lower() for text in policy.strings for line in text.splitlines()]
    told = [line[len(_MX) :] for line in lines if line.startswith(_MX)] or policy.hosts
    patterns = tuple(pattern.strip().lower().removesuffix(".") for pattern in told)
    applied = StsPolicy(Mode.TESTING, 0, patterns)
    return not patterns or all(applied.allows(host) for host in hosts)

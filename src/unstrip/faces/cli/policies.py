"""How MTA-STS policies are told: what is known of each domain, and what a refresh has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from unstrip.escaping import brief
from unstrip.faces.cli.report import wrapped
from unstrip.faces.cli.speech import moment
from unstrip.io.inquiry import Looked
from unstrip.policy.mta_sts import Known, StsPolicy, Trouble

_LENGTH = 200  # characters of what others have written


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """What `unstrip policy show --json` prints of one domain.

    Attributes: domain: its name; expires: when its policy's time is over, None without one; known:
        all that is known.
    """

    domain: str
    expires: datetime | None
    known: Known


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh came to.

    Attributes: before: what was known; looked: what was found out since.
    """

    before: Known | None
    looked: Looked

    @property
    def failed(self) -> bool:
        """Something is wrong, with the domain or with what is between us."""
        return any(troubles(self.looked.known))


def record(known: Known) -> PolicyRecord:
    """Return what is printed of one domain with --json."""
    return PolicyRecord(known.domain, known.expires, known)


def troubles(known: Known) -> tuple[Trouble, ...]:
    """Return what went wrong the last time, with the record and with the policy."""
    return tuple(trouble for trouble in (known.record, known.fetch) if trouble is not None)


def lines(known: Known, now: datetime) -> Iterator[str]:
    """Return what is known of one domain, line by line."""
    yield f"{known.domain}: {standing(known, now)}"
    if known.policy is not None and known.fetched is not None:
        for pattern in known.policy.mx:
            yield f"  mx {brief(pattern, _LENGTH)}"
        yield f"  id {brief(known.id)}, fetched {moment(known.fetched)}, expires {_expires(known)}"
    for trouble in troubles(known):
        yield from wrapped(_trouble(trouble), 2)


def standing(known: Known, now: datetime) -> str:
    """Return in a few words which policy holds."""
    if known.policy is None:
        return "there may be a policy" if known.uncertain(now) else "no policy"
    over = "" if known.in_force(now) else ", expired"
    return f"mode {known.policy.mode.value}{over}"


def news(refreshed: Refreshed, now: datetime) -> Iterator[str]:
    """Return what a refresh has changed, line by line."""
    before, known = refreshed.before, refreshed.looked.known
    old = before.policy if before else None
    holds = f", holds until {_expires(known)}" if known.in_force(now) else ""
    yield f"{known.domain}: {standing(known, now)}{holds}; {_change(old, known)}"
    for trouble in troubles(known):
        yield from wrapped(_trouble(trouble), 2)
    for alarm in refreshed.looked.alarms:
        yield from wrapped(f"alarm: {alarm}", 2)


def forgotten(
    domain: str, known: Known | None, policies: int, visits: int, hosts: Iterable[str]
) -> Iterator[str]:
    """Return what a release has come to, line by line.

    Args: known: what was known of the policy, as far as it could be read; policies, visits: how
        many were forgotten, of it and to a host of that name; hosts: those that were visited.
    """
    policy = known.policy if known else None
    looked = known is not None and policy is None
    things = ["that one was looked for" if looked else "its policy"] if policies else []
    if visits:
        things.append(f"{visits} {'visit' if visits == 1 else 'visits'} to a host of that name")
    yield f"{domain}: forgotten: {', '.join(things)}"
    if policy is None:
        yield "  visits to its MX hosts are not: unstrip history forget HOST"
    for host in dict.fromkeys(hosts):
        if policy and policy.allows(host) and host != domain:
            yield f"  visits to {host} are not: unstrip history forget {host}"


def policy_words(policy: StsPolicy) -> str:
    """Return a policy in one line."""
    patterns = f", mx {brief(', '.join(policy.mx), _LENGTH)}" if policy.mx else ""
    return f"mode {policy.mode.value}, max_age {policy.max_age}{patterns}"


def _change(old: StsPolicy | None, known: Known) -> str:
    if known.policy != old:
        return f"new: {policy_words(known.policy)}" if known.policy else "gone"
    if old:
        return "unchanged"
    if known.fetch:
        return "one is announced, and could not be had"
    if known.record:
        return "its record is wrong" if known.record.certain else "it could not be found out"
    return "nothing is published"


def _trouble(trouble: Trouble) -> str:
    result = f"{trouble.result.value}: " if trouble.result else ""
    times = f", {trouble.times} times" if trouble.times > 1 else ""
    return f"{result}{brief(trouble.words, _LENGTH)} ({moment(trouble.at)}{times})"


def _expires(known: Known) -> str:
    return moment(known.expires) if known.expires else "never"

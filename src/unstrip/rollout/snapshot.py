"""What a domain publishes, and what its MX hosts show, at one time; and the trail of that.

Only what a change of means something is in it, in an order that does not depend on who answered
first: so two looks at the same are equal. What could not be found out is said to be unknown, and is
never taken for something that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

from unstrip.escaping import brief
from unstrip.policy.mta_sts import Mode

MX, POLICY, REPORTS = "mx", "policy", "reports"  # what may be unknown


@dataclass(frozen=True, slots=True, order=True)
class Leaf:
    """A server's certificate.

    Attributes: key: SHA-256 of its public key, in hex, as a TLSA record 3 1 1 has it; begins, ends:
        when it does. None, and no key, where it cannot be read.
    """

    key: str = ""
    begins: datetime | None = None
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What one address of a host shows.

    Attributes: leaf: its certificate; clear: it answered, and led to no TLS.
    """

    address: str
    leaf: Leaf | None = None
    clear: bool = False

    @property
    def mute(self) -> bool:
        """Nothing is known of it."""
        return self.leaf is None and not self.clear


@dataclass(frozen=True, slots=True)
class HostSeen:
    """One MX host.

    Attributes:
        name, preference: as in the MX; no preference where the domain is its own server.
        tlsa: its records.
        shown: by each of its addresses, in their order.
    """

    name: str
    preference: int | None
    tlsa: tuple[str, ...]
    shown: tuple[Shown, ...]

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The certificates that its addresses show; none if nobody answered in TLS."""
        return tuple(sorted({each.leaf for each in self.shown if each.leaf}, key=str))

    @property
    def clear(self) -> bool:
        """One of them answered, and led to no TLS."""
        return any(each.clear for each in self.shown)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of it.

    Attributes:
        policy_id, mode, max_age, patterns: of the MTA-STS policy; mode None if there is none.
        reports: what is said about reports, record by record.
        hosts: in the order of the MX.
        unknown: what could not be found out: `mx`, `policy`, `reports`, or the name of a host whose
            TLSA records could not be.
    """

    policy_id: str = ""
    mode: Mode | None = None
    max_age: int = 0
    patterns: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    hosts: tuple[HostSeen, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The MX hosts."""
        return frozenset(host.name for host in self.hosts)


def completed(snapshot: Snapshot, earlier: Snapshot) -> Snapshot:
    """Return a snapshot with what it could not find out as it was earlier: if no more, no less."""
    missing = frozenset(snapshot.unknown)
    tlsa = {host.name: host.tlsa for host in earlier.hosts if host.name in missing}
    shown = {(host.name, each.address): each for host in earlier.hosts for each in host.shown}
    hosts = tuple(
        replace(
            host,
            tlsa=tlsa.get(host.name, host.tlsa),
            shown=tuple(
                shown.get((host.name, each.address), each) if each.mute else each
                for each in host.shown
            ),
        )
        for host in snapshot.hosts
    )
    policy, reports = (earlier if part in missing else snapshot for part in (POLICY, REPORTS))
    return Snapshot(
        *(policy.policy_id, policy.mode, policy.max_age, policy.patterns),
        reports.reports,
        hosts,
        tuple(part for part in snapshot.unknown if part in earlier.unknown),
    )


@dataclass(frozen=True, slots=True)
class Noted:
    """A snapshot, and the first and the last time that it was what was seen."""

    first: datetime
    last: datetime
    snapshot: Snapshot


def on(trail: Iterable[Noted], day: date) -> Noted | None:
    """Return what was last seen on a day, in UTC, or before it; None if nobody looked until then.

    Args: trail: oldest first.
    """
    earlier = [noted for noted in trail if noted.first.date() <= day]
    return earlier[-1] if earlier else None


def words(noted: Noted | None, day: date) -> str:
    """Return in one line what was published on a day, "" if nobody knows."""
    if noted is None:
        return ""
    told = "; ".join(_told(noted.snapshot))
    seen = noted.last.date()
    return told if seen >= day else f"{told}; as seen on {seen}"


def _told(snapshot: Snapshot) -> Iterator[str]:
    yield policy_words(snapshot)
    yield from map(host_words, snapshot.hosts)
    if MX in snapshot.unknown:
        yield "mx not found out"


def policy_words(snapshot: Snapshot) -> str:
    """Return in words what policy there is."""
    if snapshot.mode is None:
        return "policy not found out" if POLICY in snapshot.unknown else "no policy"
    patterns = ", ".join(map(brief, snapshot.patterns))
    policy = f"policy {brief(snapshot.policy_id)}, mode {snapshot.mode.value}"
    return f"{policy}, {patterns}" if patterns else policy


def host_words(host: HostSeen) -> str:
    """Return in words what an MX host shows, and what is published of it."""
    return ", ".join((f"mx {brief(host.name)}", *_shown(host)))


def _shown(host: HostSeen) -> Iterator[str]:
    for leaf in host.leaves:
        until = f" until {leaf.ends:%Y-%m-%d}" if leaf.ends else ""
        yield f"key {leaf.key[:16] or 'unreadable'}{until}"
    if host.clear:
        yield "no TLS"
    yield from (f"TLSA {brief(each, 24)}" for each in host.tlsa)

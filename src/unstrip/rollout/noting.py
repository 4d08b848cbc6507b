"""From what a look at a domain has shown to what is noted of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from unstrip.certificates import Unreadable, read
from unstrip.evidence import Evidence
from unstrip.policy.dane import Route, Standing
from unstrip.policy.questions import Txt
from unstrip.publication import Seen, Server
from unstrip.publication.hosts import answered
from unstrip.rollout.snapshot import MX, POLICY, REPORTS, HostSeen, Leaf, Shown, Snapshot
from unstrip.tlsa import public_key
from unstrip.tlsrpt import record


def snapshot(seen: Seen) -> Snapshot:
    """Return what is noted; hosts that are only to come are none yet."""
    there = [server for server in seen.servers if not server.coming]
    policy = seen.served.policy
    return Snapshot(
        policy_id=seen.served.id if policy else "",
        mode=policy.mode if policy else None,
        max_age=policy.max_age if policy else 0,
        patterns=tuple(sorted(policy.mx)) if policy else (),
        reports=tuple(sorted(_texts(seen))),
        hosts=tuple(sorted(map(_host, there), key=lambda host: (host.preference or 0, host.name))),
        unknown=tuple(_unknown(seen)),
    )


def _texts(seen: Seen) -> Iterator[str]:
    if seen.reports.failed:
        return
    for text in record.ours(each.joined for each in seen.reports.of(Txt)):
        yield text.decode("latin-1")


def _unknown(seen: Seen) -> Iterator[str]:
    if seen.route.route is Route.FAILED or seen.route.left_out:
        yield MX
    served = seen.served
    if served.policy is None and (served.fetch or served.record):
        yield POLICY
    if seen.reports.failed:
        yield REPORTS
    failed = {s.name for s in seen.servers if s.host.standing is Standing.FAILED}
    yield from sorted(failed)


def _host(server: Server) -> HostSeen:
    return HostSeen(
        name=server.name,
        preference=server.preference,
        tlsa=tuple(sorted(each.text for each in server.host.published)),
        shown=tuple(sorted(map(_shown, server.visits), key=lambda shown: shown.address)),
    )


def _shown(visit: Evidence) -> Shown:
    if visit.secured:
        return Shown(visit.address, _leaf(visit))
    return Shown(visit.address, clear=answered(visit))


def _leaf(visit: Evidence) -> Leaf:
    if visit.handshake is None:
        return Leaf()
    try:
        first = visit.handshake.chain[0]
        facts = read(first)
        key = hashlib.sha256(public_key(first)).hexdigest()
    except (Unreadable, IndexError):
        return Leaf()
    return Leaf(key, facts.not_before, facts.not_after)

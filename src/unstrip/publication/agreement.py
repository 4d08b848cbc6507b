"""What agrees at each address of each MX host: certificate, TLSA records and policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from unstrip.certificates import Fault, Unreadable, read
from unstrip.evidence import Evidence
from unstrip.policy.dane import Standing
from unstrip.policy.mta_sts import Mode
from unstrip.publication.values import Seen, Server
from unstrip.tlsa import match


@dataclass(frozen=True, slots=True)
class Agreement:
    """One address of an MX host.

    Attributes:
        host, address: which; None if it has no address.
        faults: of its certificate, as the web sees it; None if it showed none.
        ends: when that certificate does.
        standing: what DANE says of the host; records: how many TLSA records are published.
        met: whether one of them fits; None if there is none, or nobody answered.
        mode: of the policy that is published, None if none could be had.
        named: whether that policy has the host; None if it has no hosts.
    """

    host: str
    address: str | None
    faults: tuple[Fault, ...] | None
    ends: datetime | None
    standing: Standing
    records: int
    met: bool | None
    mode: Mode | None
    named: bool | None


def agreements(seen: Seen) -> Iterator[Agreement]:
    """Yield what is seen at each address of each host."""
    for server in seen.servers:
        unvisited = _unvisited(seen, server)
        for visit in server.visits:
            yield _visited(unvisited, seen, server, visit)
        if not server.visits:
            yield unvisited


def _unvisited(seen: Seen, server: Server) -> Agreement:
    policy, host = seen.served.policy, server.host
    mode = policy.mode if policy else None
    named = policy.allows(server.name) if policy and policy.mx else None
    published = len(host.published)
    return Agreement(server.name, None, None, None, host.standing, published, None, mode, named)


def _visited(unvisited: Agreement, seen: Seen, server: Server, visit: Evidence) -> Agreement:
    there = replace(unvisited, address=visit.address)
    shake = visit.handshake
    if shake is None:
        silent = not there.records or not visit.transcript
        return replace(there, met=None if silent else False)
    found = match(server.host.published, shake.chain, server.host.names, seen.at)
    return replace(
        there,
        faults=shake.webpki.faults if shake.webpki else None,
        ends=_ends(shake.chain),
        met=found.valid if there.records else None,
    )


def _ends(chain: tuple[bytes, ...]) -> datetime | None:
    try:
        return read(chain[0]).not_after
    except (Unreadable, IndexError):
        return None

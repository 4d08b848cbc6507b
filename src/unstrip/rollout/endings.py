"""When the certificates of the MX hosts end, and when the records of the next ones are to be there.

A renewed certificate mostly has another key, and nobody who heeds DANE delivers to a key whose
record is not known everywhere yet (RFC 7671, 8.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from unstrip.certificates import Unreadable, read
from unstrip.evidence import Evidence
from unstrip.publication import Seen, Server
from unstrip.publication.hosts import SOON
from unstrip.publication.roll import turnover
from unstrip.rollout.values import Ending
from unstrip.tlsa import Usage, match

_OF_LEAF = frozenset({Usage.DANE_EE, Usage.PKIX_EE})


def endings(seen: Seen) -> tuple[Ending, ...]:
    """Return when what each host shows ends, the next one first."""
    found = [ending for server in seen.servers for ending in _ending(server, seen.at)]
    return tuple(sorted(found, key=lambda ending: (ending.ends, ending.host)))


def _ending(server: Server, at: datetime) -> Iterator[Ending]:
    """Yield when the first of a host's certificates ends, if its addresses show several."""
    ends = {end: visit for visit in server.visits if (end := _end(visit))}
    if not ends:
        return
    first = min(ends)
    tlsa = tuple(_naming(server, ends[first], at))
    publish_by = first - turnover(server) if tlsa else None
    yield Ending(server.name, first, first - SOON, tlsa, publish_by)


def _end(visit: Evidence) -> datetime | None:
    if not visit.secured or visit.handshake is None:
        return None
    try:
        return read(visit.handshake.chain[0]).not_after
    except (Unreadable, IndexError):
        return None


def _naming(server: Server, visit: Evidence, at: datetime) -> Iterator[str]:
    """Yield the records that a certificate with another key would not meet."""
    assert visit.handshake, "its certificate was read"
    for record in server.host.published:
        fits = match([record], visit.handshake.chain, server.host.names, at).valid
        if fits and record.usage in _OF_LEAF:
            yield record.text

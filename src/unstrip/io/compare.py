"""One comparison, whole: each way is visited in turn, and what was seen is set side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace

from unstrip.comparison import Comparison, Visits, compare
from unstrip.evidence import Endpoint, Evidence
from unstrip.io.asyncio import attend
from unstrip.io.session import Terms
from unstrip.protocols import LEGACY_TLS, REGISTRY
from unstrip.target import implicit_twin, in_band_twin
from unstrip.trouble import Trouble

OLDER = LEGACY_TLS  # what to compare the newest version with


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of it.

    Attributes: endpoint: what was asked about; comparison: the two ways side by side; evidence:
        of each visit, in their order.
    """

    endpoint: Endpoint
    comparison: Comparison
    evidence: tuple[Evidence, ...]


def ways(
    endpoint: Endpoint, in_band_port: int | None = None, implicit_port: int | None = None
) -> tuple[Endpoint, Endpoint | None]:
    """Return the port that upgrades in-band and the one with implicit TLS, None if there is none.

    Args: in_band_port, implicit_port: where the other port is, if not where IANA has it.
    """
    if endpoint.implicit:
        return in_band_twin(endpoint, in_band_port) or endpoint, endpoint
    if not REGISTRY[endpoint.protocol].IMPLICIT_PORTS:
        return endpoint, None
    return endpoint, implicit_twin(endpoint, implicit_port)


async def compare_ways(
    endpoint: Endpoint,
    terms: Terms,
    in_band_port: int | None = None,
    implicit_port: int | None = None,
) -> Compared:
    """Compare the two ways to TLS on one host, by up to four visits, one after the other.

    TLS is asked for whether or not it is offered (R3); whatever goes wrong is in the evidence.
    """
    terms = replace(terms, ask=replace(terms.ask, insist=True))
    in_band, implicit = ways(endpoint, in_band_port, implicit_port)
    upgraded = await _visits(in_band, terms)
    direct = None if implicit is None else await _visits(implicit, terms)
    evidence = upgraded.all + (direct.all if direct else ())
    return Compared(endpoint, compare(upgraded, direct), evidence)


async def _visits(endpoint: Endpoint, terms: Terms) -> Visits:
    """Visit with the newest TLS; with an older one too, where that can show anything else."""
    newest = await attend(endpoint, terms)
    if not _worth_another(newest):
        return Visits(newest)
    return Visits(newest, await attend(endpoint, replace(terms, tls_at_most=OLDER)))


def _worth_another(newest: Evidence) -> bool:
    """Nobody is asked again who is busy or closed, or who has TLS 1.2 already."""
    if newest.handshake is not None:
        return newest.secured and newest.handshake.version != OLDER
    return newest.failure is not None and newest.failure.trouble is Trouble.TLS

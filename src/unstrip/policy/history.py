"""What earlier visits prove: trust on first use, which may only raise expectations.

A destination that once was reached inside TLS is expected to be so again; one that proved who it
is, again and again, is expected to prove it. Visits in clear prove nothing (P-12): whoever was on
the path at the first visit may have been the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from unstrip.evidence import Evidence
from unstrip.policy.values import Level, Policy

SOURCE = "history"
MEMORY = timedelta(days=180)  # for as long a sighting counts
STEADY_VISITS, STEADY_TIME = 3, timedelta(days=7)  # before a certificate is expected to stay valid


def opinion(visits: Iterable[Evidence]) -> Policy | None:
    """Return what earlier visits to one destination make us expect, None if nothing.

    Args: visits: of one endpoint; those in clear are passed over.
    """
    secured = sorted((visit for visit in visits if visit.secured), key=_began)
    if not secured:
        return None
    proofs = [visit.began for visit in secured if proved(visit)]
    certain = bool(proofs) and steady(len(proofs), proofs[-1] - proofs[0])
    level = Level.AUTHENTICATED if certain else Level.ENCRYPT
    last = secured[-1].began
    visits_in_tls = "1 earlier visit" if len(secured) == 1 else f"{len(secured)} earlier visits"
    text = f"TLS on {visits_in_tls}, last on {last:%Y-%m-%d}"
    return Policy(SOURCE, level, text, attests=True, expires=last + MEMORY)


def proved(visit: Evidence) -> bool:
    """Tell whether the visit's certificate was valid for the name."""
    said = visit.handshake.webpki if visit.handshake else None
    return said is not None and said.valid


def steady(times: int, span: timedelta) -> bool:
    """Tell whether a name that was proved so often, in so long a time, is expected to be again."""
    return times >= STEADY_VISITS and span >= STEADY_TIME


def _began(visit: Evidence) -> datetime:
    return visit.began

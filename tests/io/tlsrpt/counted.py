"""Days to report on, counted in a real store."""

from __future__ import annotations

from datetime import date

from tests.tlsrpt.days import DANE, DAY, DOMAIN, EXPIRED, RECORD, STS
from unstrip.io.store import Store
from unstrip.tlsrpt.values import Attempt, Outcome

FINE = (Outcome(DANE, failed=False), Outcome(STS, failed=False))
BROKEN = (Outcome(STS, failed=True, failures=(EXPIRED,)),)


def count(
    store: Store, domain: str = DOMAIN, record: str = RECORD, times: int = 3, *, day: date = DAY
) -> None:
    """Count deliveries to a domain: so many that were fine, and one that was not."""
    attempts = [(Attempt(domain, record, FINE), times), (Attempt(domain, record, BROKEN), 1)]
    store.add(day, attempts)

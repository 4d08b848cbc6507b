"""What others might have told, and strategies that make it."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import strategies as st

from tests.tlsrpt.days import DAY, DOMAIN, EXPIRED, STS, names, tallies, texts
from unstrip.tlsrpt.received import Proof, Told
from unstrip.tlsrpt.values import Applied, Failure, Tally

SENDER, OTHER = "sender.example", "other.example"


def days_before(number: int, day: date = DAY) -> date:
    return day - timedelta(days=number)


def tell(
    ago: int = 0,
    succeeded: int = 0,
    failed: int = 0,
    *,
    failure: Failure | None = EXPIRED,
    policy: Applied = STS,
    sender: str = SENDER,
    proof: Proof = Proof.DKIM,
    domain: str = DOMAIN,
    day: date = DAY,
) -> Told:
    """One report of a sender, so many days ago, of which all failures have one reason."""
    failures = ((failure, failed),) if failure and failed else ()
    of = days_before(ago, day)
    tally = Tally(policy, succeeded, failed, failures)
    return Told(of, sender, f"{sender} Inc", f"{of}-{policy.kind.value}", domain, proof, tally)


some_day = st.integers(0, 40).map(days_before)
told = st.builds(
    Told, some_day, names, texts, texts, st.just(DOMAIN), st.sampled_from(Proof), tallies
)

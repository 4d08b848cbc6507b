"""Days to report on, and strategies that make them."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import strategies as st

from unstrip.policy.questions import ResultType
from unstrip.tlsrpt.report import Reporter
from unstrip.tlsrpt.values import Applied, Day, Failure, PolicyType, Tally

DAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
DOMAIN, MX = "example.org", "mx.example.org"
RECORD = f"v=TLSRPTv1; rua=mailto:tls@{DOMAIN}"
WHO = Reporter("Sender Inc", "postmaster@sender.example", "sender.example")

STS = Applied(
    PolicyType.STS,
    DOMAIN,
    ("version: STSv1", "mode: enforce", "mx: *.example.org", "max_age: 604800"),
    ("*.example.org",),
)
DANE = Applied(PolicyType.TLSA, MX, (f"3 1 1 {'ab' * 32}",))
NOTHING = Applied(PolicyType.NONE)
EXPIRED = Failure(
    "certificate-expired",
    "192.0.2.1",
    MX,
    "mx.example.org",
    "192.0.2.25",
    "certificate has expired",
)


def day(*tallies: Tally, domain: str = DOMAIN, record: str = RECORD) -> Day:
    return Day(DAY, domain, record, tallies)


BOTH = day(Tally(DANE, 7, 0), Tally(STS, 5, 2, ((EXPIRED, 2),)))

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.from_regex(r"[a-z]{1,8}\.example", fullmatch=True)
counts = st.integers(0, 10**9)
failures = st.builds(Failure, st.sampled_from([each.value for each in ResultType]), *[texts] * 6)
policies = st.builds(
    Applied,
    st.sampled_from(PolicyType),
    names,
    st.lists(texts, max_size=3).map(tuple),
    st.lists(names, max_size=3).map(tuple),
)
tallies = st.builds(
    Tally,
    policies,
    counts,
    counts,
    st.dictionaries(failures, counts, max_size=3).map(lambda found: tuple(found.items())),
)
days = st.lists(tallies, max_size=4, unique_by=lambda tally: tally.policy).map(
    lambda found: day(*found)
)

"""What others have told of deliveries to us, counted together: by day, sender, policy and result.

A session counts once under each policy that was applied to it, as it does in the reports (RFC 8460,
4.4); so where both DANE and MTA-STS were, it counts twice. How often a failure was met is not how
many sessions failed: one session may have met several, or have succeeded with the next server.
Causes, policies and results beyond the first thousand are counted as others, together.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TypeVar

from unstrip.tlsrpt.received import Proof, Told
from unstrip.tlsrpt.values import Applied, Failure, PolicyType

_REASONS = 3  # shown of one cause
_MOST_REASONS = 30  # of one cause, among which the most frequent are looked for
_DETAILS = 200_000  # failures, each told apart
_MOST = 1000  # causes, and policies and results: whoever reports may think of any number
OTHERS = "others"  # the result of those beyond
_PROOFS = tuple(Proof)
K = TypeVar("K")
Published = Callable[[str, date], str]  # what a domain of ours published on a day, in words


@dataclass(frozen=True, slots=True)
class Cause:
    """A class of failures: what went wrong, by whose policy, at which mail server.

    Attributes: result: its type, "" where a report gives none; policy_domain: of the policy; host:
        "" where none is named.
    """

    result: str
    policy: PolicyType
    policy_domain: str
    host: str


@dataclass(frozen=True, slots=True)
class Count:
    """What was told of one day, sender, policy or result, or of all.

    Attributes:
        name: of what, "" for all; about: more of that: how a sender calls itself, whose policy.
        reports, senders: how many tell of it; proofs: what shows that they are of who they say.
        succeeded, failed: sessions; of a result, how often it was met.
    """

    name: str
    about: str
    reports: int
    senders: int
    proofs: tuple[Proof, ...]
    succeeded: int
    failed: int

    @property
    def sessions(self) -> int:
        """All of them."""
        return self.succeeded + self.failed


@dataclass(frozen=True, slots=True)
class Met:
    """What was told of one cause.

    Attributes:
        times: how often it was met; first, last: on which days; senders: by whom; proofs: what
            shows that it was them.
        domains: of ours, to which; reasons: the most frequent, in the senders' own words.
        applied: the policy, as it was the last time; published: what we had then, in words.
    """

    cause: Cause
    times: int
    first: date
    last: date
    senders: tuple[str, ...]
    proofs: tuple[Proof, ...]
    domains: tuple[str, ...]
    reasons: tuple[str, ...]
    applied: tuple[str, ...]
    published: str


@dataclass(frozen=True, slots=True)
class Overview:
    """All that was told of a domain, or of all of them, from one day to another.

    Attributes:
        domain: of ours, "" for all; since, until: both among them; total: of everything.
        days: each, also those without reports; senders, policies, results: the most frequent first.
        failures: likewise.
    """

    domain: str
    since: date
    until: date
    total: Count
    days: tuple[Count, ...]
    senders: tuple[Count, ...]
    policies: tuple[Count, ...]
    results: tuple[Count, ...]
    failures: tuple[Met, ...]


def overview(
    told: Iterable[Told],
    domain: str,
    since: date,
    until: date,
    published: Published = lambda *_: "",
) -> Overview:
    """Count together what was told; what is of other days is left out."""
    sums = _Sums()
    for one in told:
        if since <= one.day <= until:
            sums.add(one)
    met = (each.met(cause, published) for cause, each in sums.causes.items())
    return Overview(
        domain,
        since,
        until,
        sums.total.count(""),
        tuple(sums.days[day].count(f"{day}") for day in each_day(since, until)),
        _frequent(sums.senders),
        _frequent(sums.policies),
        _frequent(sums.results),
        tuple(sorted(met, key=lambda one: (-one.times, -one.last.toordinal(), str(one.cause)))),
    )


def each_day(since: date, until: date) -> Iterator[date]:
    """Yield each day, both ends among them."""
    for number in range((until - since).days + 1):
        yield since + timedelta(days=number)


def causes(told: Told) -> Iterator[tuple[Cause, Failure, int]]:
    """Yield why sessions failed, and how often; also where a report does not say why."""
    policy, tally = told.tally.policy, told.tally
    for failure, times in tally.failures:
        if times:
            host = failure.host.rstrip(".").lower()
            result = failure.result.strip().lower()
            yield Cause(result, policy.kind, policy.domain, host), failure, times
    if tally.failed and not any(times for _, times in tally.failures):
        yield Cause("", policy.kind, policy.domain, ""), Failure(""), tally.failed


def lean(told: Iterable[Told], most: int = _DETAILS) -> Iterator[Told]:
    """Yield what was told; of failures beyond so many no more than how often they were met.

    What nobody has signed leaves the others their room.
    """
    left = {True: most, False: most}
    for one in told:
        failures, signed = one.tally.failures, one.proof is Proof.DKIM
        if len(failures) > left[signed]:
            failures = ((Failure(OTHERS), sum(times for _, times in failures)),)
        left[signed] -= min(len(failures), left[signed])
        yield replace(one, tally=replace(one.tally, failures=failures))


def _frequent(sums: dict[tuple[str, str], _Sum]) -> tuple[Count, ...]:
    counts = (each.count(*name) for name, each in sums.items())
    return tuple(sorted(counts, key=lambda one: (-one.sessions, -one.failed, one.name, one.about)))


@dataclass(slots=True)
class _Sum:
    """Sessions, and who told of them."""

    reports: set[int] = field(default_factory=set)  # hashes, as there may be very many
    senders: dict[str, str] = field(default_factory=dict)  # and how they call themselves
    proofs: set[Proof] = field(default_factory=set)
    succeeded: int = 0
    failed: int = 0

    def add(self, report: int, told: Told, succeeded: int, failed: int) -> None:
        self.reports.add(report)
        self.senders[told.submitter] = told.organization
        self.proofs.add(told.proof)
        self.succeeded += succeeded
        self.failed += failed

    def count(self, name: str, about: str = "") -> Count:
        about = about or self.senders.get(name, "")
        many = len(self.reports), len(self.senders)
        return Count(name, about, *many, _ordered(self.proofs), self.succeeded, self.failed)


@dataclass(slots=True)
class _Meeting:
    """How often one cause was met, and what was said of it."""

    first: date
    last: date = date.min
    times: int = 0
    senders: set[str] = field(default_factory=set)
    proofs: set[Proof] = field(default_factory=set)
    domains: set[str] = field(default_factory=set)
    reasons: Counter[str] = field(default_factory=Counter)
    domain: str = ""
    applied: tuple[str, ...] = ()

    def add(self, told: Told, failure: Failure, times: int) -> None:
        self.first = min(self.first, told.day)
        if told.day >= self.last:
            self.last, self.domain, self.applied = told.day, told.domain, _applied(told)
        self.times += times
        self.senders.add(told.submitter)
        self.proofs.add(told.proof)
        self.domains.add(told.domain)
        known = failure.reason in self.reasons or len(self.reasons) < _MOST_REASONS
        if failure.reason and known:
            self.reasons[failure.reason] += times

    def met(self, cause: Cause, published: Published) -> Met:
        return Met(
            cause,
            self.times,
            self.first,
            self.last,
            tuple(sorted(self.senders)),
            _ordered(self.proofs),
            tuple(sorted(self.domains)),
            tuple(reason for reason, _ in self.reasons.most_common(_REASONS)),
            self.applied,
            published(self.domain, self.last),
        )


def _ordered(proofs: set[Proof]) -> tuple[Proof, ...]:
    return tuple(proof for proof in _PROOFS if proof in proofs)


def _applied(told: Told) -> tuple[str, ...]:
    policy: Applied = told.tally.policy
    return policy.strings or tuple(f"mx: {host}" for host in policy.hosts)


def _sums() -> defaultdict[tuple[str, str], _Sum]:
    return defaultdict(_Sum)


@dataclass(slots=True)
class _Sums:
    """All that is counted, while it is."""

    total: _Sum = field(default_factory=_Sum)
    days: defaultdict[date, _Sum] = field(default_factory=lambda: defaultdict(_Sum))
    senders: defaultdict[tuple[str, str], _Sum] = field(default_factory=_sums)
    policies: defaultdict[tuple[str, str], _Sum] = field(default_factory=_sums)
    results: defaultdict[tuple[str, str], _Sum] = field(default_factory=_sums)
    causes: dict[Cause, _Meeting] = field(default_factory=dict)

    def add(self, told: Told) -> None:
        report = hash((told.submitter, told.report_id, told.domain, told.day))
        policy, tally = told.tally.policy, told.tally
        for each in (
            self.total,
            self.days[told.day],
            self.senders[told.submitter, ""],
            self.policies[_room(self.policies, (policy.kind.value, policy.domain), ("", OTHERS))],
        ):
            each.add(report, told, tally.succeeded, tally.failed)
        for cause, failure, times in causes(told):
            result = _room(self.results, (cause.result, ""), (OTHERS, ""))
            self.results[result].add(report, told, 0, times)
            others = Cause(OTHERS, policy.kind, "", "")
            meeting = self.causes.setdefault(_room(self.causes, cause, others), _Meeting(told.day))
            meeting.add(told, failure, times)


def _room(there: Mapping[K, object], key: K, others: K) -> K:
    """Return what something is counted as."""
    return key if key in there or len(there) < _MOST else others

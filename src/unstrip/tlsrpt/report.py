"""A report as it is sent: JSON, exactly as RFC 8460, 4.4 has it, and what is counted made into one.

There is one for each day and domain. All policies that were applied to its mail stand in it, DANE's
and MTA-STS's side by side where both were, those that are only tested too.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from hashlib import sha256

import msgspec

from unstrip.tlsrpt.values import Applied, Day, Failure, PolicyType, Tally

# whoever attacks may make any number
_MOST_POLICIES = 100  # told in one report
_MOST, _FEWEST = 500, 20  # kinds of failures told in one report, under one of many policies
_SECOND_LAST = time(23, 59, 59, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reports.

    Attributes: organization: its name; contact: the address of somebody there; domain: in whose
        name reports are sent and signed.
    """

    organization: str
    contact: str
    domain: str


class DateRange(msgspec.Struct, frozen=True, rename="kebab"):
    """Of which time a report is: from and to, a day in UTC."""

    start_datetime: datetime
    end_datetime: datetime


class PolicyText(msgspec.Struct, frozen=True, rename="kebab", omit_defaults=True):
    """A policy. The patterns are a list, as erratum 6241 has it."""

    policy_type: str
    policy_domain: str
    policy_string: tuple[str, ...] = ()
    mx_host: tuple[str, ...] = ()


class Summary(msgspec.Struct, frozen=True, rename="kebab"):
    """How the sessions went."""

    total_successful_session_count: int
    total_failure_session_count: int


class Detail(msgspec.Struct, frozen=True, rename="kebab", omit_defaults=True):
    """Failures of one kind."""

    result_type: str
    failed_session_count: int
    sending_mta_ip: str = ""
    receiving_mx_hostname: str = ""
    receiving_mx_helo: str = ""
    receiving_ip: str = ""
    additional_information: str = ""
    failure_reason_code: str = ""


class PolicyResult(msgspec.Struct, frozen=True, rename="kebab", omit_defaults=True):
    """What came of the deliveries under one policy."""

    policy: PolicyText
    summary: Summary
    failure_details: tuple[Detail, ...] = ()

    @property
    def tally(self) -> Tally:
        """The same as it is counted."""
        policy, counts = self.policy, self.summary
        kind = PolicyType(policy.policy_type)
        return Tally(
            Applied(kind, policy.policy_domain, policy.policy_string, policy.mx_host),
            counts.total_successful_session_count,
            counts.total_failure_session_count,
            tuple(
                (_failure(detail), detail.failed_session_count) for detail in self.failure_details
            ),
        )


class Report(msgspec.Struct, frozen=True, rename="kebab"):
    """A whole report."""

    organization_name: str
    date_range: DateRange
    contact_info: str
    report_id: str
    policies: tuple[PolicyResult, ...]

    @property
    def day(self) -> date:
        """The day that it is of."""
        return self.date_range.start_datetime.astimezone(UTC).date()


def report_id(day: date, domain: str, who: Reporter) -> str:
    """Return the report's name, which is the same whenever it is made (RFC 8460, 4.4)."""
    digest = sha256(f"{who.organization}\n{who.domain}\n{domain}\n{day}".encode()).hexdigest()
    return f"{day:%Y%m%d}-{digest[:16]}@{who.domain}"


def make(days: Iterable[Day], who: Reporter) -> Report:
    """Return the report on one day's deliveries to one domain.

    Args: days: one or more, all of that day and domain, as where several machines have counted.
    """
    found = tuple(days)
    day, domain = found[0].day, found[0].domain
    assert all((each.day, each.domain) == (day, domain) for each in found)
    tallies = _fewer_policies(_together(tally for each in found for tally in each.tallies))
    most = max(_FEWEST, _MOST // max(1, len(tallies)))
    return Report(
        who.organization,
        DateRange(_at(day, time.min), _at(day, _SECOND_LAST)),
        who.contact,
        report_id(day, domain, who),
        tuple(_told(tally, domain, most) for tally in tallies),
    )


def encode(report: Report) -> bytes:
    """Return it as JSON, the members in the order of the RFC's example."""
    return msgspec.json.encode(report)


def pack(report: bytes) -> bytes:
    """Return it as it is sent (RFC 8460, 5.3): gzip, the same bytes every time."""
    return gzip.compress(report, mtime=0)


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, UTC)


def _fewer_policies(tallies: list[Tally]) -> list[Tally]:
    """Return what there is room for: the most frequent, and of the others their types alone."""
    if len(tallies) <= _MOST_POLICIES:
        return tallies
    ordered = sorted(tallies, key=lambda tally: -(tally.succeeded + tally.failed))
    rest = (replace(each, policy=Applied(each.policy.kind)) for each in ordered[_MOST_POLICIES:])
    return _together([*ordered[:_MOST_POLICIES], *rest])


def _together(tallies: Iterable[Tally]) -> list[Tally]:
    """Return one tally a policy."""
    found: dict[Applied, Tally] = {}
    for tally in tallies:
        known = found.get(tally.policy)
        found[tally.policy] = tally if known is None else _sum(known, tally)
    return list(found.values())


def _sum(one: Tally, other: Tally) -> Tally:
    failures: Counter[Failure] = Counter()
    for failure, count in (*one.failures, *other.failures):
        failures[failure] += count
    succeeded, failed = one.succeeded + other.succeeded, one.failed + other.failed
    return Tally(one.policy, succeeded, failed, tuple(failures.items()))


def _told(tally: Tally, domain: str, most: int) -> PolicyResult:
    policy = tally.policy
    return PolicyResult(
        # who has no policy is still the one that the report is about
        PolicyText(policy.kind.value, policy.domain or domain, policy.strings, policy.hosts),
        Summary(tally.succeeded, tally.failed),
        tuple(_detail(failure, count) for failure, count in _fewer(tally.failures, most)),
    )


def _fewer(failures: tuple[tuple[Failure, int], ...], most: int) -> list[tuple[Failure, int]]:
    """Return what there is room for: the most frequent, and of the others their types alone."""
    ordered = sorted(failures, key=lambda counted: -counted[1])
    shown, others = ordered[:most], ordered[most:]
    rest: Counter[str] = Counter()
    for failure, count in others:
        rest[failure.result] += count
    return [*shown, *((Failure(result), count) for result, count in rest.items())]


def _detail(failure: Failure, count: int) -> Detail:
    return Detail(
        result_type=failure.result,
        failed_session_count=count,
        sending_mta_ip=failure.sending_ip,
        receiving_mx_hostname=failure.host,
        receiving_mx_helo=failure.helo,
        receiving_ip=failure.receiving_ip,
        additional_information=failure.more,
        failure_reason_code=failure.reason,
    )


def _failure(told: Detail) -> Failure:
    return Failure(
        told.result_type,
        told.sending_mta_ip,
        told.receiving_mx_hostname,
        told.receiving_mx_helo,
        told.receiving_ip,
        told.failure_reason_code,
        told.additional_information,
    )

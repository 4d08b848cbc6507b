"""Reports as they are sent: exactly as RFC 8460 has them, and the same whenever they are made."""

import gzip
import json
from dataclasses import replace
from datetime import date

from hypothesis import given

from tests.tlsrpt.days import BOTH, DANE, DAY, DOMAIN, EXPIRED, NOTHING, NOW, STS, WHO, day, days
from unstrip.tlsrpt.reading import read
from unstrip.tlsrpt.report import Report, encode, make, pack, report_id
from unstrip.tlsrpt.values import Failure, Tally


def told(report: Report):
    return json.loads(encode(report))


def test_a_report_has_the_members_of_rfc_8460():
    assert told(make([BOTH], WHO)) == {
        "organization-name": "Sender Inc",
        "date-range": {
            "start-datetime": "2026-11-21T00:00:00Z",
            "end-datetime": "2026-11-21T23:59:59Z",
        },
        "contact-info": "postmaster@sender.example",
        "report-id": report_id(DAY, DOMAIN, WHO),
        "policies": [
            {
                "policy": {
                    "policy-type": "tlsa",
                    "policy-string": [f"3 1 1 {'ab' * 32}"],
                    "policy-domain": "mx.example.org",
                },
                "summary": {
                    "total-successful-session-count": 7,
                    "total-failure-session-count": 0,
                },
            },
            {
                "policy": {
                    "policy-type": "sts",
                    "policy-string": [
                        "version: STSv1",
                        "mode: enforce",
                        "mx: *.example.org",
                        "max_age: 604800",
                    ],
                    "policy-domain": "example.org",
                    "mx-host": ["*.example.org"],
                },
                "summary": {
                    "total-successful-session-count": 5,
                    "total-failure-session-count": 2,
                },
                "failure-details": [
                    {
                        "result-type": "certificate-expired",
                        "sending-mta-ip": "192.0.2.1",
                        "receiving-mx-hostname": "mx.example.org",
                        "receiving-mx-helo": "mx.example.org",
                        "receiving-ip": "192.0.2.25",
                        "failed-session-count": 2,
                        "failure-reason-code": "certificate has expired",
                    }
                ],
            },
        ],
    }


def test_where_no_policy_was_found_the_domain_is_named_all_the_same():
    (found,) = told(make([day(Tally(NOTHING, 3, 0))], WHO))["policies"]
    assert found["policy"] == {"policy-type": "no-policy-found", "policy-domain": DOMAIN}


def test_what_several_machines_have_counted_comes_together():
    other = day(Tally(STS, 1, 1, ((EXPIRED, 1), (Failure("validation-failure"), 1))))
    report = make([BOTH, other], WHO)
    sts = next(each for each in report.policies if each.policy.policy_type == "sts").tally
    assert (sts.succeeded, sts.failed) == (6, 3)
    assert dict(sts.failures) == {EXPIRED: 3, Failure("validation-failure"): 1}


def test_a_report_has_the_same_name_whenever_it_is_made():
    assert make([BOTH], WHO) == make([BOTH], WHO)
    assert pack(encode(make([BOTH], WHO))) == pack(encode(make([BOTH], WHO)))


def test_other_days_domains_and_senders_have_other_names():
    other = replace(WHO, domain="other.example")
    found = {
        report_id(DAY, DOMAIN, WHO),
        report_id(date(2026, 11, 20), DOMAIN, WHO),
        report_id(DAY, "example.com", WHO),
        report_id(DAY, DOMAIN, other),
    }
    assert len(found) == 4


def test_of_a_million_kinds_of_failures_the_rarest_are_told_by_their_type_alone():
    kinds = [(Failure("validation-failure", reason=str(n)), 1 + (n < 10)) for n in range(2000)]
    report = make([day(Tally(DANE, 0, 2010, tuple(kinds)))], WHO)
    details = report.policies[0].failure_details
    assert len(details) == 501
    assert sum(detail.failed_session_count for detail in details) == 2010
    assert {detail.failure_reason_code for detail in details} >= {str(n) for n in range(10)}


def test_of_a_million_policies_the_rarest_are_told_by_their_type_alone():
    failures = tuple((Failure("validation-failure", reason=str(n)), 1) for n in range(50))
    many = [
        Tally(replace(policy, domain=f"d{n}.example"), 1 + (n < 10), 50, failures)
        for n in range(500)
        for policy in (DANE, STS)
    ]
    found = make([day(*many)], WHO).policies
    assert len(found) == 102
    assert {each.policy.policy_domain for each in found} >= {f"d{n}.example" for n in range(10)}
    assert [each.policy.policy_domain for each in found[100:]] == [DOMAIN] * 2
    assert sum(each.summary.total_failure_session_count for each in found) == 50_000
    assert sum(len(each.failure_details) for each in found) == 21 * 102
    details = [detail for each in found for detail in each.failure_details]
    assert sum(detail.failed_session_count for detail in details) == 50_000


def test_a_packed_report_is_gzip():
    assert gzip.decompress(pack(b"{}")) == b"{}"


@given(days)
def test_a_report_is_read_as_it_was_made(day):
    report = make([day], WHO)
    taken = read(pack(encode(report)), NOW)
    assert taken.report == report
    for result, counted in zip(taken.report.policies, day.tallies, strict=True):
        policy = replace(counted.policy, domain=counted.policy.domain or DOMAIN)
        assert replace(result.tally, failures=()) == replace(counted, policy=policy, failures=())
        assert dict(result.tally.failures) == dict(counted.failures)

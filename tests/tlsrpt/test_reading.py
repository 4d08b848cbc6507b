"""Reports of others: as large senders make them, and as attackers do."""

import gzip
import json
import zlib
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tlsrpt.days import BOTH, NOW, WHO
from unstrip.tlsrpt.reading import PACKED, BadReport, read
from unstrip.tlsrpt.report import encode, make, pack

WHOLE = json.loads(encode(make([BOTH], WHO)))
STS = 1  # of its policies


def changed(*path, to):
    """The report with one member changed, or without it."""
    whole = deepcopy(WHOLE)
    place = whole
    for step in path[:-1]:
        place = place[step]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return json.dumps(whole).encode()


def of(details=1, strings=()):
    """A policy of so many failures, and of these lines."""
    policy = deepcopy(WHOLE["policies"][STS])
    policy["failure-details"] *= details
    policy["policy"]["policy-string"] = strings
    return policy


DETAIL = ("policies", STS, "failure-details", 0)
SUMMARY = ("policies", STS, "summary")
POLICY = ("policies", STS, "policy")


UNCOUNTED = of()
del UNCOUNTED["summary"]["total-failure-session-count"]


@pytest.mark.parametrize(
    ("data", "oddity"),
    [
        (changed("contact-info", to=json.loads("null") or ""), "contact-info is missing"),
        (changed("organization-name", to=None), "organization-name is missing"),
        (changed("report-id", to=None), "report-id is missing"),
        (changed("report-id", to=17), "report-id is a number"),
        (changed("date-range", "start-datetime", to="2026-11-21T00:00:00"), "has no zone"),
        (changed(*POLICY, "mx-host", to="*.example.org"), "mx-host is no list"),
        (changed(*POLICY, "policy-type", to="spf"), "of type 'spf' is left out"),
        (changed(*SUMMARY, "total-failure-session-count", to="2"), "is a text"),
        (changed(*SUMMARY, "total-failure-session-count", to=None), "is missing"),
        (changed(*DETAIL, "result-type", to=None), "result-type is missing"),
        (changed("policies", to=[]), "it has no policies"),
        (
            b"\xef\xbb\xbf" + changed("contact-info", to="\xff").replace(b"\\u00ff", b"\xff"),
            "UTF-8",
        ),
    ],
)
def test_what_is_odd_is_tolerated_by_name(data, oddity):
    (words,) = read(data, NOW).oddities
    assert oddity in words


def test_a_total_of_failures_that_is_missing_is_what_is_told_of_them():
    (policy,) = read(changed("policies", to=[UNCOUNTED]), NOW).report.policies
    assert policy.summary.total_failure_session_count == sum(
        detail.failed_session_count for detail in policy.failure_details
    )


def test_a_byte_order_mark_is_passed_over():
    assert read(b"\xef\xbb\xbf" + json.dumps(WHOLE).encode(), NOW).oddities == ()


def test_the_names_that_some_take_from_the_grammar_are_known():
    whole = deepcopy(WHOLE)
    policy = whole["policies"][STS]["policy"]
    policy["mx-host-pattern"] = policy.pop("mx-host")
    taken = read(json.dumps(whole).encode(), NOW)
    assert taken.report.policies[STS].policy.mx_host == ("*.example.org",)
    assert taken.oddities == ("mx-host is called mx-host-pattern",)


@pytest.mark.parametrize(
    "missing", ["sending-mta-ip", "receiving-mx-hostname", "receiving-ip", "receiving-mx-helo"]
)
def test_what_a_failed_fetch_has_no_word_for_may_be_missing(missing):
    assert read(changed(*DETAIL, missing, to=None), NOW).oddities == ()


def test_a_domain_that_a_report_leaves_out_is_that_of_the_mail():
    taken = read(changed(*POLICY, "policy-domain", to=None), NOW, "example.org")
    assert taken.report.policies[STS].policy.policy_domain == "example.org"


def test_the_end_of_a_day_may_be_the_beginning_of_the_next():
    data = changed("date-range", "end-datetime", to="2026-11-22T00:00:00Z")
    assert read(data, NOW).oddities == ()


def test_a_report_is_taken_by_what_it_is_and_not_by_what_it_is_called():
    report = make([BOTH], WHO)
    assert read(encode(report), NOW) == read(pack(encode(report)), NOW)


def test_gzip_in_pieces_is_one_report():
    data = encode(make([BOTH], WHO))
    assert read(gzip.compress(data[:50]) + gzip.compress(data[50:]), NOW).oddities == ()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "json"),
        (b"<html>", "json"),
        (b"[]", "json"),
        (b"[" * 20_000, "json"),
        (b"[" * 100_000, "bomb"),
        (b"PK\x03\x04....", "zip"),
        (pack(encode(make([BOTH], WHO)))[:-9], "truncated"),
        (gzip.compress(b"x" * 99, mtime=0)[:10] + b"\xff" * 60, "gzip"),
        (b"\x1f\x8b", "truncated"),
        (gzip.compress(b" " * 40_000_000), "bomb"),
        (gzip.compress(b"") * 60 + gzip.compress(b"{}"), "gzip"),
        (b" " * (PACKED + 1), "size"),
        (changed("date-range", to=None), "json"),
        (changed("date-range", "start-datetime", to="1970-01-01T00:00:00Z"), "date"),
        (changed("date-range", "start-datetime", to="2100-01-01T00:00:00Z"), "date"),
        (changed("date-range", "start-datetime", to="0001-01-01T00:00:00+14:00"), "date"),
        (changed("date-range", "start-datetime", to="yesterday"), "date"),
        (changed("date-range", "end-datetime", to="2026-11-20T00:00:00Z"), "date"),
        (changed("date-range", "end-datetime", to="2027-11-20T00:00:00Z"), "date"),
        (changed("policies", to={}), "json"),
        (changed("policies", to=[[]]), "json"),
        (changed("policies", to=[WHOLE["policies"][0]] * 101), "size"),
        (changed("policies", to=[WHOLE["policies"][0]] * 7000), "bomb"),
        (changed("policies", to=[of(details=600)] * 20), "size"),
        (changed("policies", to=[of(strings=["x" * 9_999] * 60)] * 2), "size"),
        (changed("unknown", to=[{}] * 30_000), "bomb"),
        (changed("unknown", to=[0] * 300_000), "bomb"),
        (changed("organization-name", to=["x"]), "json"),
        (changed("organization-name", to="x" * 5_000_000), "size"),
        (changed("policies", 0, "summary", to={"total-successful-session-count": 1}), "count"),
        (changed(*POLICY, "policy-domain", to="no name"), "domain"),
        (changed(*POLICY, "policy-string", to=[1]), "json"),
        (changed(*SUMMARY, "total-failure-session-count", to=-1), "count"),
        (changed(*SUMMARY, "total-failure-session-count", to=10**40), "count"),
        (changed(*SUMMARY, "total-failure-session-count", to="9" * 5000), "count"),
        (changed(*SUMMARY, "total-failure-session-count", to=1.5), "count"),
        (changed(*SUMMARY, "total-failure-session-count", to=True), "count"),
        (changed(*DETAIL, "failed-session-count", to=[]), "count"),
    ],
)
def test_what_would_make_it_doubtful_is_refused_by_name(data, kind):
    with pytest.raises(BadReport) as refused:
        read(data, NOW)
    assert refused.value.kind == kind
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


@given(st.integers(0, 900), st.binary(max_size=8))
def test_a_broken_report_is_read_or_refused(at, garbage):
    data = json.dumps(WHOLE).encode()
    with suppress(BadReport):
        read(data[:at] + garbage + data[at + len(garbage) :], NOW)


@given(st.integers(0, 500), st.binary(min_size=1, max_size=4))
def test_a_broken_archive_is_read_or_refused(at, garbage):
    data = pack(json.dumps(WHOLE).encode())
    with suppress(BadReport):
        read(data[:at] + garbage + data[at + len(garbage) :], NOW)


def test_what_comes_late_is_taken():
    assert read(encode(make([BOTH], WHO)), datetime(2027, 5, 1, tzinfo=UTC)).oddities == ()


def test_a_raw_deflate_stream_is_no_gzip():
    with pytest.raises(BadReport):
        read(zlib.compress(b"{}"), NOW)

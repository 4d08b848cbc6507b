"""How policies are told: what holds, what is over, what went wrong, what has changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from unstrip.evidence import from_json, to_json
from unstrip.faces.cli.policies import (
    PolicyRecord,
    Refreshed,
    forgotten,
    lines,
    news,
    policy_words,
    record,
    standing,
)
from unstrip.io.inquiry import Looked
from unstrip.policy.mta_sts import Known, Trouble, parse
from unstrip.policy.questions import ResultType

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
POLICY = parse(b"version: STSv1\nmode: enforce\nmx: *.example.org\nmax_age: 86400\n")
KNOWN = Known("example.org", POLICY, "7", NOW - timedelta(hours=1), NOW, NOW)
SILENT = Trouble(NOW, "no answer\x1b", certain=False)
BAD = Trouble(NOW, "no id", certain=True)
UNFETCHED = Trouble(NOW, "status 404", True, ResultType.STS_POLICY_FETCH_ERROR, "8", 3)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (KNOWN, "mode enforce"),
        (replace(KNOWN, fetched=NOW - timedelta(days=2)), "mode enforce, expired"),
        (Known("example.org"), "no policy"),
        (Known("example.org", record=SILENT), "there may be a policy"),
    ],
)
def test_a_standing_says_what_holds(known, expected):
    assert standing(known, NOW) == expected


def test_a_domain_is_shown_with_all_that_went_wrong_and_escaped():
    assert list(lines(replace(KNOWN, record=SILENT, fetch=UNFETCHED), NOW)) == [
        "example.org: mode enforce",
        "  mx *.example.org",
        "  id 7, fetched 2026-11-21 11:00 UTC, expires 2026-11-22 11:00 UTC",
        "  no answer\\x1b (2026-11-21 12:00 UTC)",
        "  sts-policy-fetch-error: status 404 (2026-11-21 12:00 UTC, 3 times)",
    ]


def test_the_hosts_of_a_policy_are_escaped():
    """The parser lets none pass; the store may be another's."""
    known = replace(KNOWN, policy=replace(POLICY, mx=("\x1b[31m",)))
    assert r"  mx \x1b[31m" in list(lines(known, NOW))


def test_a_domain_without_a_policy_is_one_line():
    assert list(lines(Known("example.org", looked=NOW), NOW)) == ["example.org: no policy"]


NONE = parse(b"version: STSv1\nmode: none\nmax_age: 60\n")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (KNOWN, KNOWN, "unchanged"),
        (None, KNOWN, "new: mode enforce, max_age 86400, mx *.example.org"),
        (KNOWN, replace(KNOWN, policy=NONE), "new: mode none, max_age 60"),
        (None, Known("example.org"), "nothing is published"),
        (None, Known("example.org", fetch=UNFETCHED), "one is announced, and could not be had"),
        (None, Known("example.org", record=SILENT), "it could not be found out"),
        (None, Known("example.org", record=BAD), "its record is wrong"),
        (KNOWN, Known("example.org"), "gone"),
    ],
)
def test_a_refresh_says_what_has_changed(before, after, expected):
    line, *_ = news(Refreshed(before, Looked(after, (), ())), NOW)
    assert line.endswith(f"; {expected}")


def test_a_refresh_says_what_went_wrong_and_what_is_alarming():
    refreshed = Refreshed(KNOWN, Looked(replace(KNOWN, fetch=UNFETCHED), (), ("look here",)))
    assert refreshed.failed
    _, trouble, alarm = news(refreshed, NOW)
    assert "status 404" in trouble
    assert alarm == "  alarm: look here"


def test_a_refresh_without_trouble_has_not_failed():
    assert not Refreshed(None, Looked(KNOWN, (), ())).failed


@pytest.mark.parametrize(
    ("known", "visits", "hosts", "expected"),
    [
        (KNOWN, 0, [], ["forgotten: its policy"]),
        (
            KNOWN,
            2,
            ["mx.example.org", "example.org", "mx.example.org", "mx.example.net"],
            [
                "forgotten: its policy, 2 visits to a host of that name",
                "visits to mx.example.org are not: unstrip history forget mx.example.org",
            ],
        ),
        (
            None,
            1,
            ["example.org"],
            [
                "forgotten: 1 visit to a host of that name",
                "visits to its MX hosts are not: unstrip history forget HOST",
            ],
        ),
        (
            Known("example.org"),
            0,
            [],
            [
                "forgotten: that one was looked for",
                "visits to its MX hosts are not: unstrip history forget HOST",
            ],
        ),
    ],
)
def test_a_release_says_what_is_forgotten_and_what_is_not(known, visits, hosts, expected):
    first, *others = forgotten("example.org", known, int(known is not None), visits, hosts)
    assert [first.removeprefix("example.org: "), *map(str.strip, others)] == expected


def test_a_policy_without_hosts_is_said_in_a_line():
    assert policy_words(NONE) == "mode none, max_age 60"


def test_a_record_goes_to_json_and_back():
    assert from_json(PolicyRecord, to_json(record(KNOWN))) == record(KNOWN)
    assert record(KNOWN).expires == NOW + timedelta(hours=23)


def test_a_policy_that_could_not_be_read_is_forgotten_as_one():
    told = list(forgotten("example.org", None, 1, 0, []))
    assert told[0] == "example.org: forgotten: its policy"
    assert "visits to its MX hosts are not" in told[1]

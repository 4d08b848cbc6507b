"""Figures and words that both the terminal and the page show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faces.cli.received import NASTY
from tests.tlsrpt.days import DANE, DAY, DOMAIN, MX
from tests.tlsrpt.told import OTHER, days_before, tell
from unstrip.faces.cli.report_table import (
    By,
    cause_words,
    cells,
    counts,
    facts,
    headings,
    listed,
    many,
    numbers,
    percent,
    title,
    to_do,
)
from unstrip.policy.questions import ResultType
from unstrip.tlsrpt.overview import Cause, Overview, overview
from unstrip.tlsrpt.values import PolicyType

CAUSE = Cause("certificate-expired", PolicyType.STS, DOMAIN, MX)


def seen(*ones, domain: str = DOMAIN) -> Overview:
    return overview(ones, domain, days_before(6), DAY)


FOUND = seen(tell(1, 2995, 5), tell(2, 7, policy=DANE, sender=OTHER))


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        (
            By.DAY,
            [
                ("2026-11-19", "1", "1", "7", "0", "0.0 %", "dkim"),
                ("2026-11-20", "1", "1", "3,000", "5", "0.2 %", "dkim"),
            ],
        ),
        (
            By.SENDER,
            [
                ("sender.example", "sender.example Inc", "1", "3,000", "5", "0.2 %", "dkim"),
                ("other.example", "other.example Inc", "1", "7", "0", "0.0 %", "dkim"),
            ],
        ),
        (
            By.POLICY,
            [
                ("MTA-STS", "example.org", "1", "1", "3,000", "5", "0.2 %", "dkim"),
                ("DANE", "mx.example.org", "1", "1", "7", "0", "0.0 %", "dkim"),
            ],
        ),
        (By.RESULT, [("certificate-expired", "5", "1", "1", "dkim")]),
    ],
    ids=lambda value: value.value if isinstance(value, By) else "",
)
def test_there_is_a_row_for_each_and_a_cell_for_each_heading(by, rows):
    assert [cells(count, by) for count in counts(FOUND, by)] == rows
    assert {len(row) for row in rows} == {len(headings(by))}


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (0, 0, "-"),
        (0, 9, "0.0 %"),
        (9, 9, "100.0 %"),
        (1, 10**6, "<0.1 %"),
        (10**6 - 1, 10**6, ">99.9 %"),
        (1, 3, "33.3 %"),
    ],
)
def test_a_share_says_neither_nothing_nor_all_where_it_is_not(part, whole, words):
    assert percent(part, whole) == words


def test_the_title_says_whose_and_of_when():
    assert title(FOUND) == "example.org, 2026-11-15 to 2026-11-21"
    assert title(seen(domain="")).startswith("all domains, ")


def test_the_numbers_are_a_sentence():
    assert numbers(FOUND) == "2 reports from 2 senders; 5 of 3,007 sessions failed (0.2 %)"
    assert numbers(seen(tell(1))) == "1 report from 1 sender, no sessions"
    assert many(1, "alarm") == "1 alarm"


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (CAUSE, "certificate-expired at mx.example.org, MTA-STS of example.org"),
        (replace(CAUSE, host=""), "certificate-expired, MTA-STS of example.org"),
        (
            Cause("", PolicyType.NONE, "", MX),
            "no reason given at mx.example.org, no policy",
        ),
    ],
)
def test_a_cause_is_told_in_words(cause, words):
    assert cause_words(cause) == words


def test_what_is_known_of_a_failure_is_told():
    (met,) = seen(tell(1, 0, 1), tell(3, 0, 2)).failures
    told = dict(facts(replace(met, published="mode testing")))
    assert list(told) == [
        *("met", "told by", "mail to", "their words", "they applied", "published", "to do"),
    ]
    assert told["met"] == "3 times, 2026-11-18 to 2026-11-20"
    assert told["they applied"].startswith("version: STSv1; mode: enforce; ")


def test_what_is_not_known_of_it_is_left_out():
    (met,) = seen(tell(1, 0, 1, failure=None)).failures
    assert list(dict(facts(replace(met, applied=())))) == ["met", "told by", "mail to"]


@pytest.mark.parametrize("result", ResultType, ids=lambda result: result.value)
def test_every_registered_result_says_what_to_do(result):
    advice = to_do(replace(CAUSE, result=result.value), DOMAIN)
    assert len(advice.split()) > 4
    assert "{" not in advice


def test_nobody_knows_what_to_do_about_what_is_not_registered():
    assert to_do(replace(CAUSE, result="made-up"), DOMAIN) == ""


@pytest.mark.parametrize("host", ["", "$(reboot)", "a b", "x" * 300])
def test_a_name_that_is_none_gets_into_no_command(host):
    advice = to_do(replace(CAUSE, result="starttls-not-supported", host=host), DOMAIN)
    assert "unstrip check HOST" in advice


def test_of_many_names_the_first_are_told():
    assert listed(tuple("abcdefg")) == "a, b, c, d, e, and 2 more"


def test_what_a_sender_wrote_is_escaped_and_cut():
    ones = [replace(tell(1, 0, 1, failure=NASTY), organization="\x1b[31m" + "x" * 9999)]
    found = seen(*ones)
    row = cells(*counts(found, By.SENDER), By.SENDER)
    told = [*row, cause_words(found.failures[0].cause), *dict(facts(found.failures[0])).values()]
    assert all(text.isascii() and text.isprintable() and len(text) < 400 for text in told)
    assert any("\\x1b[31m" in text for text in told)

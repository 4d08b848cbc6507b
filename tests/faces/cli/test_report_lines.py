"""Reports on a terminal: how many, day by day, in a table, and then what failed."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from tests.faces.cli.received import NASTY
from tests.faces.cli.test_speech import Stream
from tests.tlsrpt.days import DAY, DOMAIN, EXPIRED
from tests.tlsrpt.told import OTHER, days_before, tell
from unstrip.faces.cli.report_lines import grid, lines, refused_words
from unstrip.faces.cli.report_table import By
from unstrip.io.store.received import Refused
from unstrip.tlsrpt.overview import Overview, overview


def seen(*ones, days: int = 7) -> Overview:
    return overview(ones, DOMAIN, days_before(days - 1), DAY)


def text(found: Overview, by: By = By.DAY) -> str:
    return "\n".join(lines(found, by))


def test_all_of_it_is_on_one_screen():
    found = seen(tell(1, 97, 3), tell(3, 50), tell(3, 20, sender=OTHER))
    assert text(found, By.SENDER) == (
        "example.org, 2026-11-15 to 2026-11-21: 3 reports from 2 senders;"
        " 3 of 170 sessions failed (1.8 %)\n"
        "\n"
        "  sessions  ...7.9.  at most 100 a day\n"
        "  failed    ...0.9.  at most 3 a day\n"
        "\n"
        "  sender          calls itself        reports  sessions  failed  share  proof\n"
        "  sender.example  sender.example Inc        2       150       3  2.0 %  dkim\n"
        "  other.example   other.example Inc         1        20       0  0.0 %  dkim\n"
        "\n"
        "  certificate-expired at mx.example.org, MTA-STS of example.org\n"
        "    met: 3 times, 2026-11-20\n"
        "    told by: sender.example\n"
        "    mail to: example.org\n"
        "    their words: certificate has expired\n"
        "    they applied: version: STSv1; mode: enforce; mx: *.example.org; max_age: 604800\n"
        "    to do: renew the certificate, and have mx.example.org load it"
    )


def test_of_days_without_reports_the_table_has_nothing():
    rows = [line.split() for line in text(seen(tell(1, 9), tell(3, 5))).splitlines()]
    assert [row[0] for row in rows if row and row[0].startswith("2026-")] == [
        *("2026-11-18", "2026-11-20"),
    ]


def test_many_days_are_drawn_together():
    found = seen(*(tell(ago, 1) for ago in range(400)), days=400)
    line = text(found).splitlines()[2]
    assert "at most 7 in 7 days" in line
    assert len(line) <= 100


def test_a_narrow_terminal_has_as_many_days_drawn_together(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Stream(terminal=True))
    monkeypatch.setenv("COLUMNS", "5")
    line = text(seen(*(tell(ago, 1) for ago in range(40)), days=40)).splitlines()[2]
    assert line == f"  sessions  {'9' * 20}  at most 2 in 2 days"


def test_of_many_failures_the_first_are_told_and_the_others_counted():
    ones = [
        tell(1, 0, number, failure=replace(EXPIRED, host=f"mx{number}")) for number in range(1, 41)
    ]
    told = text(seen(*ones))
    assert told.count("to do: ") == 30
    assert "certificate-expired at mx40," in told
    assert "certificate-expired at mx9," not in told
    assert "and 10 more kinds of failure" in told


@pytest.mark.parametrize("by", By)
def test_no_line_has_anything_that_a_terminal_obeys(by):
    nasty = replace(tell(1, 0, 1, failure=NASTY), organization="\x1b]0;x\x07")
    assert all(line.isascii() and line.isprintable() for line in lines(seen(nasty), by))


def test_figures_stand_on_the_right():
    assert list(grid([("day", "failed"), ("monday", "7"), ("x", "1,000")])) == [
        "  day     failed",
        "  monday       7",
        "  x        1,000",
    ]


def test_what_failed_is_coloured_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Stream(terminal=True))
    found = text(seen(tell(1, 5, 2), tell(2, 5)))
    assert found.count("\x1b[33m") == 2  # the figure, and the title of the failure
    assert "\x1b[33m     2\x1b[0m" in found


def test_what_came_twice_is_not_told_as_refused():
    def told(**counts):
        return refused_words(Refused(DAY, kind, count) for kind, count in counts.items())

    refused = "refused on these days, of whatever domain: 3 dkim"
    assert told(dkim=3) == refused
    assert told(dkim=3, duplicate=8) == f"{refused}; beside these: 8 duplicates"
    assert told(duplicate=1) == "on these days came 1 duplicate"
    assert told() == ""

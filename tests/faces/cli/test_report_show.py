"""`unstrip report show`: what others have told, from the store to the terminal, page and JSON."""

from __future__ import annotations

import json
import os
from contextlib import closing
from datetime import timedelta

import pytest

from tests.faces.cli.command import run, run_on_terminal
from tests.faces.cli.received import NASTY, TODAY, receive, some
from tests.tlsrpt.days import DOMAIN
from tests.tlsrpt.told import OTHER, SENDER, tell
from unstrip.evidence import from_json
from unstrip.faces.cli.report_lines import ReportsRecord
from unstrip.faces.cli.report_table import By
from unstrip.io.store import default_path, open_store

YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def received(home):
    receive(*some())
    return home


def refuse(*kinds: str) -> None:
    with closing(open_store(default_path())) as store:
        for kind in kinds:
            store.refuse(kind, TODAY)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("day", f"{YESTERDAY}        3        2        19       3"),
        ("sender", f"{SENDER}  {SENDER} Inc        4        35       0"),
        ("policy", "DANE     mx.example.org"),
        ("result", "certificate-expired      3        1"),
    ],
)
def test_the_table_is_by_what_was_asked_for(by, expected, received):
    ran = run("report", "show", DOMAIN, "--by", by)
    assert (ran.code, ran.err) == (0, "")
    assert expected in ran.out
    assert "5 reports from 2 senders; 3 of 39 sessions failed (7.7 %)" in ran.out
    assert "certificate-expired at mx.example.org" in ran.out


def test_by_day_is_what_is_shown_if_nothing_is_said(received):
    assert run("report", "show", DOMAIN).out == run("report", "show", DOMAIN, "--by", "day").out


def test_without_a_domain_it_is_all_of_them(received):
    receive(tell(1, 100, domain="example.net", day=TODAY))
    assert "of 139 sessions" in run("report", "show").out
    assert "of 39 sessions" in run("report", "show", "EXAMPLE.org.").out


def test_other_days_are_left_out(received):
    day = f"{TODAY - timedelta(days=2)}"
    assert "0 of 10 sessions" in run("report", "show", "--since", day, "--until", day).out


def test_what_was_refused_is_told(received):
    refuse("dkim", "bomb", "dkim")
    assert "refused on these days, of whatever domain: 2 dkim, 1 bomb" in run("report", "show").out


def test_json_is_all_of_it_and_can_be_read_back(received):
    refuse("bomb")
    ran = run("report", "show", DOMAIN, "--json", "--by", "sender")
    found = from_json(ReportsRecord, ran.out)
    assert (ran.code, found.exit, ran.out.count("\n")) == (0, 0, 1)
    assert found.overview.total.sessions == 39
    assert [count.name for count in found.overview.senders] == [SENDER, OTHER]
    assert [(each.kind, each.count) for each in found.refused] == [("bomb", 1)]


def test_a_page_is_written_and_replaces_the_one_before(received):
    file = received / "reports.html"
    file.write_text("old")
    ran = run("report", "show", DOMAIN, "--html", file)
    assert (ran.code, ran.out) == (0, f"{file} is written\n")
    assert file.read_text().startswith("<!DOCTYPE html>")
    assert "TLS reports: example.org" in file.read_text()


def test_a_page_and_json_may_be_had_at_once(received):
    ran = run("report", "show", "--json", "--html", received / "reports.html")
    assert json.loads(ran.out)["exit"] == 0
    assert (received / "reports.html").exists()


@pytest.mark.parametrize("place", ["none/reports.html", "."])
def test_a_page_that_cannot_be_written_is_told(place, received):
    ran = run("report", "show", "--html", received / place)
    assert (ran.code, ran.out) == (4, "")
    assert "cannot be written: " in ran.err


def test_a_device_is_no_place_for_a_page(received):
    assert run("report", "show", "--html", os.devnull).code == 4
    assert not os.path.isfile(os.devnull)  # noqa: PTH113  # as it stands there


def test_where_nobody_has_reported_it_says_so_with_a_hint(received):
    ran = run("report", "show", "example.net")
    assert (ran.code, ran.out) == (1, "")
    assert "nobody has reported on mail to example.net from " in ran.err
    assert "unstrip report take" in ran.err
    assert "unstrip publish example.net" in ran.err
    refuse("dkim")
    assert "1 dkim" in run("report", "show", "example.net").err


def test_where_nobody_has_reported_json_and_page_say_so_too(home):
    ran = run("report", "show", "--json", "--html", home / "reports.html")
    assert ran.code == from_json(ReportsRecord, ran.out).exit == 1
    assert "Nobody has reported" in (home / "reports.html").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ("192.0.2.1",),
        ("a..b",),
        ("--by", "colour"),
        ("--since", "yesterday"),
        ("--since", "2026-02-30"),
        ("--until", "9999-01-01"),
        ("--since", "2025-02-02", "--until", "2025-02-01"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_a_mistake(words, home):
    ran = run("report", "show", *words)
    assert ran.code == 2
    assert ran.err.startswith("unstrip: error: ")


def test_a_store_that_cannot_be_read_is_not_an_empty_one(received):
    default_path().write_bytes(b"no database at all" * 99)
    ran = run("report", "show")
    assert (ran.code, ran.out) == (4, "")
    assert str(default_path()) in ran.err


def test_on_a_terminal_it_is_drawn_in_blocks(received, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    ran = run_on_terminal("report", "show", DOMAIN)
    assert ran.code == 0
    assert "█" in ran.out
    assert "\x1b[33m" in ran.out


@pytest.mark.parametrize("by", [each.value for each in By])
@pytest.mark.parametrize("how", [(), ("--json",)], ids=str)
def test_nothing_that_a_sender_wrote_reaches_the_terminal_as_it_was(by, how, home):
    receive(tell(1, 0, 1, failure=NASTY, day=TODAY))
    out = run("report", "show", "--by", by, *how).out
    assert out.replace("\n", "").isprintable()
    assert out.isascii()

"""`unstrip history`: what is remembered is shown, and released by command only."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from tests.faces.cli.command import run, run_apart
from tests.verdict.scenes import (
    SMTP,
    SMTPS,
    days_ago,
    implicit,
    refused,
    steadily,
    stripped,
    untrusted,
    upgraded,
)
from unstrip.evidence import Evidence, from_json
from unstrip.io.store import Remembered, default_path, open_store

HOST = SMTP.host


@pytest.fixture
def remembered(home):
    """Three good visits to one port, one to another, one to another host, in the usual file."""
    other = replace(stripped(), endpoint=replace(SMTP, host="mx.example.net"))
    visits = (*steadily(upgraded()), implicit(), other)
    with closing(open_store(default_path())) as store:
        for visit in visits:
            store.keep(visit)
    return visits


def test_nothing_remembered_is_nothing_listed():
    ran = run("history", "list")
    assert (ran.code, ran.err) == (0, "")
    assert "nothing is remembered" in ran.out
    assert run("history", "list", "--json").out == ""


def test_list_shows_each_endpoint_on_a_line(remembered):
    ran = run("history", "list")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines] == ["mx.example.net:25", f"{HOST}:25", f"{HOST}:465"]
    assert "3 of 3" in lines[1]
    assert "2026-10-31 to 2026-11-14" in lines[1]
    assert "implicit" in lines[2]
    assert "0 of 1" in lines[0]


def test_list_as_json_is_one_object_an_endpoint(remembered):
    known = [from_json(Remembered, line) for line in run("history", "list", "--json").out.split()]
    assert [(one.endpoint, one.visits, one.secured) for one in known][1:] == [
        (SMTP, 3, 3),
        (SMTPS, 1, 1),
    ]


def test_show_says_what_is_expected_and_why(remembered):
    ran = run("history", "show", HOST)
    assert ran.code == 0
    assert f"{HOST}:25: expected: verify" in ran.out
    assert f"{HOST}:465: expected: encrypt" in ran.out
    assert ran.out.count("192.0.2.25  TLS") == 4


def test_show_says_where_nothing_is_expected(remembered):
    ran = run("history", "show", "mx.example.net")
    assert "expected: nothing" in ran.out
    assert "no TLS" in ran.out


def test_show_finds_a_host_however_it_is_written(remembered):
    assert run("history", "show", "MX.Example.ORG.").out == run("history", "show", HOST).out


def test_show_with_transcript_shows_what_was_said(remembered):
    words = ("history", "show", "mx.example.net")
    assert "EHLO" not in run(*words).out
    assert "C: EHLO localhost" in run(*words, "--transcript").out


def test_show_as_json_is_the_evidence_whole(remembered):
    ran = run("history", "show", HOST, "--json")
    assert [from_json(Evidence, line) for line in ran.out.splitlines()] == list(remembered[:4])


def test_forget_releases_all_of_a_host_and_nothing_else(remembered):
    ran = run("history", "forget", HOST)
    assert ran.code == 0
    assert "4 visits" in ran.out
    assert run("history", "list").out.split()[0] == "mx.example.net:25"


def test_forget_may_release_one_port_only(remembered):
    assert run("history", "forget", HOST, "--port", "25").code == 0
    shown = run("history", "show", HOST).out
    assert f"{HOST}:25" not in shown
    assert f"{HOST}:465" in shown


@pytest.mark.parametrize(
    "words",
    [
        ("show", "unknown.example.org"),
        ("forget", "unknown.example.org"),
        ("forget", HOST, "--port", "143"),
    ],
)
def test_what_is_not_remembered_cannot_be_shown_or_forgotten(words, remembered):
    ran = run("history", *words)
    assert ran.code == 1
    assert "nothing is remembered" in ran.err
    assert "unstrip history list" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("show",),
        ("forget",),
        ("show", "no host"),
        ("forget", "no host"),
        ("forget", HOST, "--port", "0"),
        ("forget", HOST, "--port", "smtp"),
    ],
)
def test_what_is_no_host_or_port_is_a_mistake(words):
    assert run("history", *words).code == 2


@pytest.mark.parametrize("words", [("list",), ("show", HOST), ("forget", HOST)])
def test_another_file_may_be_named(words, remembered, tmp_path):
    file = tmp_path / "visits.sqlite3"
    open_store(file).close()
    ran = run("history", *words, "--store", file)
    assert "nothing is remembered" in ran.out + ran.err
    with closing(open_store(default_path())) as store:
        assert len(store.remembered()) == 3


@pytest.mark.parametrize("words", [("list",), ("show", HOST), ("forget", HOST)])
def test_a_file_that_is_named_and_not_there_is_an_error_and_not_made(words, remembered, tmp_path):
    file = tmp_path / "visits.sqlite3"
    ran = run("history", *words, "--store", file)
    assert ran.code == 4
    assert f"there is no store {file}" in ran.err
    assert not file.exists()


@pytest.mark.parametrize("words", [("list",), ("show", HOST), ("forget", HOST)])
def test_the_store_of_the_configuration_is_the_one_that_is_looked_into(words, remembered, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('store = "configured.sqlite3"\n')
    ran = run("history", *words, "--config", config)
    assert "nothing is remembered" in ran.out + ran.err
    assert (tmp_path / "configured.sqlite3").exists()
    config.write_text(f'store = "{default_path()}"\n')
    assert run("history", *words, "--config", config).code == 0


@pytest.mark.parametrize("words", [("list",), ("show", HOST), ("forget", HOST)])
def test_a_file_that_cannot_be_used_is_told_with_a_hint(words, tmp_path):
    file = tmp_path / "visits.sqlite3"
    file.write_bytes(b"no database at all" * 99)
    ran = run("history", *words, "--store", file)
    assert ran.code == 4
    assert str(file) in ran.err
    assert "--store" in ran.err


@pytest.mark.parametrize("words", [("list",), ("show", HOST), ("forget", HOST)])
@pytest.mark.parametrize("url", ["postgresql://me:secret@127.0.0.1:1/unstrip", "mysql://x/y"])
def test_a_database_that_cannot_be_used_is_told_without_its_password(words, url):
    ran = run_apart("history", *words, "--store", url)
    assert ran.code == 4
    assert "postgresql://" in ran.err
    assert "--store" in ran.err
    assert "secret" not in ran.err


def test_a_visit_that_cannot_be_read_is_told_and_can_still_be_released(remembered):
    with closing(sqlite3.connect(default_path())) as db, db:
        db.execute("update visit set evidence = 'nonsense'")
    assert run("history", "show", HOST).code == 4
    assert run("history", "list").code == 0
    assert run("history", "forget", HOST).code == 0
    assert run("history", "show", HOST).code == 1


def test_terminal_escapes_of_a_peer_are_escaped(home):
    with closing(open_store(default_path())) as store:
        store.keep(refused("454 \\x1b[31m\\x9b"))
    shown = run("history", "show", HOST, "--transcript").out
    assert "\\x1b[31m\\x9b" in shown
    assert shown.replace("\n", "").isprintable()


def test_visits_without_a_proof_are_shown_so(home):
    with closing(open_store(default_path())) as store:
        store.keep(days_ago(1, upgraded(untrusted())))
    shown = run("history", "show", HOST).out
    assert "expected: encrypt" in shown
    assert "no trusted issuer" in shown


def test_json_has_no_colour_and_one_object_a_line(remembered):
    for line in run("history", "list", "--json").out.splitlines():
        assert json.loads(line)["visits"] >= 1

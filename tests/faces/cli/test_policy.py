"""`unstrip policy`: what is known is shown, renewed and released; what is published is tried."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faces.cli.command import Ran, run
from tests.faces.cli.names import (
    DOMAIN,
    NOWHERE,
    POLICY,
    POLICY_HOST,
    RECORD,
    known,
    remember,
    resolving,
)
from tests.io.policy_host import PolicyHost, ok, policy_host, says
from tests.io.store.faults import damage
from unstrip.io.https import Fetcher
from unstrip.io.store import default_path, open_store

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OTHER = POLICY.replace("enforce", "testing").replace("mx1", "evil")


@contextmanager
def published(
    home: Path, pki, monkeypatch, text: str = POLICY, record: str = RECORD
) -> Iterator[tuple[tuple[object, ...], PolicyHost]]:
    """A domain that publishes a policy, at another port than 443; and the options to find it."""
    names = (record, POLICY_HOST)
    context = pki.server_context(f"mta-sts.{DOMAIN}")
    with policy_host(says(ok(text.encode())), context) as web, resolving(home, *names) as config:
        monkeypatch.setitem(Fetcher.__init__.__kwdefaults__, "port", web.port)
        yield ("--config", config, "--ca-file", pki.ca_file), web


# show


def test_where_nothing_is_known_that_is_said():
    ran = run("policy", "show")
    assert (ran.code, ran.out) == (0, "nothing is known\n")
    assert run("policy", "show", "--json").out == ""


def test_what_is_known_is_shown():
    remember(known(), known(domain="a.example"))
    ran = run("policy", "show")
    assert ran.code == 0
    assert [line for line in ran.out.splitlines() if not line.startswith(" ")] == [
        "a.example: mode enforce",
        f"{DOMAIN}: mode enforce",
    ]
    assert f"  mx mx1.{DOMAIN}" in ran.out
    assert "  id 1, fetched 20" in ran.out


def test_one_domain_is_shown_alone():
    remember(known(), known(domain="a.example"))
    assert "a.example" not in run("policy", "show", DOMAIN).out


def test_what_is_known_is_one_json_object_a_domain():
    remember(known())
    (line,) = run("policy", "show", "--json").out.splitlines()
    told = json.loads(line)
    assert told["domain"] == told["known"]["domain"] == DOMAIN
    assert told["known"]["policy"]["mx"] == [f"mx1.{DOMAIN}"]
    assert told["expires"] > told["known"]["fetched"]


@pytest.mark.parametrize("command", ["show", "forget"])
def test_a_domain_of_which_nothing_is_known_is_one_too_few(command):
    ran = run("policy", command, DOMAIN)
    assert ran.code == 1
    assert f"nothing is known of {DOMAIN}" in ran.err


@pytest.mark.parametrize("words", [("show",), ("forget", DOMAIN), ("refresh",)])
def test_a_store_that_cannot_be_used_is_no_empty_one(words):
    ran = run("policy", *words, "--store", "/dev/null/store")
    assert ran.code == 4
    assert "/dev/null" in ran.err


@pytest.mark.parametrize("words", [("show",), ("show", DOMAIN), ("forget", DOMAIN)])
def test_a_store_that_is_named_and_not_there_is_an_error_and_not_made(words, home):
    remember(known())
    path = home / "elsewhere.sqlite3"
    ran = run("policy", *words, "--store", path)
    assert ran.code == 4
    assert f"there is no store {path}" in ran.err
    assert not path.exists()


# forget


def test_a_domain_is_released():
    remember(known())
    ran = run("policy", "forget", f"{DOMAIN.upper()}.")
    assert (ran.code, ran.out) == (0, f"{DOMAIN}: forgotten: its policy\n")
    assert run("policy", "show", DOMAIN).code == 1


# what was lost


def test_that_something_was_lost_is_said_until_it_is_forgotten():
    remember(known())
    with closing(open_store(default_path())) as store:
        store.lose(datetime.now(UTC))
    for words in (("show",), ("show", DOMAIN)):
        ran = run("policy", *words)
        assert ran.code == 0
        assert "warning: the store was damaged on 20" in ran.err
        assert "unstrip policy forget --lost" in ran.err
    ran = run("policy", "forget", "--lost")
    assert (ran.code, ran.out) == (0, "what was lost is forgotten\n")
    assert run("policy", "show").err == ""
    assert run("policy", "forget", "--lost").code == 1
    assert run("policy", "show", DOMAIN).code == 0  # what is known stays


@pytest.mark.parametrize("words", [(), (DOMAIN, "--lost")])
def test_what_is_to_be_forgotten_is_one_domain_or_what_was_lost(words):
    ran = run("policy", "forget", *words)
    assert ran.code == 2
    assert "either DOMAIN or --lost" in ran.err


def test_a_damaged_store_is_left_to_the_daemon():
    remember(known())
    damage(default_path(), slice(1))
    whole = default_path().read_bytes()
    ran = run("policy", "show")
    assert ran.code == 4
    assert "if this was a store in a file, `unstrip serve` saves what can be read of it" in ran.err
    assert default_path().read_bytes() == whole


# what cannot be read


def spoil(domain: str = DOMAIN) -> None:
    """Have one byte of what is known of a domain be another."""
    with closing(sqlite3.connect(default_path())) as db, db:
        db.execute(
            "update policy set known = replace(known, 'enforce', 'enfoqce') where domain = ?",
            (domain,),
        )


def test_a_policy_that_cannot_be_read_is_named_and_the_others_are_shown():
    remember(known(), known(domain="a.example"))
    spoil("a.example")
    for words in (("show",), ("show", "--json")):
        ran = run("policy", *words)
        assert ran.code == 4
        assert DOMAIN in ran.out
        assert "the policy of a.example: Invalid enum value" in ran.err
        assert "`unstrip policy forget DOMAIN` releases it unread" in ran.err
    assert "the policy of a.example" in run("policy", "show", "a.example").err


def test_a_policy_that_cannot_be_read_can_be_forgotten():
    remember(known())
    spoil()
    ran = run("policy", "forget", DOMAIN)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"{DOMAIN}: forgotten: its policy\n")
    assert run("policy", "show").out == "nothing is known\n"


@pytest.mark.parametrize("words", [(), (DOMAIN, "a.example")])
def test_a_policy_that_cannot_be_read_is_named_and_the_others_are_renewed(
    home, pki, monkeypatch, words
):
    remember(known(age=2 * DAY), known(domain="a.example", age=2 * DAY))
    spoil("a.example")
    with published(home, pki, monkeypatch) as (options, web):
        ran = run("policy", "refresh", *words, *options)
        assert len(web.requests) == 1
    assert ran.code == 4
    assert f"{DOMAIN}: mode enforce, holds until" in ran.out
    assert "the policy of a.example: Invalid enum value" in ran.err


# refresh


def test_without_a_policy_that_is_getting_old_there_is_nothing_to_do(home):
    remember(known(age=HOUR))
    with resolving(home) as config:
        ran = run("policy", "refresh", "--config", config)
    assert (ran.code, ran.out) == (0, "no policy is getting old\n")


def test_what_is_getting_old_is_renewed(home, pki, monkeypatch):
    remember(known(age=2 * DAY))
    with published(home, pki, monkeypatch) as (options, web):
        ran = run("policy", "refresh", *options)
        assert len(web.requests) == 1
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith(f"{DOMAIN}: mode enforce, holds until")
        assert "unchanged" in ran.out
        assert run("policy", "refresh", *options).out == "no policy is getting old\n"


def test_a_domain_that_is_named_is_looked_for_at_once(home, pki, monkeypatch):
    with published(home, pki, monkeypatch) as (options, _):
        ran = run("policy", "refresh", DOMAIN, *options)
    assert ran.code == 0
    assert f"new: mode enforce, max_age 604800, mx mx1.{DOMAIN}" in ran.out
    assert run("policy", "show", DOMAIN).code == 0


def test_what_an_attacker_would_have_liked_is_an_alarm(home, pki, monkeypatch):
    remember(known(age=HOUR))
    record = RECORD.replace("id=1", "id=2")
    with published(home, pki, monkeypatch, OTHER, record) as (options, _):
        ran = run("policy", "refresh", DOMAIN, *options)
    assert f"new: mode testing, max_age 604800, mx evil.{DOMAIN}" in ran.out
    assert "alarm: example.org: the policy went from enforce to testing" in ran.out
    assert f"new in the policy: mx evil.{DOMAIN}" in ran.out


def test_a_policy_that_cannot_be_renewed_goes_on_to_hold(home):
    remember(known(age=2 * DAY))
    with resolving(home, RECORD) as config:
        ran = run("policy", "refresh", "--config", config)
    assert ran.code == 1
    assert "mode enforce, holds until" in ran.out
    assert "sts-policy-fetch-error" in ran.out
    assert "mode enforce" in run("policy", "show", DOMAIN).out
    assert "sts-policy-fetch-error" in run("policy", "show", DOMAIN).out


def test_a_record_that_cannot_be_looked_up_is_told_of_each_domain(home):
    remember(known(age=2 * DAY), known(age=2 * DAY, domain="a.example"))
    with resolving(home, failing=f"_mta-sts.{DOMAIN}") as config:
        ran = run("policy", "refresh", "--config", config)
    assert ran.code == 1
    assert "server failure" in ran.out
    assert "the record is gone, the policy holds" in ran.out


# test


@pytest.fixture
def written(home):
    """Try what is in a file."""

    def tried(text: str | bytes, *words: object) -> Ran:
        path = home / "policy.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return run("policy", "test", path, *words)

    return tried


def test_a_good_policy_is_said_to_be_one(written):
    ran = written(POLICY)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"policy: mode enforce, max_age 604800, mx mx1.{DOMAIN}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (POLICY.replace("enforce", "force"), "mode 'force' is unknown"),
        (POLICY.replace("mx:", "mx"), "line 3: 'mx mx1.example.org' is no field"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * 70_000, "bytes are too long"),
        ("", "is no field"),
        ("v=STSv1; id=;", "'id=' is no field"),
        ("v=STSv1; id=1;\nv=STSv1; id=2;", "2 records begin with 'v=STSv1;'"),
        ('"v=STSv1; id=1;', "no closing quotation"),
    ],
)
def test_what_is_wrong_is_said(written, text, words):
    ran = written(text)
    assert ran.code == 1
    assert words in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("text", ["v=STSv1; id=7a;", '"v=STSv1; id=7a;"', '"v=STS" "v1; id=" "7a"'])
def test_a_record_is_read_as_dig_prints_it(written, text):
    assert written(text).out == "record: id 7a\n"


def test_hosts_are_tried_against_the_policy(written):
    ran = written(POLICY, "--mx", f"MX1.{DOMAIN}", "--mx", f"mx2.{DOMAIN}")
    assert ran.code == 1
    assert ran.out.splitlines()[1:] == [f"mx1.{DOMAIN}: allowed", f"mx2.{DOMAIN}: not allowed"]
    assert written(POLICY, "--mx", f"mx1.{DOMAIN}").code == 0


def test_a_policy_that_is_soon_forgotten_is_said_to_be_so(written):
    ran = written(POLICY.replace("604800", "3600"))
    assert ran.code == 0
    assert "max_age 3600 is less than a day" in ran.err
    assert written(POLICY.replace("604800", "86400")).err == ""
    assert written("version: STSv1\nmode: none\nmax_age: 60\n").err == ""


def test_a_file_that_is_not_there_is_told_from_a_domain_without_a_policy(home):
    with resolving(home) as config:
        there = run("policy", "test", DOMAIN, "--config", config)
        none = run("policy", "test", f"policy.txt.{NOWHERE}", "--config", config)
    assert (there.code, none.code) == (1, 1)
    assert "it publishes no policy" in there.err
    assert "there is no such file, and no such domain" in none.err
    neither = run("policy", "test", "no/file.txt")
    assert neither.code == 2
    assert "there is no file 'no/file.txt', and it is no domain" in neither.err


@pytest.mark.parametrize("group", [("policy",), ("policy", "list"), ("history",)])
def test_no_summary_of_a_command_is_cut_on_a_terminal(group, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, commands = run(*group, "--help").out.split("Commands:")
    assert "..." not in commands


def test_a_record_has_no_hosts_to_try(written):
    assert written("v=STSv1; id=1;", "--mx", f"mx1.{DOMAIN}").code == 2


def test_what_a_domain_publishes_is_tried_and_not_kept(home, pki, monkeypatch):
    with published(home, pki, monkeypatch) as (options, _):
        ran = run("policy", "test", DOMAIN, "--mx", f"mx1.{DOMAIN}", *options)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"{DOMAIN}: id 1, mode enforce, max_age 604800")
    assert run("policy", "show").out == "nothing is known\n"


@pytest.mark.parametrize(
    ("records", "failing", "code", "words"),
    [
        ((), "", 1, "publishes no policy"),
        ((RECORD.replace("id=1", "id=-"),), "", 1, "id '-' is not 1 to 32 letters and digits"),
        ((RECORD,), "", 4, "sts-policy-fetch-error"),
        ((), f"_mta-sts.{DOMAIN}", 4, "server failure"),
    ],
)
def test_a_domain_without_a_policy_that_works_is_told_why(home, records, failing, code, words):
    with resolving(home, *records, failing=failing) as config:
        ran = run("policy", "test", DOMAIN, "--config", config)
    assert ran.code == code
    assert words in ran.err


def test_the_list_has_its_place_in_the_group():
    assert "verify" in run("policy", "list", "--help").out

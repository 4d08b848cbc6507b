"""What the commands that ask have in common: whatever cannot be used is said, never left out."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from pysequoia import Tsk

from tests.faces.cli.names import DOMAIN, HOSTS, MX, RECORD, resolving
from unstrip.faces.cli.asking import (
    AskingOptions,
    asking,
    configured,
    named,
    opened,
    reading,
    roots,
    table,
)
from unstrip.faces.cli.speech import Complaint, Exit
from unstrip.io.configuration import Configuration
from unstrip.io.openpgp import sign
from unstrip.io.store import default_path
from unstrip.policy.local import Table


async def asked_about(options: AskingOptions, domain: str = DOMAIN) -> tuple[str, int]:
    """Which policy a domain is asked about with, and how often somebody answered."""
    count = 0

    def advance() -> None:
        nonlocal count
        count += 1

    async with asking(options, advance) as asked:
        inquired = await asked.inquiry.mail(domain)
    return inquired.derivation.destinations[0].decision.level.value, count


def test_an_inquiry_is_made_of_the_options_and_answers_are_counted(home):
    with resolving(home, MX, *HOSTS) as config:
        level, count = asyncio.run(asked_about(AskingOptions(config, no_store=True)))
    assert (level, count) == ("may", 5)


def test_a_fetch_counts_as_an_answer_too(home):
    with resolving(home, MX, *HOSTS, RECORD) as config:
        _, count = asyncio.run(asked_about(AskingOptions(config, no_store=True)))
    assert count == 6


def test_the_table_is_believed(home):
    path = home / "table.toml"
    path.write_text('[[rule]]\nhost = "*"\nrequire = "encrypt"\n')
    with resolving(home, MX, *HOSTS) as config:
        options = AskingOptions(config, no_store=True, policy=path)
        assert asyncio.run(asked_about(options))[0] == "encrypt"


def test_a_store_is_opened_where_it_usually_is_and_closed():
    with opened(AskingOptions(), Configuration()) as store:
        assert store is not None
        assert default_path().exists()


def test_the_option_goes_before_the_configuration(home):
    settings = configured_store(home, "configured.sqlite3")
    with opened(AskingOptions(), settings):
        assert (home / "configured.sqlite3").exists()
    with opened(AskingOptions(store=str(home / "given.sqlite3")), settings):
        assert (home / "given.sqlite3").exists()


def configured_store(home, name: str) -> Configuration:
    path = home / "config.toml"
    path.write_text(f'store = "{name}"\n')
    return configured(path)


def test_without_a_store_none_is_made():
    with opened(AskingOptions(no_store=True), Configuration()) as store:
        assert store is None
    assert not default_path().exists()


def test_a_store_that_breaks_in_use_is_an_error_and_no_empty_store(home):
    path = home / "broken.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    with (
        pytest.raises(Complaint) as refused,
        opened(AskingOptions(store=str(path)), Configuration()),
    ):
        pytest.fail("it was opened")
    assert refused.value.code is Exit.UNKNOWN
    assert "--no-store" in refused.value.hint


def test_a_configuration_with_a_mistake_is_an_error(home):
    path = home / "config.toml"
    path.write_text("stroe = 'x'\n")
    with pytest.raises(Complaint, match="stroe"):
        configured(path)


def test_only_the_usual_table_may_be_missing(home):
    assert table(None) == Table()
    with pytest.raises(Complaint):
        table(home / "missing.toml")


def test_roots_that_cannot_be_read_are_an_error(home):
    with pytest.raises(Complaint, match="no trusted roots"):
        roots(home / "missing.pem")


def test_a_list_that_cannot_be_had_is_an_error_and_never_left_out(home):
    with resolving(home, MX, *HOSTS) as config:
        config.write_text(config.read_text() + '[list]\nfile = "list.json"\nkey = "key.asc"\n')
        with pytest.raises(Complaint, match="cannot be read") as refused:
            asyncio.run(asked_about(AskingOptions(config, no_store=True)))
    assert refused.value.code is Exit.UNKNOWN
    assert "[list]" in refused.value.hint


KEY = Tsk.generate(user_id="signer")


def put_list(home, age: timedelta = timedelta()) -> None:
    """Write a signed list that has the domain, and holds for a week."""
    made = datetime.now(UTC) - age
    times = {"timestamp": made.isoformat(), "expires": (made + timedelta(days=7)).isoformat()}
    policies = {DOMAIN: {"mode": "enforce", "mxs": [f"mx1.{DOMAIN}"]}}
    rest = {"version": "0.1", "policy-aliases": {}, "policies": policies}
    body = json.dumps(times | rest).encode()
    (home / "list.json").write_bytes(body)
    (home / "list.json.asc").write_bytes(sign(body, bytes(KEY)))


@pytest.fixture
def listed(home):
    """A configuration that names a signed list, which has the domain."""
    (home / "key.asc").write_bytes(bytes(KEY.extract_certificate()))
    put_list(home)
    with resolving(home, MX, *HOSTS) as config:
        config.write_text(config.read_text() + '[list]\nfile = "list.json"\nkey = "key.asc"\n')
        yield config


@pytest.mark.parametrize("no_store", [False, True])
def test_a_signed_list_is_believed(listed, no_store):
    assert asyncio.run(asked_about(AskingOptions(listed, no_store=no_store)))[0] == "verify"


def test_a_list_that_is_kept_goes_on_being_used_and_that_is_said(listed, home, capsys):
    assert asyncio.run(asked_about(AskingOptions(listed)))[0] == "verify"
    (home / "list.json").write_text("{}")
    assert asyncio.run(asked_about(AskingOptions(listed)))[0] == "verify"
    assert "the one that is kept goes on being used" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "name"),
    [("Example.ORG.", "example.org"), ("b\u00fccher.example", "xn--bcher-kva.example")],
)
def test_a_domain_becomes_a_labels(given, name):
    assert named(given) == name


@pytest.mark.parametrize("given", ["", "a b", "192.0.2.1", "::1"])
def test_what_is_no_domain_is_an_error(given):
    with pytest.raises(Complaint):
        named(given)


async def alarms(options: AskingOptions) -> tuple[str, ...]:
    async with asking(options) as asked:
        return (await asked.inquiry.mail(DOMAIN)).alarms


@pytest.mark.parametrize("no_store", [False, True])
def test_a_list_whose_time_is_over_says_nothing_and_that_is_said(listed, home, no_store, capsys):
    put_list(home, timedelta(days=8))
    options = AskingOptions(listed, no_store=no_store)
    assert asyncio.run(asked_about(options))[0] == "may"
    over = datetime.now(UTC) - timedelta(days=1)
    alarm = f"list: it expired on {over:%Y-%m-%d}; it says nothing any more"
    assert capsys.readouterr().err == f"unstrip: warning: {alarm}\n"
    assert asyncio.run(alarms(options)) == (alarm,)


def test_a_list_that_is_kept_is_an_alarm_too(listed, home):
    assert asyncio.run(alarms(AskingOptions(listed))) == ()
    (home / "list.json").unlink()
    (alarm,) = asyncio.run(alarms(AskingOptions(listed)))
    assert alarm.endswith("the one that is kept goes on being used")


@pytest.mark.parametrize("missing", ["list.json", "list.json.asc", "key.asc"])
def test_who_only_looks_needs_neither_list_nor_table(listed, home, missing):
    (home / missing).unlink()
    (home / "policy.toml").write_text("no table")

    async def looked() -> None:
        async with asking(AskingOptions(listed), believing=False) as asked:
            assert (await asked.inquiry.look(DOMAIN)).known.domain == DOMAIN
            assert asked.inquiry.beliefs.listed is None

    asyncio.run(looked())
    with pytest.raises(Complaint):
        asyncio.run(asked_about(AskingOptions(listed)))


@pytest.mark.parametrize("text", [b"\xff", b"[[rule]]\nhost = 1", b"#" * 1_048_577])
def test_a_table_that_cannot_be_used_is_an_error_that_names_it(home, text):
    path = home / "table.toml"
    path.write_bytes(text)
    with pytest.raises(Complaint, match=r"/table\.toml") as refused:
        table(path)
    assert refused.value.hint == "see docs/reference/policy-file.md"


def test_a_table_that_is_a_pipe_is_not_waited_for(home):
    os.mkfifo(home / "pipe")
    with pytest.raises(Complaint, match="is a pipe or a device"):
        table(home / "pipe")


@pytest.mark.parametrize("store", ["", ":memory:", "postgresql:me:secret@db"])
def test_a_store_that_is_none_is_an_error_and_not_the_usual_one(store):
    with (
        pytest.raises(Complaint) as refused,
        opened(AskingOptions(store=store), Configuration()),
    ):
        pytest.fail("it was opened")
    assert "secret" not in str(refused.value)
    with pytest.raises(Complaint) as refused, reading(None, store):
        pytest.fail("it was opened")
    assert "secret" not in str(refused.value)
    assert not default_path().exists()


def test_who_has_no_home_is_told_what_to_give(home):
    config = home / "config.toml"
    config.touch()
    said = []
    for words in ([], ["--config", config], ["--config", config, "--no-store"]):
        done = subprocess.run(
            [sys.executable, "-c", HOMELESS, "explain", "example.org", *map(str, words)],
            env={},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        said.append(done.stderr)
    assert "give --config" in said[0]
    assert "give --store FILE" in said[1]
    assert "home" not in said[2]  # the table is beside the configuration


HOMELESS = """
import sys
sys.modules["pwd"] = None  # the system knows no such user
from unstrip.faces.cli import main
main()
"""

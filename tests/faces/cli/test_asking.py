"""What the commands that ask have in common: whatever cannot be used is said, never left out."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from pysequoia import Tsk

from tests.faces.cli.names import DOMAIN, HOSTS, MX, RECORD, resolving
from unstrip.faces.cli.asking import AskingOptions, asking, configured, named, opened, roots, table
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


@pytest.fixture
def listed(home):
    """A configuration that names a signed list, which has the domain."""
    key = Tsk.generate(user_id="signer")
    (home / "key.asc").write_bytes(bytes(key.extract_certificate()))
    now = datetime.now(UTC)
    times = {"timestamp": now.isoformat(), "expires": (now + timedelta(days=7)).isoformat()}
    policies = {DOMAIN: {"mode": "enforce", "mxs": [f"mx1.{DOMAIN}"]}}
    rest = {"version": "0.1", "policy-aliases": {}, "policies": policies}
    body = json.dumps(times | rest).encode()
    (home / "list.json").write_bytes(body)
    (home / "list.json.asc").write_bytes(sign(body, bytes(key)))
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

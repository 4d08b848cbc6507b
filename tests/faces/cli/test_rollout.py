"""`unstrip rollout`: names, policy and mail server on loopback, and reports in a store."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from functools import partial

import pytest
import trustme

from tests.conftest import SERVER
from tests.faces.cli.command import Ran, run
from tests.faces.cli.received import TODAY, receive
from tests.faces.cli.test_publish import DOMAIN, ZONE, zone
from tests.io.hostile import honest, serving
from tests.io.policy_host import ok, policy_host, says
from tests.io.resolver.nameserver import name_server
from tests.tlsrpt.days import EXPIRED
from tests.tlsrpt.told import OTHER, SENDER, tell
from unstrip.evidence import from_json
from unstrip.faces.cli.report_lines import ReportsRecord
from unstrip.faces.cli.rollout_lines import RolloutRecord
from unstrip.faces.cli.trail import TrailRecord
from unstrip.io.https import Fetcher
from unstrip.io.store import default_path, open_store
from unstrip.policy.mta_sts import Mode
from unstrip.tlsrpt.received import Proof, Told
from unstrip.tlsrpt.values import Applied, PolicyType

POLICY = f"version: STSv1\nmode: testing\nmx: {SERVER}\nmax_age: 86400\n"
APPLIED = Applied(PolicyType.STS, DOMAIN, tuple(POLICY.splitlines()), (SERVER,))
NAMES = (
    *ZONE,
    f'_mta-sts.{DOMAIN}. 60 IN TXT "v=STSv1; id=1;"',
    f"mta-sts.{DOMAIN}. 60 IN A 127.0.0.1",
)
Command = Callable[..., Ran]
said = partial(tell, day=TODAY, policy=APPLIED)


def well() -> Iterator[Told]:
    for ago in range(1, 9):
        yield from (said(ago, 5, sender=sender) for sender in (SENDER, OTHER))


@contextmanager
def published(home, pki, monkeypatch, names=NAMES, policy=POLICY) -> Iterator[Command]:
    """The command, for a domain with one mail server."""
    context = pki.server_context(f"mta-sts.{DOMAIN}")
    with (
        serving(partial(honest, pki, "smtp")) as mx,
        policy_host(says(ok(policy.encode())), context) as web,
        name_server(zone(names)) as resolver,
    ):
        monkeypatch.setitem(Fetcher.__init__.__kwdefaults__, "port", web.port)
        config = home / "config.toml"
        servers = f'["127.0.0.1@{resolver.server.port}"]'
        config.write_text(f'[resolver]\nservers = {servers}\nvalidates = ""\nfails = ""\n')
        given = ("--config", config, "--ca-file", pki.ca_file, "--timeout", 5, "--port", mx.port)
        yield lambda *words, command="rollout": run(command, DOMAIN, *given, *words)


@pytest.fixture
def rollout(home, pki, monkeypatch) -> Iterator[Command]:
    with published(home, pki, monkeypatch) as command:
        yield command


def trail():
    with closing(open_store(default_path())) as store:
        return store.trail(DOMAIN)


# -- exit codes ------------------------------------------------------------------------------


def test_0_what_the_reports_show_safe_is_printed(rollout):
    receive(*well())
    ran = rollout()
    assert (ran.code, ran.err) == (0, ""), ran.out
    assert "mode: enforce" in ran.out
    assert "safe to enforce" in ran.out


def test_1_what_the_reports_show_to_lose_mail_is_refused(rollout):
    receive(*well(), said(0, 7, 3, failure=EXPIRED))
    ran = rollout()
    assert ran.code == 1
    assert "refused: 3 of 90 sessions would not have been delivered" in ran.out
    assert "mode: enforce" not in ran.out


def test_1_a_host_that_does_not_match_today(home, pki, monkeypatch):
    receive(*well())
    policy = POLICY.replace(SERVER, "elsewhere.example")
    with published(home, pki, monkeypatch, policy=policy) as rollout:
        ran = rollout()
    assert ran.code == 1
    assert "is an MX host, but not in the policy" in ran.out


def test_4_too_few_reports(rollout):
    receive(said(1, 5))
    ran = rollout()
    assert ran.code == 4
    assert "not found out: too little was reported to tell: 1 of 7 days" in ran.out


def test_4_no_name_server_answers_and_nothing_is_noted(home, pki, monkeypatch):
    with published(home, pki, monkeypatch, names=()) as rollout:
        (home / "config.toml").write_text('[resolver]\nservers = ["127.0.0.1@1"]\n')
        ran, noted = rollout(), rollout("--note")
    assert (ran.code, noted.code) == (4, 4)
    assert "nothing is noted" in noted.err
    assert trail() == ()


def test_4_a_store_that_cannot_be_used(rollout, home):
    bad = home / "bad"
    bad.write_text("no database\n" * 100)
    for words in ((), ("--note",), ("--trail",)):
        ran = rollout("--store", bad, *words)
        assert ran.code == 4
        assert ran.err.startswith("unstrip: error: the store in ")


@pytest.mark.parametrize(
    "words",
    [
        ("192.0.2.1",),
        ("a..b",),
        (),
        (DOMAIN, "--since", "yesterday"),
        (DOMAIN, "--since", "9999-01-01"),
        (DOMAIN, "--unsigned", "perhaps"),
        (DOMAIN, "--note", "--connect-to", "127.0.0.1"),
        (DOMAIN, "--without", "a b"),
        (DOMAIN, "--note", "--trail"),
        (DOMAIN, "--json", "--csv", "-"),
    ],
    ids=str,
)
def test_2_what_makes_no_sense(words):
    ran = run("rollout", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("unstrip: error: ")


# -- options ---------------------------------------------------------------------------------


def test_what_unsigned_reports_may_do_and_since_when_is_chosen(rollout):
    receive(*well(), said(12, 0, 3), said(0, 0, 3, proof=Proof.NONE))
    assert rollout("--unsigned", "ignore", "--since", f"{TODAY - timedelta(days=9)}").code == 0
    assert rollout("--since", f"{TODAY - timedelta(days=9)}").code == 1
    assert rollout("--unsigned", "ignore").code == 1


def test_who_is_left_out_and_whose_praise_counts_is_chosen_here_or_in_the_configuration(
    rollout, home
):
    receive(*well(), said(0, 0, 3, sender="a.evil.example"))
    assert "only a.evil.example tells of it" in " ".join(rollout().out.split())
    assert "without   evil.example" in rollout("--without", "evil.example").out
    config = home / "config.toml"
    table = f'{config.read_text()}[report]\nignore = ["evil.example"]\n'
    config.write_text(table)
    assert rollout().code == 0
    config.write_text(f'{table}trusted = ["{SENDER}"]\n')
    ran = rollout()
    assert ran.code == 4
    assert "1 of 2 senders" in ran.out


def test_json_is_all_of_it_and_can_be_read_back(rollout):
    receive(*well())
    ran = rollout("--json")
    found = from_json(RolloutRecord, ran.out)
    assert (found.exit, found.rollout.safe, found.rollout.mode) == (0, True, Mode.TESTING)
    assert found.rollout.publication.mode is Mode.ENFORCE
    assert found.hosts[0].host == SERVER


def test_an_address_that_stands_for_the_hosts_is_not_noted(rollout):
    rollout("--connect-to", "127.0.0.1")
    assert trail() == ()


# -- the trail -------------------------------------------------------------------------------


def test_each_run_notes_what_has_changed(rollout):
    assert "something has changed, which is noted" in rollout("--note").out
    assert rollout("--note").out == f"{DOMAIN}: nothing has changed\n"
    rollout()
    rollout(command="publish")
    (only,) = trail()
    assert only.first < only.last
    assert (only.snapshot.mode, only.snapshot.policy_id) == (Mode.TESTING, "1")
    (host,) = only.snapshot.hosts
    assert (host.name, host.preference, len(host.leaves)) == (SERVER, 10, 1)


def test_a_change_of_the_policy_makes_a_new_row(home, pki, monkeypatch):
    with published(home, pki, monkeypatch) as rollout:
        rollout("--note")
    with published(home, pki, monkeypatch, policy=POLICY.replace("86400", "99")) as rollout:
        rollout("--note")
    assert [noted.snapshot.max_age for noted in trail()] == [86400, 99]


def test_the_trail_is_shown_written_and_read_back(rollout, home):
    rollout("--note")
    file = home / "trail.csv"
    assert "policy 1, mode testing" in run("rollout", DOMAIN, "--trail").out
    told = from_json(TrailRecord, run("rollout", DOMAIN, "--trail", "--json").out)
    assert told == TrailRecord(DOMAIN, trail())
    assert run("rollout", DOMAIN, "--csv", file).code == 0
    assert file.read_bytes().count(b"\r\n") == 2
    (row,) = csv.DictReader(file.read_text().splitlines())
    assert (row["host"], row["key sha256"]) == (SERVER, trail()[0].snapshot.hosts[0].leaves[0].key)


def test_a_file_that_cannot_be_written_is_told(rollout, home):
    rollout("--note")
    ran = run("rollout", DOMAIN, "--csv", home)
    assert (ran.code, ran.out) == (4, "")
    assert "cannot be written" in ran.err


def test_where_nothing_was_noted_it_says_so():
    ran = run("rollout", DOMAIN, "--trail")
    assert (ran.code, ran.out) == (1, "")
    assert f"hint: unstrip rollout {DOMAIN} --note" in ran.err


def test_what_was_published_stands_beside_a_failure_that_is_shown(rollout):
    rollout("--note")
    receive(said(0, 1, 1))
    ran = run("report", "show", DOMAIN, "--json")
    assert ran.err == ""
    (failure,) = from_json(ReportsRecord, ran.out).overview.failures
    assert failure.published.startswith(f"policy 1, mode testing, {SERVER}; mx {SERVER}, key ")
    assert failure.last == date.fromisoformat(f"{TODAY}")


def test_4_a_run_that_cannot_have_the_policy_says_so_and_leaves_no_trace(rollout, home):
    receive(*well())
    rollout("--note")
    (before,) = trail()
    config = home / "config.toml"
    known = config.read_text()
    with name_server(zone(NAMES[:-1])) as resolver:
        config.write_text(re.sub(r"@\d+", f"@{resolver.server.port}", known))
        ran, noted = rollout(), rollout("--note")
    assert ran.code == 4, ran.out
    assert "the policy cannot be fetched now; what is remembered of" in " ".join(ran.out.split())
    assert ran.out.startswith(f"{DOMAIN}: MTA-STS in mode testing, as it is remembered; ")
    assert "mode: enforce" not in ran.out
    assert noted.out == f"{DOMAIN}: nothing has changed; the policy could not be had\n"
    assert trail() == (before,)


def test_a_run_without_the_option_that_knows_the_ca_names_it_and_leaves_no_trace(rollout, home):
    rollout("--note")
    (before,) = trail()
    other = home / "other.pem"
    other.write_bytes(trustme.CA().cert_pem.bytes())
    ran = rollout("--ca-file", other)
    assert ran.code == 1  # the mail server's certificate is of that CA, too
    assert "hint: if the web server uses a CA of your own: --ca-file PEM" in ran.out
    assert trail() == (before,)


def test_the_trail_goes_to_standard_output_or_says_where_it_is(rollout, home):
    rollout("--note")
    ran = run("rollout", DOMAIN, "--csv", "-")
    (row,) = csv.DictReader(ran.out.splitlines())
    assert row["host"] == SERVER
    file = home / "trail.csv"
    assert run("rollout", DOMAIN, "--csv", file).out == f"{file} is written\n"


def test_a_day_is_written_in_one_way_only():
    ran = run("rollout", DOMAIN, "--since", "01.11.2026")
    assert ran.code == 2
    assert "as 2026-11-21" in ran.err


def test_a_policy_that_was_changed_under_its_old_id_is_noted_with_the_record_to_publish(
    home, pki, monkeypatch
):
    with published(home, pki, monkeypatch) as rollout:
        rollout("--note")
    enforced = POLICY.replace("testing", "enforce").replace("86400", "604800")
    with published(home, pki, monkeypatch, policy=enforced) as rollout:
        ran = rollout()
    assert ran.code == 0, ran.out
    assert "noted: the policy was changed, and its id 1 was not" in ran.out
    assert f"publish the record _mta-sts.{DOMAIN} with its new id" in ran.out

"""`unstrip report send`, from the store to the mailbox: real DNS, real SMTP, real HTTPS."""

from __future__ import annotations

import base64
import gzip
import json
import signal
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.faces.cli.command import PATIENCE, run, started
from tests.faces.cli.names import DOMAIN, resolving
from tests.io.policy_host import answer, policy_host, says
from tests.io.tlsrpt.counted import count
from tests.io.tlsrpt.mail_server import mail_server
from tests.tlsrpt.days import DAY, RECORD, WHO
from unstrip.io.store import default_path, open_store
from unstrip.io.tlsrpt.signing import Signer
from unstrip.publication.zone import txt
from unstrip.tlsrpt.report import encode, make
from unstrip.tlsrpt.schedule import State

OVER, LATE = "2026-11-22T04:10Z", "2026-11-25T00:00Z"
TXT = f'_smtp._tls.{DOMAIN} TXT "{RECORD}"'
URI = f"mailto:tls@{DOMAIN}"


@pytest.fixture
def store(home):
    with closing(open_store(default_path())) as opened:
        yield opened


@contextmanager
def reporting(home: Path, *records: str, more: str = "", failing: str = "", port: int = 1):
    """A configuration that says who reports, and to which mail server."""
    with resolving(home, *records, failing=failing) as config:
        with config.open("a") as file:
            file.write(
                f'[report]\norganization = "{WHO.organization}"\ncontact = "{WHO.contact}"\n'
            )
            file.write(f'submit = "127.0.0.1:{port}"\n{more}')
        yield ("report", "send", "--config", config, "--early")


def test_a_report_is_sent_signed_and_shown(home, store):
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (home / "key.pem").write_bytes(pem)
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; s=tlsrpt; p=" + base64.b64encode(der)
    count(store)
    signed = 'dkim-key = "key.pem"\ndkim-selector = "tls"\n'
    with (
        mail_server(taken := []) as server,
        reporting(home, TXT, more=signed, port=server.port) as command,
    ):
        ran, again = run(*command, "--now", OVER), run(*command, "--now", OVER)
    expected = f"{DAY}, {DOMAIN}, to {URI}: delivered, 250 2.0.0 queued as 4711\n"
    assert (ran.code, ran.out) == (0, expected), ran.err
    assert (again.code, again.out) == (0, "nothing is due\n")
    (mail,) = taken
    assert dkim.verify(mail.mail, dnsfunc=lambda _, timeout=5: record, tlsrpt="strict")


def test_a_report_is_posted_to_a_web_server_that_proves_its_name(home, store, pki):
    with policy_host(says(answer("201 Created")), pki.server_context(f"tls.{DOMAIN}")) as web:
        record = f"v=TLSRPTv1; rua=https://tls.{DOMAIN}:{web.port}/"
        count(store, record=record)
        names = (f'_smtp._tls.{DOMAIN} TXT "{record}"', f"tls.{DOMAIN} A 127.0.0.1")
        with reporting(home, *names, more="private-https = true\n") as command:
            ran = run(*command, "--now", OVER, "--ca-file", pki.ca_file, "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert (told["job"]["state"], told["job"]["words"]) == ("delivered", "HTTP status 201")
    report = make(tuple(store.day(DAY, DOMAIN)), WHO)
    assert told["report"] == json.loads(encode(report))


def test_what_has_to_wait_is_shown_with_its_reason_and_time(home, store):
    count(store)
    with (
        mail_server([], RCPT="451 4.7.1 greylisted") as server,
        reporting(home, TXT, port=server.port) as command,
    ):
        ran = run(*command, "--now", OVER)
    assert ran.code == 0
    assert ran.out.startswith(f"{DAY}, {DOMAIN}, to {URI}: waits until 2026-11-22 04:1")
    assert ran.out.endswith(" UTC, tried once: 451 4.7.1 greylisted\n")


def test_a_report_that_is_refused_or_given_up_makes_the_exit_code(home, store):
    count(store)
    with (
        mail_server([], RCPT="550 5.1.1 no") as server,
        reporting(home, TXT, port=server.port) as command,
    ):
        ran = run(*command, "--now", OVER)
    assert (ran.code, ran.out) == (1, f"{DAY}, {DOMAIN}, to {URI}: refused, 550 5.1.1 no\n")


def test_a_day_that_nobody_reported_in_time_is_a_warning_and_makes_the_exit_code(home, store):
    count(store)
    with reporting(home, TXT) as command:
        ran, again = (run(*command, "--now", LATE) for _ in range(2))
    assert (ran.code, ran.out) == (1, "nothing is due\n")
    assert ran.err.startswith(f"unstrip: warning: {DAY}: nobody was there")
    assert (again.code, again.err) == (0, "")


def test_a_dry_run_shows_what_would_go_where_and_touches_nothing(home, store):
    count(store)
    count(store, "quiet.example", "v=TLSRPTv1; rua=mailto:x@quiet.example")
    count(store, "mute.example", "")
    with reporting(home, more='suppress = ["quiet.example"]\n') as command:
        early = run(*command, "--dry-run", "--now", "2026-11-22T00:00Z")
        asked = run(*command, "--dry-run", "--now", "2026-11-21T12:00Z", "--day", DAY)
        ran = run(*command, "--dry-run", "--now", OVER)
    assert early.out == f"no day is over yet; of the last one so far: --day {DAY}\n"
    assert asked.out.startswith(f"{DAY}, {DOMAIN}, to {URI}: waits until 2026-11-22 0")
    line, *others = ran.out.splitlines()
    assert line == f"{DAY}, {DOMAIN}, to {URI}: would go now"
    assert others == asked.out.splitlines()[1:]
    assert sorted(others) == [
        f"{DAY}: 1 domain gets none: it is suppressed",
        f"{DAY}: 1 domain gets none: nobody asks for it",
    ]
    assert store.jobs(DAY) == ()
    assert not store.planned(DAY)


def test_a_dry_run_says_where_there_is_nothing_to_report(home, store):
    with reporting(home) as command:
        nothing = run(*command, "--dry-run")
        count(store)
        other = run(*command, "--dry-run", "--day", "2026-11-01")
        late = run(*command, "--dry-run", "--now", LATE)
    assert nothing.out == "nothing is counted yet\n"
    assert other.out == "2026-11-01: nothing is counted\n"
    assert late.out.startswith("no day is to be reported: it is too late")


@pytest.mark.parametrize("published", ["ours", "another", "none"])
def test_a_dry_run_looks_whether_the_key_is_in_dns(home, store, published):
    count(store)
    text = {"ours": a_key(home), "another": a_key(home / "other"), "none": None}[published]
    records = () if text is None else (f"tls._domainkey.sender.example TXT {text}",)
    signed = 'dkim-key = "key.pem"\ndkim-selector = "tls"\n'
    with reporting(home, *records, more=signed) as command:
        ran = run(*command, "--dry-run", "--now", OVER)
    assert ran.code == 0
    assert ran.out == f"{DAY}, {DOMAIN}, to {URI}: would go now\n"
    words = {
        "ours": "",
        "another": "the key at tls._domainkey.sender.example is another one",
        "none": "there is no key at tls._domainkey.sender.example",
    }[published]
    assert words in ran.err
    assert (' IN TXT "v=DKIM1; k=rsa; s=tlsrpt; p=' in ran.err) is (published != "ours")
    assert ("publish tls._domainkey.sender.example. 3600" in ran.err) is (published != "ours")


def a_key(directory: Path) -> str:
    """Make a key; what is to be published of it, as zones have it."""
    directory.mkdir(exist_ok=True)
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / "key.pem").write_bytes(pem)
    record = Signer(directory / "key.pem", "sender.example", "tls").record
    return txt(record.name, record.text.encode(), None).data


def test_a_day_is_not_closed_before_its_time_unless_that_is_meant(home, store):
    count(store)
    ahead = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%MZ}"
    with reporting(home) as (*command, _):
        ran = run(*command, "--now", ahead)
        shown = run(*command, "--now", ahead, "--dry-run")
    assert ran.code == 2
    assert "--now is later than the clock: the day would be closed for good" in ran.err
    assert not store.planned(DAY)
    assert shown.code == 0


def test_a_dry_run_shows_the_report_on_request_and_how_far_it_has_come(home, store):
    count(store)
    with mail_server([]) as server, reporting(home, TXT, port=server.port) as command:
        before = json.loads(run(*command, "--dry-run", "--now", OVER, "--json").out)
        run(*command, "--now", OVER)
        after = json.loads(run(*command, "--dry-run", "--now", OVER, "--json").out)
    assert (before["job"]["state"], after["job"]["state"]) == ("waiting", "delivered")
    assert before["report"] == after["report"]
    assert before["report"]["report-id"].endswith("@sender.example")


def test_what_is_old_is_forgotten_by_the_real_clock_alone(home, store):
    today = datetime.now(UTC).date()
    for days in (0, 40):
        count(store, day=today - timedelta(days))
    with reporting(home, TXT) as command:
        run(*command, "--now", "2099-01-01T00:00Z")
    assert store.days() == (today,)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--day", "yesterday"), "--day: 'yesterday' is no day"),
        (("--now", "noon"), "--now: 'noon' is no time"),
        (("--now", "0001-01-01T00:00+23:59"), "is no time"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(home, words, said):
    with reporting(home) as command:
        ran = run(*command, *words)
    assert ran.code == 2
    assert said in ran.err


def test_nobody_reports_who_does_not_say_who_it_is(home):
    with resolving(home) as config:
        for words in ((), ("--dry-run",)):
            ran = run("report", "send", "--config", config, *words)
            assert ran.code == 2
            assert "does not say who reports" in ran.err


def test_a_key_that_is_none_is_an_error_before_anything_is_sent(home, store):
    count(store)
    signed = 'dkim-key = "key.pem"\ndkim-selector = "tls"\n'
    with (
        mail_server(taken := []) as server,
        reporting(home, TXT, more=signed, port=server.port) as command,
    ):
        ran = run(*command, "--now", OVER)
    assert (ran.code, taken) == (2, [])
    assert "dkim-key: " in ran.err
    assert store.jobs(DAY) == ()


def test_a_store_that_cannot_be_read_is_an_error(home):
    (home / "store").write_bytes(b"no store")
    with reporting(home) as command:
        assert run(*command, "--store", home / "store").code == 4


# Killed at any moment

DOMAINS = [f"d{number}.example" for number in range(24)]
EACH = [f'_smtp._tls.{name} TXT "v=TLSRPTv1; rua=mailto:tls@{name}"' for name in DOMAINS]


@pytest.mark.parametrize("step", ["MAIL", "DOT"])
def test_who_is_killed_loses_nothing_and_sends_nothing_again_that_is_kept_as_sent(
    home, store, step
):
    for name in DOMAINS:
        count(store, name, f"v=TLSRPTv1; rua=mailto:tls@{name}")
    seen = 0

    def kill_on_the_way():
        nonlocal seen
        seen += 1
        if seen == len(DOMAINS) // 2:
            process.send_signal(signal.SIGKILL)

    with (
        mail_server(taken := [], at=(step, kill_on_the_way)) as server,
        reporting(home, *EACH, port=server.port) as command,
    ):
        with started(*command, "--now", OVER) as process:
            process.communicate(timeout=PATIENCE)
        assert process.returncode == -signal.SIGKILL
        kept = {job.domain for job in store.jobs(DAY) if job.state is State.DELIVERED}
        before = [recipient(mail) for mail in taken]
        ran = run(*command, "--now", "2026-11-22T04:40Z")
    assert ran.code == 0, ran.err
    after = [recipient(mail) for mail in taken[len(before) :]]
    assert {*before, *after} == {*DOMAINS}
    assert not kept & {*after}
    assert {job.state for job in store.jobs(DAY)} == {State.DELIVERED}


def recipient(taken) -> str:
    """The domain that a mail is about, as its report says."""
    mail = message_from_bytes(taken.mail, policy=default)
    _, part = mail.iter_parts()
    report = json.loads(gzip.decompress(part.get_content()))
    assert report["policies"]
    return str(mail["TLS-Report-Domain"])

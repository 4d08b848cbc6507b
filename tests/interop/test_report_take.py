"""Reports are taken from a real IMAP server, and looked at once."""

from __future__ import annotations

import imaplib
import ssl
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from tests.faces.cli.command import run
from tests.faces.cli.names import resolving
from tests.interop.servers import PASSWORD, Certificates, MailboxServer
from tests.tlsrpt.letters import plain_letter, told
from unstrip.io.store import open_store
from unstrip.tlsrpt.letter import LONGEST

GOOD = [plain_letter(told(name=f"{number}"), report_id=f"{number}") for number in range(3)]
MAILS = [GOOD[0], b"From: a@b.example\r\n\r\nhello {5}\r\n", GOOD[1], b"x" * (LONGEST + 1), GOOD[2]]


def flags(client: imaplib.IMAP4) -> list[bytes]:
    return [client.fetch(f"{number}", "(FLAGS)")[1][0] for number in range(1, len(MAILS) + 1)]


@pytest.mark.parametrize("scheme", ["imap", "imaps"])
def test_mails_are_taken_once_and_marked_when_they_are_kept(
    scheme: str, dovecot_server: MailboxServer, certificates: Certificates, tmp_path: Path
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificates.ca))
    user = f"reports-{scheme}"
    with imaplib.IMAP4_SSL("localhost", dovecot_server.imaps, ssl_context=trusting) as client:
        client.login(user, PASSWORD)
        client.create('"TLS reports"')
        for mail in MAILS:
            client.append('"TLS reports"', None, None, mail)
        secret = tmp_path / "password"
        secret.write_text(f"{PASSWORD}\n")
        place = f"{scheme}://{user}@localhost:{getattr(dovecot_server, scheme)}/TLS%20reports"
        store = tmp_path / "store.sqlite3"
        with resolving(tmp_path) as config:
            words = ("--config", config, "--store", store, "--ca-file", certificates.ca)
            ran = run("report", "take", *words, "--imap", place, "--password-file", secret)
            assert (ran.code, ran.err) == (1, "")
            assert ran.out.count(": taken: ") == len(GOOD)
            assert "refused (no-report)" in ran.out
            assert "refused (size)" in ran.out
            again = run("report", "take", *words, "--imap", place, "--password-file", secret)
            assert (again.code, again.out) == (0, "")
        client.select('"TLS reports"', readonly=True)
        marks = flags(client)
    assert [b"\\Seen" in each for each in marks] == [True] * len(MAILS)
    assert [b"\\Flagged" in each for each in marks] == [False, True, False, True, False]
    with closing(open_store(store)) as opened:
        found = opened.received("example.org", date(2018, 1, 1), date(2100, 1, 1))
    assert [told.report_id for told in found] == ["0", "1", "2"]


def test_a_wrong_password_is_named_and_not_shown(
    dovecot_server: MailboxServer,
    certificates: Certificates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UNSTRIP_IMAP_PASSWORD", "wrong-horse")
    words = ("--ca-file", certificates.ca, "--store", tmp_path / "store.sqlite3")
    place = f"imap://somebody@localhost:{dovecot_server.imap}/INBOX"
    ran = run("report", "take", *words, "--imap", place)
    assert ran.code == 4
    assert "LOGIN: the server says" in ran.err
    assert "wrong-horse" not in ran.err + ran.out


def test_nobody_logs_in_where_the_certificate_proves_nothing(
    dovecot_server: MailboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pki
) -> None:
    monkeypatch.setenv("UNSTRIP_IMAP_PASSWORD", PASSWORD)
    words = ("--ca-file", pki.ca_file, "--store", tmp_path / "store.sqlite3")
    place = f"imap://somebody@localhost:{dovecot_server.imap}"
    ran = run("report", "take", *words, "--imap", place)
    assert ran.code in (3, 4)
    assert "taken" not in ran.out

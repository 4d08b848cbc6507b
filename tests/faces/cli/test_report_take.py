"""`unstrip report take`: from files, maildirs and a pipe, with keys looked up in real DNS."""

from __future__ import annotations

import gzip
import sqlite3
import subprocess
from contextlib import closing
from datetime import date

import pytest

from tests.faces.cli.command import PATIENCE, SCRIPT, run
from tests.faces.cli.names import resolving
from tests.io.tlsrpt.signed import SELECTOR, SENDER, key, sign
from tests.tlsrpt.letters import FILE, plain_letter, told
from unstrip.io.store import default_path, open_store
from unstrip.tlsrpt.letter import LONGEST
from unstrip.tlsrpt.received import Proof

LOST = "lost.example"
LONG_AGO, FAR = date(2018, 1, 1), date(2100, 1, 1)
SIGNED = sign(plain_letter())
FORGED = SIGNED.replace(b"This is", b"That is")


def record() -> str:
    text = key(2048)[1]
    strings = " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))
    return f"{SELECTOR}._domainkey.{SENDER} TXT {strings}"


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    failing = f"{SELECTOR}._domainkey.{LOST}"
    with resolving(tmp_path_factory.mktemp("names"), record(), failing=failing) as config:
        config.write_text(config.read_text() + '[report]\ndomains = ["example.org"]\n')
        yield config


def kept():
    with closing(open_store(default_path())) as store:
        return store.received(None, LONG_AGO, FAR)


def refusals():
    with closing(open_store(default_path())) as store:
        return {refused.kind: refused.count for refused in store.refused(LONG_AGO, FAR)}


def take(names, *words):
    return run("report", "take", "--config", names, *words)


def test_a_mail_and_a_report_as_it_is_are_taken(names, tmp_path):
    mail, bare = tmp_path / "mail", tmp_path / FILE
    mail.write_bytes(SIGNED)
    bare.write_bytes(gzip.compress(told(name="3")))
    ran = take(names, mail, bare)
    assert (ran.code, ran.err) == (0, "")
    assert f"{mail}: taken: 2026-11-20 example.org from {SENDER} (dkim: pass {SENDER})" in ran.out
    assert "10 succeeded, 3 failed" in ran.out
    assert [t.proof for t in kept()] == [Proof.DKIM, Proof.NONE]


def test_what_is_refused_is_named_and_the_code_says_so(names, tmp_path):
    (tmp_path / "forged").write_bytes(FORGED)
    (tmp_path / "good").write_bytes(SIGNED)
    ran = take(names, tmp_path / "forged", tmp_path / "good")
    assert ran.code == 1
    assert "forged: refused (dkim): dkim: fail: " in ran.out
    assert len(kept()) == 1
    assert refusals() == {"dkim": 1}


def test_a_signature_can_be_required(names, tmp_path):
    (tmp_path / "mail").write_bytes(plain_letter())
    assert take(names, tmp_path / "mail").code == 0
    ran = take(names, "--require-dkim", tmp_path / "mail")
    assert (ran.code, "refused (unsigned)" in ran.out) == (1, True)


def test_a_duplicate_is_named_and_no_failure(names, tmp_path):
    (tmp_path / "mail").write_bytes(SIGNED)
    ran = take(names, tmp_path / "mail", tmp_path / "mail")
    assert (ran.code, "duplicate: it is there already" in ran.out) == (0, True)
    assert len(kept()) == 1


@pytest.fixture
def maildir(tmp_path):
    folder = tmp_path / "maildir"
    for part in ("new", "cur", "tmp"):
        (folder / part).mkdir(parents=True)
    return folder


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_one_bad_mail_in_a_maildir_stops_no_other(names, maildir):
    lost = sign(plain_letter(submitter=LOST, report_id="3"), LOST)
    mails = {
        "1": FORGED,
        "2": b"\xff" * 100,
        "3": lost,
        "4": b"x" * (LONGEST + 1),
        "5": SIGNED,
    }
    for name, data in mails.items():
        (maildir / "new" / name).write_bytes(data)
    ran = take(names, maildir)
    assert ran.code == 4
    assert "could not be looked up" in ran.err
    assert "has to be taken later" in ran.err
    assert names_in(maildir / "cur") == ["1:2,FS", "2:2,FS", "4:2,FS", "5:2,S"]
    assert names_in(maildir / "new") == ["3"]
    assert refusals() == {"dkim": 1, "mail": 1, "size": 1}
    assert len(kept()) == 1
    assert take(names, maildir).out == ""


def piped(names, data, *words):
    command = [SCRIPT, "report", "take", "--config", names, *words, "-"]
    ran = subprocess.run(command, input=data, capture_output=True, timeout=PATIENCE, check=False)
    return ran.returncode, ran.stdout.decode(), ran.stderr.decode()


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"From x\n" + SIGNED.replace(b"\r\n", b"\n"), 0, "-: taken: "),
        (FORGED, 0, "-: refused (dkim)"),
        (b"", 0, "-: refused (mail)"),
        (sign(plain_letter(submitter=LOST), LOST), 75, ""),
    ],
)
def test_a_pipe_bounces_nothing_and_keeps_what_cannot_be_judged(names, data, code, words):
    found = piped(names, data)
    assert found[0] == code
    assert words in found[1]


def test_a_mail_stays_with_the_mail_server_while_the_store_cannot_be_written(names, tmp_path):
    code, _, err = piped(names, SIGNED, "--store", tmp_path)
    assert code == 75
    assert "cannot be used" in err
    with closing(sqlite3.connect(tmp_path / "odd")) as db:
        db.execute("pragma user_version = 9999")
    assert piped(names, SIGNED, "--store", tmp_path / "odd")[0] == 75


def test_a_mail_stays_with_the_mail_server_while_the_configuration_is_wrong(tmp_path):
    config = tmp_path / "broken.toml"
    config.write_text("[report]\ndomains = 1\n")
    code, _, err = piped(config, SIGNED)
    assert code == 75
    assert "report.domains" in err


def test_a_mail_stays_with_the_mail_server_while_the_configuration_is_not_there(tmp_path):
    code, _, err = piped(tmp_path / "gone.toml", SIGNED)
    assert code == 75
    assert "gone.toml cannot be read" in err
    assert piped(tmp_path / "gone.toml", SIGNED, "--no-such-option")[0] == 75


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "there is nothing to take"),
        (("--imap", "imap://host/INBOX"), "is no such URL"),
        (("--imap", "pop3://user@host"), "is no such URL"),
        (("--imap", "imap://user:secret@host"), "a password is not given in the URL"),
        (("--imap", "imap://[user@host"), "is no such URL"),
        (("--imap", "imap://user@host"), "there is no password"),
        (("nowhere",), "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_said(names, words, said, monkeypatch):
    monkeypatch.delenv("UNSTRIP_IMAP_PASSWORD", raising=False)
    ran = take(names, *words)
    assert (ran.code, said in ran.err) == (2, True)
    assert "secret" not in ran.err


def test_a_server_that_is_not_there_is_named(names, monkeypatch):
    monkeypatch.setenv("UNSTRIP_IMAP_PASSWORD", "secret")
    ran = take(names, "--imap", "imap://user@127.0.0.1:1")
    assert ran.code == 4
    assert "127.0.0.1:1" in ran.err

"""Mailboxes: a maildir on the disk, and IMAP servers as hostile as they can be.

A real one is in tests/interop/test_report_take.py.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.io.tlsrpt.mailbox import ImapFolder, Maildir, NoMailbox, Waiting
from unstrip.tlsrpt.letter import LONGEST

PATIENCE = 20.0  # seconds


@pytest.fixture
def folder(tmp_path):
    for part in ("new", "cur", "tmp"):
        (tmp_path / part).mkdir()
    return tmp_path


def names(folder, part="cur"):
    return sorted(path.name for path in (folder / part).iterdir())


def test_what_is_new_or_unseen_is_waiting_and_what_is_seen_is_not(folder):
    (folder / "new" / "1.a").write_bytes(b"one")
    (folder / "cur" / "2.a:2,").write_bytes(b"two")
    (folder / "cur" / "3.a:2,RS").write_bytes(b"three")
    (folder / "cur" / "4.a:2,F").write_bytes(b"four")
    (folder / "tmp" / "5.a").write_bytes(b"five")
    (folder / "new" / ".hidden").write_bytes(b"six")
    assert [mail.data for mail in Maildir(folder).waiting()] == [b"four", b"two", b"one"]
    assert names(folder, "new") == [".hidden", "1.a"]


def test_what_is_done_with_is_marked_and_moved(folder):
    (folder / "new" / "1.a").write_bytes(b"one")
    (folder / "cur" / "2.a:2,R").write_bytes(b"two")
    maildir = Maildir(folder)
    for mail in maildir.waiting():
        maildir.done(mail, flagged=mail.data == b"two")
    assert names(folder) == ["1.a:2,S", "2.a:2,FRS"]
    assert list(maildir.waiting()) == []


def test_what_is_too_long_is_waiting_without_its_data(folder):
    (folder / "new" / "1.a").write_bytes(b"x" * (LONGEST + 1))
    (folder / "new" / "2.a").write_bytes(b"x" * LONGEST)
    assert [mail.data is None for mail in Maildir(folder).waiting()] == [False, True]


def test_what_another_took_meanwhile_is_passed_over(folder):
    for name in ("1.a", "2.a"):
        (folder / "new" / name).write_bytes(b"x")
    waiting = Maildir(folder).waiting()
    next(waiting)
    (folder / "new" / "1.a").rename(folder / "cur" / "1.a:2,S")
    assert list(waiting) == []


def test_what_cannot_be_read_is_told_when_all_others_were_given(folder):
    for name in ("1.a", "3.a"):
        (folder / "new" / name).write_bytes(b"x")
    (folder / "new" / "2.a").mkdir()
    waiting = Maildir(folder).waiting()
    assert [next(waiting).data for _ in range(2)] == [b"x", b"x"]
    with pytest.raises(NoMailbox, match=r"2\.a cannot be read"):
        next(waiting)


def test_when_a_mail_came_is_told(folder):
    (folder / "new" / "1.a").write_bytes(b"x")
    os.utime(folder / "new" / "1.a", (0, 0))
    (mail,) = Maildir(folder).waiting()
    assert mail.since == datetime(1970, 1, 1, tzinfo=UTC)


def test_what_is_no_maildir_is_named(tmp_path):
    with pytest.raises(NoMailbox, match="is no maildir: it has no"):
        list(Maildir(tmp_path).waiting())


def test_a_mail_that_cannot_be_marked_is_named(folder):
    with pytest.raises(NoMailbox, match="cannot be marked as seen"):
        Maildir(folder).done(Waiting(f"{folder}/new/gone", b""), flagged=False)


# -- IMAP ------------------------------------------------------------------------------


class Line:
    """A socket as a line."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def send(self, data: bytes, timeout: float | None = None) -> None:
        self._sock.settimeout(timeout)
        self._sock.sendall(data)

    def receive(self, limit: int = 65536, timeout: float | None = None) -> bytes:
        self._sock.settimeout(timeout)
        return self._sock.recv(limit)


@contextmanager
def server(*answers: bytes, timeout: float = PATIENCE) -> Iterator[tuple[ImapFolder, list[bytes]]]:
    """A folder whose server says this in answer to one command each; %t is the command's tag."""
    ours, theirs = socket.socketpair()
    said: list[bytes] = []

    def serve() -> None:
        with theirs:
            for answer in answers:
                command = b""
                while not command.endswith(b"\r\n"):
                    if not (data := theirs.recv(65536)):
                        return
                    command += data
                said.append(command)
                try:
                    theirs.sendall(answer.replace(b"%t", command.split()[0]))
                except OSError:
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ours:
            yield ImapFolder(Line(ours), timeout), said
    finally:
        thread.join(PATIENCE)
        assert not thread.is_alive()


OK = b"%t OK done\r\n"


def fetched(data: bytes) -> bytes:
    return b"* 1 FETCH (UID 7 %b BODY[]<0> {%d}\r\n%b)\r\n%b" % (CAME, len(data), data, OK)


CAME = b'INTERNALDATE "17-Jul-1996 02:44:25 -0700"'
FOUND = b"* SEARCH 7\r\n" + OK


def test_a_mail_is_fetched_whole_and_marked_when_it_is_done_with():
    mail = b"a {5}\r\nb\r\n"
    with server(OK, OK, FOUND, fetched(mail), OK, OK) as (folder, said):
        folder.log_in('us"er', "pass\\word", "IN BOX")
        (found,) = folder.waiting()
        assert found.data == mail
        assert found.since == datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC)
        folder.done(found, flagged=False)
        folder.done(found, flagged=True)
    assert said == [
        b'u1 LOGIN "us\\"er" "pass\\\\word"\r\n',
        b'u2 SELECT "IN BOX"\r\n',
        b"u3 UID SEARCH UNSEEN\r\n",
        b"u4 UID FETCH 7 (INTERNALDATE BODY.PEEK[]<0.8388609>)\r\n",
        b"u5 UID STORE 7 +FLAGS.SILENT (\\Seen)\r\n",
        b"u6 UID STORE 7 +FLAGS.SILENT (\\Seen \\Flagged)\r\n",
    ]


def test_a_long_mail_is_waiting_without_its_data_and_the_next_is_had():
    with server(b"* SEARCH 7 8\r\n" + OK, fetched(b"x" * (LONGEST + 1)), fetched(b"x")) as (
        folder,
        _,
    ):
        assert [(mail.name, mail.data) for mail in folder.waiting()] == [("8", None), ("7", b"x")]


@pytest.mark.parametrize(
    ("said", "data"),
    [(b'"From: \\"a\\\\b"', b'From: "a\\b'), (b'""', b""), (b"NIL", b""), (b"x", None)],
)
def test_a_mail_may_be_quoted_or_none(said, data):
    with server(FOUND, b"* 1 FETCH (UID 7 BODY[] %b)\r\n%b" % (said, OK)) as (folder, _):
        assert [mail.data for mail in folder.waiting()] == ([] if data is None else [data])


@pytest.mark.parametrize("came", [b'INTERNALDATE "never"', b"", b'INTERNALDATE "\xff"'])
def test_when_a_mail_came_need_not_be_known(came):
    answer = b"* 1 FETCH (UID 7 %b BODY[] {1}\r\nx)\r\n%b" % (came, OK)
    with server(FOUND, answer) as (folder, _):
        assert list(folder.waiting()) == [Waiting("7", b"x")]


def test_a_mail_that_is_gone_is_passed_over():
    with server(b"* SEARCH 7 8\r\n" + OK, OK, fetched(b"x")) as (folder, _):
        assert [mail.name for mail in folder.waiting()] == ["7"]


@pytest.mark.parametrize("answer", [b"* SEARCH\r\n" + OK, OK, b"* search\r\n* 3 EXISTS\r\n" + OK])
def test_an_empty_folder_has_nothing(answer):
    with server(answer) as (folder, _):
        assert list(folder.waiting()) == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"%t NO [AUTHENTICATIONFAILED] \x1b[31mno\r\n", r"LOGIN: the server says .*x1b"),
        (b"%t BAD what\r\n", "LOGIN: the server says"),
        (b"* BYE later\r\n", "LOGIN: the server leaves"),
        (b"", "has hung up"),
        (b"* x\r\n" * 1001, "more than 1000 lines"),
        (b"* " + b"x" * 3_000_000, "line has more than"),
        (b"* x {10000000000}\r\n", "line has more than|hung up|announces"),
        (b"* x {9999999999}\r\n", "announces 9999999999 bytes"),
        (b"* x {10}\r\nshort", "has hung up"),
        (b"* x {0}\r\n" * 200_000, "more than 20 literals"),
        (b"* x {9}\r\n123456789x\r\n* x {8388601}\r\n", "announces 8388601 bytes"),
        (b"\xff\r\n" + b"%t\r\n", "has hung up"),
    ],
)
def test_a_server_that_will_not_or_makes_no_sense_is_named(answer, words):
    with server(answer) as (folder, _), pytest.raises(NoMailbox, match=words) as caught:
        folder.log_in("user", "password", "INBOX")
    assert str(caught.value).isprintable()
    assert "password" not in str(caught.value)


def test_a_server_that_says_nothing_is_left():
    late = pytest.raises(NoMailbox, match=r"cannot be heard|took longer")
    with server(b"* wait\r\n", OK, timeout=0.2) as (folder, _), late:
        folder.log_in("user", "password", "INBOX")


@pytest.mark.parametrize("word", ["a\r\nb", "\xfc", "\0"])
def test_nothing_but_words_goes_into_a_command(word):
    with server() as (folder, _), pytest.raises(NoMailbox, match="more than ASCII"):
        folder.log_in("user", word, "INBOX")


@given(st.binary(max_size=100))
def test_any_answer_is_understood_or_named(data):
    with server(data + b"\r\n") as (folder, _):
        try:
            folder.log_in("user", "password", "INBOX")
        except NoMailbox as error:
            words = str(error)
        assert words.isprintable()


def test_a_folder_of_files_is_told_from_a_maildir(tmp_path):
    (tmp_path / "1.eml").write_bytes(b"one")
    with pytest.raises(NoMailbox, match=r"has no `new` and `cur`; give its files: .*/\*"):
        list(Maildir(tmp_path).waiting())

"""Answers in lines: the one that counts is told from all others."""

from __future__ import annotations

import pytest

from unstrip.lab.probing import SUBJECTS


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("smtp", b"221 2.0.0 Bye\r\n"),
        ("smtp", b"250-mx\r\n501 no\r\n"),
        ("imap", b"* BYE bye\r\nu0 OK bye\r\n"),
        ("imap", b"unstrip BAD what\r\n"),
        ("pop3", b"+OK bye\r\n"),
        ("pop3", b"-ERR what\r\n"),
        ("nntp", b"205 bye\r\n"),
        ("ftp", b"221 bye\r\n211-more\r\n"),
        ("irc", b":s CAP * LS :tls\r\nERROR :bye\r\n"),
        ("sieve", b'"SASL" ""\r\nOK "TLS stands"\r\n'),
        ("acap", b'* ACAP (SASL "PLAIN")\r\n'),
        ("nut", b"OK Goodbye\n"),
    ],
)
def test_a_farewell_or_a_refusal_is_not_the_answer(protocol, said):
    assert not SUBJECTS[protocol].answer.search(said)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("smtp", b"250 2.0.0 Ok\r\n"),
        ("imap", b"* CAPABILITY IMAP4rev1\r\nunstrip OK done\r\n"),
        ("pop3", b"+OK list\r\nUIDL\r\n.\r\n"),
        ("ftp", b"211-list\r\n UTF8\r\n211 End\r\n"),
        ("irc", b":s CAP * NAK :unstrip/probe\r\n"),
        ("nut", b"Network UPS Tools upsd 2.8.0\n"),
    ],
)
def test_two_answers_count_as_two(protocol, said):
    assert len(SUBJECTS[protocol].answer.findall(said + said)) == 2


def test_a_login_never_shows_in_what_is_told_of_it():
    for protocol in ("smtp", "imap", "pop3"):
        state = SUBJECTS[protocol].login("somebody", "secret")
        assert "secret" not in state.what
        assert state.told

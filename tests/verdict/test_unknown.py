"""What never came as far as the upgrade: then nothing is said about it."""

from __future__ import annotations

import pytest

from tests.verdict.scenes import (
    EHLO,
    IMAP,
    POP3,
    SMTP,
    SMTPS,
    VERIFY,
    codes,
    found,
    heard,
    judged,
    refused,
    steadily,
    stripped,
    unheard,
    upgraded,
)
from unstrip.io.addresses import Unresolved
from unstrip.verdict import Code, Standing

BUSY = {
    "greeting": (SMTP, ("S: 421 4.3.2 too many connections",)),
    "throttled": (SMTP, ("S: 450 4.7.1 rate limit exceeded",)),
    "ehlo": (SMTP, ("S: 220 mx", EHLO, "S: 421 4.4.2 later")),
    "imap": (IMAP, ("S: * BYE [UNAVAILABLE] later",)),
    "imap over quota": (IMAP, ("S: * BYE quota exceeded",)),
    "pop3": (POP3, ("S: -ERR [SYS/TEMP] later",)),
    "implicit": (SMTPS, ("S: 421 4.3.2 too many connections",)),
}


@pytest.mark.parametrize(("endpoint", "lines"), BUSY.values(), ids=BUSY)
def test_come_back_later_is_not_no_tls(endpoint, lines):
    verdict = judged(heard(*lines, endpoint=endpoint), VERIFY)
    assert verdict.code is Code.RATE_LIMITED
    assert verdict.confidence == 0.9
    assert verdict.standing is Standing.UNKNOWN


def test_the_refusal_is_shown():
    (proof,) = found(judged(heard("S: 421 4.3.2 later")), Code.RATE_LIMITED).proof
    assert proof.data == b"421 4.3.2 later"


def test_a_busy_server_says_nothing_about_an_offer_that_was_seen_before():
    verdict = judged(heard("S: 421 4.3.2 later"), VERIFY, history=steadily(upgraded()))
    assert codes(verdict) == {Code.RATE_LIMITED}


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [(SMTP, "S: 554 5.3.2 no"), (SMTP, "S: 521 none"), (IMAP, "S: * BYE no"), (POP3, "S: -ERR no")],
)
def test_a_greeting_that_refuses_is_no_service(endpoint, line):
    verdict = judged(heard(line, endpoint=endpoint), VERIFY)
    assert verdict.code is Code.SERVICE_REFUSED
    assert verdict.confidence == 0.9
    assert verdict.standing is Standing.UNKNOWN


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unresolved("mx.example.org has no address"), Code.NAME_UNRESOLVED),
        (ConnectionRefusedError(), Code.UNREACHABLE),
        (OSError(113, "No route to host"), Code.UNREACHABLE),
        (TimeoutError(), Code.DEADLINE_PASSED),
        (ConnectionResetError(), Code.CONNECTION_RESET),
        (BrokenPipeError(), Code.CONNECTION_RESET),
    ],
)
def test_what_never_was_a_connection_is_named(error, code):
    verdict = judged(unheard(error), VERIFY)
    assert codes(verdict) == {code}
    assert verdict.code is code
    assert verdict.confidence == 0.9
    assert verdict.standing is Standing.UNKNOWN
    assert not verdict.meets


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("<silence>",), Code.DEADLINE_PASSED),
        (("<reset>",), Code.CONNECTION_RESET),
        (("<EOF>",), Code.CONNECTION_CLOSED),
        (("S: 22\\", "<EOF>"), Code.CONNECTION_CLOSED),
        ((f"S: 220 {'x' * 9000}\\",), Code.ENDLESS_ANSWER),
        (("S: 220-x",) * 200, Code.ENDLESS_ANSWER),
        (("S: SSH-2.0-OpenSSH_9.2",), Code.NOT_THE_PROTOCOL),
        (("S: HTTP/1.1 400 Bad Request",), Code.NOT_THE_PROTOCOL),
        (("S: 220 a\\x00b",), Code.NOT_THE_PROTOCOL),
        (("S: \\x16\\x03\\x03",), Code.NOT_THE_PROTOCOL),
    ],
    ids=["silent", "reset", "eof", "cut", "long", "many", "ssh", "http", "nul", "tls"],
)
def test_what_broke_off_before_anything_could_be_seen_is_named(lines, code):
    verdict = judged(heard(*lines), VERIFY)
    assert verdict.code is code
    assert verdict.standing is Standing.UNKNOWN


def test_the_sentence_has_no_names_of_functions_in_it():
    finding = found(judged(heard("<silence>", where="client > reply")), Code.DEADLINE_PASSED)
    assert "client > reply" not in finding.words


@pytest.mark.parametrize(
    ("endpoint", "scheme"), [(SMTP, "smtps://"), (IMAP, "imaps://"), (POP3, "pop3s://")]
)
def test_a_server_that_says_nothing_may_wait_for_tls(endpoint, scheme):
    finding = found(judged(heard("<silence>", endpoint=endpoint)), Code.DEADLINE_PASSED)
    assert scheme in finding.because[0]


@pytest.mark.parametrize(
    "evidence",
    [
        heard("S: 220 mx", EHLO, "<silence>"),
        heard("<ClientHello>", "<silence>", endpoint=SMTPS),
        unheard(TimeoutError()),
    ],
    ids=["after its greeting", "in the handshake", "before the connection"],
)
def test_other_silence_gives_no_such_hint(evidence):
    assert found(judged(evidence), Code.DEADLINE_PASSED).because == ()


@pytest.mark.parametrize("evidence", [upgraded(), stripped(), refused()])
def test_what_came_to_an_end_is_known(evidence):
    assert not any(code.unknown for code in codes(judged(evidence, VERIFY)))

"""IMAP: its answers, read one by one; the dialogs are in the transcripts."""

from __future__ import annotations

from functools import partial

import pytest

from tests.protocols.replay import improvise, load
from unstrip.protocols.imap import IN_CLEAR, Answer, behind, between_commands, completion, greeting
from unstrip.trouble import ProtocolError, Spoofed, TooLong, Unsolicited
from unstrip.upgrade import Outcome
from unstrip.wire import Wire


def received(dialog, heard, *args, secure=False):
    wire = Wire(secure=secure)
    wire.hear(heard)
    try:
        next(dialog(wire, *args))
    except StopIteration as end:
        return end.value, wire.take(1000)
    raise AssertionError("wants more")


@pytest.mark.parametrize(
    "heard",
    [b"* OK\r\n", b"* OK ready\r\n", b"* ok [CAPABILITY X] hi\r\n", b"* BYE no\r\n", b"* bye\r\n"],
)
def test_a_greeting_is_one_untagged_line(heard):
    assert received(greeting, heard + b"more") == (heard[:-2], b"more")


@pytest.mark.parametrize(
    "heard",
    [b"OK ready\r\n", b"*OK\r\n", b"* \r\n", b"* NO\r\n", b"* OKAY\r\n", b"a OK\r\n", b"+ OK\r\n"],
)
def test_what_is_no_greeting_is_broken(heard):
    with pytest.raises(ProtocolError, match="not an IMAP greeting"):
        received(greeting, heard)


def test_preauth_may_be_inside_tls_and_nowhere_else():
    assert received(greeting, b"* PREAUTH hi\r\n", secure=True)[0] == b"* PREAUTH hi"
    with pytest.raises(Spoofed):
        received(greeting, b"* PREAUTH hi\r\n")


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (b"t1 OK done\r\n", Answer("OK", "t1 OK done")),
        (b"t1 no\r\n", Answer("NO", "t1 no")),
        (b"* OK hi\r\n* NO hm\r\n* BAD ?\r\nt1 BAD x\r\n", Answer("BAD", "t1 BAD x")),
        (b"* CAPABILITY A B\r\nt1 OK\r\n", Answer("OK", "t1 OK", ("A", "B"))),
        (b"* CAPABILITY A\r\n* CAPABILITY B\r\nt1 OK\r\n", Answer("OK", "t1 OK", ("B",))),
        (b"* CAPABILITY\r\nt1 OK\r\n", Answer("OK", "t1 OK")),
        (b"* BYE over\r\nt1 OK\r\n", Answer("BYE", "* BYE over")),
    ],
)
def test_an_answer_is_its_tagged_line_and_the_list_before_it(heard, expected):
    assert received(completion, heard, "t1")[0] == expected


@pytest.mark.parametrize(
    ("heard", "kind"),
    [
        (b"t2 OK\r\n", Unsolicited),
        (b"T1 OK\r\n", Unsolicited),
        (b"t1\r\n", ProtocolError),
        (b"t1 MAYBE\r\n", ProtocolError),
        (b"+ go on\r\n", ProtocolError),
        (b"* OK {5}\r\n", ProtocolError),
        (b"* LIST () x {5+}\r\n", ProtocolError),
        (b"* 3 EXISTS\r\n", Spoofed),
        (b"* PREAUTH x\r\n", Spoofed),
        (b"* \r\n", Spoofed),
    ],
)
def test_what_is_no_answer_has_a_name_for_what_it_is(heard, kind):
    with pytest.raises(ProtocolError) as caught:
        received(completion, heard, "t1")
    assert type(caught.value) is kind


def test_inside_tls_no_untagged_ok_passes_for_part_of_an_answer():
    first = partial(completion, upgraded=True)
    with pytest.raises(Unsolicited):
        received(first, b"* OK ready\r\nt1 OK\r\n", "t1", secure=True)


def test_an_answer_may_not_have_any_number_of_lines():
    assert received(completion, b"* OK\r\n" * 127 + b"t1 OK\r\n", "t1")[0].status == "OK"
    with pytest.raises(TooLong, match="more than 128 lines"):
        received(completion, b"* OK\r\n" * 128 + b"t1 OK\r\n", "t1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("t1 NO [UNAVAILABLE] later", Outcome.BUSY),
        ("t1 NO [inuse] x", Outcome.BUSY),
        ("t1 NO too many connections", Outcome.BUSY),
        ("t1 NO no", Outcome.REFUSED),
        ("t1 BAD [ALERT] what", Outcome.REFUSED),
    ],
)
def test_come_back_later_is_told_from_no(text, expected):
    assert Answer("NO", text).outcome is expected


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        (b"0a1fT1 CAPABILITY\r\n", True),
        (b"u2 STARTTLS\r\n", True),
        (b"u LOGOUT\r\n", True),
        (b"CAPABILITY\r\n", False),
        (b"u1 LOGIN a b\r\n", False),
        (b"u1 STARTTLS x\r\n", False),
        (b"u1 NOOP\r\nu2 LOGIN a b\r\n", False),
        (b"+ NOOP\r\n", False),
    ],
)
def test_what_may_be_said_in_clear_is_a_closed_list(line, allowed):
    assert bool(IN_CLEAR.fullmatch(line)) is allowed


def test_a_request_with_an_argument_is_bad():
    """RFC 9051, 6.2.1: "arguments: none", and BAD for one that has some."""
    ending = improvise(load("imap/served-upgrade.txt").conversation(), [b"t STARTTLS x\r\n"])
    assert b"t BAD" in b"".join(u.data for u in ending.talk.transcript)


def test_between_commands_a_server_may_alert_and_list_but_not_for_ever():
    chatter = b"* OK [ALERT] maintenance\r\n* CAPABILITY IMAP4rev1\r\n"
    assert received(between_commands, chatter) == (None, b"")
    with pytest.raises(TooLong):
        received(between_commands, b"* NO x\r\n" * 129)


def test_a_goodbye_between_commands_is_no_refusal():
    goodbye, _ = received(between_commands, b"* BYE going down\r\n")
    assert goodbye.outcome is Outcome.UNAVAILABLE


# Behind the last answer inside TLS


def last(*pieces):
    """What `behind` makes of these, one each time that it listens; b"" is hanging up."""
    wire, unsaid = Wire(secure=True), list(pieces)
    dialog = behind(wire, "t3", Answer("OK", "t3 OK"))
    try:
        while True:
            next(dialog)
            if unsaid:
                wire.hear(unsaid.pop(0))
    except StopIteration as end:
        return end.value


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((), ""),
        ((b"",), ""),
        ((b'* OK [ALERT] "a"\r\n', b'* OK [ALERT] "b"\r\n'), ""),
        ((b"* BYE x\r\n",), "* BYE x"),
        ((b'* OK [ALERT] "a"\r\n', b"* B", b"YE x\r\n"), "* BYE x"),
    ],
)
def test_behind_the_last_answer_inside_a_server_may_take_its_leave(pieces, expected):
    assert last(*pieces) == expected


@pytest.mark.parametrize(
    "pieces",
    [
        (b"x1 OK done\r\n",),
        (b'* OK [ALERT] "a"\r\n', b"x1 OK done\r\n"),
        (b"* BYE x\r\nx1 OK done\r\n",),
        (b"* BYE x\r\n", b"x1 OK done\r\n"),
        (b"* OK ready\r\n",),
    ],
)
def test_behind_the_last_answer_inside_nothing_is_answered(pieces):
    with pytest.raises(Unsolicited):
        last(*pieces)


def test_a_server_that_takes_its_leave_may_answer_yet():
    assert last(b"* BYE x\r\n", b"t3 NO x\r\n") == "* BYE x"

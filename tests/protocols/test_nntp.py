"""NNTP: its responses, read one by one; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from tests.protocols.replay import improvise, load
from unstrip.framing import conclude
from unstrip.protocols.nntp import IN_CLEAR, Response, capabilities, response
from unstrip.trouble import ProtocolError, Spoofed, TooLong, Unsolicited
from unstrip.upgrade import Outcome
from unstrip.wire import Receive, Send, Settle, Wire


def received(heard, *, secure=False):
    wire = Wire(secure=secure)
    wire.hear(heard)
    try:
        next(response(wire))
    except StopIteration as end:
        return end.value
    raise AssertionError("wants more")


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (b"200 ready\r\n", Response(200, "200 ready")),
        (b"200\r\n", Response(200, "200")),
        (b"382 \r\n", Response(382, "382 ")),
        (b"502 \xff\r\n", Response(502, "502 \ufffd")),
    ],
)
def test_a_response_begins_with_its_code(heard, expected):
    assert received(heard) == expected


@pytest.mark.parametrize(
    "heard",
    [
        b"\r\n",
        b"20\r\n",
        b"2000\r\n",
        b"200-x\r\n",
        b"2O0 x\r\n",
        b"099 x\r\n",
        b"600 x\r\n",
        b" 200\r\n",
    ],
)
def test_what_has_no_code_is_broken(heard):
    with pytest.raises(ProtocolError, match="not an NNTP response"):
        received(heard)


@pytest.mark.parametrize("code", [b"250", b"281", b"283"])
def test_a_login_is_spoofed_in_clear_alone(code):
    with pytest.raises(Spoofed):
        received(code + b" Authentication accepted\r\n")
    assert received(code + b" Authentication accepted\r\n", secure=True).code == int(code)


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (400, "closing", Outcome.BUSY),
        (502, "Too many connections", Outcome.BUSY),
        (502, "Try later!", Outcome.BUSY),
        (503, "over quota", Outcome.BUSY),
        (502, "no", Outcome.REFUSED),
        (580, "no", Outcome.REFUSED),
        (200, "try later", Outcome.REFUSED),
    ],
)
def test_come_back_later_is_told_from_no(code, text, expected):
    assert Response(code, f"{code} {text}").outcome is expected


def asked(heard):
    """What comes of CAPABILITIES where this is the answer."""
    wire = Wire(secure=True)
    dialog = capabilities(wire)
    assert next(dialog) == Send(b"CAPABILITIES\r\n")
    assert next(dialog) == Receive()
    wire.hear(heard)
    try:
        next(dialog)
    except StopIteration as end:
        return end.value
    raise AssertionError("wants more")


def test_the_capabilities_are_the_lines_up_to_a_lone_dot():
    heard = b"101 list\r\nVERSION 2\r\nOVER MSGID \r\n.\r\n"
    assert asked(heard) == (Response(101, "101 list"), ("VERSION 2", "OVER MSGID"))


@pytest.mark.parametrize("line", [b"STARTTLS", b"STARTTLS extra", b"STARTTLS\tof a kind "])
def test_a_capability_is_known_by_its_first_word(line):
    """RFC 3977, 9.5: a label, and arguments behind it; RFC 4642, 2.1, has none."""
    assert asked(b"101 list\r\n" + line + b"\r\n.\r\n")[1] == ("STARTTLS",)


@pytest.mark.parametrize(
    "line", ["STARTTLSX", "X STARTTLS", "STARTTLS=1", "STARTTLS\u2003x", "\u017fTARTTLS x"]
)
def test_what_only_resembles_the_offer_stays_as_it_is(line):
    assert asked(b"101 list\r\n" + line.encode() + b"\r\n.\r\n")[1] == (line,)


LIST = b"101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n"
CLOSING = b"400 shutting down\r\n"


@pytest.mark.parametrize(
    ("speech", "advertised"),
    [
        ([b"200 news\r\n" + CLOSING], False),
        ([b"200 news\r\n400 shut", b"ting down\r\n"], False),
        ([b"200 news\r\n", LIST + CLOSING], True),
    ],
)
@pytest.mark.parametrize("insist", [False, True])
def test_a_server_may_close_before_it_is_asked(speech, advertised, insist):
    """RFC 3977, 3.2.1. What shares a segment is a matter of time, so it is no transcript."""
    talk = load("nntp/upgraded.txt").conversation(insist=insist)
    ending = improvise(talk, speech)
    assert ending.name == "busy"
    assert (talk.result.said, talk.result.advertised) == ("400 shutting down", advertised)


@pytest.mark.parametrize("early", [b"382 go\r\n", b"502 no\r\n", b"200 news\r\n"])
@pytest.mark.parametrize("before", [[b"200 news\r\n"], [b"200 news\r\n", LIST]])
def test_a_server_may_say_nothing_else_before_it_is_asked(before, early):
    talk = load("nntp/upgraded.txt").conversation()
    *heard, last = before
    assert improvise(talk, [*heard, last + early]).name == "unsolicited"


def concluded(*heard):
    """What comes of listening once more, where this is what is heard."""
    wire = Wire(secure=True)
    dialog = conclude(wire, b"400")
    assert next(dialog) == Settle()
    for part in heard[:-1]:
        wire.hear(part)
        assert next(dialog) == Receive()
    wire.hear(heard[-1])
    with pytest.raises(StopIteration):
        next(dialog)


@pytest.mark.parametrize("heard", [(b"400 bye\r\n",), (b"400\r\n",), (b"40", b"0 by", b"e\r\n")])
def test_a_server_may_close_when_all_is_said(heard):
    concluded(*heard)


@pytest.mark.parametrize(
    "heard",
    [
        (b"211 group\r\n",),
        (b"101 li",),
        (b".\r\n",),
        (b"40", b"3"),
        (b"400 bye\r\n400 bye\r\n",),
        (b"400 bye\r\n2",),
    ],
)
def test_nothing_else_may_be_behind_the_last_response(heard):
    with pytest.raises(Unsolicited, match="behind the last answer"):
        concluded(*heard)


@pytest.mark.parametrize("line", [b"200 ready", b"382", b"502 no"])
def test_a_response_inside_the_list_is_unsolicited(line):
    with pytest.raises(Unsolicited):
        asked(b"101 list\r\n" + line + b"\r\n.\r\n")


@pytest.mark.parametrize("line", [b"2000", b"X-200 x", b"LIST 200"])
def test_what_only_resembles_a_response_may_be_in_the_list(line):
    assert asked(b"101 list\r\n" + line + b"\r\n.\r\n")[1] == (line.decode(),)


@pytest.mark.parametrize("code", [b"100", b"200", b"205", b"281", b"382"])
def test_a_success_of_something_else_is_no_answer(code):
    with pytest.raises(Unsolicited):
        asked(code + b" fine\r\n")


def test_a_list_may_not_have_any_number_of_lines():
    with pytest.raises(TooLong, match="more than 128 lines"):
        asked(b"101 list\r\n" + b"READER\r\n" * 129 + b".\r\n")


def test_a_command_longer_than_the_limit_is_too_long():
    """RFC 3977, 3.1: 512 bytes, the line ending included."""
    script = load("nntp/served-upgrade.txt")
    fits = b"X" * 510 + b"\r\n"
    assert improvise(script.conversation(), [fits]).name == "not asked"
    ending = improvise(script.conversation(), [b"X" + fits])
    assert isinstance(ending.error, TooLong)


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        (b"CAPABILITIES\r\n", True),
        (b"STARTTLS\r\n", True),
        (b"QUIT\r\n", True),
        (b"CAPABILITIES AUTOUPDATE\r\n", False),
        (b"MODE READER\r\n", False),
        (b"AUTHINFO USER alice\r\n", False),
        (b"STARTTLS\n", False),
    ],
)
def test_what_may_be_said_in_clear_is_a_closed_list(line, allowed):
    assert bool(IN_CLEAR.fullmatch(line)) is allowed

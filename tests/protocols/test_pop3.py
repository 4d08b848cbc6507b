"""POP3: its responses, read one by one; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from tests.protocols.replay import improvise, load
from unstrip.protocols.pop3 import IN_CLEAR, Status, capabilities, status
from unstrip.trouble import ProtocolError, Unsolicited
from unstrip.upgrade import Outcome
from unstrip.wire import Receive, Send, Wire


def received(heard):
    wire = Wire()
    wire.hear(heard)
    try:
        next(status(wire))
    except StopIteration as end:
        return end.value
    raise AssertionError("wants more")


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (b"+OK\r\n", Status(True, "+OK")),
        (b"+OK ready <1@x>\r\n", Status(True, "+OK ready <1@x>")),
        (b"-ERR\r\n", Status(False, "-ERR")),
        (b"-ERR [AUTH] no\r\n", Status(False, "-ERR [AUTH] no")),
        (b"+OK \xff\r\n", Status(True, "+OK \ufffd")),
    ],
)
def test_a_response_begins_with_its_status(heard, expected):
    assert received(heard) == expected


@pytest.mark.parametrize(
    "heard",
    [
        b"\r\n",
        b"+ok\r\n",
        b"+OKAY\r\n",
        b"-ERROR\r\n",
        b"OK\r\n",
        b"+\r\n",
        b" +OK\r\n",
        b"+OK\t\r\n",
    ],
)
def test_what_has_no_status_is_broken(heard):
    with pytest.raises(ProtocolError, match="not a POP3 response"):
        received(heard)


def asked(heard):
    """What comes of CAPA where this is the answer."""
    wire = Wire(secure=True)
    dialog = capabilities(wire)
    assert next(dialog) == Send(b"CAPA\r\n")
    assert next(dialog) == Receive()
    wire.hear(heard)
    try:
        next(dialog)
    except StopIteration as end:
        return end.value
    raise AssertionError("wants more")


def test_capabilities_are_lines_up_to_the_dot():
    assert asked(b"+OK list\r\nTOP\r\nSASL PLAIN \r\n.\r\n")[1] == ("TOP", "SASL PLAIN")
    assert asked(b"+OK\r\n.\r\n")[1] == ()


def test_a_refusal_to_list_is_one_line():
    first, listed = asked(b"-ERR unknown\r\n")
    assert first == Status(False, "-ERR unknown")
    assert listed == ()


@pytest.mark.parametrize("inside", [b"+OK\r\n", b"+OK ready\r\n", b"-ERR\r\n", b"-ERR no\r\n"])
def test_a_status_inside_a_list_is_unsolicited(inside):
    with pytest.raises(Unsolicited, match="a response inside a list"):
        asked(b"+OK\r\nTOP\r\n" + inside + b".\r\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-ERR [SYS/TEMP] later", Outcome.BUSY),
        ("-ERR [login-delay] wait", Outcome.BUSY),
        ("-ERR Too many connections", Outcome.BUSY),
        ("-ERR [SYS/PERM] no", Outcome.REFUSED),
        ("-ERR", Outcome.REFUSED),
    ],
)
def test_come_back_later_is_told_from_no(text, expected):
    assert Status(False, text).outcome is expected


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        (b"CAPA\r\n", True),
        (b"STLS\r\n", True),
        (b"stls\r\n", True),
        (b"NOOP\r\n", False),  # only after login
        (b"USER alice\r\n", False),
        (b"STLS x\r\n", False),
        (b"CAPA\r\nUSER alice\r\n", False),
    ],
)
def test_what_may_be_said_in_clear_is_a_closed_list(line, allowed):
    assert bool(IN_CLEAR.fullmatch(line)) is allowed


def test_a_request_with_an_argument_is_refused():
    """RFC 2595, 4: "Arguments: none"."""
    ending = improvise(load("pop3/served-upgrade.txt").conversation(), [b"STLS x\r\n"])
    assert b"-ERR" in b"".join(u.data for u in ending.talk.transcript)

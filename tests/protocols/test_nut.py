"""NUT: its lines, one by one; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from tests.protocols.replay import Stage, improvise, load, parse
from unstrip.protocols.nut import IN_CLEAR, LINE_LIMIT, line, version
from unstrip.trouble import ProtocolError, TooLong, Unsolicited
from unstrip.wire import Receive, Send, Wire


def received(heard):
    """One line, and what is left unread."""
    wire = Wire()
    wire.hear(heard)
    try:
        next(line(wire))
    except StopIteration as end:
        return end.value, wire.take(1000)
    raise AssertionError("wants more")


@pytest.mark.parametrize(
    ("heard", "expected"),
    [(b"OK\n", b"OK"), (b"\n", b""), (b"OK\r\n", b"OK"), (b"ERR X \xff\n", b"ERR X \xff")],
)
def test_a_line_ends_with_its_lf_and_not_a_byte_later(heard, expected):
    assert received(heard + b"\nmore") == (expected, b"\nmore")


@pytest.mark.parametrize("heard", [b"O\rK\n", b"\rOK\n", b"O\0K\n", b"OK\r\r\n"])
def test_a_bare_cr_or_nul_is_broken(heard):
    with pytest.raises(ProtocolError, match="a bare CR or NUL"):
        received(heard)


@pytest.mark.parametrize("heard", [b"a" * LINE_LIMIT, b"a" * LINE_LIMIT + b"\n"])
def test_a_line_without_end_is_too_long(heard):
    with pytest.raises(TooLong):
        received(heard)


def asked(heard):
    """What comes of VER where this is the answer."""
    wire = Wire(secure=True)
    dialog = version(wire)
    assert next(dialog) == Send(b"VER\n")
    assert next(dialog) == Receive()
    wire.hear(heard)
    try:
        next(dialog)
    except StopIteration as end:
        return end.value
    raise AssertionError("wants more")


def test_whatever_a_server_calls_itself_is_its_version():
    assert asked(b"Network UPS Tools upsd 2.8.0\n") == ("Network UPS Tools upsd 2.8.0",)
    assert asked(b"OKra 1.0\n") == ("OKra 1.0",)


@pytest.mark.parametrize("heard", [b"ERR\n", b"ERR UNKNOWN-COMMAND\n"])
def test_a_server_need_not_have_a_version(heard):
    assert asked(heard) == ()


@pytest.mark.parametrize("heard", [b"OK\n", b"OK STARTTLS\n", b"BEGIN LIST UPS\n", b"VAR a b c\n"])
def test_the_answer_to_something_else_is_unsolicited(heard):
    with pytest.raises(Unsolicited, match="no answer to VER"):
        asked(heard)


def test_a_version_that_was_asked_for_before_tls_is_unsolicited():
    """When it comes is a matter of time, so it is no transcript."""
    turns = "C: STARTTLS\\n\\\nS: OK STARTTLS\\n\\\n<TLS>\nS: Network UPS Tools upsd 2.8.0\\n\\\n"
    ending = Stage(parse(f"protocol: nut\nexpect: unsolicited\n\n{turns}")).play()
    assert isinstance(ending.error, Unsolicited), ending.name


@pytest.mark.parametrize(
    ("said", "allowed"),
    [
        (b"STARTTLS\n", True),
        (b"starttls\n", True),
        (b"LOGOUT\n", True),
        (b"VER\n", False),  # inside only
        (b"STARTTLS\r\n", False),
        (b"USERNAME alice\n", False),
        (b"STARTTLS\nLOGOUT\n", False),
    ],
)
def test_what_may_be_said_in_clear_is_a_closed_list(said, allowed):
    assert bool(IN_CLEAR.fullmatch(said)) is allowed


def test_a_server_leaves_after_fifty_commands():
    ending = improvise(load("nut/served-upgrade.txt").conversation(), [b"VER\n"] * 60)
    assert ending.name == "not asked"
    assert sum(u.data.count(b"Network UPS Tools") for u in ending.talk.transcript) == 50

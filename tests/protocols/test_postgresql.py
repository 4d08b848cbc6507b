"""PostgreSQL: its messages, read one by one; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from tests.protocols.replay import CLIENT_HELLO, improvise, load
from unstrip.protocols import postgresql
from unstrip.protocols.postgresql import IN_CLEAR, SSL_REQUEST, STARTUP_LIMIT, error, startup
from unstrip.transcript import Layer, Side, said
from unstrip.trouble import ProtocolError, TooLong
from unstrip.upgrade import Outcome
from unstrip.wire import Receive, Wire


def received(*heard):
    """What comes of a startup message where the client says this and no more."""
    wire, chunks = Wire(), iter(heard)
    dialog = startup(wire)
    try:
        while isinstance(next(dialog), Receive):
            wire.hear(next(chunks, b""))
    except StopIteration as end:
        return end.value
    raise AssertionError("says something")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (SSL_REQUEST, 80877103),
        (b"\0\0\0\x08\x04\xd2\x16\x30", 80877104),
        (b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x2a\0\0\0\x07", 80877102),
        (b"\0\0\0\x09\0\3\0\0\0", 3 << 16),
        (b"\0\0\0\x08\xff\xff\xff\xff", 0xFFFFFFFF),
    ],
)
def test_a_message_without_a_type_has_a_code(message, code):
    assert received(message) == code
    assert received(*(message[at : at + 1] for at in range(len(message)))) == code


@pytest.mark.parametrize("heard", [b"", b"\0\0\0", b"\0\0\0\x08", b"\0\0\0\x08\x04\xd2\x16"])
def test_a_client_that_hangs_up_in_a_message_has_said_nothing(heard):
    assert received(heard) is None


@pytest.mark.parametrize("length", [0, 4, 7])
def test_a_message_shorter_than_its_own_beginning_is_broken(length):
    with pytest.raises(ProtocolError, match=f"a startup message of {length} bytes") as caught:
        received(length.to_bytes(4, "big"))
    assert type(caught.value) is ProtocolError


@pytest.mark.parametrize("length", [STARTUP_LIMIT + 1, 1 << 24, 0xFFFFFFFF])
def test_a_length_that_no_message_has_is_not_waited_for(length):
    with pytest.raises(TooLong, match=f"a startup message of {length} bytes"):
        received(length.to_bytes(4, "big"))


def test_a_message_may_be_as_long_as_postgresql_takes_it():
    message = STARTUP_LIMIT.to_bytes(4, "big") + b"\0\3\0\0"
    assert received(message, bytes(STARTUP_LIMIT - len(message))) == 3 << 16


@pytest.mark.parametrize(
    "text",
    [
        error("53300", "sorry, too many clients already")[1:],
        b"could not fork new process for connection: Cannot allocate memory\n\0",  # version 2
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
        b"\x1b[2J" * 20_000,
    ],
)
def test_the_text_of_an_error_is_neither_read_nor_shown(text):
    ending = improvise(load("postgresql/upgraded.txt").conversation(), [b"E" + text])
    assert ending.talk.result.outcome is Outcome.UNAVAILABLE
    assert ending.talk.result.said == "E (an error in place of an answer)"
    assert not ending.talk.result.advertised


def test_an_error_says_how_long_it_is():
    assert error("28000", "no") == b"E\0\0\0\x1eSFATAL\0VFATAL\0C28000\0Mno\0\0"


def test_a_hello_may_come_with_the_request_as_to_version_17():
    talk = load("postgresql/served-upgrade.txt").conversation()
    ending = improvise(talk, [SSL_REQUEST + CLIENT_HELLO, b"\0\0\0\x09\0\3\0\0\0"], tls=False)
    assert ending.name == "upgraded"
    assert said(talk.transcript, Side.SERVER, Layer.CLEAR) == b"S"
    assert b"C28000\0" in said(talk.transcript, Side.SERVER, Layer.SECURE)


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (SSL_REQUEST, True),
        (b"\0\0\0\x08\x04\xd2\x16\x30", False),  # GSSENCRequest
        (SSL_REQUEST + b"\0", False),
        (SSL_REQUEST[:-1], False),
        (b"\0\0\0\x12\0\3\0\0user\0bob\0\0", False),
        (b"X\0\0\0\x04", False),
        (b"", False),
    ],
)
def test_what_may_be_said_in_clear_is_one_message(words, allowed):
    assert bool(IN_CLEAR.fullmatch(words)) is allowed


@pytest.mark.parametrize("secure", [False, True])
def test_nobody_takes_leave_of_a_session_that_never_was(secure):
    assert list(postgresql.farewell(Wire(secure=secure))) == []

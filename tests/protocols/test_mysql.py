"""MySQL: its packets, read one by one; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from tests.protocols.replay import CLIENT_HELLO, improvise, load
from unstrip.protocols import mysql
from unstrip.protocols.mysql import (
    IN_CLEAR,
    PACKET_LIMIT,
    SSL_REQUEST,
    Greeting,
    Refusal,
    greeted,
    packet,
    receive,
    refusal,
)
from unstrip.transcript import Layer, Side, said
from unstrip.trouble import Ended, Injected, ProtocolError, TooLong
from unstrip.upgrade import Asking
from unstrip.wire import Receive, Send, Settle, Wire

HIDDEN = packet(0, b"\x0a8.0.36\0\1\0\0\0abcdefgh\0\xff\xf7\xff\2\0\xff\xdf\x15" + bytes(10))
REFUSED = packet(2, b"\xff\x13\x04#08S01Bad handshake")


def received(*heard):
    """What comes of a packet where the peer says this and hangs up."""
    wire, chunks = Wire(), iter(heard)
    dialog = receive(wire)
    try:
        while isinstance(next(dialog), Receive):
            wire.hear(next(chunks, b""))
    except StopIteration as end:
        return end.value
    raise AssertionError("says something")


@pytest.mark.parametrize("size", [1, 255, 256, PACKET_LIMIT])
def test_a_packet_says_its_length_and_its_place(size):
    assert received(packet(7, b"a" * size)) == (7, b"a" * size)


@pytest.mark.parametrize("length", [PACKET_LIMIT + 1, 1 << 16, (1 << 24) - 1])
def test_a_length_that_no_packet_has_is_not_waited_for(length):
    with pytest.raises(TooLong, match=f"a packet of {length} bytes"):
        received(length.to_bytes(3, "little") + b"\0")


def test_a_packet_with_nothing_in_it_is_broken():
    with pytest.raises(ProtocolError, match="nothing in it"):
        received(b"\0\0\0\0")


@pytest.mark.parametrize("heard", [b"", b"\5\0\0", b"\5\0\0\0", b"\5\0\0\0abcd"])
def test_a_packet_that_is_cut_has_ended(heard):
    with pytest.raises(Ended):
        received(heard)


@pytest.mark.parametrize(
    ("payload", "expected", "busy"),
    [
        (b"\xff\x10\x04Too many connections", "1040 Too many connections", True),
        (b"\xff\x10\x04#08004Too many", "1040 08004 Too many", True),
        (b"\xff\x69\x04Host is blocked", "1129 Host is blocked", True),
        (b"\xff\x6a\x04Host is not allowed", "1130 Host is not allowed", False),
        (b"\xff\x13\x04", "1043", False),
        (b"\xff\x13\x04#", "1043", False),
        (b"\xff\x13\x04#08S01", "1043 08S01", False),
        (b"\xff\x13\x04\xff", "1043 \ufffd", False),
    ],
)
def test_an_error_has_a_code_and_words(payload, expected, busy):
    error = refusal(payload)
    assert error == Refusal(int(expected[:4]), expected)
    assert error.busy is busy


@pytest.mark.parametrize("payload", [b"\xff", b"\xff\x13"])
def test_an_error_without_a_code_is_broken(payload):
    with pytest.raises(ProtocolError, match="an error without its code"):
        refusal(payload)


def test_a_greeting_has_its_flags_in_two_halves():
    rest = b"\1\0\0\0abcdefgh\0" + b"\x01\x08" + b"\x2d\2\0" + b"\0\x80"
    assert greeted(0, b"\x0a9.1\0" + rest) == Greeting("9.1", 0x80000801)
    assert Greeting("", 0x80000801).flags == (
        "CLIENT_LONG_PASSWORD",
        "CLIENT_SSL",
        "CLIENT_REMEMBER_OPTIONS",
    )
    assert Greeting("", 0).flags == ()


@pytest.mark.parametrize(
    ("halves", "capabilities"),
    [
        (b"\0\x08", 0x0800),
        (b"\0\x08\x2d\2\0", 0x0800),
        (b"\0\x08\x2d\2\0\x08", 0x080800),
        (b"\xff\xf7\x2d\2\0\xff\xff", 0xFFFFF7FF),
        (b"\xff\xf7\x2d\2\0\xff\xff\x08\x08", 0xFFFFF7FF),  # never read beyond the second half
    ],
)
def test_a_greeting_may_end_behind_any_half(halves, capabilities):
    assert greeted(0, b"\x0a5\0\1\0\0\0abcdefgh\0" + halves).capabilities == capabilities


@pytest.mark.parametrize(
    "payload",
    [
        b"\x0a",
        b"\x0a8.0.36",
        b"\x0a8.0.36\0",
        b"\x0a8.0.36\0\1\0\0\0abcdefgh\0\xff",
        b"\x093.20\0\1\0\0\0abcdefgh\0\xff\xff",
        b"\0\0\0\2\0\0\0",
        b"\xfe",
    ],
)
def test_what_is_no_greeting_is_broken(payload):
    with pytest.raises(ProtocolError, match="greeting"):
        greeted(0, payload)


def test_a_greeting_that_is_numbered_like_an_answer_is_none():
    with pytest.raises(ProtocolError, match="not a MySQL greeting"):
        greeted(1, HIDDEN[4:])


def insisted(*heard):
    """Our client, which insists on TLS that is not offered, up to where it listens."""
    wire = Wire()
    dialog = mysql.client(wire, Asking(insist=True))
    assert isinstance(next(dialog), Receive)
    wire.hear(HIDDEN)
    assert next(dialog) == Send(SSL_REQUEST)
    assert next(dialog) == Settle()
    for data in heard:
        wire.hear(data)
    return wire, dialog


def test_a_refusal_in_pieces_is_heard_whole():
    wire, dialog = insisted(REFUSED[:1])
    assert isinstance(next(dialog), Receive)
    wire.hear(REFUSED[1:])
    with pytest.raises(StopIteration) as end:
        next(dialog)
    assert end.value.value.said == "1043 08S01 Bad handshake"


@pytest.mark.parametrize("last", [(), (REFUSED[:6],)])
def test_a_server_that_hangs_up_on_the_request_has_ended(last):
    _, dialog = insisted(*last, b"")
    with pytest.raises(Ended):
        next(dialog)


def test_bytes_behind_the_greeting_are_injected_only_where_tls_is_to_start():
    assert improvise(load("mysql/plain.txt").conversation(), [HIDDEN + b"\0"]).name == "not offered"
    ending = improvise(load("mysql/plain.txt").conversation(insist=True), [HIDDEN + b"\0"])
    assert isinstance(ending.error, Injected)
    assert ending.residue == b"\0"
    assert said(ending.talk.transcript, Side.CLIENT, Layer.CLEAR) == b""


@pytest.mark.parametrize("glued", [False, True], ids=["two segments", "one segment"])
def test_a_hello_follows_the_request_at_once(glued):
    first = [SSL_REQUEST + CLIENT_HELLO] if glued else [SSL_REQUEST, CLIENT_HELLO]
    login = packet(2, SSL_REQUEST[4:] + b"bob\0\0")
    talk = load("mysql/served-upgrade.txt").conversation()
    ending = improvise(talk, [*first, login], tls=False)
    assert ending.name == "upgraded"
    inside = said(talk.transcript, Side.SERVER, Layer.SECURE)
    assert inside.startswith(b"\x23\0\0\3\xff\x15\x04#28000")


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (SSL_REQUEST, True),
        (SSL_REQUEST[:-1], False),
        (SSL_REQUEST + b"\0", False),
        (b"\x24" + SSL_REQUEST[1:] + b"bob\0", False),
        (SSL_REQUEST[:-1] + b"\1", False),
        (packet(0, b"\1"), False),
    ],
)
def test_what_may_be_said_in_clear_is_one_packet(words, allowed):
    assert bool(IN_CLEAR.fullmatch(words)) is allowed


@pytest.mark.parametrize("secure", [False, True])
def test_nobody_takes_leave_of_a_session_that_never_was(secure):
    assert list(mysql.farewell(Wire(secure=secure))) == []

"""RDP: its packets, read one by one; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from unstrip.protocols.rdp import (
    CONNECTION_REQUEST,
    IN_CLEAR,
    PACKET_LIMIT,
    negotiation,
    packet,
    parsed,
    receive,
    requested,
)
from unstrip.trouble import ProtocolError, TooLong
from unstrip.wire import Receive, Wire

NEGOTIATION = b"\x01\0\x08\0\x03\0\0\0"
CORRELATION = b"\x06\0\x24\0" + b"A" * 16 + bytes(16)


def received(heard):
    wire = Wire()
    wire.hear(heard)
    try:
        next(receive(wire))
    except StopIteration as end:
        return end.value
    raise AssertionError("wants more")


def test_the_request_is_the_one_that_names_nobody():
    assert CONNECTION_REQUEST == b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0" + NEGOTIATION
    assert b"Cookie" not in CONNECTION_REQUEST


@pytest.mark.parametrize("variable", [b"", NEGOTIATION, b"Cookie: a\r\n"])
def test_a_packet_is_read_as_it_was_written(variable):
    assert received(packet(0xE0, variable)) == (0xE0, variable)
    assert received(packet(0xD0, variable)) == (0xD0, variable)


def test_nothing_beyond_a_packet_is_read():
    wire = Wire()
    wire.hear(packet(0xD0) + b"\x03")
    with pytest.raises(StopIteration):
        next(receive(wire))
    assert wire.take(9) == b"\x03"


@pytest.mark.parametrize("length", [PACKET_LIMIT + 1, 0x7FFF, 0xFFFF])
def test_a_length_beyond_the_limit_is_not_waited_for(length):
    with pytest.raises(TooLong):
        received(b"\x03\0" + length.to_bytes(2, "big"))


def test_a_packet_of_the_greatest_length_is_waited_for():
    wire = Wire()
    wire.hear(b"\x03\0" + PACKET_LIMIT.to_bytes(2, "big"))
    assert next(receive(wire)) == Receive()


@pytest.mark.parametrize("length", range(7))
def test_a_length_too_short_for_any_tpdu_is_broken(length):
    with pytest.raises(ProtocolError):
        received(b"\x03\0\0%c" % length)


@pytest.mark.parametrize("announced", [0, 5, 13, 15, 255])
@pytest.mark.parametrize("code", [0xE0, 0xD0])
def test_two_lengths_that_disagree_are_broken(code, announced):
    whole = bytearray(packet(code, NEGOTIATION))
    whole[4] = announced
    with pytest.raises(ProtocolError, match="disagree"):
        received(bytes(whole))


def test_a_connection_needs_more_than_the_shortest_tpdu():
    with pytest.raises(ProtocolError):
        received(b"\x03\0\0\x07\x02\xd0\x80")


def test_the_reserved_byte_of_a_tpkt_is_left_alone():
    assert received(b"\x03\x2a" + packet(0xD0)[2:]) == (0xD0, b"")


@pytest.mark.parametrize(
    "structure",
    [b"", b"\x02", b"\x02\0\x08\0\x01\0\0", b"\x02\0\x08\0\x01\0\0\0\0", b"\x02\0\0\x08\x01\0\0\0"],
)
def test_a_negotiation_has_one_length(structure):
    with pytest.raises(ProtocolError):
        parsed(structure)


def test_a_negotiation_is_little_endian():
    assert parsed(b"\x02\x1f\x08\0\x02\0\0\0") == (2, 0x1F, 2)
    assert parsed(negotiation(3, 0x01020304)) == (3, 0, 0x01020304)


@pytest.mark.parametrize(
    ("variable", "protocols"),
    [
        (b"", 0),
        (NEGOTIATION, 3),
        (b"Cookie: mstshash=alice\r\n", 0),
        (b"Cookie: mstshash=alice", 0),
        (b"Cookie: mstshash=alice\r\n" + NEGOTIATION, 3),
        (b"tsv://MS Terminal Services Plugin.1.Farm\r\n" + NEGOTIATION, 3),
        (b"\x01\x08\x08\0\x0b\0\0\0" + CORRELATION, 0x0B),
        (b"Cookie: a\r\n\x01\x08\x08\0\x01\0\0\0" + CORRELATION, 1),
    ],
)
def test_a_request_is_found_behind_whatever_may_stand_before_it(variable, protocols):
    assert requested(variable) == protocols


@pytest.mark.parametrize(
    "variable",
    [
        NEGOTIATION[:-1],
        NEGOTIATION + b"\0",
        NEGOTIATION + CORRELATION,  # which its flags do not announce
        b"\x01\x08\x08\0\x0b\0\0\0",
        b"\x01\x08\x08\0\x0b\0\0\0" + CORRELATION[:-1],
        b"Cookie: a\r\n\x02\0\x08\0\x03\0\0\0",
        b"Cookie: a\r\nCookie: b\r\n" + NEGOTIATION,
    ],
)
def test_what_is_no_request_is_broken(variable):
    with pytest.raises(ProtocolError):
        requested(variable)


@pytest.mark.parametrize(
    "words",
    [
        packet(0xE0),
        packet(0xE0, b"Cookie: mstshash=alice\r\n" + NEGOTIATION),
        packet(0xE0, negotiation(1, 0)),
        packet(0xE0, negotiation(1, 1)),
        CONNECTION_REQUEST + b"\x03",
        b"",
    ],
)
def test_only_the_request_may_be_said_in_clear(words):
    assert not IN_CLEAR.fullmatch(words)

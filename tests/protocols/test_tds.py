"""TDS: packets, options and envelopes, one by one; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.replay import improvise, load
from unstrip.protocols import tds
from unstrip.protocols.tds import (
    IN_CLEAR,
    MESSAGE_LIMIT,
    PRELOGIN,
    Encryption,
    Envelope,
    encryption,
    error,
    options,
    packets,
    prelogin,
    receive,
    version,
)
from unstrip.trouble import Ended, ProtocolError, TooLong
from unstrip.wire import Receive, Wire

ROOM = 4096 - 8  # bytes in a packet


def received(heard, bite=10**9):
    """What comes of a message where the peer says this and hangs up."""
    wire = Wire(secure=True)
    chunks = iter([heard[at : at + bite] for at in range(0, len(heard), bite)])
    dialog = receive(wire)
    try:
        while isinstance(next(dialog), Receive):
            wire.hear(next(chunks, b""))
    except StopIteration as end:
        return end.value
    raise AssertionError("says something")


# Packets


@pytest.mark.parametrize("bite", [1, 3, 10**9])
def test_a_message_ends_with_its_last_packet(bite):
    first, second = b"\4\0\0\x0a\0\0\1\0ab", b"\4\1\0\x0b\0\0\2\0cde"
    assert received(first + second + b"\4", bite) == (4, b"abcde")


@pytest.mark.parametrize("size", [0, 7])
def test_a_packet_shorter_than_its_header_is_broken(size):
    with pytest.raises(ProtocolError, match="not a TDS packet"):
        received(b"\4\1" + size.to_bytes(2, "big") + b"\0\0\1\0")


@pytest.mark.parametrize("status", [2, 8, 0xFF])
def test_a_status_that_nobody_has_before_the_login_is_broken(status):
    with pytest.raises(ProtocolError, match="not a TDS packet"):
        received(bytes((4, status)) + b"\0\x09\0\0\1\0a")


@pytest.mark.parametrize("size", [4097, 0x7FFF, 0xFFFF])
def test_a_length_that_no_packet_has_is_not_waited_for(size):
    with pytest.raises(TooLong, match=f"a packet of {size} bytes"):
        received(b"\4\1" + size.to_bytes(2, "big") + b"\0\0\1\0")


@pytest.mark.parametrize("carried", [b"", b"a", b"a" * 1000])
def test_packets_without_end_are_too_long_even_if_they_are_empty(carried):
    unfinished = b"\4\0" + (8 + len(carried)).to_bytes(2, "big") + b"\0\0\1\0" + carried
    with pytest.raises(TooLong, match="a message of more than 4096 bytes"):
        received(unfinished * (MESSAGE_LIMIT // len(unfinished) + 1))


def test_packets_of_two_types_are_no_message():
    with pytest.raises(ProtocolError, match="several types"):
        received(b"\4\0\0\x09\0\0\1\0a\x12\1\0\x09\0\0\2\0b")


@pytest.mark.parametrize("heard", [b"", b"\4\1\0", b"\4\1\0\x09\0\0\1\0", b"\4\0\0\x09\0\0\1\0a"])
def test_a_message_that_is_cut_has_ended(heard):
    with pytest.raises(Ended):
        received(heard)


@pytest.mark.parametrize(
    ("size", "sizes"), [(1, [9]), (ROOM, [4096]), (ROOM + 1, [4096, 9]), (3 * ROOM, [4096] * 3)]
)
def test_a_message_has_as_many_packets_as_it_takes(size, sizes):
    sent, found = packets(0x12, b"a" * size), []
    while sent:
        length = int.from_bytes(sent[2:4], "big")
        found.append(length)
        assert sent[0] == 0x12
        assert sent[1] == (len(sent) == length)  # the last, and no other, says so
        assert sent[6] == len(found)
        sent = sent[length:]
    assert found == sizes


# Options


def test_options_are_found_by_their_tokens():
    message = b"\1\0\x0b\0\1\0\0\x0c\0\2\xff" + b"\3" + b"ab"
    assert options(message) == {0: b"ab", 1: b"\3"}
    assert options(b"\xff") == {}
    assert options(b"\3\0\6\0\0\xff") == {3: b""}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"", "without an end"),
        (b"\1", "without an end"),
        (b"\1\0\5\0\1", "without an end"),
        (b"\1\0\5\0\1\1", "without an end"),
        (b"\1\0\5\0\1" * 800, "without an end"),
        (b"\1\0\x0b\0\1\1\0\x0b\0\1\xff\1", "option 1 twice"),
        (b"\1\0\6\0\2\xff\1", "option 1 out of bounds"),
        (b"\1\0\7\0\1\xff\1", "option 1 out of bounds"),
        (b"\1\xff\xff\xff\xff\xff\1", "option 1 out of bounds"),
        (b"\1\0\0\0\1\xff\1", "option 1 out of bounds"),
        (b"\1\0\5\0\1\xff\1", "option 1 out of bounds"),
        (b"\1\0\0\0\0\xff", "option 1 out of bounds"),
    ],
)
def test_a_table_that_two_readers_would_read_in_two_ways_is_broken(message, words):
    with pytest.raises(ProtocolError, match=words) as caught:
        options(message)
    assert len(str(caught.value)) < 400


def test_a_terminator_is_one_only_where_an_option_begins():
    message = b"\1\0\x0b\0\1\xfe\0\x0c\0\1\xff" + b"\1" + b"\xff"
    assert options(message) == {1: b"\1", 0xFE: b"\xff"}


@pytest.mark.parametrize("value", Encryption)
def test_what_one_side_says_about_tls_the_other_reads(value):
    assert encryption(prelogin(value, b"\x10")) is value


@pytest.mark.parametrize("said", [b"", b"\4", b"\x80", b"\x81", b"\xff", b"\1\1"])
def test_an_unknown_word_about_encryption_is_broken(said):
    message = b"\1\0\6" + len(said).to_bytes(2, "big") + b"\xff" + said
    with pytest.raises(ProtocolError, match="an unknown word about encryption"):
        encryption(message)


def test_a_server_may_say_nothing_about_encryption():
    assert encryption(b"\0\0\6\0\6\xff" + bytes(6)) is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"\x10\0\x10\0\0\0", "16.0.4096"),
        (b"\x0f\0\x08\x60\0\1", "15.0.2144"),
        (b"", ""),
        (b"\x10\0\x10\0", ""),
        (b"\x10\0\x10\0\0\0\0", ""),
    ],
)
def test_a_version_is_said_as_its_numbers(said, words):
    assert version(b"\0\0\6\0" + bytes((len(said),)) + b"\xff" + said) == words
    assert version(b"\xff") == ""


@given(st.binary(max_size=64))
def test_whatever_a_table_is_it_is_read_or_broken(message):
    try:
        found = options(message)
    except ProtocolError:
        return
    assert all(value in message for value in found.values())


# Envelopes


@pytest.mark.parametrize("bite", [1, 2, 7, 8, 9, 4095, 10**9])
@pytest.mark.parametrize("size", [1, 500, ROOM, ROOM + 1, 20_000])
def test_what_was_wrapped_is_unwrapped_however_it_comes(size, bite):
    records = bytes(number % 251 for number in range(size))
    sent, envelope = Envelope().wrap(records), Envelope()
    pieces = [sent[at : at + bite] for at in range(0, len(sent), bite)]
    assert b"".join(map(envelope.unwrap, pieces)) == records


def test_a_packet_may_begin_like_a_packet_inside():
    """The first byte of a segment says nothing about where a packet begins."""
    sent, envelope = Envelope().wrap(b"\x12\1\0\x09"), Envelope()
    assert envelope.unwrap(sent[:8]) == b""
    assert envelope.unwrap(sent[8:]) == b"\x12\1\0\x09"


def test_data_behind_the_handshake_is_bare():
    """A client may send the last of its handshake and its login in one segment."""
    login = b"\x17\3\3\0\5\x12\1\0\x0f\0"
    sent, envelope = Envelope().wrap(b"\x16finished"), Envelope()
    assert envelope.unwrap(sent[:-1]) == b""
    assert envelope.unwrap(sent[-1:] + login) == b"\x16finished" + login


@pytest.mark.parametrize("heard", [b"\x16\3\3\0\2", b"\4", b"\x10\1\0\x09", b"2", b"\x15\3\3"])
def test_what_is_no_packet_of_a_handshake_is_broken_at_its_first_byte(heard):
    with pytest.raises(ProtocolError, match="no handshake in TDS"):
        Envelope().unwrap(heard)
    envelope = Envelope()
    envelope.unwrap(Envelope().wrap(b"\x16hello"))
    with pytest.raises(ProtocolError, match="no handshake in TDS"):
        envelope.unwrap(heard)


@pytest.mark.parametrize("size", [0x1001, 0xFFFF])
def test_an_envelope_that_is_too_long_is_not_waited_for(size):
    with pytest.raises(TooLong):
        Envelope().unwrap(b"\x12\1" + size.to_bytes(2, "big") + b"\0\0\1\0")


def test_empty_envelopes_carry_nothing_and_are_no_end():
    assert Envelope().unwrap(b"\x12\1\0\x08\0\0\1\0" * 3) == b""


@pytest.mark.parametrize("left", [b"", b"\x12", b"\x12\1", b"\x12\1\0\x0a\0\0\1\0a"])
def test_what_is_not_whole_yet_waits(left):
    """Once TLS stands, it is plaintext that somebody has put behind the handshake."""
    envelope = Envelope()
    assert envelope.unwrap(Envelope().wrap(b"\x16finished") + left) == b"\x16finished"
    assert envelope.waiting == left


# Dialogs


def test_an_error_is_as_long_as_it_says():
    kind, message = received(error(18456, "no"))
    assert kind == 4
    length = int.from_bytes(message[1:3], "little")
    assert message[0] == 0xAA
    assert message[3 : 3 + length] == b"\x18\x48\0\0\1\x14\2\0n\0o\0\0\0\0\0\0\0"
    assert message[3 + length :] == b"\xfd\2\0\0\0" + bytes(8)


@pytest.mark.parametrize("answer", [Encryption.OFF, Encryption.NOT_SUP])
def test_tls_for_less_than_all_is_refused(answer):
    heard = packets(4, prelogin(answer, b"\x10"))
    ending = improvise(load("ms-sql-s/upgraded.txt").conversation(insist=True), [heard])
    assert ending.name == "refused"
    assert ending.talk.tunnel is None
    assert str(answer.value) in ending.talk.result.said


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (PRELOGIN, True),
        (PRELOGIN[:-1], False),
        (PRELOGIN[:-1] + b"\2", False),
        (PRELOGIN + PRELOGIN, False),
        (packets(0x10, bytes(94)), False),
    ],
)
def test_what_may_be_said_in_clear_is_one_message(words, allowed):
    assert bool(IN_CLEAR.fullmatch(words)) is allowed


@pytest.mark.parametrize("secure", [False, True])
def test_nobody_takes_leave(secure):
    assert list(tds.farewell(Wire(secure=secure))) == []

"""LDAP: its messages, read one by one; the dialogs are in the transcripts."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.replay import improvise, load
from unstrip.protocols import ldap
from unstrip.protocols.ldap import (
    DONE,
    EXTENDED_RESPONSE,
    IN_CLEAR,
    LISTING_LIMIT,
    NOTICE_OID,
    REQUEST,
    REQUEST_LIMIT,
    RESPONSE_LIMIT,
    STARTTLS,
    STARTTLS_OID,
    Message,
    Result,
    encoded,
    first_number,
    message,
    parts,
    response,
    result,
    spoken,
)
from unstrip.transcript import Layer, Side, said
from unstrip.trouble import Ended, ProtocolError, Spoofed, TooLong, Unsolicited
from unstrip.upgrade import Outcome
from unstrip.wire import Receive, Send, Settle, Wire

GO_AHEAD = b"\x78\x07\x0a\x01\0\4\0\4\0"
NOTICE = spoken(0, encoded(0x78, b"\x0a\x01\x34\4\0\4\0", encoded(0x8A, NOTICE_OID)))
ABORTED = spoken(0, encoded(0x78, GO_AHEAD[2:], encoded(0x8A, b"1.3.6.1.1.21.4")))  # RFC 5805


def received(dialog, heard, *, secure=False):
    """What this dialog makes of what was heard from a peer who hung up, and what is left."""
    wire = Wire(secure=secure)
    wire.hear(heard)
    wire.hear(b"")
    running = dialog(wire)
    try:
        while True:
            next(running)
    except StopIteration as end:
        return end.value, wire.take(wire.waiting)


read = partial(received, partial(message, limit=RESPONSE_LIMIT))


# Messages


@pytest.mark.parametrize("rest", [b"", b"\x30", b"\x16\x03\x01"])
@pytest.mark.parametrize(
    "heard",
    [
        "30 0c 020102 78 07 0a0100 0400 0400",
        "30 81 0c 020102 78 07 0a0100 0400 0400",
        "30 82 000c 020102 78 07 0a0100 0400 0400",
        "30 83 00000c 020102 78 07 0a0100 0400 0400",
        "30 84 0000000c 020102 78 07 0a0100 0400 0400",
        "30 84 00000010 020102 78 84 00000007 0a0100 0400 0400",
        "30 0d 02020002 78 07 0a0100 0400 0400",
        "30 0f 020400000002 78 07 0a0100 0400 0400",
        "30 0d 02810102 78 07 0a0100 0400 0400",
        "30 0e 020102 78 07 0a0100 0400 0400 a000",
    ],
)
def test_a_message_is_read_whatever_the_form_of_its_lengths(heard, rest):
    found, left = read(bytes.fromhex(heard) + rest)
    assert found == Message(2, EXTENDED_RESPONSE, GO_AHEAD[2:])
    assert left == rest


@pytest.mark.parametrize(
    ("heard", "kind"),
    [
        ("31 00", ProtocolError),
        ("16 03", ProtocolError),
        ("30 00", ProtocolError),
        ("30 03 020102", ProtocolError),
        ("30 05 040102 4200", ProtocolError),
        ("30 05 0201ff 4200", ProtocolError),
        ("30 04 0200 4200", ProtocolError),
        ("30 09 02050000000001 4200", ProtocolError),
        ("30 05 020102 4201", ProtocolError),
        ("30 04 020102 42", ProtocolError),
        ("30 05 020102 4281", ProtocolError),
        ("30 06 020102 7f4200", ProtocolError),
        ("30 80 020102 4200 0000", ProtocolError),
        ("30 05 020102 6280", ProtocolError),
        ("30 85 0000000005 020102 4200", TooLong),
        ("30 ff", TooLong),
        ("30 84 ffffffff", TooLong),
        ("30 84 00001001", TooLong),
        ("30 82 1001", TooLong),
        ("30 0a 020102 6285 0000000000", TooLong),
        ("30 82 10", Ended),
        ("30 82 1000 00", Ended),
        ("30", Ended),
        ("", Ended),
    ],
)
def test_what_is_no_message_has_a_name_for_what_it_is(heard, kind):
    with pytest.raises(ProtocolError) as caught:
        read(bytes.fromhex(heard))
    assert type(caught.value) is kind


@pytest.mark.parametrize("limit", [RESPONSE_LIMIT, LISTING_LIMIT, REQUEST_LIMIT])
def test_a_message_of_the_limit_is_read_and_one_above_it_is_not_waited_for(limit):
    head = b"\x30\x84" + limit.to_bytes(4, "big")
    whole = b"\2\1\1\x04\x84" + (limit - 9).to_bytes(4, "big") + b"a" * (limit - 9)
    assert len(received(partial(message, limit=limit), head + whole, secure=True)[0].content)
    wire = Wire()
    wire.hear(b"\x30\x84" + (limit + 1).to_bytes(4, "big"))
    with pytest.raises(TooLong, match=f"a message of {limit + 1} bytes"):
        next(message(wire, limit))


@given(st.binary(max_size=60))
def test_parts_are_read_to_the_end_or_not_at_all(content):
    try:
        found = parts(content)
    except ProtocolError:
        return
    assert sum(len(value) + 2 for _, value in found) <= len(content)
    assert not content or found


def test_a_part_that_claims_4_gigabytes_is_cut():
    with pytest.raises(ProtocolError, match="cut"):
        parts(b"\x04\x84\xff\xff\xff\xffabc")


@given(st.integers(1, 2**31 - 1))
def test_what_is_said_is_a_message_under_its_id(number):
    found, left = read(spoken(number, STARTTLS))
    assert (found.number, found.operation, left) == (number, ldap.EXTENDED, b"")
    assert parts(found.content) == [(0x80, STARTTLS_OID)]


# Results


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("0a0100 0400 0400", Result(0, "")),
        ("0a0102 0400 0402 6e6f", Result(2, "no")),
        ("0a0102 0402 6463 0401 ff", Result(2, "\ufffd")),
        ("0a0100 0400 0400 8a03 312e32", Result(0, "", b"1.2")),
        ("0a010a 0400 0400 a303 040161 8a01 31", Result(10, "", b"1")),
        ("0a0100 0400 0400 8b00", Result(0, "")),
        ("0a0100 0400 0400 8a00", Result(0, "")),
        ("0a0100 0400 0400 a503 040161", Result(0, "")),
        ("0a021000 0400 0400", Result(4096, "")),
    ],
)
def test_a_result_is_its_code_and_its_words(content, expected):
    assert result(Message(1, EXTENDED_RESPONSE, bytes.fromhex(content))) == expected


@pytest.mark.parametrize(
    "content",
    [
        "",
        "0a0100",
        "0a0100 0400",
        "0a00 0400 0400",
        "0a050000000000 0400 0400",
        "020100 0400 0400",
        "0a0100 0c00 0400",
        "0400 0a0100 0400",
        "0a0100 0400 0401",
        "0a0100 0400 0400 8a",
    ],
)
def test_what_is_no_result_is_broken(content):
    with pytest.raises(ProtocolError):
        result(Message(1, EXTENDED_RESPONSE, bytes.fromhex(content)))


def test_a_result_is_said_with_the_name_of_its_code():
    assert Result(2, "").said == "resultCode 2 protocolError"
    assert Result(52, "later").said == "resultCode 52 unavailable: later"
    assert Result(99, "").said == "resultCode 99"
    assert Result(99, "what?").said == "resultCode 99: what?"


@pytest.mark.parametrize(
    ("code", "closing", "expected"),
    [
        (51, False, Outcome.BUSY),
        (52, False, Outcome.BUSY),
        (52, True, Outcome.BUSY),
        (2, True, Outcome.UNAVAILABLE),
        (8, True, Outcome.UNAVAILABLE),
        (50, False, Outcome.REFUSED),
    ],
)
def test_come_back_later_is_told_from_no(code, closing, expected):
    assert Result(code, "", closing=closing).outcome is expected


# What answers what


def answered(heard, *, secure=False):
    def dialog(wire):
        return response(wire, 2, RESPONSE_LIMIT, EXTENDED_RESPONSE, DONE)

    return received(dialog, heard, secure=secure)


def test_an_answer_has_the_id_of_its_request():
    assert answered(spoken(2, GO_AHEAD))[0].number == 2


def test_a_notice_of_disconnection_may_come_at_any_time():
    found, _ = answered(NOTICE)
    assert result(found) == Result(52, "", NOTICE_OID, closing=True)


@pytest.mark.parametrize("count", [1, 15])
def test_other_notifications_are_passed_over(count):
    found, left = answered(ABORTED * count + spoken(2, GO_AHEAD) + ABORTED)
    assert (found.number, left) == (2, ABORTED)


def test_notifications_without_end_are_too_long():
    with pytest.raises(TooLong, match="more than 16 notifications"):
        answered(ABORTED * 100)
    with pytest.raises(TooLong, match="more than 16 notifications"):
        received(ldap.notifications, ABORTED * 100)


def test_who_listens_goes_on_until_nothing_more_comes():
    wire, heard = Wire(secure=True), [ABORTED, ABORTED, spoken(2, GO_AHEAD)]
    listening = ldap.notifications(wire, listen=True)
    assert isinstance(next(listening), Settle)
    for notification in heard[:-1]:
        wire.hear(notification)
        assert isinstance(next(listening), Settle)
    wire.hear(heard[-1])
    with pytest.raises(Unsolicited):
        next(listening)


@pytest.mark.parametrize(
    ("heard", "kind"),
    [
        (spoken(1, GO_AHEAD), Unsolicited),
        (spoken(3, GO_AHEAD), Unsolicited),
        (spoken(2 + 2**24, GO_AHEAD), Unsolicited),
        (spoken(0, GO_AHEAD), Unsolicited),
        (spoken(0, encoded(0x78, GO_AHEAD[2:], encoded(0x8A, STARTTLS_OID))), Unsolicited),
        (spoken(0, encoded(0x78, GO_AHEAD[2:], encoded(0x8A, b"me"))), Unsolicited),
        (spoken(2, b"\x64\0"), Unsolicited),
        (spoken(2, b"\x79\0"), Unsolicited),
        (spoken(2, STARTTLS), Unsolicited),
        (spoken(0, b"\x78\0"), ProtocolError),
        (spoken(2, b"\x61" + GO_AHEAD[1:]), Spoofed),
        (spoken(7, b"\x61" + GO_AHEAD[1:]), Spoofed),
    ],
)
def test_what_is_no_answer_has_a_name_for_what_it_is(heard, kind):
    with pytest.raises(ProtocolError) as caught:
        answered(heard)
    assert type(caught.value) is kind


def test_inside_tls_the_answer_to_a_login_is_one_to_what_was_not_asked():
    with pytest.raises(Unsolicited):
        answered(spoken(2, b"\x61" + GO_AHEAD[1:]), secure=True)


def talk(behind):
    """The client, where this shares a segment with the end of the search."""
    heard = [spoken(1, b"\x65" + GO_AHEAD[1:]) + behind]
    ending = improvise(load("ldap/upgraded.txt").conversation(insist=True), heard)
    return ending, REQUEST.search(said(ending.talk.transcript, Side.CLIENT, Layer.CLEAR))


def test_a_notice_behind_the_list_ends_it_before_the_request():
    ending, asked = talk(NOTICE)
    assert ending.name == "busy"
    assert not asked


def test_another_notification_behind_the_list_changes_nothing():
    ending, asked = talk(ABORTED)
    assert ending.name == "ended"
    assert asked


@pytest.mark.parametrize(
    ("behind", "expected"),
    [
        (spoken(2, GO_AHEAD), "unsolicited"),
        (spoken(1, GO_AHEAD), "unsolicited"),
        (b"\x30", "ended"),
    ],
)
def test_anything_else_behind_the_list_has_a_name(behind, expected):
    ending, asked = talk(behind)
    assert ending.name == expected
    assert not asked


def test_a_search_may_not_have_any_number_of_answers():
    entry = spoken(1, encoded(0x64, b"\4\0\x30\0"))
    found = improvise(load("ldap/upgraded.txt").conversation(), [entry] * 100)
    assert isinstance(found.error, TooLong)
    assert "more than 16 messages" in str(found.error)


# Ids


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("u", 1), ("", 1), ("00000000", 1), ("ff", 256), ("3fffffff", 2**30), ("ffffffff", 2**30)],
)
def test_the_first_id_is_made_of_the_tag(tag, expected):
    assert first_number(tag) == expected


@given(st.text(max_size=40))
def test_every_id_is_one_that_a_message_can_have(tag):
    assert 0 < first_number(tag) <= first_number(tag) + 2 < 2**31


# What may be said in clear


ROOT = bytes.fromhex(  # what is said by everybody's tools
    "3039020101633404000a01000a0100020100020100010100870b6f626a656374436c61737330140412"
    "737570706f72746564457874656e73696f6e"
)


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        (ROOT, True),
        (bytes.fromhex("301d02010177188016312e332e362e312e342e312e313436362e3230303337"), True),
        (spoken(2**30, STARTTLS), True),
        (spoken(0x0A0D, STARTTLS), True),
        (bytes.fromhex("30050201014200"), True),
        (b"", False),
        (ROOT + b"\x30", False),
        (ROOT.replace(b"\4\0\x0a\1\0\x0a", b"\4\1a\x0a\1\0\x0a"), False),
        (ROOT.replace(b"supportedExtension", b"namingContexts\x20\x20\x20\x20"), False),
        (spoken(1, bytes.fromhex("60070201030400") + b"\x80\0"), False),
        (spoken(2, STARTTLS) * 2, False),
        (spoken(2, encoded(0x77, encoded(0x80, STARTTLS_OID), encoded(0x81, b"x"))), False),
        (spoken(2, encoded(0x77, encoded(0x80, NOTICE_OID))), False),
    ],
)
def test_what_may_be_said_in_clear_is_a_closed_list(line, allowed):
    assert bool(IN_CLEAR.fullmatch(line)) is allowed


def test_the_farewell_is_an_unbind_request():
    assert list(ldap.farewell(Wire())) == [Send(bytes.fromhex("30050201014200"))]


def test_nothing_is_said_before_the_root_is_asked_for():
    running = ldap.client(wire := Wire())
    assert [next(running), next(running)] == [Send(ROOT), Receive()]
    assert wire.so_far is None

import pytest

from unstrip.lab import crossings
from unstrip.lab.crossings import Crossings, Leg, in_clear
from unstrip.protocols.mysql import packet

HELLO = b"\x16\x03\x01\x00\x05hello"
CLIENT_HELLO = b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03"
CRUMBS = b"".join(b"\x16\x03\x01\0\1%c" % byte for byte in CLIENT_HELLO[5:])  # RFC 8446, 5.1
DATA = b"\x17\x03\x03\x00\x03\r\nQ"


@pytest.mark.parametrize(
    ("stream", "clear"),
    [
        (b"", b""),
        (b"EHLO a\r\nSTARTTLS\r\n", b"EHLO a\r\nSTARTTLS\r\n"),
        (b"STLS\r\n" + HELLO + DATA, b"STLS\r\n"),
        (HELLO + b"AUTH PLAIN\r\n" + DATA, b"AUTH PLAIN\r\n"),
        (HELLO[:7], b""),
        (b"PASS secret", b"PASS secret"),
        (b"A\x16\x03\x01\x00\x01\r\n", b"A\x16\x03\x01\x00\x01\r\n"),
        (b"S" + CLIENT_HELLO + DATA + b"N", b"SN"),
        (b"S" + CRUMBS + DATA + b"N", b"SN"),
        (b"S" + CLIENT_HELLO[:7], b"S"),
        (b"A" + b"\x16\x03\x01\x00\x06\x01\x00..\r\n", b"A\x16\x03\x01\x00\x06\x01\x00..\r\n"),
        (b"\x17\x03\x03\x00\x02ab", b"\x17\x03\x03\x00\x02ab"),  # nothing begins with data
        (HELLO + b"\x17\x03\x05\x00\x02ab", b"\x17\x03\x05\x00\x02ab"),
        (HELLO + b"\x17\x03\x03\xff\xffab", b"\x17\x03\x03\xff\xffab"),
        (HELLO + b"x\x16\x03\x03\x00\x02ab", b"x\x16\x03\x03\x00\x02ab"),
        (b"S\x15\x03\x03\x00\x02\x02\x28", b"S"),
        (b"S\x15\x03\x03\x00\x03\x02\x28x", b"S\x15\x03\x03\x00\x03\x02\x28x"),
    ],
)
def test_what_is_in_no_tls_record_crossed_in_clear(stream, clear):
    assert in_clear(stream) == clear


@pytest.mark.parametrize("size", range(788, 792))
def test_a_login_whose_length_looks_like_tls_is_no_record(size):
    login = packet(1, 0x0008A685.to_bytes(4, "little") + b"SECRET".rjust(size - 4, b"\0"))
    assert login[:3] == bytes((size - 0x300, 3, 0))  # as 14..17 03 00
    assert in_clear(login) == login
    assert in_clear(login + CLIENT_HELLO + DATA) == login


def test_crossings_are_kept_for_each_connection_and_leg():
    record = Crossings()
    record.note(1, Leg.FROM_CLIENT, b"EHLO ")
    record.note(2, Leg.FROM_CLIENT, b"QUIT\r\n")
    record.note(1, Leg.FROM_CLIENT, b"a\r\n" + HELLO)
    record.note(1, Leg.FROM_SERVER, b"220 b\r\n")
    record.note(1, Leg.FROM_CLIENT, b"EHLO a\r\n", inside=True)
    assert record.said(Leg.FROM_CLIENT) == b"EHLO a\r\n" + HELLO
    assert record.in_clear(Leg.FROM_CLIENT) == b"EHLO a\r\n"
    assert record.in_clear(Leg.FROM_CLIENT, 2) == b"QUIT\r\n"
    assert record.said(Leg.FROM_CLIENT, inside=True) == b"EHLO a\r\n"
    assert [crossing.data[:3] for crossing in record][:2] == [b"EHL", b"QUI"]


def test_records_may_have_to_be_unwrapped_first():
    record = Crossings(unwrapped=lambda stream: stream.replace(b"<>", b""))
    record.note(1, Leg.FROM_CLIENT, b"A\r\n<>" + HELLO + b"<>" + DATA)
    assert record.in_clear(Leg.FROM_CLIENT) == b"A\r\n"
    assert b"<>" in record.said(Leg.FROM_CLIENT)


def test_whoever_watches_is_told_of_each_segment():
    seen = []
    record = Crossings(seen.append)
    record.note(1, Leg.TO_CLIENT, b"+OK\r\n")
    record.note(1, Leg.TO_CLIENT, b"")
    assert [(crossing.leg, crossing.data) for crossing in seen] == [(Leg.TO_CLIENT, b"+OK\r\n")]


def test_the_record_is_bounded_and_says_so(monkeypatch):
    monkeypatch.setattr(crossings, "KEPT", 10)
    record = Crossings()
    record.note(1, Leg.TO_CLIENT, b"12345")
    record.note(1, Leg.TO_CLIENT, b"67890")
    assert record.complete
    record.note(1, Leg.TO_CLIENT, b"x")
    assert record.said(Leg.TO_CLIENT) == b"67890x"
    assert not record.complete

"""VNC: its messages, read one by one; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from tests.protocols.replay import improvise, load
from unstrip.protocols import vnc
from unstrip.protocols.vnc import IN_CLEAR, REASON_LIMIT, reason, security_types, version
from unstrip.transcript import Layer, Side, said
from unstrip.trouble import ProtocolError, TooLong
from unstrip.upgrade import Asking, Outcome, lists
from unstrip.wire import Receive, Send, Settle, Wire

LOCKED_OUT = b"\0\0\0\0\0\0\0\x1aToo many security failures"
X509 = {260: "X509NONE", 261: "X509VNC", 262: "X509PLAIN", 264: "X509SASL"}
ANONYMOUS = (257, 258, 259, 263)
OTHERS = (0, 1, 2, 5, 19, 255, 256, 257, 258, 259, 263, 265, 266, 2**32 - 1)


def read(receive, heard, *arguments):
    wire = Wire()
    wire.hear(heard)
    try:
        next(receive(wire, *arguments))
    except StopIteration as end:
        return end.value
    raise AssertionError("wants more")


def upgraded(*subtypes, insist=False):
    """The ending, where these are the subtypes of a server that takes any of them."""
    listed = bytes([len(subtypes)]) + b"".join(kind.to_bytes(4, "big") for kind in subtypes)
    speech = [b"RFB 003.008\n", b"\x01\x13", b"\0\x02", b"\0" + listed, b"\x01"]
    return improvise(load("rfb/upgraded.txt").conversation(insist=insist), speech)


@pytest.mark.parametrize(
    ("heard", "found"),
    [
        (b"RFB 003.003\n", (3, 3)),
        (b"RFB 003.005\n", (3, 5)),
        (b"RFB 003.889\n", (3, 889)),
        (b"RFB 004.001\n", (4, 1)),
        (b"RFB 999.999\n", (999, 999)),
    ],
)
def test_a_version_is_two_numbers(heard, found):
    assert read(version, heard) == found


@pytest.mark.parametrize(
    "heard",
    [
        b"RFB 003.002\n",
        b"RFB 000.000\n",
        b"RFB 003.008\r",
        b"RFB 003,008\n",
        b"RFB  03.008\n",
        b"rfb 003.008\n",
        b"HTTP/1.1 400",
        "RFB ٣٣٣".encode() + b"\n\n",
    ],
)
def test_what_has_no_version_is_broken(heard):
    with pytest.raises(ProtocolError, match="no version of RFB"):
        read(version, heard)


def test_nothing_beyond_a_version_is_read():
    wire = Wire()
    wire.hear(b"RFB 003.008\n\x01\x13")
    with pytest.raises(StopIteration):
        next(version(wire))
    assert wire.take(9) == b"\x01\x13"


def test_a_list_of_types_has_at_most_255():
    assert read(security_types, b"\xff" + bytes(255), (3, 8)) == (0,) * 255
    assert read(security_types, b"\0", (3, 8)) == ()


def test_in_rfb_3_3_one_type_is_decided():
    assert read(security_types, b"\0\0\0\x02", (3, 3)) == (2,)
    assert read(security_types, b"\0\0\0\0", (3, 3)) == ()
    with pytest.raises(ProtocolError):
        read(security_types, b"\0\0\0\x13", (3, 3))


@pytest.mark.parametrize("length", [REASON_LIMIT + 1, 2**31, 2**32 - 1])
def test_a_reason_beyond_the_limit_is_not_waited_for(length):
    with pytest.raises(TooLong):
        read(reason, length.to_bytes(4, "big"))


def test_a_reason_may_be_in_any_alphabet():
    assert read(reason, b"\0\0\0\x02\xff!") == "\ufffd!"
    assert read(reason, bytes(4)) == ""


def test_a_reason_of_the_greatest_length_is_waited_for():
    wire = Wire()
    wire.hear(REASON_LIMIT.to_bytes(4, "big"))
    assert next(reason(wire)) == Receive()


@pytest.mark.parametrize("subtype", X509)
def test_every_subtype_with_a_certificate_is_taken(subtype):
    ending = upgraded(*OTHERS, subtype)
    assert ending.name == "upgraded"
    words = said(ending.talk.transcript, Side.CLIENT, Layer.CLEAR)
    assert words.endswith(subtype.to_bytes(4, "big"))
    assert f"VENCRYPT {X509[subtype]}" in ending.talk.result.offered


@pytest.mark.parametrize("insist", [False, True])
@pytest.mark.parametrize("subtype", OTHERS)
def test_no_subtype_without_a_certificate_is_taken_or_is_an_offer(subtype, insist):
    ending = upgraded(subtype, insist=insist)
    assert ending.name == ("refused" if insist else "not offered")
    assert not ending.talk.result.advertised
    assert not lists(ending.talk.result.offered, vnc.OFFER)
    assert ("anonymous" in ending.talk.result.said) is (subtype in ANONYMOUS)
    words = said(ending.talk.transcript, Side.CLIENT, Layer.CLEAR)
    assert words == b"RFB 003.008\n\x13\0\x02"


def test_a_subtype_is_never_taken_for_the_offer():
    """VeNCrypt inside VeNCrypt is none of the subtypes that may be (rfbproto)."""
    script = load("rfb/upgraded-hidden.txt")
    speech = [b"RFB 003.008\n", b"\x01\x02", b"\0\x02", b"\0\x01\0\0\0\x13"]
    result = improvise(script.conversation(), speech).talk.result
    assert result.offered == ("VNCAUTH", "VENCRYPT VENCRYPT")
    assert not result.advertised


@pytest.mark.parametrize("order", [(261, 264, 262, 260), (260, 262, 264, 261)])
def test_the_subtype_that_leaves_no_failed_login_behind_is_taken_first(order):
    words = said(upgraded(*order).talk.transcript, Side.CLIENT, Layer.CLEAR)
    assert words.endswith(b"\0\0\x01\x04")


def test_a_list_of_255_subtypes_is_read_whole():
    ending = upgraded(*range(1000, 1254), 260)
    assert ending.name == "upgraded"
    assert len(ending.talk.result.offered) == 256


@pytest.mark.parametrize("at_once", [True, False])
def test_who_is_locked_out_is_told_so_with_or_without_being_asked(at_once):
    """TigerVNC says it in RFB 3.3, and does not wait for the viewer's version."""
    speech = [b"RFB 003.003\n" + LOCKED_OUT] if at_once else [b"RFB 003.003\n", LOCKED_OUT]
    ending = improvise(load("rfb/upgraded.txt").conversation(), speech)
    assert ending.error is None
    assert ending.talk.result.outcome is Outcome.BUSY
    assert ending.talk.result.said == "Too many security failures"


def test_what_comes_after_the_handshake_may_come_from_the_server():
    talk = load("rfb/upgraded.txt").conversation()
    up_to_tls = [b"RFB 003.008\n", b"\x01\x13", b"\0\x02", b"\0\x01\0\0\x01\x05", b"\x01"]
    assert improvise(talk, up_to_tls).name == "upgraded"
    talk.hear(bytes(range(16)))  # a challenge
    assert talk.wire.take(99) == bytes(range(16))


def test_a_request_is_never_waited_behind():
    """One byte cannot be split, so that an answer to it is never taken for one to its half."""
    wire = Wire()
    dialog = vnc.client(wire, Asking())
    next(dialog)
    wire.hear(b"RFB 003.008\n")
    assert next(dialog) == Send(b"RFB 003.008\n")
    next(dialog)
    wire.hear(b"\x01\x13")
    assert next(dialog) == Send(b"\x13")
    assert not isinstance(next(dialog), Settle)


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (b"RFB 003.008\n", True),
        (b"RFB 003.007\n", True),
        (b"RFB 003.003\n", True),
        (b"RFB 003.889\n", False),
        (b"\x13", True),
        (b"\x01", False),
        (b"\x02", False),
        (b"\x12", False),
        (b"\0\x02", True),
        (b"\0\x01", False),
        *((kind.to_bytes(4, "big"), True) for kind in X509),
        *((kind.to_bytes(4, "big"), False) for kind in OTHERS),
        (b"\x13\0\x02", False),
    ],
)
def test_what_may_be_said_in_clear_is_a_closed_list(words, allowed):
    assert bool(IN_CLEAR.fullmatch(words)) is allowed

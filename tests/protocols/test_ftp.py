"""FTP: its replies and features, read one by one; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from tests.protocols.replay import improvise, load
from unstrip.framing import conclude
from unstrip.protocols.ftp import IN_CLEAR, Reply, features, reply
from unstrip.trouble import ProtocolError, Spoofed, TooLong, Unsolicited
from unstrip.upgrade import Outcome, lists
from unstrip.wire import CLEAR_BUDGET, Receive, Settle, Wire


def received(heard, *, secure=False):
    wire = Wire(secure=secure)
    wire.hear(heard)
    try:
        next(reply(wire))
    except StopIteration as end:
        return end.value
    raise AssertionError("wants more")


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (b"220 ready\r\n", Reply(220, ("ready",))),
        (b"220\r\n", Reply(220, ("",))),
        (b"220-a\r\n220 b\r\n", Reply(220, ("a", "b"))),
        (b"220-a\r\n220\r\n", Reply(220, ("a", ""))),
        (b"220-a\r\n220-b\r\n220 c\r\n", Reply(220, ("a", "220-b", "c"))),
        (b"220-a\r\n230 b\r\n220 c\r\n", Reply(220, ("a", "230 b", "c"))),
        (b"220-a\r\n 220 b\r\n220 c\r\n", Reply(220, ("a", " 220 b", "c"))),
        (b"220-a\r\n2200 b\r\n220 c\r\n", Reply(220, ("a", "2200 b", "c"))),
        (b"220-a\r\n\r\n220 c\r\n", Reply(220, ("a", "", "c"))),
        (b"211-\r\n AUTH TLS\r\n211 End\r\n", Reply(211, ("", " AUTH TLS", "End"))),
        (b"502 caf\xe9\r\n", Reply(502, ("caf\ufffd",))),
    ],
)
def test_a_reply_ends_with_the_code_it_began_with(heard, expected):
    assert received(heard) == expected


@pytest.mark.parametrize(
    "heard",
    [b"\r\n", b"22\r\n", b"220x\r\n", b"22O x\r\n", b"099 x\r\n", b"600 x\r\n", b" 220 x\r\n"],
)
def test_what_is_no_reply_is_broken(heard):
    with pytest.raises(ProtocolError, match="not an FTP reply"):
        received(heard)


@pytest.mark.parametrize("heard", [b"220 \xff\xfb\x01\r\n", b"220-a\r\n\xff\xf1\r\n220 b\r\n"])
def test_the_commands_of_telnet_are_broken(heard):
    with pytest.raises(ProtocolError, match="Telnet's commands"):
        received(heard)


@pytest.mark.parametrize("heard", [b"230 in\r\n", b"230-in\r\n230 in\r\n", b"232 in\r\n"])
def test_a_login_is_spoofed_in_clear_alone(heard):
    with pytest.raises(Spoofed):
        received(heard)
    assert received(heard, secure=True).code in (230, 232)


@pytest.mark.parametrize("lines", [2, 3, 100, 128])
def test_a_reply_may_have_many_lines(lines):
    heard = b"220-x\r\n" + b"text\r\n" * (lines - 2) + b"220 x\r\n"
    assert len(received(heard).lines) == lines


def test_a_reply_may_not_have_any_number_of_lines():
    with pytest.raises(TooLong, match="more than 128 lines"):
        received(b"220-x\r\n" + b"text\r\n" * 127 + b"220 x\r\n")


def test_a_server_that_is_never_ready_is_too_long():
    ending = improvise(load("ftp/upgraded.txt").conversation(), [b"120 wait\r\n"] * 10_000)
    assert isinstance(ending.error, TooLong)
    assert str(CLEAR_BUDGET) in str(ending.error)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (" AUTH TLS", ("AUTH TLS",)),
        (" auth tls", ("AUTH TLS",)),
        (" AUTH TLS-C", ("AUTH TLS",)),
        (" AUTH TLS;SSL;TLS-C;TLS-P;", ("AUTH TLS", "AUTH SSL", "AUTH TLS-P")),
        (" AUTH SSL TLS", ("AUTH TLS", "AUTH SSL")),
        (" AUTH SSL", ("AUTH TLS", "AUTH SSL")),
        (" AUTH TLS-P", ("AUTH TLS", "AUTH TLS-P")),
        (" auth ssl", ("AUTH TLS", "auth ssl")),
        (" AUTH KERBEROS_V4", ("AUTH KERBEROS_V4",)),
        ("211-AUTH TLS", ("AUTH TLS",)),
        ("211- AUTH TLS", ("AUTH TLS",)),
        ("211-UTF8", ("UTF8",)),
        ("220-AUTH TLS", ("220-AUTH TLS",)),
        (" AUTH XTLS", ("AUTH XTLS",)),
        (" AUTH", ()),
        (" MLST type*;size*;", ("MLST type*;size*;",)),
        ("UTF8 ", ("UTF8",)),
    ],
)
def test_a_feature_is_a_line_and_a_mechanism_is_one_of_its_own(listed, expected):
    assert features(Reply(211, ("Features", listed, "End"))) == expected
    assert lists(expected, "AUTH TLS") is ("AUTH TLS" in expected)


def test_an_offer_that_is_listed_by_several_names_is_one():
    listed = Reply(211, ("Features", " AUTH SSL", " AUTH TLS", " AUTH TLS-P", "End"))
    assert features(listed) == ("AUTH TLS", "AUTH SSL", "AUTH TLS-P")


LIST = b"211-Features\r\n AUTH TLS\r\n211 End\r\n"
CLOSING = b"421 Too many connections\r\n"


@pytest.mark.parametrize(
    ("speech", "advertised"),
    [
        ([b"220 ftp\r\n" + CLOSING], False),
        ([b"220 ftp\r\n421 Too", b" many connections\r\n"], False),
        ([b"220 ftp\r\n", LIST + CLOSING], True),
    ],
)
@pytest.mark.parametrize("insist", [False, True])
def test_a_server_may_close_before_it_is_asked(speech, advertised, insist):
    """RFC 959, 5.4. What shares a segment is a matter of time, so it is no transcript."""
    talk = load("ftp/upgraded.txt").conversation(insist=insist)
    ending = improvise(talk, speech)
    assert ending.name == "busy"
    assert (talk.result.said, talk.result.advertised) == ("421 Too many connections", advertised)


@pytest.mark.parametrize("early", [b"234 go\r\n", b"502 no\r\n", b"220 ftp\r\n"])
@pytest.mark.parametrize("before", [[b"220 ftp\r\n"], [b"220 ftp\r\n", LIST]])
def test_a_server_may_say_nothing_else_before_it_is_asked(before, early):
    talk = load("ftp/upgraded.txt").conversation()
    *heard, last = before
    assert improvise(talk, [*heard, last + early]).name == "unsolicited"


@pytest.mark.parametrize("answers", [[CLOSING], [b"200 0\r\n" + CLOSING], [b"200 0\r\n", CLOSING]])
def test_a_server_that_closes_inside_leaves_open_what_would_have_been_exposed(answers):
    talk = load("ftp/upgraded.txt").conversation()
    ending = improvise(talk, [b"220 ftp\r\n", LIST, b"234 go\r\n", *answers])
    assert ending.name == "upgraded"
    assert (talk.result.exposed, talk.result.said) == ("", "421 Too many connections")


def concluded(*heard):
    """What comes of listening once more, where this is what is heard."""
    wire = Wire(secure=True)
    dialog = conclude(wire, b"421")
    assert next(dialog) == Settle()
    for part in heard[:-1]:
        wire.hear(part)
        assert next(dialog) == Receive()
    wire.hear(heard[-1])
    with pytest.raises(StopIteration):
        next(dialog)


@pytest.mark.parametrize("heard", [(b"421 bye\r\n",), (b"421\r\n",), (b"42", b"1 by", b"e\r\n")])
def test_a_server_may_close_when_all_is_said(heard):
    concluded(*heard)


@pytest.mark.parametrize(
    "heard",
    [
        (b"200 ok\r\n",),
        (b"211 no\r",),
        (b"42", b"0"),
        (b"421 bye\r\n421 bye\r\n",),
        (b"421 bye\r\n2",),
    ],
)
def test_nothing_else_may_be_behind_the_last_reply(heard):
    with pytest.raises(Unsolicited, match="behind the last answer"):
        concluded(*heard)


@pytest.mark.parametrize(
    "answer",
    [
        Reply(211, ("AUTH TLS",)),
        Reply(211, ("AUTH TLS", "AUTH TLS")),
        Reply(500, ("x", " AUTH TLS", "x")),
    ],
)
def test_neither_the_first_line_nor_the_last_nor_a_refusal_lists_features(answer):
    assert features(answer) == ()


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (421, "bye", Outcome.BUSY),
        (431, "Too many sessions", Outcome.BUSY),
        (530, "Sorry, the maximum number of clients", Outcome.BUSY),
        (530, "over quota", Outcome.BUSY),
        (431, "no", Outcome.REFUSED),
        (530, "log in", Outcome.REFUSED),
        (220, "too many flowers", Outcome.REFUSED),
    ],
)
def test_come_back_later_is_told_from_no(code, text, expected):
    assert Reply(code, (text,)).outcome is expected


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        (b"FEAT\r\n", True),
        (b"AUTH TLS\r\n", True),
        (b"auth tls\r\n", True),
        (b"QUIT\r\n", True),
        (b"Auth TLS\r\n", False),
        (b"AUTH SSL\r\n", False),
        (b"AUTH TLS-P\r\n", False),
        (b"PBSZ 0\r\n", False),
        (b"PROT P\r\n", False),
        (b"USER alice\r\n", False),
        (b"AUTH TLS\n", False),
    ],
)
def test_what_may_be_said_in_clear_is_a_closed_list(line, allowed):
    assert bool(IN_CLEAR.fullmatch(line)) is allowed

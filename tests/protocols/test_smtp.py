"""SMTP: its replies, read one by one; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from tests.protocols.replay import improvise, load
from unstrip.protocols.smtp import IN_CLEAR, Reply, inside_hello, keywords, reply
from unstrip.trouble import ProtocolError, TooLong, Unsolicited
from unstrip.upgrade import Outcome
from unstrip.wire import Wire


def received(heard):
    wire = Wire()
    wire.hear(heard)
    try:
        next(reply(wire))
    except StopIteration as end:
        return end.value
    raise AssertionError("wants more")


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (b"220 mx ready\r\n", Reply(220, ("mx ready",))),
        (b"220\r\n", Reply(220, ("",))),
        (b"220 \r\n", Reply(220, ("",))),
        (b"250-mx\r\n250-SIZE 1\r\n250 HELP\r\n", Reply(250, ("mx", "SIZE 1", "HELP"))),
        (b"250-\r\n250\r\n", Reply(250, ("", ""))),
        (b"599 \xff\r\n", Reply(599, ("\ufffd",))),
    ],
)
def test_a_reply_is_its_code_and_its_lines(heard, expected):
    assert received(heard) == expected


@pytest.mark.parametrize(
    "heard",
    [b"\r\n", b"22\r\n", b"220x\r\n", b"22O x\r\n", b"199 x\r\n", b"600 x\r\n", b" 220 x\r\n"],
)
def test_what_is_no_reply_is_broken(heard):
    with pytest.raises(ProtocolError, match="not an SMTP reply"):
        received(heard)


@pytest.mark.parametrize("second", [b"251 x\r\n", b"220-x\r\n", b"250_x\r\n", b"x\r\n"])
def test_the_lines_of_a_reply_agree_on_its_code(second):
    with pytest.raises(ProtocolError):
        received(b"250-x\r\n" + second)


@pytest.mark.parametrize("lines", [1, 2, 100, 128])
def test_a_reply_may_have_many_lines(lines):
    heard = b"250-x\r\n" * (lines - 1) + b"250 x\r\n"
    assert len(received(heard).lines) == lines


def test_a_reply_may_not_have_any_number_of_lines():
    with pytest.raises(TooLong, match="more than 128 lines"):
        received(b"250-x\r\n" * 128 + b"250 x\r\n")


def test_the_keywords_are_what_follows_the_name_of_the_server():
    assert keywords(Reply(250, ("STARTTLS", "SIZE 1 ", "HELP"))) == ("SIZE 1", "HELP")
    assert keywords(Reply(250, ("mx",))) == ()
    assert keywords(Reply(502, ("no", "STARTTLS"))) == ()


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (421, "bye", Outcome.BUSY),
        (450, "Rate limit exceeded", Outcome.BUSY),
        (451, "4.7.1 throttled", Outcome.BUSY),
        (452, "over quota", Outcome.BUSY),
        (554, "too many connections", Outcome.BUSY),
        (454, "TLS not available", Outcome.REFUSED),
        (554, "no", Outcome.REFUSED),
        (250, "quota is fine", Outcome.REFUSED),
    ],
)
def test_come_back_later_is_told_from_no(code, text, expected):
    assert Reply(code, (text,)).outcome is expected


def answered(name):
    """What becomes of an answer to EHLO inside TLS that begins like this."""
    try:
        list(inside_hello(Wire(secure=True), Reply(250, (name, "HELP"))))
    except Unsolicited:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "plausible"),
    [
        ("2.1.0 Ok", False),
        ("2.0.0", False),
        ("2.1.10 Sender <a@example.org> ok", False),
        ("2.1.0.example.net", True),
        ("2.example.net at your service", True),
        ("[192.0.2.1]", True),
        ("mx.example.net 2.0.0 Ok", True),
        ("", True),
    ],
)
def test_the_answer_to_ehlo_begins_with_a_name_and_no_status(name, plausible):
    assert answered(name) is plausible


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        (b"EHLO [192.0.2.1]\r\n", True),
        (b"EHLO relay.example.org\r\n", True),
        (b"QUIT\r\n", True),
        (b"EHLO\r\n", False),
        (b"EHLO a b\r\n", False),
        (b"EHLO a\r\nMAIL FROM:<x>\r\n", False),
        (b"EHLO \xc3\xa4\r\n", False),
        (b"HELO a\r\n", False),
        (b"STARTTLS\n", False),
    ],
)
def test_what_may_be_said_in_clear_is_a_closed_list(line, allowed):
    assert bool(IN_CLEAR.fullmatch(line)) is allowed


@pytest.mark.parametrize("said", [b"220 caf\xc3\xa9\r\n", b"220-" + b"x" * 4000 + b"\r\n220 y\r\n"])
def test_a_greeting_inside_tls_is_quoted_escaped_and_cut(said):
    script = load("smtp/greeting-inside-tls-late.txt")
    before = [turn.data for turn in script.turns if turn.kind == "peer"][:-1]
    ending = improvise(script.conversation(), [*before, said])
    assert ending.name == "unsolicited"
    assert str(ending.error).isascii()
    assert len(str(ending.error)) < 400

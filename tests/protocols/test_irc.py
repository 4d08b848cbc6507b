"""IRC: its messages, read one by one; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from tests.protocols.replay import Stage, improvise, load, parse
from unstrip.protocols.irc import IN_CLEAR, MESSAGE_LIMIT, Message, message, parsed
from unstrip.trouble import ProtocolError, TooLong, Unsolicited
from unstrip.upgrade import Outcome
from unstrip.wire import Wire

NOTICE = b":irc.example.net NOTICE * :*** Looking up your hostname...\r\n"
LIST = b":irc.example.net CAP * LS :tls\r\n"
GO_AHEAD = b":irc.example.net 670 * :go\r\n"


def received(heard):
    wire = Wire()
    wire.hear(heard)
    try:
        next(message(wire))
    except StopIteration as end:
        return end.value
    raise AssertionError("wants more")


@pytest.mark.parametrize(
    ("line", "command", "parameters"),
    [
        (b"PING x", "PING", ("x",)),
        (b"ping :x y", "PING", ("x y",)),
        (b"QUIT", "QUIT", ()),
        (b":srv CAP * LS :a b=c", "CAP", ("*", "LS", "a b=c")),
        (b":srv CAP * LS * :a", "CAP", ("*", "LS", "*", "a")),
        (b":srv CAP * LS :", "CAP", ("*", "LS", "")),
        (b":srv  CAP  *  LS  a", "CAP", ("*", "LS", "a")),
        (b"@t=1;u :srv 670 * ::)", "670", ("*", ":)")),
        (b"@t CAP * LS :a", "CAP", ("*", "LS", "a")),
        (b":srv 421 * a:b :c", "421", ("*", "a:b", "c")),
        (b"ERROR :\xff", "ERROR", ("\ufffd",)),
        (":srv CAP * LS a\u3000b c".encode(), "CAP", ("*", "LS", "a\u3000b", "c")),
        (b":nick!user@host PRIVMSG you :hi", "PRIVMSG", ("you", "hi")),
    ],
)
def test_a_message_is_its_command_and_parameters(line, command, parameters):
    found = parsed(line)
    assert (found.command, found.parameters) == (command, parameters)
    assert found.text == line.decode("utf-8", "replace")


@pytest.mark.parametrize(
    "line",
    [
        b" ",
        b":srv",
        b":srv ",
        b"670 * :without a prefix",
        b":srv 67 x",
        b":srv 6700 x",
        b":srv CAP2 x",
        b"SSH-2.0-OpenSSH",
        b"HTTP/1.1 400 Bad Request",
        b"220-mx ESMTP",
        b"220 mx ESMTP",
        b"* OK IMAP",
        b"+OK",
        b"\x16\x03\x03",
    ],
)
def test_what_is_no_message_is_broken(line):
    assert parsed(line) is None
    with pytest.raises(ProtocolError, match="not an IRC message"):
        received(line + b"\r\n")


@pytest.mark.parametrize("ending", [b"\r\n", b"\n"])
def test_a_line_may_end_by_lf_alone(ending):
    assert received(b"PING x" + ending).parameters == ("x",)
    assert received(ending) == Message("")


@pytest.mark.parametrize("line", [b"PING\rx\r\n", b"PING x\r\r\n", b"\rPING\n", b"PI\0NG\r\n"])
def test_a_bare_cr_or_a_nul_is_broken(line):
    with pytest.raises(ProtocolError, match="a bare CR or NUL"):
        received(line)


def test_a_message_with_tags_may_be_long_but_no_longer():
    fits = b"@" + b"a" * 8000 + b" PING " + b"x" * (MESSAGE_LIMIT - 8009) + b"\r\n"
    assert len(fits) == MESSAGE_LIMIT
    assert received(fits).command == "PING"
    with pytest.raises(TooLong):
        received(b"@a" + fits[1:])


@pytest.mark.parametrize(
    ("message", "aside", "refuses"),
    [
        (Message(""), True, False),
        (Message("NOTICE"), True, False),
        (Message("PING"), True, False),
        (Message("CAP", ("*", "NEW", "tls")), True, False),
        (Message("CAP", ("*", "DEL", "tls")), True, False),
        (Message("439"), True, True),
        (Message("CAP", ("*", "LS", "tls")), False, False),
        (Message("CAP", ()), False, False),
        (Message("ERROR"), False, True),
        (Message("691"), False, True),
        (Message("421"), False, True),
        (Message("599"), False, True),
        (Message("399"), False, False),
        (Message("600"), False, False),
        (Message("670"), False, False),
        (Message("PRIVMSG"), False, False),
    ],
)
def test_asides_and_refusals_are_known(message, aside, refuses):
    assert (message.aside, message.refuses) == (aside, refuses)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Message("ERROR", (), "ERROR :Closing Link: (Throttled)"), Outcome.BUSY),
        (Message("ERROR", (), "ERROR :No more connections allowed"), Outcome.BUSY),
        (Message("ERROR", (), "ERROR :Closing Link: (K-Lined)"), Outcome.UNAVAILABLE),
        (Message("421", (), ":x 421 * CAP :Unknown command"), Outcome.REFUSED),
    ],
)
def test_come_back_later_is_told_from_no(message, expected):
    assert message.outcome is expected


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ([b"CAP * LS tls\r\n"], ("tls",)),
        ([b"CAP * LS tls sasl\r\n"], ("tls", "sasl")),
        ([b"CAP * LS :tls sasl \r\n"], ("tls", "sasl")),
        ([b"CAP * LS * :tls\r\n", b"CAP * LS :sasl\r\n"], ("tls", "sasl")),
        ([b"CAP * LS * tls\r\n", b"CAP * LS sasl\r\n"], ("tls", "sasl")),
        ([b"CAP * LS * :\r\n", b"CAP * LS :\r\n"], ()),
        ([b"CAP * LS\r\n"], ()),
        ([b"CAP * LS :*\r\n"], ("*",)),
        ([b"CAP * LS :  a   tls \r\n"], ("a", "tls")),
        (["CAP * LS :a\u2003tls\r\n".encode()], ("a\u2003tls",)),
        (["CAP * LS a\u0085tls\r\n".encode()], ("a\u0085tls",)),
        ([b"CAP * LS :a\x0btls\ttls\r\n"], ("a\x0btls\ttls",)),
    ],
)
def test_a_list_is_all_its_lines(lists, expected):
    refusal = b":x 691 * :no\r\n"
    ending = improvise(load("irc/upgraded-hidden.txt").conversation(), [b"".join(lists), refusal])
    assert ending.name == "refused"
    assert ending.talk.result.offered == expected


def test_a_list_without_end_is_too_long():
    heard = [b":x CAP * LS * :a\r\n"] * 128
    ending = improvise(load("irc/upgraded.txt").conversation(), heard)
    assert isinstance(ending.error, TooLong)


@pytest.mark.parametrize("asides", [NOTICE * 129, b"\r\n" * 129, b"PING :x\n" * 129])
@pytest.mark.parametrize("before", [[], [LIST]])
def test_asides_without_end_are_too_long(asides, before):
    ending = improvise(load("irc/upgraded.txt").conversation(), [*before, asides])
    assert isinstance(ending.error, TooLong)


@pytest.mark.parametrize("aside", [NOTICE, b"\r\n", b"PING :x\n", NOTICE + NOTICE[:5]])
def test_asides_that_come_with_the_list_are_passed_over(aside):
    """What is there before we ask for TLS is read first, to the end of its line."""
    rest = NOTICE[5:] if aside.endswith(NOTICE[:5]) else b""
    speech = [LIST + aside, *filter(None, [rest]), GO_AHEAD, LIST]
    ending = improvise(load("irc/upgraded.txt").conversation(), speech)
    assert ending.name == "upgraded"


def test_a_server_may_speak_before_it_is_asked():
    talk = load("irc/upgraded.txt").conversation()
    talk.hear(NOTICE)
    assert improvise(talk, [LIST, GO_AHEAD, LIST]).name == "upgraded"


def test_an_answer_that_comes_with_the_list_is_unsolicited():
    ending = improvise(load("irc/upgraded.txt").conversation(), [LIST + LIST])
    assert isinstance(ending.error, Unsolicited)


def test_closing_that_comes_with_the_list_is_an_ending():
    closing = b"ERROR :Closing Link: (Too many connections)\r\n"
    ending = improvise(load("irc/upgraded.txt").conversation(), [LIST + closing])
    assert ending.name == "busy"
    assert ending.talk.result.advertised


def test_an_answer_inside_tls_before_we_ask_is_unsolicited():
    """It is to a command that somebody put in before TLS (B-01), and looks like ours."""
    spliced = "".join(
        f"{line}\n"
        for line in (
            *("protocol: irc", "comment: x", "expect: unsolicited", ""),
            *("C: CAP LS 302", "S: :x CAP * LS :tls", "C: STARTTLS", "S: :x 670 * :go"),
            *("<TLS>", "S: :x CAP * LS :tls"),
        )
    )
    assert Stage(parse(spliced)).play().name == "unsolicited"


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        (b"CAP LS 302\r\n", True),
        (b"STARTTLS\r\n", True),
        (b"QUIT\r\n", True),
        (b"CAP LS\r\n", False),
        (b"CAP REQ :tls\r\n", False),
        (b"CAP END\r\n", False),
        (b"NICK alice\r\n", False),
        (b"USER alice 0 * :Alice\r\n", False),
        (b"PONG :x\r\n", False),
        (b"STARTTLS\n", False),
    ],
)
def test_what_may_be_said_in_clear_is_a_closed_list(line, allowed):
    assert bool(IN_CLEAR.fullmatch(line)) is allowed

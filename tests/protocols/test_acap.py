"""ACAP: its greeting and its answers; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from tests.protocols.replay import Stage, improvise, load, parse
from unstrip.protocols.acap import IN_CLEAR, Answer, behind, between_commands, completion, greeting
from unstrip.trouble import ProtocolError, Spoofed, TooLong, Unsolicited
from unstrip.upgrade import Outcome
from unstrip.wire import Wire


def received(dialog, heard, *args, secure=False):
    """What comes of it, and what it leaves unread."""
    wire = Wire(secure=secure)
    wire.hear(heard)
    try:
        next(dialog(wire, *args))
    except StopIteration as end:
        return end.value, wire.take(1000)
    raise AssertionError("wants more")


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (b"* ACAP\r\n", ()),
        (b"* ACAP (STARTTLS)\r\n", ("STARTTLS",)),
        (b"* acap (StartTls)\r\n", ("StartTls",)),
        (b'* ACAP (SASL "A" "B") (STARTTLS)\r\n', ("SASL A B", "STARTTLS")),
        (b'* ACAP (IMPLEMENTATION "a) (STARTTLS")\r\n', ("IMPLEMENTATION a) (STARTTLS",)),
        (b'* ACAP (IMPLEMENTATION "\\") (STARTTLS)")\r\n', ('IMPLEMENTATION ") (STARTTLS)',)),
        (b"* ACAP (IMPLEMENTATION {7}\r\na)\r\n(B) (C)\r\n", None),
        (b"* ACAP (IMPLEMENTATION {6}\r\na\r\n(B)) (C)\r\n", ("IMPLEMENTATION a\r\n(B)", "C")),
        (b'* ACAP (X "\xff")\r\n', ("X \ufffd",)),
    ],
)
def test_a_greeting_lists_what_stands_in_parentheses(heard, expected):
    if expected is None:
        with pytest.raises(ProtocolError, match="not an ACAP greeting"):
            received(greeting, heard)
    else:
        (listed, hello), rest = received(greeting, heard + b"more")
        assert listed == expected
        assert hello.status == "OK"
        assert rest == b"more"


@pytest.mark.parametrize(
    "heard",
    [
        b"ACAP (STARTTLS)\r\n",
        b"* ACAPX\r\n",
        b"* ACAP  (STARTTLS)\r\n",
        b"* ACAP STARTTLS\r\n",
        b"* ACAP (STARTTLS\r\n",
        b"* ACAP ()\r\n",
        b"* ACAP (STARTTLS) \r\n",
        b'* ACAP (SASL "PLAIN)\r\n',
        b"* ACAP ((STARTTLS))\r\n",
        b"* OK ready\r\n",
        b"* BYEBYE\r\n",
    ],
)
def test_what_is_no_greeting_is_broken(heard):
    with pytest.raises(ProtocolError, match="not an ACAP greeting"):
        received(greeting, heard)


def test_a_greeting_of_nothing_but_parentheses_takes_no_time():
    with pytest.raises(ProtocolError):
        received(greeting, b"* ACAP" + b' (A ""' * 1300 + b"\r\n")


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (b't1 OK "done"\r\n', Answer("OK", 't1 OK "done"')),
        (b"t1 no\r\n", Answer("NO", "t1 no")),
        (b"t1 BAD {1}\r\nx\r\n", Answer("BAD", 't1 BAD "x"')),
        (b'* ALERT "x"\r\n* OK "y"\r\n* NO "z"\r\nt1 OK\r\n', Answer("OK", "t1 OK")),
        (b'* BYE "over"\r\nt1 OK\r\n', Answer("BYE", '* BYE "over"')),
        (b"* ALERT {7}\r\nt1 NO\r\n\r\nt1 OK\r\n", Answer("OK", "t1 OK")),
    ],
)
def test_an_answer_ends_with_our_tag_or_with_bye(heard, expected):
    assert received(completion, heard, "t1")[0] == expected


@pytest.mark.parametrize(
    ("heard", "trouble"),
    [
        (b"t2 OK\r\n", Unsolicited),
        (b"T1 OK\r\n", Unsolicited),  # tags have a case
        (b"* ACAP (STARTTLS)\r\n", Unsolicited),
        (b"* ADDTO x y 1 z\r\n", Spoofed),
        (b"* MODTIME x y\r\n", Spoofed),
        (b't1 ENTRY "x"\r\n', ProtocolError),
        (b"t1\r\n", ProtocolError),
        (b"+ x\r\n", ProtocolError),
        (b"\r\n", ProtocolError),
    ],
)
def test_anything_else_is_no_answer(heard, trouble):
    with pytest.raises(trouble) as caught:
        received(completion, heard, "t1")
    assert caught.type is trouble


def test_lines_that_nobody_asked_for_are_counted():
    for dialog, args in ((completion, ("t1",)), (between_commands, ())):
        with pytest.raises(TooLong):
            received(dialog, b"* OK\r\n" * 200, *args)


def test_between_commands_nothing_is_said_that_answers_one():
    assert received(between_commands, b'* ALERT "x"\r\n')[0] is None
    assert received(between_commands, b"* BYE\r\n")[0] == Answer("BYE", "* BYE")
    with pytest.raises(Unsolicited):
        received(between_commands, b"t1 OK\r\n")
    with pytest.raises(Unsolicited):
        received(between_commands, b"* ACAP\r\n")


def test_an_answer_where_the_greeting_is_due_inside_is_unsolicited():
    with pytest.raises(Unsolicited):
        received(greeting, b"t1 OK\r\n", secure=True)


@pytest.mark.parametrize(
    ("text", "status", "outcome"),
    [
        ('* BYE (TRYLATER) "x"', "BYE", Outcome.BUSY),
        ('* BYE "too many connections"', "BYE", Outcome.BUSY),
        ('* BYE "x"', "BYE", Outcome.UNAVAILABLE),
        ('t1 NO "x"', "NO", Outcome.REFUSED),
    ],
)
def test_come_back_later_is_told_from_no(text, status, outcome):
    assert Answer(status, text).outcome is outcome


def test_a_leave_taken_before_the_request_is_its_answer():
    script = parse(
        'protocol: acap\nexpect: busy\n\nS: * ACAP (STARTTLS)\nS: * BYE (TRYLATER) "x"\n'
    )
    assert Stage(script).play().name == "busy"


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        (b"a1 STARTTLS\r\n", True),
        (b"a1 starttls\r\n", True),
        (b"u0 LOGOUT\r\n", True),
        (b"a1 NOOP\r\n", False),
        (b'a1 AUTHENTICATE "PLAIN"\r\n', False),
        (b"a" * 33 + b" STARTTLS\r\n", False),  # RFC 2244, 2.2.1
        (b"a1 STARTTLS\r\na2 LOGOUT\r\n", False),
    ],
)
def test_what_may_be_said_in_clear_is_a_closed_list(line, allowed):
    assert bool(IN_CLEAR.fullmatch(line)) is allowed


def test_a_server_leaves_after_fifty_commands():
    ending = improvise(load("acap/served-upgrade.txt").conversation(), [b"a NOOP\r\n"] * 60)
    assert ending.name == "not asked"
    assert ending.talk.transcript[-1].data.endswith(b'* BYE "Too many commands"\r\n')


# Behind the greeting inside TLS


def last(*pieces):
    """What `behind` makes of these, one each time that it listens; b"" is hanging up."""
    wire, unsaid = Wire(secure=True), list(pieces)
    dialog = behind(wire, Answer("OK", "* ACAP"))
    try:
        while True:
            next(dialog)
            if unsaid:
                wire.hear(unsaid.pop(0))
    except StopIteration as end:
        return end.value


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((), ""),
        ((b"",), ""),
        ((b'* ALERT "a"\r\n', b'* ALERT "b"\r\n'), ""),
        ((b"* BYE x\r\n",), "* BYE x"),
        ((b'* ALERT "a"\r\n', b"* B", b"YE x\r\n"), "* BYE x"),
    ],
)
def test_behind_the_greeting_inside_a_server_may_take_its_leave(pieces, expected):
    assert last(*pieces) == expected


@pytest.mark.parametrize(
    "pieces",
    [
        (b"x1 OK done\r\n",),
        (b'* ALERT "a"\r\n', b"x1 OK done\r\n"),
        (b"* BYE x\r\nx1 OK done\r\n",),
        (b"* BYE x\r\n", b"x1 OK done\r\n"),
    ],
)
def test_behind_the_greeting_inside_nothing_is_answered(pieces):
    with pytest.raises(Unsolicited):
        last(*pieces)

"""ManageSieve: its strings, literals and lists; the dialogs are in the transcripts."""

from __future__ import annotations

import pytest

from tests.protocols.replay import Stage, improvise, load, parse
from unstrip.protocols.managesieve import (
    IN_CLEAR,
    Response,
    closing_early,
    listing,
    response,
)
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
        (b"OK\r\n", ()),
        (b'"STARTTLS"\r\nOK\r\n', ("STARTTLS",)),
        (b'"SASL" ""\r\nOK\r\n', ("SASL",)),
        (b'"SASL" "PLAIN LOGIN"\r\nok "hi"\r\n', ("SASL PLAIN LOGIN",)),
        (b'"A\\"B" "\\\\"\r\nOK\r\n', ('A"B \\',)),
        (b'"X" "\xff"\r\nOK\r\n', ("X \ufffd",)),
        (b'"OK"\r\nOK\r\n', ("OK",)),
        (b"{8}\r\nSTARTTLS\r\nOK\r\n", ("STARTTLS",)),
    ],
)
def test_capabilities_are_lines_up_to_the_response(heard, expected):
    assert received(listing, heard)[0][0] == expected


@pytest.mark.parametrize(
    "heard",
    [
        b"STARTTLS\r\n",
        b'"STARTTLS\r\n',
        b'"STARTTLS" \r\n',
        b'"A" "B" "C"\r\n',
        b'"A"  "B"\r\n',
        b'"A""B"\r\n',
        b'"A" B\r\n',
        b' "A"\r\n',
        b"\r\n",
        b"OKAY\r\n",
        b'OK"x"\r\n',
        b"+OK\r\n",
    ],
)
def test_what_is_neither_a_capability_nor_a_response_is_broken(heard):
    with pytest.raises(ProtocolError, match="neither a capability nor a response"):
        received(listing, heard)


def test_a_list_of_too_many_capabilities_is_too_long():
    with pytest.raises(TooLong, match="capabilities"):
        received(listing, b'"X"\r\n' * 129)


def test_an_owner_may_be_inside_tls_and_nowhere_else():
    heard = b'"owner" "alice"\r\nOK\r\n'
    assert received(listing, heard, secure=True)[0][0] == ("owner alice",)
    with pytest.raises(Spoofed):
        received(listing, heard)


@pytest.mark.parametrize(
    ("heard", "status", "outcome"),
    [
        (b"NO\r\n", "NO", Outcome.REFUSED),
        (b'no "x"\r\n', "NO", Outcome.REFUSED),
        (b"NO (TRYLATER)\r\n", "NO", Outcome.BUSY),
        (b'NO (TRYLATER/LOAD) "x"\r\n', "NO", Outcome.BUSY),
        (b'BYE "x"\r\n', "BYE", Outcome.UNAVAILABLE),
        (b'Bye (trylater) "x"\r\n', "BYE", Outcome.BUSY),
        (b'BYE "too many connections"\r\n', "BYE", Outcome.BUSY),
    ],
)
def test_come_back_later_is_told_from_no(heard, status, outcome):
    said = received(response, heard)[0]
    assert (said.status, said.outcome) == (status, outcome)


@pytest.mark.parametrize(
    "heard",
    [
        b"OK\r\n",
        b'OK "Begin"\r\n',
        b"OK {5}\r\nBegin\r\n",
        b'OK ""\r\n',
        b'OK (WARNINGS) "x"\r\n',
        b'OK (TAG "a)\\" b") "x"\r\n',
        b'OK (X 1 (2 ")") () {3}\r\n"())\r\n',
    ],
)
def test_a_response_is_a_status_a_code_and_a_string(heard):
    assert received(response, heard)[0].status == "OK"


@pytest.mark.parametrize(
    "heard",
    [
        b'OK "x\r\n',
        b'OK x"\r\n',
        b"OK Begin TLS\r\n",
        b"OK \r\n",
        b'OK  "x"\r\n',
        b'OK "x" "y"\r\n',
        b'OK "x" (Y)\r\n',
        b"OK (X\r\n",
        b'OK (X "\r\n',
        b"OK (X) (Y)\r\n",
        b'OK (X)"y"\r\n',
        b"OK garbage ) (\r\n",
    ],
)
def test_what_is_no_whole_response_is_broken(heard):
    with pytest.raises(ProtocolError) as caught:
        received(response, heard)
    assert caught.type is ProtocolError


@pytest.mark.parametrize("part", [b"(", b'("', b'"\\"', b'" ', b"()", b'"('])
def test_a_response_of_nothing_but_parentheses_takes_no_time(part):
    with pytest.raises(ProtocolError):
        received(response, b"OK (" + part * (8000 // len(part)) + b"\r\n")


def test_a_server_may_take_its_leave_at_any_time_and_say_nothing_else():
    assert received(closing_early, b"") == (None, b"")
    assert received(closing_early, b'BYE "idle"\r\n')[0] == Response("BYE", 'BYE "idle"')
    for other in (b"OK\r\n", b'"SASL" "PLAIN"\r\nOK\r\n', b'"a" ACTIVE\r\n', b"x\r\n", b"\r\n"):
        with pytest.raises(Unsolicited):
            received(closing_early, other)


@pytest.mark.parametrize(("bye", "ending"), [("BYE", "unavailable"), ("BYE (TRYLATER)", "busy")])
def test_a_leave_taken_before_the_request_is_its_answer(bye, ending):
    turns = f'S: "STARTTLS"\nS: OK\nS: {bye} "shutting down"\n'
    assert Stage(parse(f"protocol: sieve\nexpect: busy\n\n{turns}")).play().name == ending


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        (b"STARTTLS\r\n", True),
        (b"starttls\r\n", True),
        (b"LOGOUT\r\n", True),
        (b"StartTls\r\n", False),
        (b"CAPABILITY\r\n", False),  # the greeting has said it
        (b'AUTHENTICATE "PLAIN"\r\n', False),
        (b"STARTTLS\r\nLOGOUT\r\n", False),
    ],
)
def test_what_may_be_said_in_clear_is_a_closed_list(line, allowed):
    assert bool(IN_CLEAR.fullmatch(line)) is allowed


def test_a_client_that_hangs_up_in_a_literal_has_left():
    ending = improvise(load("sieve/served-upgrade.txt").conversation(), [b"NOOP {5+}\r\nab"])
    assert ending.name == "not asked"

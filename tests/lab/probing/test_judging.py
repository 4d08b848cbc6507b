"""What a transcript proves, and what it does not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from unstrip.lab.probing import SUBJECTS, Result
from unstrip.lab.probing.judging import answered, answers_too_many, compared, slowest
from unstrip.transcript import Layer, Side, Utterance

SMTP, HTTP, VNC, XMPP = (SUBJECTS[name] for name in ("smtp", "http", "rfb", "xmpp-client"))
OK = b"250 2.0.0 Ok\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


def inside(*said):
    """A transcript: what is in a tuple is the client's."""
    return tuple(
        Utterance(Side.CLIENT, Layer.SECURE, one[0], 0.0)
        if isinstance(one, tuple)
        else Utterance(Side.SERVER, Layer.SECURE, one, 0.0)
        for one in said
    )


def in_clear(data):
    return Utterance(Side.SERVER, Layer.CLEAR, data, 0.0)


ASKED = (SMTP.question,)


@pytest.mark.parametrize(
    "said",
    [
        (OK,),
        (OK, ASKED, OK),
        (ASKED, OK + OK),
        (b"500 what\r\n" + OK, ASKED, OK),
        (ASKED, b"250 2.", b"0.0 Ok\r\n250 2.0.0 Ok\r\n"),
    ],
)
def test_an_answer_that_nobody_is_owed_is_proof(said):
    assert OK in answers_too_many(inside(*said), SMTP)


@pytest.mark.parametrize(
    "said",
    [
        (),
        (ASKED,),
        (ASKED, OK),
        (ASKED, OK, b"221 bye\r\n"),
        (b"501 nothing may follow\r\n", ASKED, OK),
        (b"OP was 250 once\r\n",),
    ],
)
def test_nothing_else_is(said):
    assert not answers_too_many(inside(*said), SMTP)


def test_what_is_answered_in_clear_proves_nothing():
    assert not answers_too_many((in_clear(OK), *inside(ASKED, OK)), SMTP)


def test_what_a_server_owes_unasked_is_no_proof():
    asked = (HTTP.question,)
    assert not answers_too_many(inside(HEAD, asked, HEAD), HTTP)
    assert answers_too_many(inside(HEAD + b"HTTP/1.1 404 Not Found\r\n\r\n"), HTTP)
    assert not answers_too_many(inside(HEAD, b"HTTP/1.1 400 Bad Request\r\n\r\n"), HTTP)


def test_a_screen_that_comes_unasked_is_proof():
    let_in, screen = bytes(4), b"\x04\x00\x03\x00" + bytes(20)
    assert not answers_too_many(inside(let_in), VNC)
    assert answers_too_many(inside(let_in, screen), VNC)


def test_the_question_has_its_answer_or_not():
    assert answered(inside(ASKED, OK), SMTP)
    assert not answered(inside(ASKED), SMTP)
    assert answered(inside(), VNC)
    assert not answered(inside(HEAD), HTTP)


def at(seconds, *said):
    """Say the same, all of it at that time."""
    return tuple(replace(one, at=seconds) for one in inside(*said))


def test_the_slowest_answer_is_measured_from_what_was_asked():
    spoken = (
        *at(1.0, b"hi", ASKED),
        *at(1.7, OK),
        *at(2.5, b"more"),
        *at(3.0, ASKED),
        *at(3.1, OK),
    )
    assert slowest(spoken, inside=True) == pytest.approx(0.7)
    in_time = (replace(in_clear(b"x"), speaker=Side.CLIENT), replace(in_clear(b"y"), at=5.0))
    assert slowest((*in_time, *spoken), inside=True) == pytest.approx(0.7)
    assert slowest(in_time, inside=False) == pytest.approx(5.0)
    assert slowest((), inside=False) == 0.0


STATE = SMTP.states[0]  # an envelope: yes is 250
GUESS = SUBJECTS["pop3"].states[0]  # a user: there is no yes


@pytest.mark.parametrize(
    ("state", "clear", "never", "inside_", "expected"),
    [
        (STATE, b"250", b"503", b"250", Result.VULNERABLE),
        (STATE, b"503", b"503", b"250", Result.CLEAN),
        (STATE, b"550", b"503", b"250", Result.CLEAN),
        (STATE, b"250", b"250", b"250", Result.CLEAN),
        (STATE, b"451", b"503", b"550", Result.UNKNOWN),
        (GUESS, b"-ERR wrong", b"-ERR who", b"-ERR wrong", Result.VULNERABLE),
        (GUESS, b"-ERR who", b"-ERR who", b"-ERR wrong", Result.CLEAN),
        (GUESS, b"-ERR no", b"-ERR no", b"-ERR no", Result.UNKNOWN),
        (GUESS, b"-ERR 1", b"-ERR 2", b"-ERR 3", Result.UNKNOWN),
    ],
)
def test_a_state_shows_by_comparison(state, clear, never, inside_, expected):
    assert compared(state, clear, never, inside_)[0] is expected

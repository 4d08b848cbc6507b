"""What an attempt says, and when, without any network."""

from __future__ import annotations

import pytest

from unstrip.lab.probing import SUBJECTS
from unstrip.lab.probing.attempt import Injection
from unstrip.lab.probing.dialog import Declined, Pause, Refused, Telling, inject, relapse, tell
from unstrip.trouble import Injected
from unstrip.wire import Receive, Send, StartTLS, Wire

POP3 = SUBJECTS["pop3"]
OPENING = {
    b"CAPA\r\n": b"+OK list\r\nSTLS\r\n.\r\n",
    b"USER unstrip\r\n": b"+OK\r\n",
    b"PASS unstrip\r\n": b"-ERR wrong\r\n",
    b"STLS\r\n": b"+OK go\r\n",
}


def played(dialog_of, answers):
    """Play a dialog against a table of answers; return its effects, and its result."""
    wire = Wire()
    dialog = dialog_of(wire)
    effects, pending = [], [b"+OK a server\r\n"]
    try:
        while True:
            effect = next(dialog)
            effects.append(effect)
            if isinstance(effect, Send):
                answer = next((answers[key] for key in answers if effect.data.startswith(key)), b"")
                pending.append(answer)
            elif not isinstance(effect, StartTLS | Pause):
                if heard := b"".join(pending):
                    wire.hear(heard)
                elif isinstance(effect, Receive):
                    wire.hear(b"")
                pending.clear()
    except StopIteration as end:
        return effects, end.value


def said(effects):
    """What was said, with a mark where TLS began and one for each pause."""
    marks = {StartTLS: "TLS", Pause: "pause"}
    return [
        one.data if isinstance(one, Send) else marks[type(one)]
        for one in effects
        if isinstance(one, Send | StartTLS | Pause)
    ]


def injecting(attempt):
    return lambda wire: inject(wire, POP3, attempt, "localhost")


def test_an_honest_upgrade_asks_its_question_and_takes_leave():
    effects, _ = played(injecting(Injection(number="-", what="")), OPENING)
    assert said(effects) == [b"CAPA\r\n", b"STLS\r\n", "TLS", b"CAPA\r\n", b"QUIT\r\n"]


def test_what_is_glued_is_in_the_request_s_own_segment():
    attempt = Injection(number="B-01", what="", glued=b"CAPA\r\n")
    effects, _ = played(injecting(attempt), OPENING)
    assert b"STLS\r\nCAPA\r\n" in said(effects)


def test_what_comes_later_has_a_segment_of_its_own_after_the_gap():
    attempt = Injection(number="B-02", what="", later=b"NOOP\r\n", gap=0.05)
    effects, _ = played(injecting(attempt), OPENING)
    assert said(effects)[1:5] == [b"STLS\r\n", "pause", b"NOOP\r\n", "TLS"]


def test_half_a_line_is_ended_inside_before_anything_else_is_said():
    attempt = Injection(number="B-04", what="", glued=b"CA", rest=b"PA\r\n")
    effects, _ = played(injecting(attempt), OPENING)
    assert said(effects)[1:5] == [b"STLS\r\nCA", "TLS", b"PA\r\n", b"CAPA\r\n"]


def test_what_is_said_after_the_go_ahead_comes_before_tls():
    attempt = Injection(number="B-03", what="", later=b"NOOP\r\n", gap=None)
    effects, _ = played(injecting(attempt), OPENING)
    assert said(effects)[1:5] == [b"STLS\r\n", b"NOOP\r\n", "pause", "TLS"]


def test_an_answer_in_clear_ends_it():
    attempt = Injection(number="B-01", what="", glued=b"CAPA\r\n")
    with pytest.raises(Injected):
        played(injecting(attempt), OPENING | {b"STLS\r\n": b"+OK go\r\n+OK list\r\n.\r\n"})


def test_a_refusal_ends_it():
    with pytest.raises(Refused, match="-ERR no") as raised:
        played(injecting(Injection(number="-", what="")), OPENING | {b"STLS\r\n": b"-ERR no\r\n"})
    assert not raised.value.busy


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Telling.IN_CLEAR, [b"USER unstrip\r\n", b"STLS\r\n", "TLS", b"PASS unstrip\r\n"]),
        (Telling.NEVER, [b"STLS\r\n", "TLS", b"PASS unstrip\r\n"]),
        (Telling.INSIDE, [b"STLS\r\n", "TLS", b"USER unstrip\r\n", b"PASS unstrip\r\n"]),
    ],
)
def test_a_state_is_made_in_clear_never_or_inside(where, expected):
    state = POP3.states[0]
    effects, answer = played(lambda wire: tell(wire, POP3, state, "localhost", where), OPENING)
    assert said(effects)[1:] == expected
    assert answer == b"-ERR wrong"


def test_a_state_that_is_not_accepted_is_declined():
    state, answers = POP3.states[0], OPENING | {b"USER unstrip\r\n": b"-ERR no\r\n"}
    with pytest.raises(Declined, match="-ERR no"):
        played(lambda wire: tell(wire, POP3, state, "localhost", Telling.IN_CLEAR), answers)


def test_a_relapse_fails_the_handshake_and_says_a_command_in_clear():
    effects, answer = played(lambda wire: relapse(wire, POP3, "localhost"), OPENING)
    alert, command = said(effects)[-2:]
    assert alert[0] == 0x15  # RFC 8446, 5.1: alert
    assert command == POP3.command
    assert POP3.answer.search(answer)

"""The wire: its limits, the byte boundary, and what may be said in clear."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.trouble import Ended, Injected, TooLong, Unsolicited
from unstrip.upgrade import Manner
from unstrip.wire import CLEAR_BUDGET, Receive, Send, Settle, StartTLS, Wire

HELLO = b"\x16\x03\x01\x00\x02CH"
WAITING = [b"250 evil\r\n", b"2", b"\r\n", b"\0", HELLO]


def run(dialog):
    """Run a dialog to its end, hearing nothing; return its effects."""
    return list(dialog)


# Sending


def test_what_is_queued_leaves_as_one_segment():
    wire = Wire()
    wire.send(b"a")
    wire.send_line("b")
    assert run(wire.flush()) == [Send(b"ab\r\n")]
    assert run(wire.flush()) == []


def test_what_is_queued_leaves_before_a_wait():
    wire = Wire()
    wire.send(b"a")
    more = wire.more(10)
    assert [next(more), next(more)] == [Send(b"a"), Receive()]


def test_a_confined_wire_says_only_what_is_allowed_and_all_of_it_must_match():
    wire = Wire()
    wire.confine(re.compile(rb"NOOP\r\n"))
    wire.send(b"NOOP\r\n")
    for more in (b"NOOP\r\nQUIT\r\n", b"NOOP", b"XNOOP\r\n", b""):
        with pytest.raises(AssertionError, match="not to be said in clear"):
            wire.send(more)
    assert run(wire.flush()) == [Send(b"NOOP\r\n")]


def test_confinement_ends_where_tls_begins():
    wire = Wire(secure=True)
    wire.confine(re.compile(rb"NOOP\r\n"))
    wire.send(b"AUTH PLAIN\r\n")
    assert run(wire.flush()) == [Send(b"AUTH PLAIN\r\n")]


@pytest.mark.parametrize("waiting", WAITING)
def test_a_command_may_not_follow_an_answer_that_came_first(waiting):
    wire = Wire()
    wire.hear(waiting)
    with pytest.raises(Unsolicited, match="before it was asked"):
        wire.command("NOOP")
    assert run(wire.flush()) == []


# The request for the upgrade


@pytest.mark.parametrize(
    ("manner", "effects"),
    [
        (Manner.PLAIN, [Send(b"STARTTLS\r\n")]),
        (Manner.LOWER_CASE, [Send(b"starttls\r\n")]),
        (Manner.CANARY, [Send(b"QSTARTTLSQ\r\n")]),
        (Manner.SPLIT, [Send(b"STA"), Settle(0.03), Send(b"RTTLS\r\n")]),
    ],
)
def test_each_manner_spells_the_request_in_its_way(manner, effects):
    assert run(Wire().request("STARTTLS", manner)) == effects


@pytest.mark.parametrize("manner", Manner)
def test_the_tag_keeps_its_spelling_and_is_never_split(manner):
    sent = [e.data for e in run(Wire().request("STARTTLS", manner, "aB1 ")) if isinstance(e, Send)]
    assert sent[0].startswith(b"aB1 ")
    assert b"".join(sent).endswith(b"\r\n")
    assert (len(sent) == 2) is (manner is Manner.SPLIT)


# Turning secure: the client's side


def test_tls_starts_when_nothing_waits():
    wire = Wire()
    wire.send_line("STARTTLS")
    start = wire.start_tls()
    assert [next(start), next(start)] == [Send(b"STARTTLS\r\n"), StartTLS()]
    assert not wire.secure
    assert next(start) == Settle()
    assert wire.secure
    assert run(start) == []


@pytest.mark.parametrize("waiting", WAITING)
def test_plaintext_after_the_go_ahead_is_kept_as_residue(waiting):
    wire = Wire()
    wire.hear(waiting)
    with pytest.raises(Injected) as caught:
        run(wire.start_tls())
    assert caught.value.residue == waiting
    assert not wire.secure
    assert not wire.waiting


def test_what_is_heard_while_the_last_words_leave_is_residue_too():
    wire = Wire()
    wire.send_line("STARTTLS")
    start = wire.start_tls()
    assert next(start) == Send(b"STARTTLS\r\n")
    wire.hear(b"x")
    with pytest.raises(Injected):
        next(start)


def shaken(wire, **options):
    start = wire.start_tls(**options)
    assert next(start) == StartTLS()
    return start


def test_what_the_peer_says_inside_before_we_ask_is_unsolicited():
    wire = Wire()
    start = shaken(wire)
    assert next(start) == Settle()
    wire.hear(b"220 mx\r\n")
    with pytest.raises(Unsolicited, match="inside TLS before our first command"):
        next(start)


def test_a_peer_who_hangs_up_inside_is_noticed_at_the_next_wait():
    wire = Wire()
    start = shaken(wire)
    next(start)
    wire.hear(b"")
    assert run(start) == []
    with pytest.raises(Ended):
        run(wire.more(10))


def test_where_the_server_speaks_first_inside_nobody_waits_for_silence():
    wire = Wire()
    start = shaken(wire, server_first=True)
    assert run(start) == []
    assert wire.secure


@pytest.mark.parametrize("behind", WAITING)
def test_what_is_behind_the_last_answer_inside_is_unsolicited(behind):
    wire = Wire(secure=True)
    end = wire.conclude()
    assert next(end) == Settle()
    wire.hear(behind)
    with pytest.raises(Unsolicited, match="behind the last answer"):
        next(end)


def test_what_came_with_the_last_answer_is_behind_it_too():
    wire = Wire(secure=True)
    wire.hear(b"250 2.0.0 Ok\r\n")
    with pytest.raises(Unsolicited, match="behind the last answer"):
        run(wire.conclude())


@pytest.mark.parametrize("heard", [None, b""], ids=["silence", "hung up"])
def test_nothing_behind_the_last_answer_is_as_it_should_be(heard):
    wire = Wire(secure=True)
    end = wire.conclude()
    assert next(end) == Settle()
    if heard is not None:
        wire.hear(heard)
    assert run(end) == []


# Turning secure: the server's side


def test_a_server_gives_its_go_ahead_and_turns_secure():
    wire = Wire()
    effects = run(wire.accept_tls(b"220 go\r\n", b"501 no\r\n"))
    assert effects == [Send(b"220 go\r\n"), StartTLS()]
    assert wire.secure


def test_an_eager_hello_belongs_to_tls():
    wire = Wire()
    wire.hear(HELLO)
    assert run(wire.accept_tls(b"220 go\r\n", b"501 no\r\n")) == [
        Send(b"220 go\r\n"),
        StartTLS(HELLO),
    ]
    assert not wire.waiting


@pytest.mark.parametrize("waiting", WAITING[:-1])
def test_commands_behind_the_request_are_refused_and_kept(waiting):
    wire = Wire()
    wire.hear(waiting)
    accept = wire.accept_tls(b"220 go\r\n", b"501 no\r\n")
    assert next(accept) == Send(b"501 no\r\n")
    with pytest.raises(Injected) as caught:
        next(accept)
    assert caught.value.residue == waiting
    assert not wire.secure


def test_commands_that_come_while_the_go_ahead_leaves_are_residue():
    wire = Wire()
    accept = wire.accept_tls(b"220 go\r\n", b"501 no\r\n")
    assert next(accept) == Send(b"220 go\r\n")
    wire.hear(b"MAIL")
    with pytest.raises(Injected) as caught:
        next(accept)
    assert caught.value.residue == b"MAIL"


# Receiving, and its limits


def test_a_wait_ends_when_the_peer_hung_up():
    wire = Wire()
    wire.hear(b"220 m")
    wire.hear(b"")
    assert wire.ended
    with pytest.raises(Ended, match="closed after '220 m'"):
        run(wire.more(100))


def test_a_wait_ends_at_its_limit():
    wire = Wire()
    wire.hear(b"a" * 10)
    assert next(wire.more(11)) == Receive()
    with pytest.raises(TooLong, match="more than 10 bytes"):
        next(wire.more(10))


def test_what_may_be_said_before_tls_is_bounded_though_each_word_is_read():
    wire = Wire()
    for _ in range(CLEAR_BUDGET // 1024):
        wire.hear(b"a" * 1024)
        wire.take(1024)
    assert next(wire.more(10)) == Receive()
    wire.hear(b"a")
    wire.take(1)
    with pytest.raises(TooLong, match="before TLS"):
        next(wire.more(10))


def test_inside_tls_nothing_is_counted():
    wire = Wire(secure=True)
    wire.hear(b"a" * (CLEAR_BUDGET + 1))
    wire.take(CLEAR_BUDGET + 1)
    assert next(wire.more(10)) == Receive()


@given(st.lists(st.binary(min_size=1)), st.integers(0, 100))
def test_nothing_heard_is_lost_or_reordered(chunks, count):
    wire = Wire()
    for chunk in chunks:
        wire.hear(chunk)
    heard = b"".join(chunks)
    assert wire.waiting == len(heard)
    assert wire.take(count) + wire.take(len(heard)) == heard


@given(st.binary(), st.sampled_from([b"\n", b"\r\n", b"end"]))
def test_what_is_taken_through_an_ending_leaves_what_is_behind_it(heard, ending):
    wire = Wire()
    wire.hear(heard)
    head, found, tail = heard.partition(ending)
    assert wire.through(ending) == (head + found if found else None)
    assert wire.take(len(heard)) == (tail if found else heard)

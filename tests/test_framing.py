"""Lines and lists: bounded, exact to the byte, and blind to what comes behind them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.framing import LINE_LIMIT, LINES_LIMIT, conclude, dotted, line
from unstrip.trouble import Ended, ProtocolError, TooLong, Unsolicited
from unstrip.wire import Settle, Wire

CLEAN = st.binary(max_size=60).map(lambda b: b.translate(None, b"\r\n\0"))


def receive(framing, heard, bite=10**9, **options):
    """Receive one message from a peer who says this and hangs up; return it and what is left."""
    wire = Wire(secure=True)
    chunks = iter([heard[i : i + bite] for i in range(0, len(heard), bite)])
    dialog = framing(wire, **options)
    try:
        while True:
            next(dialog)
            wire.hear(next(chunks, b""))
    except StopIteration as end:
        return end.value, wire.take(wire.waiting) + b"".join(chunks)


@pytest.mark.parametrize("bite", [1, 2, 3, 100])
def test_a_line_ends_at_its_crlf_and_leaves_the_rest(bite):
    assert receive(line, b"220 mx\r\n250-x", bite) == (b"220 mx", b"250-x")


def test_an_empty_line_is_a_line():
    assert receive(line, b"\r\n") == (b"", b"")


@pytest.mark.parametrize(
    "heard",
    [b"a\n", b"\n", b"a\rb\r\n", b"a\r\r\n", b"\r\n"[::-1] + b"\r\n", b"a\0\r\n", b"a\nb\r\n"],
)
def test_a_line_on_whose_end_two_readers_would_disagree_is_broken(heard):
    with pytest.raises(ProtocolError) as caught:
        receive(line, heard)
    assert type(caught.value) is ProtocolError


@pytest.mark.parametrize("heard", [b"", b"a", b"a\r"])
def test_a_line_that_is_cut_has_ended(heard):
    with pytest.raises(Ended):
        receive(line, heard)


@pytest.mark.parametrize("bite", [1, 7, 10**9])
@pytest.mark.parametrize(("over", "fits"), [(0, True), (1, False)])
def test_a_line_may_be_as_long_as_its_limit_with_its_ending(over, fits, bite):
    heard = b"a" * (LINE_LIMIT - 2 + over) + b"\r\n"
    if fits:
        assert receive(line, heard, bite) == (heard[:-2], b"")
        return
    with pytest.raises(TooLong):
        receive(line, heard, bite)


def test_the_limit_of_a_line_is_a_parameter():
    assert receive(line, b"abc\r\n", limit=5) == (b"abc", b"")
    with pytest.raises(TooLong):
        receive(line, b"abcd\r\n", limit=5)


@pytest.mark.parametrize("bite", [1, 3, 10**9])
def test_a_list_ends_at_its_lone_dot_and_leaves_the_rest(bite):
    assert receive(dotted, b"TOP\r\n\r\nUIDL\r\n.\r\n+OK\r\n", bite) == (
        (b"TOP", b"", b"UIDL"),
        b"+OK\r\n",
    )


def test_stuffed_dots_are_taken_out():
    heard = b"..\r\n...x\r\n.odd\r\n.\r\n"
    assert receive(dotted, heard) == ((b".", b"..x", b"odd"), b"")


def test_a_list_has_no_more_lines_than_its_limit():
    assert len(receive(dotted, b"a\r\n" * LINES_LIMIT + b".\r\n")[0]) == LINES_LIMIT
    with pytest.raises(TooLong):
        receive(dotted, b"a\r\n" * (LINES_LIMIT + 1) + b".\r\n")
    with pytest.raises(TooLong):
        receive(dotted, b"a\r\nb\r\nc\r\n.\r\n", limit=2)


@pytest.mark.parametrize("heard", [b"", b"a\r\n", b"a\r\n.", b"a\r\n.\r", b"a\r\n..\r\n"])
def test_a_list_that_is_cut_has_ended(heard):
    with pytest.raises(Ended):
        receive(dotted, heard)


@pytest.mark.parametrize("heard", [b"a\r\n.\n", b".\n", b"a\n.\r\n", b"a\r\n.\0\r\n"])
def test_a_dot_that_not_every_reader_would_take_for_the_end_is_broken(heard):
    with pytest.raises(ProtocolError) as caught:
        receive(dotted, heard)
    assert type(caught.value) is ProtocolError


@given(CLEAN, st.binary(max_size=60), st.integers(1, 20))
def test_any_clean_line_comes_back_whole_whatever_follows(text, behind, bite):
    assert receive(line, text + b"\r\n" + behind, bite) == (text, behind)


@given(st.lists(CLEAN, max_size=20), st.integers(1, 20))
def test_any_stuffed_list_comes_back_whole(lines, bite):
    stuffed = [b"." + text if text.startswith(b".") else text for text in lines]
    heard = b"".join(text + b"\r\n" for text in [*stuffed, b"."])
    assert receive(dotted, heard, bite) == (tuple(lines), b"")


@given(st.binary(max_size=300), st.sampled_from([line, dotted]), st.integers(1, 50))
def test_garbage_is_a_message_or_a_protocol_error(heard, framing, bite):
    try:
        got, left = receive(framing, heard, bite)
    except ProtocolError:
        return
    assert heard.endswith(left)
    assert all(b"\n" not in text for text in (got if framing is dotted else [got]))


# What may stand behind the last answer


@pytest.mark.parametrize("heard", [b"", b"421 closing\r\n"])
def test_behind_the_last_answer_there_is_nothing_or_a_goodbye(heard):
    wire = Wire(secure=True)
    wire.hear(heard)
    assert list(conclude(wire, b"421")) == [Settle()]


@pytest.mark.parametrize("heard", [b"250 ok\r\n", b"421 a\r\n421 b\r\n", b"421 closing\r\nx"])
def test_anything_else_behind_it_was_asked_for_by_somebody_else(heard):
    wire = Wire(secure=True)
    wire.hear(heard)
    with pytest.raises(Unsolicited, match="behind the last answer"):
        list(conclude(wire, b"421"))

"""Lines with literals in them: where they end, whatever the literals hold."""

from __future__ import annotations

import pytest

from unstrip.literals import PUSHED, SENTENCE_LIMIT, quoted, sentence, unquoted
from unstrip.trouble import Ended, TooLong
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
        (b"OK\r\n", b"OK"),
        (b"OK {5}\r\nhello\r\n", b'OK "hello"'),
        (b"OK {5+}\r\nhello\r\n", b'OK "hello"'),
        (b"OK {05}\r\nhello\r\n", b'OK "hello"'),
        (b"OK {0}\r\n\r\n", b'OK ""'),
        (b"{1}\r\na {1}\r\nb c\r\n", b'"a" "b" c'),
        (b'OK {4}\r\n"\\\r\n\r\n', b'OK "\\"\\\\\r\n"'),
        (b"OK {7}\r\nx {99}\n\r\n", b'OK "x {99}\n"'),
        (b"OK {4}\r\nOK\r\n\r\n", b'OK "OK\r\n"'),
        (b'OK "{5}"\r\n', b'OK "{5}"'),
        (b"OK {x}\r\n", b"OK {x}"),
        (b"OK {-1}\r\n", b"OK {-1}"),
    ],
)
def test_a_sentence_ends_behind_its_literals(heard, expected):
    assert received(sentence, heard + b"more") == (expected, b"more")


@pytest.mark.parametrize("length", [SENTENCE_LIMIT, 1 << 32, 10**10, int("9" * 4000)])
def test_a_literal_too_long_is_told_before_it_is_waited_for(length):
    with pytest.raises(TooLong, match="a literal of more than"):
        received(sentence, b"OK {%s}\r\n" % (b"9" * 4000 if length > 10**10 else b"%d" % length))


def test_a_sentence_of_too_many_literals_is_too_long():
    with pytest.raises(TooLong, match="a literal of more than"):
        received(sentence, b"{0}\r\n" * SENTENCE_LIMIT)


def test_a_client_may_only_push_its_literals():
    assert received(sentence, b"NOOP {3+}\r\nabc\r\n", PUSHED)[0] == b'NOOP "abc"'
    assert received(sentence, b"NOOP {3}\r\n", PUSHED)[0] == b"NOOP {3}"


@pytest.mark.parametrize("data", [b"", b"plain", b'a "b"', b"\\", b'\\"', b"\r\n", b"\x00"])
def test_quotation_marks_can_be_taken_off_again(data):
    assert unquoted(quoted(data)).encode() == data


def test_a_cut_literal_is_an_ended_sentence():
    wire = Wire()
    wire.hear(b"OK {5}\r\nhel")
    wire.hear(b"")
    with pytest.raises(Ended):
        next(sentence(wire))

"""Whatever a peer said can be shown: it is printable, and it can be told from what was not said."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.escaping import excerpt, printable


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"220 mx ready", "220 mx ready"),
        (b"a\r\n\tb", r"a\r\n\tb"),
        (b"\x1b[31;1;4mred\x1b]0;owned\x07", r"\x1b[31;1;4mred\x1b]0;owned\x07"),
        (b"\x00\x7f\xff", r"\x00\x7f\xff"),
        (b"back\\slash", r"back\\slash"),
        ("caf\u00e9", r"caf\xe9"),
        ("\u202etxt.exe", r"\u202etxt.exe"),  # turns the direction of the text
        ("\u0430pple", r"\u0430pple"),  # a letter that looks like another
        ("\U0001f600", r"\U0001f600"),
        ("\udc80", r"\udc80"),  # half a character, as in a file name that is no text
    ],
)
def test_all_but_printable_ascii_is_written_as_an_escape(said, shown):
    assert printable(said) == shown


@given(st.one_of(st.binary(), st.text(st.characters())))
def test_anything_at_all_becomes_printable_ascii(said):
    shown = printable(said)
    assert shown.isascii()
    assert not shown or shown.isprintable()


@given(st.binary())
def test_different_bytes_are_shown_differently(said):
    quoted = printable(said).replace('"', r"\"")
    assert ast.literal_eval(f'b"{quoted}"') == said


def test_a_short_text_is_quoted_whole():
    assert excerpt(b"+OK\r\n") == r"'+OK\r\n'"


def test_a_long_text_is_cut_and_says_how_long_it_was():
    shown = excerpt(b"a" * 10_000_000)
    assert shown == f"'{'a' * 72}'... (10000000 bytes)"


def test_the_cut_falls_behind_the_limit():
    assert excerpt(b"abcd", 4) == "'abcd'"
    assert excerpt(b"abcde", 4) == "'abcd'... (5 bytes)"
    assert excerpt(bytearray(b"abcd"), 4) == "'abcd'"

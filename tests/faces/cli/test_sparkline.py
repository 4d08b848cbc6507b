"""A row of figures is a row of marks, of which each says how much, and none lies."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faces.cli.test_speech import Stream
from unstrip.faces.cli.sparkline import sparkline, together


def on_terminal(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    stream = Stream(terminal=True)
    monkeypatch.setattr(type(stream), "encoding", encoding, raising=False)
    monkeypatch.setattr(sys, "stdout", stream)


def test_without_a_terminal_it_is_digits():
    assert sparkline([0, 1, 5, 9], 80) == "0159"


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "utf8"])
def test_a_terminal_with_utf_8_has_blocks(encoding, monkeypatch):
    on_terminal(monkeypatch, encoding)
    assert sparkline([0, 1, 4, 7], 80) == "▁▂▅█"


def test_a_terminal_without_it_has_digits(monkeypatch):
    on_terminal(monkeypatch, "latin-1")
    assert sparkline([0, 9], 80) == "09"


def test_what_is_not_known_is_not_nothing():
    assert sparkline([None, 0, 3], 80) == ".09"
    assert sparkline([None, None], 80) == ".."


def test_all_zeros_are_zeros():
    assert sparkline([0, 0, 0], 80) == "000"
    assert sparkline([], 80) == ""


def test_a_little_is_never_shown_as_nothing():
    assert sparkline([0, 1, 10**12], 80) == "019"


def test_where_there_is_no_room_one_mark_is_for_several():
    assert together(90, 30) == 3
    assert sparkline([1, 1, None, None, 0, 9], 3) == "2.9"


@given(st.lists(st.none() | st.integers(0, 10**15), max_size=300), st.integers(1, 100))
def test_it_never_takes_more_room_than_there_is(figures, room):
    line = sparkline(figures, room)
    assert len(line) <= room
    assert set(line) <= set(".0123456789")

"""Progress is shown on a terminal, on standard error, and nowhere else."""

from __future__ import annotations

import sys

import pytest

from tests.faces.cli.test_speech import Stream
from unstrip.faces.cli.progress import counting, progress


def shown(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> str:
    """What three steps leave on such a standard error."""
    stream = Stream(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    with progress(3, "checking") as advance:
        for _ in range(3):
            advance()
    return stream.getvalue()


def test_on_a_terminal_it_is_seen_to_grow(monkeypatch):
    text = shown(monkeypatch, terminal=True)
    assert "checking" in text
    assert "100%" in text


def test_nothing_of_it_stays_above_the_report(monkeypatch):
    text = shown(monkeypatch, terminal=True)
    assert text.endswith("\n\x1b[A\r\x1b[K")
    assert text.count("\n") == 1


def test_in_a_file_there_is_none(monkeypatch):
    assert shown(monkeypatch, terminal=False) == ""


def test_who_wants_no_colour_gets_none_of_its_moves(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert shown(monkeypatch, terminal=True) == ""


def test_an_error_inside_is_not_swallowed(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Stream(terminal=True))
    with pytest.raises(KeyError), progress(3, "checking"):
        raise KeyError


def counted(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, patience: float = 0.0) -> str:
    """What three answers leave on such a standard error."""
    stream = Stream(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("unstrip.faces.cli.progress._PATIENCE", patience)
    with counting("asking") as advance:
        for _ in range(3):
            advance()
    return stream.getvalue()


def test_what_nobody_knows_the_end_of_is_counted_and_wiped_away(monkeypatch):
    text = counted(monkeypatch, terminal=True)
    assert "asking: 3 answers" in text
    assert text.endswith("\r\x1b[K")


def test_what_takes_no_second_is_not_counted(monkeypatch):
    assert "answers" not in counted(monkeypatch, terminal=True, patience=60.0)


def test_in_a_file_nothing_is_counted(monkeypatch):
    assert counted(monkeypatch, terminal=False) == ""


def test_what_is_counted_has_its_own_name(monkeypatch):
    stream = Stream(terminal=True)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("unstrip.faces.cli.progress._PATIENCE", 0.0)
    with counting("reading", "weeks") as advance:
        advance()
    assert "reading: 1 weeks" in stream.getvalue()

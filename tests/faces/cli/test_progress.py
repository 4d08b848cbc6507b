"""Progress is shown on a terminal, on standard error, and nowhere else."""

from __future__ import annotations

import sys

import pytest

from tests.faces.cli.test_speech import Stream
from unstrip.faces.cli.progress import progress


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


def test_in_a_file_there_is_none(monkeypatch):
    assert shown(monkeypatch, terminal=False) == ""


def test_who_wants_no_colour_gets_none_of_its_moves(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert shown(monkeypatch, terminal=True) == ""


def test_an_error_inside_is_not_swallowed(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Stream(terminal=True))
    with pytest.raises(KeyError), progress(3, "checking"):
        raise KeyError

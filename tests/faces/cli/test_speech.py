"""How the command line speaks: lower case, a hint, colour only where it is wanted."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.faces.cli.command import SCRIPT
from unstrip.faces.cli.speech import Complaint, Exit, colourful, complain, paint, say, warn


class Stream(io.StringIO):
    """A stream that is a terminal, or none."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


TERMINAL, FILE = Stream(terminal=True), Stream(terminal=False)


def test_exit_codes_are_those_of_the_documentation():
    assert {code.name: int(code) for code in Exit} == {
        "MEETS": 0,
        "FALLS_SHORT": 1,
        "USAGE": 2,
        "TAMPERED": 3,
        "UNKNOWN": 4,
        "INTERRUPTED": 130,
    }


@pytest.mark.parametrize(
    ("stream", "no_color", "term", "expected"),
    [
        (TERMINAL, None, "xterm", True),
        (TERMINAL, "", "xterm", True),  # no-color.org: present and not empty
        (TERMINAL, "1", "xterm", False),
        (TERMINAL, "0", "xterm", False),
        (TERMINAL, None, "dumb", False),
        (FILE, None, "xterm", False),
    ],
)
def test_colour_needs_a_terminal_that_wants_it(stream, no_color, term, expected, monkeypatch):
    monkeypatch.setenv("TERM", term)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    assert colourful(stream) is expected


def test_paint_colours_for_a_terminal_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Stream(terminal=True))
    assert paint("safe", "green") == click.style("safe", fg="green")
    monkeypatch.setattr(sys, "stdout", Stream(terminal=False))
    assert paint("safe", "green") == "safe"


def test_say_prints_a_line(capsys):
    say("hello")
    say()
    assert capsys.readouterr().out == "hello\n\n"


def test_complain_speaks_on_standard_error_with_a_hint(capsys):
    complain("it is broken", "mend it")
    assert capsys.readouterr() == (
        "",
        "unstrip: error: it is broken\nunstrip: hint: mend it\n",
    )


def test_complain_without_a_hint_gives_none(capsys):
    complain("it is broken")
    assert capsys.readouterr().err == "unstrip: error: it is broken\n"


def test_a_warning_goes_to_standard_error(capsys):
    warn("it is old")
    assert capsys.readouterr() == ("", "unstrip: warning: it is old\n")


def test_a_complaint_is_a_mistake_of_the_users_unless_told_otherwise():
    assert Complaint("words").code is Exit.USAGE
    assert Complaint("words", "hint", Exit.UNKNOWN).code is Exit.UNKNOWN
    assert Complaint("words", "hint").hint == "hint"


def ended(words: str, streams: str) -> subprocess.CompletedProcess[str]:
    """Run the command by a shell, which closes standard streams or leads them elsewhere."""
    command = f"{SCRIPT} {words} {streams}"
    return subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=False, timeout=60
    )


needs_full = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="this machine has no full device"
)


@pytest.mark.parametrize("streams", ["2>&-", pytest.param("2>/dev/full", marks=needs_full)])
def test_where_errors_cannot_be_told_the_exit_code_stays_what_it_is(streams):
    done = ended("explain a..b", streams)
    assert (done.returncode, done.stdout, done.stderr) == (Exit.USAGE, "", "")


@pytest.mark.parametrize("streams", ["2>&-", pytest.param("2>/dev/full", marks=needs_full)])
def test_where_errors_cannot_be_told_the_rest_is_printed(streams):
    done = ended("history list", streams)
    assert (done.returncode, done.stdout) == (Exit.MEETS, "nothing is remembered\n")


@pytest.mark.parametrize("streams", [">&-", pytest.param(">/dev/full", marks=needs_full)])
@pytest.mark.parametrize("words", ["history list", "policy show", "--help"])
def test_what_cannot_be_printed_is_one_error_and_no_success(words, streams):
    done = ended(words, streams)
    assert done.returncode == Exit.UNKNOWN
    assert done.stderr.startswith("unstrip: error: ")
    assert "Exception ignored" not in done.stderr
    assert "isatty" not in done.stderr


def test_where_nothing_at_all_can_be_told_it_is_no_success():
    assert ended("policy show", "<&- >&- 2>&-").returncode == Exit.UNKNOWN

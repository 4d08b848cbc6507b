"""How the command line speaks.

Lower-case sentences without full stop; errors on standard error as `unstrip: error: ...`, then
`unstrip: hint: ...`; colour only on a terminal, and never against NO_COLOR.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from enum import IntEnum
from typing import IO

import click


class Exit(IntEnum):
    """Exit codes, documented in docs/reference/exit-codes.md."""

    MEETS = 0  # all meet the requirement
    FALLS_SHORT = 1  # some fall short
    USAGE = 2  # the command line, or a file it names, cannot be understood
    TAMPERED = 3  # tampering found
    UNKNOWN = 4  # could not tell
    INTERRUPTED = 130  # Ctrl-C


class Complaint(Exception):
    """An error to be told to the user, with a hint and an exit code."""

    def __init__(self, words: str, hint: str = "", code: Exit = Exit.USAGE) -> None:
        super().__init__(words)
        self.hint, self.code = hint, code


class ReaderGone(Exception):
    """Whoever read our output has gone: nobody is left to be told."""


def complain(words: str, hint: str = "") -> None:
    """Say what is wrong, and what could be done."""
    _tell(f"error: {words}")
    if hint:
        _tell(f"hint: {hint}")


def warn(words: str) -> None:
    """Say what the user should know, although it went on."""
    _tell(f"warning: {words}")


def _tell(sentence: str) -> None:
    """Write to standard error; where that cannot be written, the exit code says it all."""
    try:
        click.echo(f"unstrip: {sentence}", err=True)
    except OSError:
        give_up(sys.stderr)


def give_up(stream: IO[str]) -> None:
    """Write no more to a standard stream: what is in its buffer would fail again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def colourful(stream: IO[str]) -> bool:
    """Tell whether `stream` may have colour (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str) -> str:
    """Return `text` in colour, where standard output may have any."""
    return click.style(text, fg=colour) if colourful(sys.stdout) else text


def moment(at: datetime) -> str:
    """Write a time as it is shown to people."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def say(text: str | bytes = "") -> None:
    """Print one line.

    Raises: ReaderGone: nobody reads on; Complaint: it cannot be written.
    """
    try:
        click.echo(text, color=colourful(sys.stdout))
    except BrokenPipeError as error:
        give_up(sys.stdout)
        raise ReaderGone from error
    except OSError as error:
        give_up(sys.stdout)
        words = f"standard output cannot be written: {(error.strerror or str(error)).lower()}"
        raise Complaint(words, code=Exit.UNKNOWN) from error

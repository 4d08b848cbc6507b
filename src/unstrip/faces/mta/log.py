"""What the daemon tells whoever runs it: one line an event, on standard error.

    2026-03-01T12:00:00Z warning alarm words='example.org: the policy went from enforce to none'
    {"time": "2026-03-01T12:00:00Z", "level": "warning", "event": "alarm", "words": "..."}

What others said is escaped, for a terminal shows logs too, and is cut where it is long. Nothing
here knows a secret: errors name a store by its place alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from enum import IntEnum
from typing import TypeAlias

from unstrip.escaping import brief

_LONGEST = 500  # characters of one value
_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/_@[]-+*")

Value: TypeAlias = str | int | float


class Level(IntEnum):
    """How much somebody should care."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


class Log:
    """Tells events.

    Args: write: gets whole lines.

    Attributes: level: what is less is not told; json: each event is a JSON object.
    """

    def __init__(self, write: Callable[[str], object] | None = None) -> None:
        self._write = write or _to_standard_error
        self.level, self.json = Level.INFO, False

    def set(self, level: str, form: str) -> None:
        """Tell this much, in this format, from now on."""
        self.level, self.json = Level[level.upper()], form == "json"

    def debug(self, event: str, **values: Value) -> None:
        """Tell what only somebody who looks for something wants to know."""
        self._tell(Level.DEBUG, event, values)

    def info(self, event: str, **values: Value) -> None:
        """Tell what happens in the course of things."""
        self._tell(Level.INFO, event, values)

    def warning(self, event: str, **values: Value) -> None:
        """Tell what somebody should look at one day."""
        self._tell(Level.WARNING, event, values)

    def error(self, event: str, **values: Value) -> None:
        """Tell what keeps us from doing what we are there for."""
        self._tell(Level.ERROR, event, values)

    def _tell(self, level: Level, event: str, values: dict[str, Value]) -> None:
        if level < self.level:
            return
        time = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        said = {key: _safe(value) for key, value in values.items()}
        if self.json:
            told = {"time": time, "level": level.name.lower(), "event": event, **said}
            self._write(f"{json.dumps(told)}\n")
            return
        pairs = (f"{key}={_quoted(value)}" for key, value in said.items())
        self._write(f"{' '.join((time, level.name.lower(), event, *pairs))}\n")


def _safe(value: Value) -> Value:
    return brief(value, _LONGEST) if isinstance(value, str) else value


def _quoted(value: Value) -> str:
    """Write a value so that nobody can write another one into it."""
    text = str(value)
    if text and _BARE.issuperset(text):
        return text
    return "'" + text.replace("'", "\\'") + "'"


def _to_standard_error(line: str) -> None:
    """Write a line; where nobody reads, nobody is told."""
    try:
        sys.stderr.write(line)
        sys.stderr.flush()
    except (OSError, ValueError):
        return

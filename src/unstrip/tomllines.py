"""At which line of a TOML text each key stands, which tomllib does not tell.

The text is one that tomllib has read, so nothing is checked here again. What matters is where
strings and comments end, for brackets, commas and the ends of lines mean nothing in them.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter, deque
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]

# possessive, so that a text of any length is gone over once
_TOKEN = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+"{3,5}'
    r"|'''(?:[^']++|'(?!''))*+'{3,5}"
    r'|"(?:[^"\\\n]++|\\.)*+"'
    r"|'[^'\n]*+'"
    r"|[][{}=,.\n]"
    r"""|[^][{}=,.\s#"']++"""
    r"|(?P<nothing>#[^\n]*+|[^\S\n]++)",
    re.DOTALL,
)


class _Token(NamedTuple):
    text: str
    line: int


def lines(text: str) -> dict[Path, int]:
    """Return the line of each key, and of each element of a list, by the way that leads there.

    The way has keys, and for an element its number, from 0: ("rule", 0, "host").
    """
    return _Reader(text).read()


class _Reader:
    """Goes over a text once."""

    def __init__(self, text: str) -> None:
        self._tokens = deque(_tokens(f"{text}\n"))  # each statement has an end
        self._found: dict[Path, int] = {}
        self._tables: Counter[Path] = Counter()  # how many [[tables]] there were of each name

    def read(self) -> dict[Path, int]:
        table: Path = ()
        while self._tokens:
            if self._next == "\n":
                self._take()
            elif self._next == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._found

    def _header(self) -> Path:
        """Read [table] or [[table]], and return where what follows belongs."""
        line = self._take().line
        several = self._next == "["
        if several:
            self._take()
        path = self._within((), self._keys("]"))
        if several:
            if isinstance(path[-1], int):  # one of that name was there before
                path = path[:-1]
            self._note(path, line)
            path = (*path, self._tables[path])
            self._tables[path[:-1]] += 1
        self._note(path, line)
        while self._next == "]":
            self._take()
        return path

    def _pair(self, table: Path) -> None:
        line = self._tokens[0].line
        path = (*table, *self._keys("="))
        self._take()
        self._note(path, line)
        self._value(path)

    def _keys(self, end: str) -> list[str]:
        """Read a key, dotted or not, up to what ends it."""
        keys = []
        while self._next != end:
            if (text := self._take().text) != ".":
                keys.append(_plain(text))
        return keys

    def _value(self, path: Path) -> None:
        if self._next == "[":
            self._elements(path)
        elif self._next == "{":
            self._pairs(path)
        else:
            while self._next not in (",", "]", "}", "\n"):
                self._take()

    def _elements(self, path: Path) -> None:
        self._take()
        number = 0
        while self._next != "]":
            if self._next in (",", "\n"):
                number += self._take().text == ","
            else:
                self._note((*path, number), self._tokens[0].line)
                self._value((*path, number))
        self._take()

    def _pairs(self, path: Path) -> None:
        """Read an inline table."""
        self._take()
        while self._next != "}":
            if self._next in (",", "\n"):
                self._take()
            else:
                self._pair(path)
        self._take()

    def _within(self, path: Path, keys: list[str]) -> Path:
        """Return where keys lead: into the last of several tables of a name."""
        for key in keys:
            path = (*path, key)
            if count := self._tables[path]:
                path = (*path, count - 1)
        return path

    def _note(self, path: Path, line: int) -> None:
        """Keep where something stands, and where what it is in was first heard of."""
        for length in range(1, len(path) + 1):
            self._found.setdefault(path[:length], line)

    @property
    def _next(self) -> str:
        return self._tokens[0].text

    def _take(self) -> _Token:
        return self._tokens.popleft()


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for found in _TOKEN.finditer(text):
        if not found["nothing"]:
            yield _Token(found[0], line)
        line += found[0].count("\n")


def _plain(text: str) -> str:
    """Return a key without its quotes."""
    return next(iter(tomllib.loads(f"{text} = 0"))) if text[0] in "\"'" else text

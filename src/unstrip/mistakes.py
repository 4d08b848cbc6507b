"""What is wrong with a TOML file that somebody wrote, said by its keys and lines, in their words.

msgspec says "Invalid enum value 'must' - at `$.rule[0].require`"; people count from one, and want
to know what they may write instead, and in which line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import msgspec

from unstrip.escaping import brief
from unstrip.tomllines import Path, lines

_LONGEST = 500  # characters of what is said
_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "datetime": "a time",
    "date": "a date",
    "time": "a time of day",
}
_QUOTED = re.compile("`([^`]*)`")
_INDEX = re.compile(r"\[(\d+)\]")
_STEP = re.compile(r"\.?([^][.]+)|\[(\d+)\]")
_KEY = re.compile("[a-z-]+(?=: )")
_UNKNOWN, _MISSING = "Object contains unknown field ", "Object missing required field "
_CHOICE = "Invalid enum value "
_ONE_OF_MANY = "Expected `array`, got `object`"


def mistake(error: Exception, kind: type[msgspec.Struct], text: str) -> str:
    """Return what tomllib or msgspec found; what was written is escaped, and cut where it is long.

    Args: kind: what the file was to become; text: the whole of it.
    """
    words, _, path = str(error).partition(" - at `$")
    path = path.strip(".`")
    place = _INDEX.sub(lambda index: f" {int(index[1]) + 1}:", path).replace(":.", ": ").strip(":")
    said = _said(words, kind, [key for key in _INDEX.sub("", path).split(".") if key])
    whole = brief(f"{place}: {said}" if place else said, _LONGEST)
    if not isinstance(error, msgspec.ValidationError):  # tomllib's own, which has the line in it
        return whole
    line = _line(text, _path(path), _key(words))
    return f"{whole} (at line {line})" if line else whole


def _line(text: str, path: Path, key: str) -> int:
    """Return where a key is, or else what it belongs to; 0 where nothing of it is written down."""
    there = lines(text)
    ways = [(*path, key), *(path[:length] for length in range(len(path), 0, -1))]
    return next((there[way] for way in ways if way in there), 0)


def _path(text: str) -> Path:
    """Return the way to a value, as msgspec writes it."""
    return tuple(int(index) if index else key for key, index in _STEP.findall(text))


def _key(words: str) -> str:
    """Return the key that is complained of, if it is not the last one of the way."""
    if words.startswith(_UNKNOWN):
        return words.removeprefix(_UNKNOWN)[1:-1]
    found = _KEY.match(words)  # as our own checks of a whole table begin
    return found[0] if found else ""


def _said(words: str, kind: type[msgspec.Struct], keys: list[str]) -> str:
    if words.startswith("Expected "):
        said = _QUOTED.sub(lambda name: _kind(name[1]), f"e{words[1:]}")
        several = words == _ONE_OF_MANY and any(map(_structs, _types(kind, keys)))
        return f"{said}; write [[{'.'.join(keys)}]]" if several else said
    words = words.replace("`", "'")
    if words.startswith(_UNKNOWN):
        return f"unknown key {words.removeprefix(_UNKNOWN)}"
    if words.startswith(_MISSING):
        return f"{words.removeprefix(_MISSING)} is missing"
    if words.startswith(_CHOICE):
        known = ", ".join(_choices(kind, keys))
        return f"{words.removeprefix(_CHOICE)} is none of {known}"
    return words


def _kind(names: str) -> str:
    """Return what a type is called by who writes TOML, in which there is no null."""
    return " or ".join(_KINDS.get(name, name) for name in names.split(" | ") if name != "null")


def _choices(kind: object, keys: list[str]) -> Iterator[str]:
    """Yield the words that may be written for a key."""
    for each in _types(kind, keys):
        if get_origin(each) is Literal:
            yield from map(str, get_args(each))


def _types(kind: object, keys: list[str]) -> Iterator[object]:
    """Yield the types that a key may have."""
    if not keys:
        yield kind
        return
    for struct in _structs(kind):
        for field in msgspec.structs.fields(struct):
            if field.encode_name == keys[0]:
                yield from _types(field.type, keys[1:])


def _structs(kind: Any) -> list[type[msgspec.Struct]]:  # noqa: ANN401  # any type there is
    """Return the tables that a type is made of: of a list of tables, the table."""
    own = [kind] if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else []
    return own + [struct for part in get_args(kind) for struct in _structs(part)]

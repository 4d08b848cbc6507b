"""What is wrong with a TOML file that somebody wrote, said by its keys and in their words.

msgspec says "Invalid enum value 'must' - at `$.rule[0].require`"; people count from one, and want
to know what they may write instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import msgspec

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
_UNKNOWN, _MISSING = "Object contains unknown field ", "Object missing required field "
_CHOICE = "Invalid enum value "


def mistake(error: Exception, kind: type[msgspec.Struct]) -> str:
    """Return what tomllib or msgspec found; what was written is in it, and not escaped.

    Args: kind: what the file was to become.
    """
    words, _, path = str(error).partition(" - at `$")
    path = path.strip(".`")
    place = _INDEX.sub(lambda index: f" {int(index[1]) + 1}:", path).replace(":.", ": ").strip(":")
    said = _said(words, kind, [key for key in _INDEX.sub("", path).split(".") if key])
    return f"{place}: {said}" if place else said


def _said(words: str, kind: type[msgspec.Struct], keys: list[str]) -> str:
    if words.startswith("Expected "):
        return _QUOTED.sub(lambda name: _kind(name[1]), f"e{words[1:]}")
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
    if not keys:
        for each in get_args(kind) if get_origin(kind) is Literal else ():
            yield str(each)
        return
    for struct in _structs(kind):
        for field in msgspec.structs.fields(struct):
            if field.encode_name == keys[0]:
                yield from _choices(field.type, keys[1:])


def _structs(kind: Any) -> Iterator[type[msgspec.Struct]]:  # noqa: ANN401  # any type there is
    """Yield the tables that a type is made of: of a list of tables, the table."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for part in get_args(kind):
        yield from _structs(part)

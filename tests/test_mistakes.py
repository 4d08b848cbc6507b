"""What is wrong with a TOML file is said by its keys, counted from one, in plain words."""

from __future__ import annotations

import tomllib
from typing import Annotated, Literal

import msgspec
import pytest

from unstrip.mistakes import mistake


class Entry(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    level: Literal["low", "high"] = "low"
    marks: tuple[str, ...] = ()
    port: int | None = None


class Part(msgspec.Struct, forbid_unknown_fields=True, rename="kebab"):
    how_often: Literal["daily", "weekly"] = "daily"
    seconds: Annotated[float, msgspec.Meta(gt=0)] = 1.0


class File(msgspec.Struct, forbid_unknown_fields=True):
    entry: tuple[Entry, ...] = ()
    part: Part | None = None
    loud: bool = False


def said(text: str) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        msgspec.convert(tomllib.loads(text), File)
    return mistake(caught.value, File)


GOOD = '[[entry]]\nname = "a"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'{GOOD}level = "hihg"', "entry 1: level: 'hihg' is none of low, high"),
        (f'{GOOD}{GOOD}port = "x"', "entry 2: port: expected a whole number, got text"),
        (f"{GOOD}marks = ['a', 1]", "entry 1: marks 2: expected text, got a whole number"),
        (f"{GOOD}nmae = 1", "entry 1: unknown key 'nmae'"),
        ("[[entry]]\n", "entry 1: 'name' is missing"),
        ("entry = 1", "entry: expected a list, got a whole number"),
        ("[part]\nhow-often = 'never'", "part.how-often: 'never' is none of daily, weekly"),
        ("[part]\nseconds = -1", "part.seconds: expected a number > 0.0"),
        ("loud = 1979-05-27", "loud: expected true or false, got a date"),
        ("x = 1", "unknown key 'x'"),
        ("x", "Expected '=' after a key in a key/value pair (at end of document)"),
    ],
)
def test_a_mistake_is_named_by_its_place_and_in_plain_words(text, expected):
    assert said(text).casefold() == expected.casefold()


def test_a_key_of_any_form_makes_a_sentence():
    assert "unknown key" in said('"a.b[0] - at `$.c" = 1')

"""What is wrong with a TOML file is said by key and line, counted from one, in plain words."""

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

    def __post_init__(self) -> None:
        if self.seconds == 99:
            raise ValueError("seconds: ninety-nine is not meant")
        if self.how_often == "weekly":
            raise ValueError("this makes no sense")


class File(msgspec.Struct, forbid_unknown_fields=True):
    entry: tuple[Entry, ...] = ()
    part: Part | None = None
    loud: bool = False


def said(text: str) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        msgspec.convert(tomllib.loads(text), File)
    return mistake(caught.value, File, text)


GOOD = '[[entry]]\nname = "a"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'{GOOD}level = "hihg"', "entry 1: level: 'hihg' is none of low, high (at line 3)"),
        (
            f'{GOOD}{GOOD}port = "x"',
            "entry 2: port: expected a whole number, got text (at line 5)",
        ),
        (
            f"{GOOD}marks = ['a',\n1]",
            "entry 1: marks 2: expected text, got a whole number (at line 4)",
        ),
        (f"{GOOD}nmae = 1", "entry 1: unknown key 'nmae' (at line 3)"),
        ("# x\n[[entry]]\n", "entry 1: 'name' is missing (at line 2)"),
        ("entry = [\n{},\n]", "entry 1: 'name' is missing (at line 2)"),
        ("[entry]\nname = 'a'", "entry: expected a list, got a table; write [[entry]] (at line 1)"),
        (f"{GOOD}marks = {{}}", "entry 1: marks: expected a list, got a table (at line 3)"),
        ("entry = 1", "entry: expected a list, got a whole number (at line 1)"),
        (
            "[part]\nhow-often = 'never'",
            "part.how-often: 'never' is none of daily, weekly (at line 2)",
        ),
        ("\npart.seconds = -1", "part.seconds: expected a number > 0.0 (at line 2)"),
        ("[part]\n\nseconds = 99", "part: seconds: ninety-nine is not meant (at line 3)"),
        ("[part]\nhow-often = 'weekly'", "part: this makes no sense (at line 1)"),
        ("loud = 1979-05-27", "loud: expected true or false, got a date (at line 1)"),
        ("loud = true\nx = 1", "unknown key 'x' (at line 2)"),
        ("part = {'x y' = 1}", "part: unknown key 'x y' (at line 1)"),
        ("x", "Expected '=' after a key in a key/value pair (at end of document)"),
    ],
)
def test_a_mistake_is_named_by_its_place_and_in_plain_words(text, expected):
    assert said(text).casefold() == expected.casefold()


def test_a_key_of_any_form_makes_a_sentence():
    assert "unknown key" in said('"a.b[0] - at `$.c" = 1')


def test_what_was_written_is_escaped_and_cut():
    found = said(f'"{"y" * 1000}\\u001b" = 1')
    assert found.isprintable()
    assert len(found) < 600
    assert found.endswith("(at line 1)")

"""A command, given again."""

from __future__ import annotations

import shlex

import click
import pytest

from unstrip.faces.cli.again import again, given


@click.command()
@click.argument("name")
@click.option("--many", multiple=True)
@click.option("--number", type=int, default=7)
@click.option("--yes/--no", default=None)
@click.option("--flag", is_flag=True)
@click.pass_context
def command(context: click.Context, **_: object) -> object:
    """Return what it was given."""
    return given(context)


def options(*words: str):
    return command.main(words, standalone_mode=False)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("x", ()),
        ("x --number 8", (("--number", "8"),)),
        ("x --number 7", (("--number", "7"),)),
        ("--many a --many 'b c' x", (("--many", "a"), ("--many", "b c"))),
        ("x --yes --flag", (("--yes",), ("--flag",))),
        ("x --no", (("--no",),)),
    ],
)
def test_what_was_given_is_known_and_nothing_else(words, expected):
    assert options(*shlex.split(words)) == expected


def test_a_command_that_is_given_again_says_the_same():
    told = options("x", "--many", "b c", "--no")
    line = again("command x", told)
    assert line == "command x --many 'b c' --no"
    assert options(*shlex.split(line)[1:]) == told


def test_an_option_may_be_left_out_and_another_given():
    told = (("--mode", "none"), ("--config", "c.toml"))
    line = again("command x", told, "--mode", "enforce", without={"--mode"})
    assert line == "command x --config c.toml --mode enforce"


def test_without_options_it_is_only_the_command():
    assert again("command x", ()) == "command x"

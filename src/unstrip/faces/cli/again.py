"""A command as it was given, to be given again: as it was, or with other options."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from typing import TypeAlias

import click
from click.core import ParameterSource

Given: TypeAlias = tuple[tuple[str, ...], ...]  # each option and its value, as words


def given(context: click.Context) -> Given:
    """Return the options that a command was given, in the order in which it has them."""
    return tuple(
        words
        for option in context.command.params
        if isinstance(option, click.Option) and option.name
        if context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
        for words in _words(option, context.params[option.name])
    )


def again(command: str, options: Given, *more: str, without: Collection[str] = ()) -> str:
    """Return a command for a shell.

    Args: options: as they were given; more: other ones, as words; without: names of options that
        are not to be given again.
    """
    kept = [word for words in options if words[0] not in without for word in words]
    return f"{command} {shlex.join([*kept, *more])}".rstrip()


def _words(option: click.Option, value: object) -> Iterator[tuple[str, ...]]:
    if option.is_flag:
        yield (option.opts[0] if value else option.secondary_opts[0],)
    elif isinstance(value, tuple):
        yield from ((option.opts[0], str(each)) for each in value)
    else:
        yield option.opts[0], str(value)

"""Progress, for whoever waits more than a moment: on a terminal, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from unstrip.faces.cli.speech import colourful

_PATIENCE = 1.0  # seconds
_CLEAR = "\r\x1b[K"  # the line that was shown
_UP = "\x1b[A"


@contextmanager
def progress(count: int, label: str) -> Iterator[Callable[[], None]]:
    """Show how far it is; what is given is to be called once for each of the `count` done.

    What was shown is wiped away in the end: whoever reads the report wants no more of it.
    """
    if not colourful(sys.stderr):
        yield lambda: None
        return
    try:
        with click.progressbar(length=count, label=label, file=sys.stderr, show_eta=False) as bar:
            yield lambda: bar.update(1)
    finally:
        click.echo(f"{_UP}{_CLEAR}", nl=False, err=True)


@contextmanager
def counting(label: str, what: str = "answers") -> Iterator[Callable[[], None]]:
    """Show how many are done, where nobody knows how many there will be; after a second."""
    if not colourful(sys.stderr):
        yield lambda: None
        return
    began, done = time.monotonic(), 0

    def advance() -> None:
        nonlocal done
        done += 1
        if time.monotonic() - began > _PATIENCE:
            click.echo(f"\r{label}: {done} {what}", nl=False, err=True)

    try:
        yield advance
    finally:
        click.echo(_CLEAR, nl=False, err=True)

"""Progress, for whoever waits more than a moment: on a terminal, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from unstrip.faces.cli.speech import colourful


@contextmanager
def progress(count: int, label: str) -> Iterator[Callable[[], None]]:
    """Show how far it is; what is given is to be called once for each of the `count` done."""
    if not colourful(sys.stderr):
        yield lambda: None
        return
    with click.progressbar(length=count, label=label, file=sys.stderr, show_eta=False) as bar:
        yield lambda: bar.update(1)

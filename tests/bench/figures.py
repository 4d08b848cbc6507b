"""What the benches say: figures with a limit, tables, and a line of progress."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

MET, BELOW, OVER = "met", "NOT met, below", "NOT met, over"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with a limit of its own, or with none; `least`: the limit is to be reached."""

    name: str
    value: float
    limit: float | None = None
    least: bool = False

    @property
    def verdict(self) -> str:
        """Whether the limit is kept."""
        if self.limit is None:
            return ""
        if self.least:
            return MET if self.value >= self.limit else BELOW
        return MET if self.value <= self.limit else OVER


def figure_table(rows: Sequence[Figure], head: str) -> str:
    """Figures as text."""
    body = [(row.name, f"{row.value:,.1f}", _limit(row), row.verdict) for row in rows]
    return table([(head, "median", "limit", ""), *body])


def _limit(row: Figure) -> str:
    return "" if row.limit is None else f"{row.limit:,.0f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side: the first and last to the left, the figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_table_row(row, widths) for row in rows)


def _table_row(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures, remark = row
    middle = (text.rjust(width) for text, width in zip(figures, widths[1:-1], strict=True))
    return "  ".join((name.ljust(widths[0]), *middle, remark)).rstrip()


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table as docs/benchmarks.md has it."""
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join((head, f"|{' --- |' * len(rows[0])}", *body))


def progress(words: str) -> None:
    """Keep whoever watches a terminal company."""
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


def positive(text: str) -> int:
    """Read a number from the command line."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number

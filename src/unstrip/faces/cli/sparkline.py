"""A row of figures as a row of marks: blocks where the terminal has them, else digits."""

from __future__ import annotations

import sys
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_DIGITS = "0123456789"
_NOTHING = "."


def sparkline(figures: Sequence[int | None], room: int) -> str:
    """Return a mark for each figure: the lowest is for 0 alone, "." for what is not known.

    Args: room: columns; where there are more figures, one mark is for several.
    """
    width = together(len(figures), room)
    merged = [_sum(figures[at : at + width]) for at in range(0, len(figures), width)]
    most = max((figure for figure in merged if figure), default=1)
    marks = _BLOCKS if _has_blocks() else _DIGITS
    return "".join(_NOTHING if figure is None else _mark(figure, most, marks) for figure in merged)


def together(count: int, room: int) -> int:
    """Return how many figures one mark is for, so that all of them fit."""
    return max(1, -(-count // room))


def _sum(figures: Sequence[int | None]) -> int | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None


def _mark(figure: int, most: int, marks: str) -> str:
    """Round up: what is not 0 is never shown like it."""
    steps = len(marks) - 1
    return marks[-(-figure * steps // most)]


def _has_blocks() -> bool:
    return sys.stdout.isatty() and (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"

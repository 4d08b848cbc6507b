"""Plots as SVG within a page: bars over days, and one bar within a row of a table.

Colours are those of the page, by the classes `good` and `bad`; what a bar stands for shows when it
is pointed at. Beside each plot stands a table, for those who cannot see it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unstrip.faces.cli.markup import Markup, tag, together

_WIDTH, _HEIGHT = 760, 190  # units of the drawing
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 6, 12, 26  # its margins
_LINES = 4  # across, at most
_LABELS = 6  # below, at most
_MOST = 120  # bars
_ROW = 160  # the width of a bar in a table


@dataclass(frozen=True, slots=True)
class Bar:
    """What one bar stands for. Attributes: good, bad: drawn on top of each other."""

    label: str
    good: int
    bad: int

    @property
    def height(self) -> int:
        """Both of them."""
        return self.good + self.bad


def bars(found: Sequence[Bar], name: str, words: str) -> Markup:
    """Draw bars side by side.

    Args: name: of the plot; words: what it shows, for those who cannot see it.
    """
    shown = _fewer(found)
    step = _step(max((bar.height for bar in shown), default=0))
    top = step * max(1, -(-max((bar.height for bar in shown), default=0) // step))
    return tag(
        "svg",
        tag("title", name),
        tag("desc", words),
        *_scale(step, top),
        *_columns(shown, top),
        *_labels(shown),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
    )


def row(good: int, bad: int, most: int) -> Markup:
    """Draw one bar that lies on its side; the figures stand beside it."""
    scale = _ROW / max(most, 1)
    ahead, behind = good * scale, bad * scale
    return tag(
        "svg",
        _rect("good", 0, 0, ahead, 10),
        _rect("bad", ahead, 0, max(behind, 1.5) if bad else 0, 10),
        viewBox=f"0 0 {_ROW + 2} 10",
        class_="row",
        aria_hidden="true",
    )


def _fewer(found: Sequence[Bar]) -> list[Bar]:
    """Return as many as there is room for: one for several days, where there are too many."""
    width = max(1, -(-len(found) // _MOST))
    return [_sum(found[at : at + width]) for at in range(0, len(found), width)]


def _sum(found: Sequence[Bar]) -> Bar:
    first, last = found[0].label, found[-1].label
    label = first if first == last else f"{first} to {last}"
    return Bar(label, sum(bar.good for bar in found), sum(bar.bad for bar in found))


def _step(most: int) -> int:
    """Return how far the lines are apart: 1, 2 or 5, and zeros."""
    size = 1
    while True:
        for step in (size, 2 * size, 5 * size):
            if step * _LINES >= most:
                return step
        size *= 10


def _scale(step: int, top: int) -> Iterator[Markup]:
    for figure in range(0, top + 1, step):
        y = f"{_y(figure, top):.1f}"
        yield tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="line")
        yield tag("text", f"{figure:,}", x=_LEFT - 8, y=y, dy="0.32em", text_anchor="end")


def _columns(shown: Sequence[Bar], top: int) -> Iterator[Markup]:
    slot = _slot(shown)
    for number, bar in enumerate(shown):
        if not bar.height:
            continue
        x, size = _LEFT + slot * (number + 0.1), slot * 0.8
        bottom, middle, high = (_y(figure, top) for figure in (0, bar.good, bar.height))
        high = min(high, middle - 1.5) if bar.bad else high  # what is bad is always seen
        yield tag(
            "g",
            tag("title", f"{bar.label}: {bar.height:,}, of which {bar.bad:,} failed"),
            _rect("good", x, middle, size, bottom - middle),
            _rect("bad", x, high, size, middle - high),
        )


def _labels(shown: Sequence[Bar]) -> Iterator[Markup]:
    every = max(1, -(-len(shown) // _LABELS))
    for number in range(0, len(shown), every):
        x = f"{_LEFT + _slot(shown) * (number + 0.5):.1f}"
        yield tag("text", shown[number].label[:10], x=x, y=_HEIGHT - 6, text_anchor="middle")


def _slot(shown: Sequence[Bar]) -> float:
    return (_WIDTH - _LEFT - _RIGHT) / max(len(shown), 1)


def _y(figure: int, top: int) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * figure / top


def _rect(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    if width <= 0 or height <= 0:
        return together()
    sizes = {"x": x, "y": y, "width": width, "height": height}
    return tag("rect", class_=kind, **{name: f"{size:.1f}" for name, size in sizes.items()})

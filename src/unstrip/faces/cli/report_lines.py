"""Reports received, for a person on a terminal: how many, day by day, in a table, then failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from unstrip.faces.cli.report import width, wrapped
from unstrip.faces.cli.report_table import (
    FIGURES,
    By,
    Cells,
    cause_words,
    cells,
    counts,
    facts,
    headings,
    many,
    numbers,
    title,
)
from unstrip.faces.cli.sparkline import sparkline, together
from unstrip.faces.cli.speech import paint
from unstrip.io.store.received import Refused
from unstrip.tlsrpt.overview import Met, Overview

_AGAIN = "duplicate"  # which was taken, and is counted with what was not
_MOST = 30  # failures that are told of, of any number
_LABEL, _LEAST = 10, 20  # columns


@dataclass(frozen=True, slots=True)
class ReportsRecord:
    """What `--json` prints.

    Attributes: exit: the exit code; refused: how many reports were not taken in on these days, of
        whatever domain; overview: all that was told.
    """

    exit: int
    refused: tuple[Refused, ...]
    overview: Overview


def lines(found: Overview, by: By) -> Iterator[str]:
    """Return all of it, line by line."""
    yield f"{title(found)}: {numbers(found)}"
    yield ""
    yield from _by_day(found)
    yield ""
    yield from grid([headings(by), *(cells(count, by) for count in counts(found, by))])
    for met in found.failures[:_MOST]:
        yield ""
        yield from _met(met)
    if more := found.failures[_MOST:]:
        yield ""
        yield f"  and {len(more)} more kinds of failure: --json or --html has all of them"


def refused_words(refused: Iterable[Refused]) -> str:
    """Return what was not taken in, "" if there was no such thing."""
    kinds: Counter[str] = Counter()
    for each in refused:
        kinds[each.kind] += each.count
    again = many(kinds.pop(_AGAIN, 0), _AGAIN)
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    parts = [f"refused on these days, of whatever domain: {told}"] if told else []
    if not again.startswith("0 "):
        parts.append(f"beside these: {again}" if told else f"on these days came {again}")
    return "; ".join(parts)


def _by_day(found: Overview) -> Iterator[str]:
    """Two lines of marks; of a day without reports nothing is known."""
    room = max(_LEAST, width() - _LABEL - 30)  # for what stands on both sides
    merged = together(len(found.days), room)
    each = "a day" if merged == 1 else f"in {merged} days"
    sessions = [day.sessions if day.reports else None for day in found.days]
    failed = [day.failed if day.reports else None for day in found.days]
    for label, figures in (("sessions", sessions), ("failed", failed)):
        line = sparkline(figures, room)
        most = max(_sums(figures, merged), default=0)
        yield f"  {label:<{_LABEL}}{line}  at most {most:,} {each}"


def _sums(figures: Sequence[int | None], merged: int) -> Iterator[int]:
    for at in range(0, len(figures), merged):
        yield sum(figure or 0 for figure in figures[at : at + merged])


def grid(rows: Sequence[Cells]) -> Iterator[str]:
    """Yield rows as a table, the first one its headings; figures stand on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        placed = zip(rows[0], row, widths, strict=True)
        yield f"  {'  '.join(_cell(*each) for each in placed)}".rstrip()


def _cell(heading: str, text: str, size: int) -> str:
    padded = text.rjust(size) if heading in FIGURES else text.ljust(size)
    wrong = heading in ("failed", "times") and text not in ("0", heading)
    return paint(padded, "yellow") if wrong else padded


def _met(met: Met) -> Iterator[str]:
    yield from (paint(line, "yellow") for line in wrapped(cause_words(met.cause), 2))
    for label, words in facts(met):
        yield from wrapped(f"{label}: {words}", 4)

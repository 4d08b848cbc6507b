"""The table of a check: one line a server, or two where the terminal is too narrow for one."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from unstrip.faces.cli.speech import paint

HEADINGS = (
    "verdict",
    "host",
    "protocol",
    "upgrade",
    "tls",
    "certificate",
    "policy",
    "wiretap",
    "attacker",
    "later",
)
_SHORT = ("verdict", "host", "wiretap", "attacker", "later")  # what the first of two lines has
_NAMED = {"tls": "TLS ", "certificate": "certificate "}  # what does not say what it is
_NOTHING = "-"
_COLOURS = {
    "safe": "green",
    "reads": "red",
    _NOTHING: "yellow",
    "ok": "green",
    "tampered": "red",
    "short": "yellow",
    "unknown": "yellow",
}
_INDENT, _GAP = "  ", "  "

Cells = Sequence[str]


def table(rows: Sequence[Cells], room: int | None) -> Iterator[str]:
    """Yield the table of these rows.

    Args: rows: each with a cell for each of `HEADINGS`; room: columns of the terminal, None where
        lines may be as long as they like.
    """
    widths = _widths([HEADINGS, *rows])
    if room is None or _length(widths) <= room:
        yield from (_line(cells, widths) for cells in [HEADINGS, *rows])
    else:
        yield from _narrow(rows, room)


def _narrow(rows: Sequence[Cells], room: int) -> Iterator[str]:
    """Yield two lines a server; a host that is too long for its column has a line of its own."""
    named = [dict(zip(HEADINGS, cells, strict=True)) for cells in rows]
    short = [_SHORT, *([one[name] for name in _SHORT] for one in named)]
    widths = _widths(short)
    left = room - (_length(widths) - widths[1])
    widths[1] = min(widths[1], max(left, len("host")))
    yield _line(_SHORT, widths)
    for one, (verdict, host, *others) in zip(named, short[1:], strict=True):
        if len(host) > widths[1]:
            yield _line((verdict, host), widths)
            yield _line(("", "", *others), widths)
        else:
            yield _line((verdict, host, *others), widths)
        said = "; ".join(_said(one))
        yield from textwrap.wrap(
            said, room, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False
        )


def _said(cells: dict[str, str]) -> Iterator[str]:
    """What the second line says, as far as there is something to say."""
    for name, cell in cells.items():
        if name not in _SHORT and cell != _NOTHING:
            yield _NAMED.get(name, "") + cell


def _widths(rows: Sequence[Cells]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _length(widths: Sequence[int]) -> int:
    return len(_INDENT) + sum(widths) + len(_GAP) * (len(widths) - 1)


def _line(cells: Cells, widths: Sequence[int]) -> str:
    return (_INDENT + _GAP.join(map(_cell, cells, widths))).rstrip()


def _cell(text: str, width: int) -> str:
    padded = text.ljust(width)
    return paint(padded, _COLOURS[text]) if text in _COLOURS else padded

"""A comparison for a person: two columns, what was told in clear, and what it comes to.

Facts of the peer are escaped; nothing is shown in colour without a terminal.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest

from unstrip.comparison import Comparison, Difference, Fact, Negotiated, Shown, Way
from unstrip.escaping import brief, printable
from unstrip.faces.cli.report import SHORT, WIDTH, wrapped
from unstrip.faces.cli.speech import Exit, paint
from unstrip.io.compare import Compared
from unstrip.protocols import REGISTRY
from unstrip.verdict import Standing

_LABELS = 22  # columns for what a row is about
_COLUMN = (WIDTH - _LABELS - 4) // 2
_VERSIONS = ("TLSv1.3", "TLSv1.2")
_TONES = {"ok": "green", "tampered": "red"}
_NOTHING = "-"
_Row = tuple[str, *tuple[str, ...]]


def lines(compared: Compared) -> Iterator[str]:
    """Return one comparison, line by line."""
    comparison = compared.comparison
    yield f"{compared.endpoint}: {compared.endpoint.protocol}"
    yield ""
    for row in _rows(comparison):
        yield from _in_columns(row)
    yield ""
    yield from _told(comparison)
    for difference in comparison.differences:
        words = f"the ports disagree: {_disagreement(comparison, difference)}"
        yield from (paint(line, "yellow") for line in wrapped(words, 2))
    for sentence in comparison.words:
        yield from wrapped(sentence, 2)
    yield ""


def summary(found: list[Standing], code: Exit) -> str:
    """Return the last line: how many are in order, and the exit code."""
    counts = Counter(SHORT[standing] for standing in found)
    others = [f"{counts[word]} {word}" for word in ("short", "unknown") if counts[word]]
    words = ", ".join([f"{counts['ok']} of {len(found)} in order", *others])
    return f"{words:<{WIDTH - 8}} exit {code.value}"


# -- the table -------------------------------------------------------------------------------


def _ways(comparison: Comparison) -> list[tuple[str, Way]]:
    verb = REGISTRY[comparison.in_band.endpoint.protocol].VERB
    ways = [(verb, comparison.in_band)]
    return [*ways, ("implicit TLS", comparison.implicit)] if comparison.implicit else ways


def _rows(comparison: Comparison) -> Iterator[_Row]:
    """Yield the rows that say anything."""
    named = _ways(comparison)
    yield "", *(f"{name}, port {way.endpoint.port}" for name, way in named)
    columns = [dict(_facts(way)) for _, way in named]
    for label in columns[0]:
        row = [column[label] for column in columns]
        if set(row) != {_NOTHING}:
            yield label, *row


def _facts(way: Way) -> Iterator[tuple[str, str]]:
    first, *_ = way.trips
    yield "verdict", f"{SHORT[way.standing]}: {way.words}" if way.words else SHORT[way.standing]
    for version in _VERSIONS:
        trips = [trip for trip in way.trips if trip.version == version]
        count = str(trips[0].round_trips) if trips else _NOTHING
        yield f"round trips, {version.replace('v', ' ')}", count
    yield "until TLS stood", _NOTHING if first.seconds is None else f"{first.seconds:.3f} s"
    yield "we said in clear", f"{first.clear_sent} bytes"
    yield "server said in clear", f"{first.clear_received} bytes"
    yield "TLS", _tls(first.negotiated)
    yield "TLS, 1.2 at most", _tls(way.trips[1].negotiated) if way.trips[1:] else _NOTHING
    got = first.negotiated
    yield "ALPN", printable(got.alpn) if got and got.alpn else _NOTHING
    yield "forward secrecy", ("yes" if got.forward_secrecy else "no") if got else _NOTHING
    yield from _certificate(way.certificate)


def _tls(got: Negotiated | None) -> str:
    if got is None:
        return _NOTHING
    group = f" {got.group}" if got.group else ""
    return f"{got.version.removeprefix('TLSv')}{group} {got.cipher.removeprefix('TLS_')}"


def _certificate(shown: Shown | None) -> Iterator[tuple[str, str]]:
    labels = ("certificate", "valid to", "for", "issuer", "key")
    if shown is None:
        yield from ((label, _NOTHING) for label in labels)
        return
    faults = ", ".join(fault.value for fault in shown.faults)
    names = brief(", ".join(shown.names)) or "no name"
    key = f"{shown.key} {shown.spki[:16]}"
    until = f"{shown.expires:%Y-%m-%d}"
    yield from zip(labels, (faults or "ok", until, names, brief(shown.issuer), key), strict=True)


def _in_columns(row: _Row) -> Iterator[str]:
    """Lay one row out; what is too long for its column goes on below."""
    label, *cells = row
    width = _COLUMN if len(cells) > 1 else 2 * _COLUMN
    parts = [textwrap.wrap(cell, width, break_on_hyphens=False) or [""] for cell in cells]
    for place, pieces in enumerate(zip_longest(*parts, fillvalue="")):
        padded = (_painted(label, piece.ljust(width)) for piece in pieces)
        yield f"  {'' if place else label:<{_LABELS}}{'  '.join(padded)}".rstrip()


def _painted(label: str, cell: str) -> str:
    if label != "verdict":
        return cell
    return paint(cell, _TONES.get(cell.partition(":")[0].strip(), "yellow"))


# -- below it --------------------------------------------------------------------------------


def _told(comparison: Comparison) -> Iterator[str]:
    """What was told in clear: either way first, then each way's own."""
    ways = _ways(comparison)
    told = {f"with {name}": _noted(way) for name, way in ways}
    shared = [fact for fact in _noted(ways[0][1]) if all(fact in one for one in told.values())]
    if len(ways) > 1:
        told = {"either way": shared} | {
            name: [fact for fact in one if fact not in shared] for name, one in told.items()
        }
    for name, facts in told.items():
        if facts:
            yield f"  in clear {name}:"
            for fact in facts:
                yield from wrapped(f"- {fact}", 4)
    yield ""


def _noted(way: Way) -> list[str]:
    newest = way.trips[0].told
    older = [fact for trip in way.trips[1:] for fact in trip.told if fact not in newest]
    return [_note(fact) for fact in newest] + [f"{_note(fact)} (with TLS 1.2)" for fact in older]


def _note(fact: Fact) -> str:
    return f"{fact.teller.value}: {fact.told.value}: {brief(', '.join(fact.said))}"


def _disagreement(comparison: Comparison, difference: Difference) -> str:
    names = [f"port {way.endpoint.port}" for _, way in _ways(comparison)]
    if len(set(names)) == 1:  # one port for both ways
        names = [name for name, _ in _ways(comparison)]
    sides = zip(names, (difference.in_band, difference.implicit), strict=True)
    return "; ".join([difference.point.value, *(f"{name}: {side}" for name, side in sides)])

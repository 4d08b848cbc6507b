"""The report of a check for a person: the answer, the proof, what to do.

First one line a host, then what was found in plain words with code, confidence and the bytes
that show it, then what to do. Facts of the peer are escaped, and never mixed with our opinions.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from unstrip.certificates import Unreadable, read
from unstrip.escaping import printable
from unstrip.evidence import Evidence
from unstrip.faces.cli.advice import advised, without_server
from unstrip.faces.cli.domains import column, takes_none, title, together
from unstrip.faces.cli.speech import Exit, paint
from unstrip.faces.cli.table import HEADINGS, table
from unstrip.io.check import Checked
from unstrip.io.domain import DomainChecked, ServiceChecked
from unstrip.protocols import REGISTRY
from unstrip.transcript import Layer, Side
from unstrip.upgrade import Outcome
from unstrip.verdict import Code, Finding, Reach, Standing

WIDTH = 100  # columns
NONE = "none"  # the verdict on a domain that takes no mail
SHORT = {
    Standing.MEETS: "ok",
    Standing.FALLS_SHORT: "short",
    Standing.TAMPERED: "tampered",
    Standing.UNKNOWN: "unknown",
}
_MARKS = {Side.CLIENT: "C", Side.SERVER: "S"}
EXITS = {
    Standing.MEETS: Exit.MEETS,
    Standing.FALLS_SHORT: Exit.FALLS_SHORT,
    Standing.TAMPERED: Exit.TAMPERED,
    Standing.UNKNOWN: Exit.UNKNOWN,
}
_STANDINGS = {
    Code.TLS_OK_AUTHENTICATED: "TLS, and the server proved who it is",
    Code.TLS_OK_UNAUTHENTICATED: "TLS, but whoever answers could be anyone",
    Code.INCONCLUSIVE: "nothing could be concluded",
}
_GRAVITY = (Exit.TAMPERED, Exit.FALLS_SHORT, Exit.UNKNOWN, Exit.MEETS)


@dataclass(frozen=True, slots=True)
class Row:
    """What the report keeps of one check: short words, so that a thousand need no memory."""

    cells: tuple[str, ...]
    details: tuple[str, ...]
    exit: Exit


def row(checked: Checked, *, transcript: bool = False) -> Row:
    """Return what there is to print of one check."""
    return Row(_cells(checked), tuple(_details(checked, transcript=transcript)), exit_of(checked))


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to print of one target.

    Attributes: rows: of its servers; about: what is known of it, a sentence each; nothing where
        it is a server itself.
    """

    rows: list[Row]
    about: tuple[str, ...] = ()


def rows_of(domain: DomainChecked, *, transcript: bool = False) -> list[Row]:
    """Return what there is to print of a domain: a row a server, or why there is none.

    A service that is not there needs no row, unless nothing else is.
    """
    empty = not any(service.servers for service in domain.services)
    rows: list[Row] = []
    for services in together(domain):
        servers = [checked for service in services for checked in service.servers]
        rows += [row(checked, transcript=transcript) for checked in servers]
        if not servers and (empty or services[0].failed):
            rows.append(_row_without_server(services))
        if services[0].inquired.derivation.left_out:
            rows.append(_row_of_the_others(services))
    return rows


def _row_of_the_others(services: list[ServiceChecked]) -> Row:
    """Nobody knows anything of those that are too many to be looked at."""
    derivation = services[0].inquired.derivation
    blanks = ("-",) * (len(HEADINGS) - 3)
    cells = (SHORT[Standing.UNKNOWN], derivation.domain, derivation.sought.protocol, *blanks)
    words = f"{title(services)}: {derivation.route.words}"
    advice = "to do: check the others by their names"
    return Row(cells, (*wrapped(words, 2), *wrapped(advice, 4)), Exit.UNKNOWN)


def _row_without_server(services: list[ServiceChecked]) -> Row:
    derivation = services[0].inquired.derivation
    protocol = derivation.sought.protocol if len(services) == 1 else "-"
    blanks = ("-",) * (len(HEADINGS) - 3)
    if takes_none(derivation):
        return Row((NONE, derivation.domain, protocol, *blanks), (), Exit.MEETS)
    cells = (SHORT[Standing.UNKNOWN], derivation.domain, protocol, *blanks)
    words = f"{title(services)}: {derivation.route.route.value}"
    advice = f"to do: {without_server(derivation.route)}"
    return Row(cells, (*wrapped(words, 2), *wrapped(advice, 4)), Exit.UNKNOWN)


def exit_of(checked: Checked) -> Exit:
    """Return the exit code for one check."""
    return EXITS[checked.verdict.standing]


def worst(exits: Iterable[Exit]) -> Exit:
    """Return the exit code for all: tampering before falling short before not knowing."""
    return min(exits, key=_GRAVITY.index, default=Exit.MEETS)


def lines(told: Iterable[Told], heading: str) -> Iterator[str]:
    """Return the whole report, line by line: what is known of a domain, then its servers."""
    yield heading
    rows: list[Row] = []
    for domain, several in groupby(told, key=lambda one: one.about):
        found = [row for one in several for row in one.rows]
        for text in domain:
            yield from wrapped(text, 2)
        yield from _table(found)
        rows += found
    yield from _summary(rows)


def _table(rows: list[Row]) -> Iterator[str]:
    """Yield the servers, and what was found at each of them."""
    yield ""
    yield from table([row.cells for row in rows], width() if sys.stdout.isatty() else None)
    for one in rows:
        if one.details:
            yield ""
            yield from one.details
    yield ""


def _summary(rows: list[Row]) -> Iterator[str]:
    counts = Counter(one.cells[0] for one in rows)
    servers = len(rows) - counts[NONE]
    parts = [f"{counts['ok']} of {servers} in order"] if servers else []
    parts += [f"{counts[word]} {word}" for word in ("tampered", "short", "unknown") if counts[word]]
    if none := counts[NONE]:
        parts.append("1 takes no mail" if none == 1 else f"{none} take no mail")
    code = worst(one.exit for one in rows)
    yield f"{', '.join(parts):<{width() - 8}} exit {code.value}"


def _cells(checked: Checked) -> tuple[str, ...]:
    evidence, exposure = checked.evidence, checked.verdict.exposure
    reach: tuple[Reach, ...] = (exposure.wiretap, exposure.attacker, exposure.later)
    return (
        SHORT[checked.verdict.standing],
        str(checked.endpoint),
        checked.endpoint.protocol,
        _upgrade(evidence),
        _tls(evidence),
        certificate_words(evidence, evidence.began),
        column(checked),
        *(answer.value for answer in reach),
    )


def _upgrade(evidence: Evidence) -> str:
    if evidence.endpoint.implicit:
        return "implicit" if evidence.handshake else "none"
    if evidence.handshake is not None:
        return REGISTRY[evidence.endpoint.protocol].VERB
    upgrade = evidence.upgrade
    if upgrade is None or upgrade.outcome is Outcome.BROKEN_OFF:
        return "broke off"
    return str(upgrade.outcome.value)


def _tls(evidence: Evidence) -> str:
    shake = evidence.handshake
    if shake is None:
        return "-"
    group = f" {shake.group}" if shake.group else ""
    return f"{shake.version.removeprefix('TLSv')}{group} {shake.cipher.removeprefix('TLS_')}"


def certificate_words(evidence: Evidence, now: datetime) -> str:
    """Return the certificate's standing in a few words."""
    shake = evidence.handshake
    if shake is None or shake.webpki is None:
        return "-"
    if shake.webpki.faults:
        return ", ".join(fault.value for fault in shake.webpki.faults)
    try:
        left = read(shake.chain[0]).not_after - now
    except Unreadable:
        return "cannot be read"
    return f"ok, {left.days} days left"


def _details(checked: Checked, *, transcript: bool) -> Iterator[str]:
    """What was found, the proof, what to do; nothing where there is nothing to say."""
    verdict, evidence = checked.verdict, checked.evidence
    if verdict.standing is Standing.MEETS and not verdict.findings and not transcript:
        return
    tone = {Standing.MEETS: "green", Standing.TAMPERED: "red"}.get(verdict.standing, "yellow")
    named = [finding for finding in verdict.findings if finding.code is verdict.code]
    words = named[0].words if named else _STANDINGS[verdict.code]
    title = f"{checked.endpoint}: {words}   {verdict.code.value} {verdict.confidence:.2f}"
    yield from (paint(line, tone) for line in wrapped(title, 2))
    for finding in named:
        yield from _grounds(finding, evidence, 4)
    for finding in verdict.findings:
        if finding not in named:
            yield from wrapped(_sentence(finding), 4)
            yield from _grounds(finding, evidence, 6)
    yield f"    required: {verdict.decision.level.value}, by {verdict.decision.why()}"
    if advice := advised(checked):
        yield from wrapped(f"to do: {advice}", 4)
    if transcript:
        yield from transcript_lines(evidence)


def _sentence(finding: Finding) -> str:
    return f"{finding.words}   {finding.code.value} {finding.confidence:.2f}"


def _grounds(finding: Finding, evidence: Evidence, indent: int) -> Iterator[str]:
    """What a finding rests on: reasons, the bytes, the rule."""
    for reason in finding.because:
        yield from wrapped(f"- {reason}", indent)
    for proof in finding.proof:
        spoken = evidence.transcript[proof.utterance]
        words = printable(proof.data[:WIDTH])
        place = f"{spoken.speaker.value} at {spoken.at:.3f} s, byte {proof.offset}"
        label = f"{proof.words}: " if proof.words else ""
        yield f"{' ' * indent}- {label}{place}: '{words}'"
    if finding.source:
        yield f"{' ' * indent}- source: {finding.source}"


def transcript_lines(evidence: Evidence) -> Iterator[str]:
    """Return the transcript as C: and S: lines, with times; what was sealed is marked."""
    layer = Layer.CLEAR
    for spoken in evidence.transcript:
        if spoken.layer is not layer:
            layer = spoken.layer
            yield f"    -- {layer.value}"
        mark = f"    {spoken.at:8.3f}  {_MARKS[spoken.speaker]}: "
        if layer is Layer.HANDSHAKE:
            yield f"{mark}{len(spoken.data)} bytes of records"
            continue
        for text in spoken.data.splitlines(keepends=True):
            yield mark + printable(text.removesuffix(b"\r\n"))
    if evidence.failure:
        yield f"    -- {evidence.failure.words}"


def wrapped(text: str, indent: int) -> list[str]:
    """Return a sentence as lines, none of them longer than the terminal has columns."""
    margin = " " * indent
    return textwrap.wrap(
        text,
        width(),
        initial_indent=margin,
        subsequent_indent=f"{margin}  ",
        break_on_hyphens=False,
    )


def width() -> int:
    """Return how many columns there are: the terminal's, and no more than are read with ease."""
    if not sys.stdout.isatty():
        return WIDTH
    return min(WIDTH, max(40, shutil.get_terminal_size((WIDTH, 24)).columns))

"""A publication for a person: what agrees, then what to publish or why not, then what to do.

What is to be pasted stands by itself, with nothing before it on its lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from unstrip.escaping import brief
from unstrip.faces.cli.again import Given, again
from unstrip.faces.cli.report import WIDTH, wrapped
from unstrip.faces.cli.speech import Exit, paint
from unstrip.policy.dane import Standing
from unstrip.publication import (
    Agreement,
    Objection,
    Publication,
    Seen,
    Step,
    Weight,
    agreements,
)

_TONES = {Weight.REFUSED: "red", Weight.UNKNOWN: "yellow", Weight.NOTED: "yellow"}
_HEAD = ("host", "address", "certificate", "tlsa", "policy")
_STANDINGS = {Standing.ABSENT: "none", Standing.FAILED: "not found out"}
_OF_POLICY, _OF_KEYS = frozenset({"--mode", "--max-age"}), frozenset({"--next-key", "--next-cert"})


@dataclass(frozen=True, slots=True)
class PublicationRecord:
    """One publication, for machines.

    Attributes: domain: whose; exit: the exit code; hosts: what agrees; publication: all of it.
    """

    domain: str
    exit: int
    hosts: tuple[Agreement, ...]
    publication: Publication


def record(seen: Seen, publication: Publication) -> PublicationRecord:
    """Return what `--json` prints."""
    code = exit_of(publication).value
    return PublicationRecord(seen.domain, code, tuple(agreements(seen)), publication)


def exit_of(publication: Publication) -> Exit:
    """Return the exit code: what is certain counts before what is not."""
    return code_of(publication.objections)


def code_of(objections: Iterable[Objection]) -> Exit:
    """Return the exit code that objections come to."""
    weights = {objection.weight for objection in objections}
    if Weight.REFUSED in weights:
        return Exit.FALLS_SHORT
    return Exit.UNKNOWN if Weight.UNKNOWN in weights else Exit.MEETS


def lines(seen: Seen, publication: Publication, given: Given = ()) -> Iterator[str]:
    """Return all of it, line by line.

    Args: given: the options that it was asked for with, to be given again.
    """
    code = exit_of(publication)
    yield from _title(seen, publication)
    if publication.objections:
        yield ""
    for objection in publication.objections:
        yield from objection_lines(objection)
    yield from to_publish(publication, given)
    yield ""
    words = "nothing is to be published as things are" if publication.refused else "printed"
    yield f"{words:<{WIDTH - 8}} exit {code.value}"


def to_publish(publication: Publication, given: Given = ()) -> Iterator[str]:
    """Yield what to publish and what to do, line by line; where it is refused only the latter."""
    if not publication.refused:
        yield from _records(publication)
        yield from _policy(publication)
    if publication.steps:
        yield ""
    for number, step in enumerate(publication.steps, 1):
        yield from _step(number, step, _command(publication, step, given))


def _title(seen: Seen, publication: Publication) -> Iterator[str]:
    """What it is about, and what agrees; of a domain without hosts there is nothing to be told."""
    if not seen.servers:
        yield seen.domain
        return
    kinds = [each.kind for each in (*publication.unchanged, *publication.records)]
    tlsa = "TLSA, " if "TLSA" in kinds else ""
    yield f"{seen.domain}: {tlsa}MTA-STS in mode {publication.mode.value}"
    yield ""
    yield from hosts_table(seen)


def hosts_table(seen: Seen) -> Iterator[str]:
    """Yield what agrees at each address of each host."""
    yield from _table([_HEAD, *(_cells(seen, each) for each in agreements(seen))])


def _cells(seen: Seen, each: Agreement) -> tuple[str, ...]:
    name = brief(each.host)
    return name, each.address or "-", _certificate(seen, each), _tlsa(each), _held(seen, each)


def _certificate(seen: Seen, each: Agreement) -> str:
    if each.faults is None:
        return "-"
    if each.faults or each.ends is None:
        return ", ".join(fault.value for fault in each.faults)
    return f"ok, {(each.ends - seen.at).days} days left"


def _tlsa(each: Agreement) -> str:
    if not each.records:
        return _STANDINGS.get(each.standing, each.standing.value)
    many = "1 record" if each.records == 1 else f"{each.records} records"
    if each.met is None:
        return many
    if each.faults is None:
        return f"{many}, but no TLS"
    return f"{many}, fits" if each.met else f"{many}, does not fit"


def _held(seen: Seen, each: Agreement) -> str:
    """Say what policy is published, and whether it has the host."""
    if each.mode is None and seen.served.fetch is not None:
        return "could not be had"
    if each.mode is None:
        unknown = seen.served.record is not None and not seen.unheeded
        return "not found out" if unknown else "none"
    if each.named is None:
        return f"mode {each.mode.value}"
    return f"{each.mode.value}, {'names it' if each.named else 'does not name it'}"


def _table(cells: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(padded)}".rstrip()


def objection_lines(objection: Objection) -> Iterator[str]:
    """Yield an objection, and what to do about it."""
    rule = f" ({objection.rule})" if objection.rule else ""
    text = f"{objection.weight.value}: {objection.words}{rule}"
    yield from (paint(line, _TONES[objection.weight]) for line in wrapped(text, 2))
    if objection.hint:
        yield from wrapped(f"hint: {objection.hint}", 4)


def _records(publication: Publication) -> Iterator[str]:
    """The zone file may be pasted whole: what is left alone is a comment."""
    yield ""
    if publication.records:
        yield "for the zone, each set in the place of the one that is there:"
    else:
        yield "the zone has all that it should:"
    yield ""
    yield from (f"; unchanged: {record}" for record in publication.unchanged)
    yield from map(str, publication.records)


def _policy(publication: Publication) -> Iterator[str]:
    said = "unchanged" if publication.served else "its lines ended by CR LF"
    yield ""
    yield f"for {publication.url}, {said}:"
    yield ""
    yield from publication.policy.splitlines()


def _command(publication: Publication, step: Step, given: Given) -> str:
    """Return how to ask then: what was wished is done by then, unless it was refused."""
    if step.options is None:
        return ""
    command = f"unstrip publish {publication.domain}"
    if not step.options:
        return again(command, given)
    done = _OF_POLICY if publication.refused else _OF_POLICY | _OF_KEYS
    return again(command, given, *step.options, without=done)


def _step(number: int, step: Step, command: str) -> Iterator[str]:
    when = f"not before {step.not_before:%Y-%m-%d %H:%M} UTC: " if step.not_before else ""
    rule = f" ({step.rule})" if step.rule else ""
    colon = ":" if command else ""
    yield from wrapped(f"{number}. {when}{step.words}{rule}{colon}", 2)
    yield from (f"       {text}" for text in (command, *step.lines) if text)

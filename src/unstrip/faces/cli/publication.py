"""A publication for a person: what agrees, then what to publish or why not, then what to do.

What is to be pasted stands by itself, with nothing before it on its lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from unstrip.escaping import brief
from unstrip.evidence import Evidence
from unstrip.faces.cli.report import WIDTH, certificate_words, wrapped
from unstrip.faces.cli.speech import Exit, paint
from unstrip.publication import Objection, Publication, Seen, Server, Step, Weight
from unstrip.tlsa import match

_TONES = {Weight.REFUSED: "red", Weight.UNKNOWN: "yellow", Weight.NOTED: "yellow"}


@dataclass(frozen=True, slots=True)
class Agreement:
    """One address of an MX host, in short words.

    Attributes: host, address: which; certificate: what the web says of it; tlsa: whether the
        published records are met; policy: whether the published policy has the host.
    """

    host: str
    address: str
    certificate: str
    tlsa: str
    policy: str


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
    weights = {objection.weight for objection in publication.objections}
    if Weight.REFUSED in weights:
        return Exit.FALLS_SHORT
    return Exit.UNKNOWN if Weight.UNKNOWN in weights else Exit.MEETS


def lines(seen: Seen, publication: Publication) -> Iterator[str]:
    """Return all of it, line by line."""
    code = exit_of(publication)
    yield f"{seen.domain}: MTA-STS, mode {publication.mode.value}"
    yield ""
    table = [Agreement("host", "address", "certificate", "tlsa", "policy"), *agreements(seen)]
    yield from _table([(r.host, r.address, r.certificate, r.tlsa, r.policy) for r in table])
    if publication.objections:
        yield ""
    for objection in publication.objections:
        yield from _objection(objection)
    if not publication.refused:
        yield from _records(publication)
    yield ""
    for number, step in enumerate(publication.steps, 1):
        yield from _step(number, step)
    yield ""
    words = "nothing is to be published as things are" if publication.refused else "printed"
    yield f"{words:<{WIDTH - 8}} exit {code.value}"


def agreements(seen: Seen) -> Iterator[Agreement]:
    """Yield what is seen at each address of each host."""
    for server in seen.servers:
        name, policy = brief(server.name), _policy(seen, server)
        for visit in server.visits:
            cells = certificate_words(visit, seen.at), _tlsa(seen, server, visit), policy
            yield Agreement(name, visit.address or "-", *cells)
        if not server.visits:
            yield Agreement(name, "-", "-", "-", policy)


def _policy(seen: Seen, server: Server) -> str:
    policy = seen.served.policy
    if policy is None:
        return "not published"
    covered = "has it" if not policy.mx or policy.allows(server.name) else "has it not"
    return f"{policy.mode.value}, {covered}" if policy.mx else policy.mode.value


def _tlsa(seen: Seen, server: Server, visit: Evidence) -> str:
    published = server.host.published
    if not published:
        return server.host.standing.value
    if visit.handshake is None:
        return "not met: no TLS"
    found = match(published, visit.handshake.chain, server.host.names, seen.at)
    return f"{'met' if found.valid else 'not met'}, of {len(published)}"


def _table(cells: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(padded)}".rstrip()


def _objection(objection: Objection) -> Iterator[str]:
    rule = f" ({objection.rule})" if objection.rule else ""
    text = f"{objection.weight.value}: {objection.words}{rule}"
    yield from (paint(line, _TONES[objection.weight]) for line in wrapped(text, 2))
    if objection.hint:
        yield from wrapped(f"hint: {objection.hint}", 4)


def _records(publication: Publication) -> Iterator[str]:
    """The zone file may be pasted whole: what is left alone is a comment."""
    yield ""
    yield "for the zone, each set in the place of the one that is there:"
    yield ""
    yield from (f"; unchanged: {record}" for record in publication.unchanged)
    yield from map(str, publication.records)
    yield ""
    yield f"for {publication.url}, its lines ended by CR LF:"
    yield ""
    yield from publication.policy.splitlines()


def _step(number: int, step: Step) -> Iterator[str]:
    when = f"not before {step.not_before:%Y-%m-%d %H:%M} UTC: " if step.not_before else ""
    rule = f" ({step.rule})" if step.rule else ""
    yield from wrapped(f"{number}. {when}{step.words}{rule}", 2)
    yield from _indented(step.lines)


def _indented(texts: Iterable[str]) -> Iterator[str]:
    yield from (f"       {text}" for text in texts)

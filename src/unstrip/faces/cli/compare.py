"""`unstrip compare`: what does the upgrade cost and give away, beside TLS from the first byte?"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from unstrip.faces.cli.options import AT_ONCE, PORT, VisitOptions, endpoints, terms, visiting
from unstrip.faces.cli.progress import progress
from unstrip.faces.cli.speech import Complaint, Exit, say

if TYPE_CHECKING:
    from unstrip.evidence import Endpoint
    from unstrip.io.compare import Compared
    from unstrip.io.session import Terms
    from unstrip.verdict import Standing

_EPILOG = """\b
exit codes: 0 every way is protected and proven, and the two agree,
1 one falls short or they disagree, 2 usage, 4 could not tell.

\b
example:
  unstrip compare imap://mail.example.org submission://mail.example.org"""


@dataclass(frozen=True)
class Options(VisitOptions):
    """The command's options, as given."""

    starttls_port: int | None
    implicit_port: int | None
    json: bool


@click.command(epilog=_EPILOG)
@visiting
@click.option("--starttls-port", type=PORT, help="The other port of TARGETs with implicit TLS.")
@click.option("--implicit-port", type=PORT, help="The other port of TARGETs upgraded in-band.")
@click.option("--json", is_flag=True, help="One JSON object a target, with all the evidence.")
def compare(targets: tuple[str, ...], **options: object) -> None:
    """Set STARTTLS and implicit TLS of one host side by side.

    Shows round trips up to the first protected byte, what crosses in clear, what TLS agrees on,
    the certificates, and where the two ports disagree. TARGET is either port, as for `check`.
    """
    from unstrip.io.asyncio import run

    chosen = Options(**options)  # type: ignore[arg-type]
    visited = endpoints(targets, chosen)
    _check_ports(visited, chosen)
    held = terms(chosen)
    sys.exit(run(lambda: _compare_all(visited, held, chosen)))


def _check_ports(visited: list[Endpoint], options: Options) -> None:
    """A port for what a protocol does not have is a mistake."""
    from unstrip.protocols import REGISTRY

    for endpoint in visited:
        if options.implicit_port and not REGISTRY[endpoint.protocol].IMPLICIT_PORTS:
            words = f"--implicit-port: {endpoint.protocol} has no implicit TLS"
            raise Complaint(words, "compare it without this option")


async def _compare_all(visited: list[Endpoint], held: Terms, options: Options) -> Exit:
    """Compare all, some hosts at a time, and never one host twice at a time."""
    from unstrip.faces.cli.columns import lines, summary
    from unstrip.faces.cli.report import EXITS, worst
    from unstrip.io.compare import compare_ways

    hosts: defaultdict[str, list[tuple[int, Endpoint]]] = defaultdict(list)
    for number, endpoint in enumerate(visited):
        hosts[endpoint.host].append((number, endpoint))
    waiting = iter(hosts.values())
    texts: dict[int, list[str]] = {}
    found: list[Standing] = []
    with progress(len(visited), "comparing") as advance:

        async def work() -> None:
            for number, endpoint in (one for host in waiting for one in host):
                ports = options.starttls_port, options.implicit_port
                compared = await compare_ways(endpoint, held, *ports)
                found.append(compared.comparison.standing)
                if options.json:
                    _print_json(compared)
                else:
                    texts[number] = list(lines(compared))
                advance()

        await asyncio.gather(*(work() for _ in range(min(AT_ONCE, len(hosts)))))
    for number in sorted(texts):
        for text in texts[number]:
            say(text)
    code = worst(EXITS[standing] for standing in found)
    if not options.json:
        say(summary(found, code))
    return code


def _print_json(compared: Compared) -> None:
    from unstrip.evidence import to_json
    from unstrip.faces.cli.record import comparison_record

    say(to_json(comparison_record(compared)))

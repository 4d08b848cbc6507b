"""`unstrip publish`: what to publish for a domain of one's own, and why not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unstrip.faces.cli.asking import AskingOptions, asking, asks, named
from unstrip.faces.cli.options import FILE, PORT, VisitOptions, terms
from unstrip.faces.cli.speech import Complaint, Exit, say

if TYPE_CHECKING:
    from unstrip.publication import Key, Publication, Seen, Wish

_LONGEST_AGE = 31_557_600  # seconds (RFC 8461, 3.2)
_LARGEST_PEM = 1024 * 1024  # bytes

_EPILOG = """\b
exit codes: 0 printed, 1 refused, for it would lose mail, 2 usage, 4 could not find out.

\b
example:
  unstrip publish example.org --rua mailto:tls@example.org"""


@dataclass(frozen=True)
class Options:
    """The command's own options, as given."""

    mode: str | None
    max_age: int | None
    rua: tuple[str, ...]
    next_key: Path | None
    next_cert: Path | None
    tlsa: bool | None
    port: int
    json: bool


@click.command(epilog=_EPILOG)
@click.argument("domain")
@click.option(
    "--mode",
    type=click.Choice(["testing", "enforce", "none"]),
    help="Of the MTA-STS policy.  [default: as published, or testing]",
)
@click.option(
    "--max-age",
    type=click.IntRange(0, _LONGEST_AGE),
    metavar="SECONDS",
    help="For how long senders keep the policy.  [default: as published, or by the mode]",
)
@click.option(
    "--rua", multiple=True, metavar="URI", help="Where reports go.  [default: as published]"
)
@click.option("--next-key", type=FILE, metavar="PEM", help="The key that the MX will have next.")
@click.option("--next-cert", type=FILE, metavar="PEM", help="The same, with its certificates.")
@click.option(
    "--tlsa/--no-tlsa",
    default=None,
    help="Insist on TLSA records, or print none.  [default: where they can be had]",
)
@click.option("--port", type=PORT, default=25, show_default=True, help="Of the MX hosts.")
@click.option(
    "--connect-to", metavar="ADDRESS", help="Dial this instead of the addresses of the MX hosts."
)
@click.option("--helo", default="localhost", show_default=True, help="Name given in EHLO.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=30.0,
    show_default=True,
    help="Seconds for each visit, everything included.",
)
@click.option("--json", is_flag=True, help="One JSON object.")
@asks
def publish(
    domain: str,
    *,
    connect_to: str | None,
    helo: str,
    timeout: float,
    config: Path | None,
    store: str | None,
    no_store: bool,
    ca_file: Path | None,
    policy: Path | None,
    **options: object,
) -> None:
    """Print what to publish for DOMAIN: TLSA, MTA-STS and TLSRPT records, and the policy file.

    Every MX host is visited first. What would lose mail is not printed, but why; nothing is ever
    changed by this command.
    """
    from unstrip.io.asyncio import run

    chosen = Options(**options)  # type: ignore[arg-type]
    asked = AskingOptions(config, store, no_store, ca_file, policy)
    visits = VisitOptions(None, connect_to, "", ca_file, helo, timeout)
    name, wish = named(domain), _wish(chosen)
    sys.exit(run(lambda: _publish(name, wish, chosen, asked, visits)))


async def _publish(
    name: str, wish: Wish, chosen: Options, asked: AskingOptions, visits: VisitOptions
) -> Exit:
    from unstrip.faces.cli.publication import exit_of
    from unstrip.io.survey import survey
    from unstrip.publication import publish as published

    held = terms(visits)
    assert held.roots, "`terms` has read them"
    async with asking(asked) as ask:
        seen = await survey(name, ask.inquiry, held, chosen.port)
    publication = published(seen, wish, held.roots)
    _print(seen, publication, json=chosen.json)
    return exit_of(publication)


def _print(seen: Seen, publication: Publication, *, json: bool) -> None:
    from unstrip.evidence import to_json
    from unstrip.faces.cli.publication import lines, record

    if json:
        say(to_json(record(seen, publication)))
        return
    for line in lines(seen, publication):
        say(line)


def _wish(chosen: Options) -> Wish:
    from unstrip.policy.mta_sts import Mode
    from unstrip.publication import Wish

    return Wish(
        mode=Mode(chosen.mode) if chosen.mode else None,
        max_age=chosen.max_age,
        rua=_destinations(chosen.rua),
        tlsa=chosen.tlsa,
        next=_next(chosen),
    )


def _destinations(uris: tuple[str, ...]) -> tuple[str, ...]:
    from unstrip.publication import BadUri, destination

    try:
        return tuple(map(destination, uris))
    except BadUri as error:
        raise Complaint(f"--rua: {error}", "see RFC 8460, 3") from error


def _next(chosen: Options) -> Key | None:
    from unstrip.publication import from_certificates, from_key

    if chosen.next_key and chosen.next_cert:
        raise Complaint("--next-key and --next-cert: give one of them", "a certificate has the key")
    if chosen.next_cert:
        return _key(chosen.next_cert, from_certificates)
    return _key(chosen.next_key, from_key) if chosen.next_key else None


def _key(path: Path, read: Callable[[bytes], Key]) -> Key:
    from unstrip.publication import BadPem

    try:
        with path.open("rb") as file:
            return read(file.read(_LARGEST_PEM))
    except (OSError, BadPem) as error:
        raise Complaint(f"{path}: {error}", "give a PEM file") from error

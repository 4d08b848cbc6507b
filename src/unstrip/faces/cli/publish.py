"""`unstrip publish`: what to publish for a domain of one's own, and why not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unstrip.faces.cli.again import Given, given
from unstrip.faces.cli.asking import AskingOptions, asking, asks, named
from unstrip.faces.cli.options import VisitOptions, terms, visiting_mx
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
    next_key: tuple[str, ...]
    next_cert: tuple[str, ...]
    mx: tuple[str, ...]
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
@click.option(
    "--next-key",
    multiple=True,
    metavar="[HOST=]PEM",
    help="The key that the MX hosts will have next, or one of them.",
)
@click.option(
    "--next-cert", multiple=True, metavar="[HOST=]PEM", help="The same, with its certificates."
)
@click.option(
    "--mx", multiple=True, metavar="HOST", help="Have this in the policy before it is in the MX."
)
@click.option(
    "--tlsa/--no-tlsa",
    default=None,
    help="Insist on TLSA records, or print none.  [default: where they can be had]",
)
@visiting_mx
@click.option("--json", is_flag=True, help="One JSON object.")
@asks
@click.pass_context
def publish(
    context: click.Context,
    /,
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
    seen, publication = run(lambda: _publish(name, wish, chosen, asked, visits))
    sys.exit(_told(seen, publication, given(context), json=chosen.json))


async def _publish(
    name: str, wish: Wish, chosen: Options, asked: AskingOptions, visits: VisitOptions
) -> tuple[Seen, Publication]:
    from unstrip.faces.cli.trail import note
    from unstrip.io.survey import survey
    from unstrip.publication import publish as published

    held = terms(visits)
    assert held.roots, "`terms` has read them"
    async with asking(asked, believing=False) as ask:
        seen = await survey(name, ask.inquiry, held, chosen.port, wish.mx)
        if ask.store is not None and visits.connect_to is None:
            note(ask.store, seen)
    return seen, published(seen, wish, held.roots)


def _told(seen: Seen, publication: Publication, options: Given, *, json: bool) -> Exit:
    from unstrip.evidence import to_json
    from unstrip.faces.cli.publication import exit_of, lines, record

    if json:
        say(to_json(record(seen, publication)))
    else:
        for line in lines(seen, publication, options):
            say(line)
    return exit_of(publication)


def _wish(chosen: Options) -> Wish:
    from unstrip.policy.mta_sts import Mode
    from unstrip.publication import Wish

    return Wish(
        mode=Mode(chosen.mode) if chosen.mode else None,
        max_age=chosen.max_age,
        rua=_destinations(chosen.rua),
        tlsa=chosen.tlsa,
        next=_next(chosen),
        mx=tuple(map(named, chosen.mx)),
    )


def _destinations(uris: tuple[str, ...]) -> tuple[str, ...]:
    from unstrip.publication import BadUri, destination

    try:
        return tuple(map(destination, uris))
    except BadUri as error:
        raise Complaint(f"--rua: {error}", "see RFC 8460, 3") from error


def _next(chosen: Options) -> tuple[Key, ...]:
    from unstrip.publication import from_certificates, from_key

    keys = [_key(text, from_key) for text in chosen.next_key]
    keys += [_key(text, from_certificates) for text in chosen.next_cert]
    if len({key.host for key in keys}) < len(keys):
        words = "--next-key and --next-cert: one of them for a host, or for all"
        raise Complaint(words, "for several: HOST=PEM, each host once")
    return tuple(keys)


def _key(text: str, read: Callable[[bytes], Key]) -> Key:
    from unstrip.publication import BadPem

    host, path = _placed(text)
    try:
        with path.open("rb") as file:
            key = read(file.read(_LARGEST_PEM))
    except OSError as error:
        raise Complaint(f"{path} cannot be read: {error.strerror}") from error
    except BadPem as error:
        raise Complaint(f"{path}: {error}", error.hint) from error
    return replace(key, host=host)


def _placed(text: str) -> tuple[str, Path]:
    """Take HOST=PEM apart; a file that has such a name is meant itself."""
    host, equals, path = text.partition("=")
    if not equals or Path(text).exists():
        return "", Path(text)
    return named(host), Path(path)

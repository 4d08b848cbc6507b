"""`unstrip report show`: what others have told of deliveries to us."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unstrip.escaping import printable
from unstrip.faces.cli.asking import CONFIG, STORE, named, reading
from unstrip.faces.cli.report_days import DAY, Days, chosen, read
from unstrip.faces.cli.speech import Complaint, Exit, complain, say

if TYPE_CHECKING:
    from unstrip.io.store import Store
    from unstrip.io.store.received import Refused
    from unstrip.tlsrpt.overview import Overview, Published

_USUAL = 30  # days
_BY = ("day", "sender", "policy", "result")
_EPILOG = """\b
exit codes: 0 shown, 1 nobody has reported, 2 usage, 4 the store or the file cannot be used.

\b
example:
  unstrip report show example.org --by sender
  unstrip report show example.org --html reports.html"""


@click.command(epilog=_EPILOG)
@click.argument("domain", required=False)
@click.option("--since", type=DAY, metavar="DAY", help="First day, in UTC; 30 days if not given.")
@click.option("--until", type=DAY, metavar="DAY", help="Last day, in UTC; today if not given.")
@click.option(
    "--by", type=click.Choice(_BY), default="day", show_default=True, help="What the table counts."
)
@click.option("--json", is_flag=True, help="All of it as one JSON object.")
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a page with plots, all in one file.",
)
@CONFIG
@STORE
def show(
    domain: str | None,
    since: datetime | None,
    until: datetime | None,
    config: Path | None,
    store: str | None,
    **how: str | bool | Path | None,
) -> None:
    """Show the reports on mail to DOMAIN, or to all our domains.

    How many sessions there were, how many of them failed and why, under which policy, told by whom.
    A session counts once under each policy that was applied to it, as in the reports.
    """
    days, name = chosen(since, until, _USUAL), named(domain) if domain else None
    with reading(config, store) as kept:
        found, refused = _found(kept, name, days), kept.refused(days.since, days.until)
    code = Exit.MEETS if found.total.reports else Exit.FALLS_SHORT
    if isinstance(how["html"], Path):
        _write(how["html"], found)
    if how["json"]:
        _print_json(code, refused, found)
    elif code is Exit.MEETS:
        for line in _told(found, refused, how):
            say(line)
    if code is not Exit.MEETS:
        _complain(found, refused)
    sys.exit(code)


def _found(kept: Store, domain: str | None, days: Days) -> Overview:
    from unstrip.tlsrpt.overview import overview

    told = read(kept, domain, days)
    return overview(told, domain or "", days.since, days.until, _published(kept))


def _published(kept: Store) -> Published:
    """Return who knows what a domain published on a day."""
    from unstrip.rollout.snapshot import on, words

    trail = cache(kept.trail)
    return lambda domain, day: words(on(trail(domain), day), day)


def _told(
    found: Overview, refused: Iterable[Refused], how: dict[str, str | bool | Path | None]
) -> Iterator[str]:
    from unstrip.faces.cli.report_lines import lines, refused_words
    from unstrip.faces.cli.report_table import By

    if how["html"]:
        yield f"{printable(str(how['html']))} is written"
        return
    yield from lines(found, By(how["by"]))
    if words := refused_words(refused):
        yield ""
        yield words


def _complain(found: Overview, refused: Iterable[Refused]) -> None:
    """Say that there is nothing, and what may be the reason."""
    from unstrip.faces.cli.report_lines import refused_words

    whom = f" on mail to {found.domain}" if found.domain else ""
    hint = "unstrip report take reads them in"
    if found.domain:
        hint += f"; unstrip publish {found.domain} shows the record that asks for them"
    words = f"nobody has reported{whom} from {found.since} to {found.until}"
    complain(words, refused_words(refused) or hint)


def _write(path: Path, found: Overview) -> None:
    from unstrip.faces.cli.report_page import page
    from unstrip.io.files import Unwritten, write

    try:
        write(path, page(found, datetime.now(UTC)).encode())
    except Unwritten as error:
        raise Complaint(str(error), code=Exit.UNKNOWN) from error


def _print_json(code: Exit, refused: tuple[Refused, ...], found: Overview) -> None:
    from unstrip.evidence import to_json
    from unstrip.faces.cli.report_lines import ReportsRecord

    say(to_json(ReportsRecord(code.value, refused, found)))

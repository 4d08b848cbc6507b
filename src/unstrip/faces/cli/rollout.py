"""`unstrip rollout`: whether a policy in testing may be enforced, and the trail of what was."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unstrip.escaping import printable
from unstrip.faces.cli.again import Given, given
from unstrip.faces.cli.asking import (
    CA_FILE,
    CONFIG,
    STORE,
    Asking,
    AskingOptions,
    asking,
    named,
    reading,
)
from unstrip.faces.cli.options import VisitOptions, terms, visiting_mx
from unstrip.faces.cli.report_days import DAY, Days, chosen, read
from unstrip.faces.cli.speech import Complaint, Exit, say

if TYPE_CHECKING:
    from unstrip.io.session import Terms
    from unstrip.publication import Seen
    from unstrip.rollout.judge import Known

_USUAL = 30  # days
_OUTPUT = Path("-")  # standard output
# which `publish` does not have
_OWN = frozenset({"--since", "--unsigned", "--without", "--json", "--note"})
_EPILOG = """\b
exit codes: 0 safe, 1 not safe, 2 usage, 4 could not tell; the store cannot be used.

\b
example:
  unstrip rollout example.org
  unstrip rollout example.org --trail --csv trail.csv"""


@dataclass(frozen=True)
class Options:
    """The command's own options, as given."""

    since: datetime | None
    unsigned: str
    without: tuple[str, ...]
    port: int
    note: bool
    trail: bool
    csv: Path | None
    json: bool


@click.command(epilog=_EPILOG)
@click.argument("domain")
@click.option(
    "--since", type=DAY, metavar="DAY", help="First day of reports; 30 days if not given."
)
@click.option(
    "--unsigned",
    type=click.Choice(["doubt", "ignore", "trust"]),
    default="doubt",
    show_default=True,
    help="What unsigned reports may do: have their failures counted, nothing, or all.",
)
@click.option(
    "--without",
    metavar="SENDER",
    multiple=True,
    help="Leave out what this domain, or one below it, has reported.",
)
@click.option("--note", is_flag=True, help="Only note what is published and shown now; for timers.")
@click.option("--trail", is_flag=True, help="Show what was published and shown; ask nobody.")
@click.option(
    "--csv",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the trail as CSV; - for standard output.",
)
@click.option("--json", is_flag=True, help="One JSON object.")
@visiting_mx
@CA_FILE
@STORE
@CONFIG
@click.pass_context
def rollout(
    context: click.Context,
    /,
    domain: str,
    *,
    connect_to: str | None,
    helo: str,
    timeout: float,
    config: Path | None,
    store: str | None,
    ca_file: Path | None,
    **options: object,
) -> None:
    """Say whether the MTA-STS policy of DOMAIN, which is in testing, may be enforced.

    It goes by what others have reported, by what is published and shown now, and by what was
    before, of which each run notes what has changed. If it is safe, what to publish is printed;
    nothing is ever changed.
    """
    mine = Options(**options)  # type: ignore[arg-type]
    mine = replace(mine, without=tuple(map(named, mine.without)))
    name = named(domain)
    if mine.note and (mine.trail or mine.csv):
        raise Complaint("--note asks, --trail and --csv ask nobody: give one of them")
    if mine.json and mine.csv == _OUTPUT:
        raise Complaint("--json and --csv -: only one of them goes to standard output")
    if mine.trail or mine.csv:
        _export(name, mine, config, store)
        return
    asked = AskingOptions(config=config, store=store, ca_file=ca_file)
    visits = terms(VisitOptions(None, connect_to, "", ca_file, helo, timeout))
    if mine.note:
        _note(name, mine, asked, visits)
        return
    words = tuple(word for word in given(context) if word[0] not in _OWN)
    sys.exit(_judged(name, mine, asked, visits, words))


def _note(name: str, mine: Options, asked: AskingOptions, visits: Terms) -> None:
    from unstrip.io.asyncio import run

    if visits.connect_to:
        raise Complaint("--note: what is noted is what everybody sees", "leave out --connect-to")
    seen, _, fresh = run(lambda: _look(name, mine, chosen(None, None, 1), asked, visits))
    if fresh is None:
        words = f"the MX of {name} could not be found out, so nothing is noted"
        raise Complaint(words, f"unstrip publish {name}", Exit.UNKNOWN)
    changed = "something has changed, which is noted" if fresh else "nothing has changed"
    missing = "; the policy could not be had" if seen.hidden else ""
    say(f"{name}: {changed}{missing}")


def _judged(name: str, mine: Options, asked: AskingOptions, visits: Terms, words: Given) -> Exit:
    from unstrip.evidence import to_json
    from unstrip.faces.cli.rollout_lines import exit_of, lines, record
    from unstrip.io.asyncio import run
    from unstrip.rollout.judge import judge

    days = chosen(mine.since, None, _USUAL)
    seen, known, _ = run(lambda: _look(name, mine, days, asked, visits))
    assert visits.roots, "`terms` has read them"
    found = judge(seen, known, visits.roots)
    if mine.json:
        say(to_json(record(seen, found)))
    else:
        for line in lines(seen, found, words):
            say(line)
    return exit_of(found)


async def _look(
    name: str, mine: Options, days: Days, asked: AskingOptions, visits: Terms
) -> tuple[Seen, Known, bool | None]:
    """Find out what is there now, note it, and read what was kept."""
    from unstrip.faces.cli.trail import note
    from unstrip.io.survey import survey

    async with asking(asked, believing=False) as ask:
        seen = await survey(name, ask.inquiry, visits, mine.port)
        assert ask.store is not None, "this command has no --no-store"
        fresh = None if visits.connect_to else note(ask.store, seen)
        return seen, _known(ask, seen, mine, days), fresh


def _known(ask: Asking, seen: Seen, mine: Options, days: Days) -> Known:
    from unstrip.evidence import Endpoint
    from unstrip.rollout.judge import Known
    from unstrip.rollout.noting import snapshot
    from unstrip.rollout.snapshot import Noted
    from unstrip.rollout.values import Unsigned

    assert ask.store is not None, "this command has no --no-store"
    kept, report = ask.store, ask.configuration.report
    places = [Endpoint(server.name, seen.port, "smtp") for server in seen.servers]
    visits = [visit for place in places for visit in kept.visits(place)]
    return Known(
        told=tuple(read(kept, seen.domain, days)),
        since=days.since,
        until=days.until,
        trail=(*kept.trail(seen.domain), Noted(seen.at, seen.at, snapshot(seen))),
        visits=tuple(visit for visit in visits if visit.began.date() >= days.since),
        unsigned=Unsigned(mine.unsigned),
        trusted=report.believed,
        without=(*report.ignored, *mine.without),
    )


def _export(name: str, mine: Options, config: Path | None, store: str | None) -> None:
    """Show the trail, and nothing else; where there is none, say how it begins."""
    from unstrip.evidence import to_json
    from unstrip.faces.cli.trail import TrailRecord, as_csv, lines

    with reading(config, store) as kept:
        trail = kept.trail(name)
    if not trail:
        words = f"nothing is noted of {name}"
        raise Complaint(words, f"unstrip rollout {name} --note", Exit.FALLS_SHORT)
    if mine.csv:
        _write(mine.csv, as_csv(name, trail))
    if mine.json:
        say(to_json(TrailRecord(name, trail)))
    elif mine.csv is None:
        for line in lines(trail):
            say(line)
    elif mine.csv != _OUTPUT:
        say(f"{printable(str(mine.csv))} is written")


def _write(path: Path, text: str) -> None:
    from unstrip.io.files import Unwritten, write

    if path == _OUTPUT:
        say(text.removesuffix("\n"))
        return
    try:
        write(path, text.encode())
    except Unwritten as error:
        raise Complaint(str(error), code=Exit.UNKNOWN) from error

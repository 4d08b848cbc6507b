"""`unstrip check`: is the link to this server protected, and if not, is somebody stripping it?"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unstrip.faces.cli.options import AT_ONCE, FILE, PORT, VisitOptions, endpoints, terms, visiting
from unstrip.faces.cli.progress import progress
from unstrip.faces.cli.speech import Complaint, Exit, say

if TYPE_CHECKING:
    from unstrip.evidence import Endpoint, Evidence
    from unstrip.io.check import Checked, Plan
    from unstrip.io.store import History
    from unstrip.policy.local import Table

_EPILOG = """\b
exit codes: 0 all meet the requirement, 1 some fall short, 2 usage,
3 tampering found, 4 could not tell.

\b
example:
  unstrip check smtp://mx.example.org imap://mail.example.org --probe"""


@dataclass(frozen=True)
class Options(VisitOptions):
    """The command's options, as given."""

    require: str | None
    probe: bool
    implicit_port: int | None
    policy: Path | None
    vantage: tuple[Path, ...]
    history: Path | None
    no_history: bool
    transcript: bool
    json: bool


@click.command(epilog=_EPILOG)
@visiting
@click.option(
    "--require",
    type=click.Choice(["may", "encrypt", "verify"]),
    help="What to insist on; the local table and earlier visits may raise it.  [default: verify]",
)
@click.option("--probe", is_flag=True, help="Look further: up to five more connections.")
@click.option("--implicit-port", type=PORT, help="Port that --probe compares.")
@click.option("--policy", type=FILE, metavar="TOML", help="Table of what must be protected.")
@click.option(
    "--vantage",
    type=FILE,
    multiple=True,
    metavar="JSON",
    help="What `check --json` saw from another network.",
)
@click.option(
    "--history", type=click.Path(dir_okay=False, path_type=Path), help="File of earlier visits."
)
@click.option("--no-history", is_flag=True, help="Neither consult nor keep earlier visits.")
@click.option("--transcript", is_flag=True, help="Show what was said.")
@click.option("--json", is_flag=True, help="One JSON object a target, with all the evidence.")
def check(targets: tuple[str, ...], **options: object) -> None:
    """Check whether links are protected, and tell who took the protection away.

    TARGET is a URL (smtp, imaps, xmpp-client, ldap, postgresql, ... as in
    docs/reference/protocols.md; the port is optional), host:port with --protocol, or @FILE with one
    of these a line.
    """
    from unstrip.io.asyncio import run

    chosen = Options(**options)  # type: ignore[arg-type]
    visited = endpoints(targets, chosen)
    with _history(chosen) as history:
        plan = _plan(chosen, history)
        _check_vantages(plan, visited)
        sys.exit(run(lambda: _check_all(visited, plan, chosen)))


async def _check_all(endpoints: list[Endpoint], plan: Plan, options: Options) -> Exit:
    """Check all, some at a time; keep only what is to be printed."""
    import asyncio

    from unstrip.faces.cli.report import Row, lines, row, worst

    rows: dict[int, Row] = {}
    waiting = iter(enumerate(endpoints))
    with progress(len(endpoints), "checking") as advance:

        async def work() -> None:
            from unstrip.io.check import check as check_one

            for index, endpoint in waiting:
                checked = await check_one(endpoint, plan)
                rows[index] = row(checked, transcript=options.transcript)
                if options.json:
                    _print_json(checked)
                advance()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(AT_ONCE, len(endpoints))):
                    group.create_task(work())
        except ExceptionGroup as several:  # the first that went wrong stopped the others
            raise several.exceptions[0] from None
    in_order = [rows[index] for index in range(len(endpoints))]
    if not options.json:
        for text in lines(in_order, _heading(options)):
            say(text)
    return worst(one.exit for one in in_order)


def _heading(options: Options) -> str:
    asked = f"required: {options.require}" if options.require else "required: verify, by default"
    return f"{asked}{', probing' if options.probe else ''}"


def _print_json(checked: Checked) -> None:
    from unstrip.evidence import to_json
    from unstrip.faces.cli.record import record

    say(to_json(record(checked)))


def _plan(options: Options, history: History | None) -> Plan:
    from unstrip.io.check import Plan
    from unstrip.policy import Level, Policy

    return Plan(
        terms=terms(options),
        requirement=Policy(
            "command line" if options.require else "default", Level(options.require or "verify")
        ),
        table=_table(options.policy),
        history=history,
        probe=options.probe,
        implicit_port=options.implicit_port,
        elsewhere=tuple(_vantages(options.vantage)),
    )


def _table(path: Path | None) -> Table:
    import platformdirs

    from unstrip.policy import local

    chosen = path or platformdirs.user_config_path("unstrip") / "policy.toml"
    if path is None and not os.path.lexists(chosen):
        return local.Table()  # anything else that cannot be read is an error, not an empty table
    try:
        return local.parse(chosen.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, local.BadTable) as error:
        raise Complaint(f"{chosen}: {error}", "see docs/reference/policy-file.md") from error


def _check_vantages(plan: Plan, endpoints: list[Endpoint]) -> None:
    """What was seen elsewhere has to be about a target, or somebody expects too much of it."""
    from unstrip.io.check import about

    if plan.elsewhere and not any(about(s, e) for s in plan.elsewhere for e in endpoints):
        seen = ", ".join(sorted({str(seen.endpoint) for seen in plan.elsewhere})[:3])
        raise Complaint("--vantage: nothing was seen there of any target", f"it is about {seen}")


def _vantages(paths: tuple[Path, ...]) -> Iterator[Evidence]:
    from unstrip.evidence import from_json
    from unstrip.faces.cli.record import Record

    for path in paths:
        try:
            for line in path.read_text(encoding="utf-8").splitlines():
                if line.strip():
                    yield from_json(Record, line).evidence
        except (OSError, ValueError, RecursionError) as error:
            words = f"{path} is not what `unstrip check --json` prints: {error}"
            raise Complaint(words) from error


@contextmanager
def _history(options: Options) -> Iterator[History | None]:
    """Open the history; one that cannot be used is an error, since it might have raised the bar."""
    from unstrip.io.store import History, StoreError, default_path

    if options.no_history:
        yield None
        return
    hint = "give --history FILE, or --no-history to do without"
    try:
        history = History(options.history or default_path())
    except StoreError as error:
        raise Complaint(str(error), hint, Exit.UNKNOWN) from error
    try:
        yield history
    except StoreError as error:
        raise Complaint(str(error), hint, Exit.UNKNOWN) from error
    finally:
        history.close()

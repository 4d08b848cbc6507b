"""`unstrip check`: is the link to this server protected, and if not, is somebody stripping it?"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unstrip.faces.cli.progress import progress
from unstrip.faces.cli.speech import Complaint, Exit, say

if TYPE_CHECKING:
    from unstrip.evidence import Endpoint, Evidence
    from unstrip.io.check import Checked, Plan
    from unstrip.io.store import History
    from unstrip.policy.local import Table

AT_ONCE = 50  # targets checked at the same time
_EPILOG = """\b
exit codes: 0 all meet the requirement, 1 some fall short, 2 usage,
3 tampering found, 4 could not tell.

\b
example:
  unstrip check smtp://mx.example.org imap://mail.example.org --probe"""


@dataclass(frozen=True)
class Options:
    """The command's options, as given."""

    protocol: str | None
    require: str | None
    connect_to: str | None
    server_name: str
    ca_file: Path | None
    helo: str
    timeout: float
    probe: bool
    implicit_port: int | None
    policy: Path | None
    vantage: tuple[Path, ...]
    history: Path | None
    no_history: bool
    transcript: bool
    json: bool


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(epilog=_EPILOG)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option("--protocol", metavar="NAME", help="What TARGETs without a scheme speak.")
@click.option(
    "--require",
    type=click.Choice(["may", "encrypt", "verify"]),
    help="What to insist on; the local table and earlier visits may raise it.  [default: verify]",
)
@click.option("--connect-to", metavar="ADDRESS", help="Dial this instead of looking TARGET up.")
@click.option("--server-name", default="", metavar="NAME", help="Name the certificate must carry.")
@click.option("--ca-file", type=_FILE, metavar="PEM", help="Trusted roots instead of the system's.")
@click.option("--helo", default="localhost", show_default=True, help="Name given in EHLO.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=30.0,
    show_default=True,
    help="Seconds for each session, everything included.",
)
@click.option("--probe", is_flag=True, help="Look further: up to five more connections.")
@click.option("--implicit-port", type=click.IntRange(1, 65535), help="Port that --probe compares.")
@click.option("--policy", type=_FILE, metavar="TOML", help="Table of what must be protected.")
@click.option(
    "--vantage",
    type=_FILE,
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

    TARGET is a URL (smtp, submission, smtps, submissions, imap, imaps, pop3, pop3s; the port is
    optional), host:port with --protocol, or @FILE with one of these a line.
    """
    from unstrip.io.asyncio import run

    chosen = Options(**options)  # type: ignore[arg-type]
    if math.isnan(chosen.timeout):
        raise Complaint("--timeout: that is no number of seconds")
    endpoints = list(_endpoints(targets, chosen))
    if not endpoints:
        raise Complaint("there is no target to check", f"is {targets[0]} empty?")
    with _history(chosen) as history:
        plan = _plan(chosen, history)
        _check_vantages(plan, endpoints)
        sys.exit(run(lambda: _check_all(endpoints, plan, chosen)))


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


def _endpoints(targets: tuple[str, ...], options: Options) -> Iterator[Endpoint]:
    from unstrip.target import BadTarget, parse

    for text, place in _spelt_out(targets):
        try:
            yield parse(text, options.protocol, options.server_name)
        except BadTarget as error:
            raise Complaint(f"{place}{error}", error.hint) from error


def _spelt_out(targets: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Read files of targets; blank lines and what follows a # are passed over."""
    for target in targets:
        if not target.startswith("@"):
            yield target, ""
            continue
        path = Path(target[1:])
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Complaint(f"{path} cannot be read: {error}") from error
        for number, line in enumerate(text.splitlines(), 1):
            if words := line.partition("#")[0].strip():
                yield words, f"{path}, line {number}: "


def _plan(options: Options, history: History | None) -> Plan:
    from unstrip.io.check import Plan
    from unstrip.io.session import Terms
    from unstrip.io.trust import NoRoots, anchors
    from unstrip.policy import Level, Policy
    from unstrip.wire import Asking

    try:
        roots = anchors(options.ca_file)
    except NoRoots as error:
        raise Complaint(str(error), "give --ca-file PEM") from error
    return Plan(
        terms=Terms(
            ask=Asking(helo=_helo(options.helo)),
            timeout=options.timeout,
            connect_to=_address(options.connect_to),
            roots=roots,
        ),
        requirement=Policy(
            "command line" if options.require else "default", Level(options.require or "verify")
        ),
        table=_table(options.policy),
        history=history,
        probe=options.probe,
        implicit_port=options.implicit_port,
        elsewhere=tuple(_vantages(options.vantage)),
    )


def _address(text: str | None) -> str | None:
    from unstrip.hostname import BadHostName, host_name

    try:
        return None if text is None else host_name(text)
    except BadHostName as error:
        raise Complaint(f"--connect-to: {error}", "the port goes into TARGET") from error


def _helo(name: str) -> str:
    if not name.isascii() or not name.isprintable() or " " in name or not name:
        raise Complaint(f"--helo: {name!r} is no host name", "give a name or [address]")
    return name


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

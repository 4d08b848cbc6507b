"""`unstrip check`: is the link to this server protected, and if not, is somebody stripping it?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unstrip.escaping import brief
from unstrip.faces.cli.asking import (
    CONFIG,
    NO_STORE,
    POLICY,
    STORE,
    Asking,
    AskingOptions,
    asking,
)
from unstrip.faces.cli.options import AT_ONCE, FILE, PORT, VisitOptions, places, terms, visiting
from unstrip.faces.cli.progress import progress
from unstrip.faces.cli.speech import Complaint, Exit, say, warn

if TYPE_CHECKING:
    from unstrip.evidence import Endpoint, Evidence
    from unstrip.faces.cli.record import DomainRecord, Record
    from unstrip.faces.cli.report import Told
    from unstrip.io.check import Plan
    from unstrip.io.domain import DomainChecked
    from unstrip.io.inquiry import Inquiry

_EPILOG = """\b
exit codes: 0 all meet the requirement, 1 some fall short, 2 usage,
3 tampering found, 4 could not tell.

\b
example:
  unstrip check example.org
  unstrip check smtp://mx.example.org imap://mail.example.org --probe"""


@dataclass(frozen=True)
class Options(VisitOptions):
    """The command's options, as given."""

    require: str | None
    probe: bool
    implicit_port: int | None
    policy: Path | None
    config: Path | None
    store: str | None
    no_store: bool
    vantage: tuple[Path, ...]
    transcript: bool
    json: bool
    count: bool

    @property
    def asking(self) -> AskingOptions:
        """Those that say whom it asks, and what it believes."""
        return AskingOptions(self.config, self.store, self.no_store, self.ca_file, self.policy)


@click.command(epilog=_EPILOG)
@visiting
@POLICY
@CONFIG
@STORE
@NO_STORE
@click.option(
    "--require",
    type=click.Choice(["may", "encrypt", "verify"]),
    help=(
        "What to insist on; DANE, MTA-STS, a list, the local table and earlier visits may raise it."
        "  [default: verify]"
    ),
)
@click.option("--probe", is_flag=True, help="Look further: up to five more connections.")
@click.option("--implicit-port", type=PORT, help="Port that --probe compares.")
@click.option(
    "--vantage",
    type=FILE,
    multiple=True,
    metavar="JSON",
    help="What `check --json` saw from another network.",
)
@click.option("--transcript", is_flag=True, help="Show what was said.")
@click.option("--json", is_flag=True, help="One JSON object a target, with all the evidence.")
@click.option("--count", is_flag=True, help="Count it in TLS reports, each server as a session.")
def check(targets: tuple[str, ...], **options: object) -> None:
    """Check whether links are protected, and tell who took the protection away.

    TARGET is a domain (example.org: the servers that take its mail, and those that its SRV records
    name), a URL (smtp, imaps, xmpp-client, ldap, postgresql, ... as in docs/reference/protocols.md;
    the port is optional), host:port with --protocol, or @FILE with one of these a line.
    """
    from unstrip.io.asyncio import run

    chosen = Options(**options)  # type: ignore[arg-type]
    visited = places(targets, chosen)
    if chosen.count:
        _check_countable(visited, chosen)
    sys.exit(run(lambda: _check_all(visited, chosen)))


async def _check_all(places: list[Endpoint | str], options: Options) -> Exit:
    """Check all, some at a time; keep only what is to be printed."""
    import asyncio

    from unstrip.faces.cli.report import lines, worst

    told: dict[int, Told] = {}
    waiting = iter(enumerate(places))
    async with asking(options.asking, timeout=options.timeout) as asked:
        plan = _plan(options, asked)
        _check_vantages(plan, places)
        with progress(len(places), "checking") as advance:

            async def work() -> None:
                for index, place in waiting:
                    told[index] = await _check_one(place, plan, asked.inquiry, options)
                    advance()

            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(AT_ONCE, len(places))):
                        group.create_task(work())
            except ExceptionGroup as several:  # the first that went wrong stopped the others
                raise several.exceptions[0] from None
    in_order = [told[index] for index in range(len(places))]
    if not options.json:
        for text in lines(in_order, _heading(options)):
            say(text)
    return worst(row.exit for one in in_order for row in one.rows)


async def _check_one(place: Endpoint | str, plan: Plan, inquiry: Inquiry, options: Options) -> Told:
    from unstrip.faces.cli.domains import about
    from unstrip.faces.cli.record import domain_record, record
    from unstrip.faces.cli.report import Told, row, rows_of
    from unstrip.io.check import check as check_endpoint
    from unstrip.io.domain import check_domain

    if isinstance(place, str):
        domain = await check_domain(place, plan, inquiry)
        if options.count:
            await _count(domain, plan, inquiry)
        if options.json:
            _print_json(domain_record(domain))
        return Told(rows_of(domain, transcript=options.transcript), tuple(about(domain)))
    checked = await check_endpoint(place, plan)
    if options.json:
        _print_json(record(checked))
    return Told([row(checked, transcript=options.transcript)])


def _check_countable(places: list[Endpoint | str], options: Options) -> None:
    """Reports are about domains, and what is counted has to be kept somewhere."""
    if options.no_store:
        raise Complaint("--count: there is nowhere to count to", "leave out --no-store")
    if not any(isinstance(place, str) for place in places):
        raise Complaint("--count: no target is a domain", "give one, such as example.org")


async def _count(domain: DomainChecked, plan: Plan, inquiry: Inquiry) -> None:
    """Count what was seen for the domain's TLS report."""
    from datetime import UTC, datetime

    from unstrip.io.tlsrpt.feeding import count

    assert plan.store is not None, "who counts has a store"
    counted, why = await count(domain, inquiry, plan.store, datetime.now(UTC))
    if not counted:
        warn(f"{domain.domain} is not counted: {brief(why, 200)}")


def _heading(options: Options) -> str:
    asked = f"required: {options.require}" if options.require else "required: verify, by default"
    return f"{asked}{', probing' if options.probe else ''}"


def _print_json(printed: Record | DomainRecord) -> None:
    from unstrip.evidence import to_json

    say(to_json(printed))


def _plan(options: Options, asked: Asking) -> Plan:
    from dataclasses import replace

    from unstrip.io.addresses import through
    from unstrip.io.check import Plan
    from unstrip.policy import Level, Policy

    held = terms(options)
    if asked.configuration.resolver.servers:  # one source for policies and addresses
        held = replace(held, look_up=through(asked.inquiry.addresses))
    return Plan(
        terms=held,
        requirement=Policy(
            "command line" if options.require else "default", Level(options.require or "verify")
        ),
        table=asked.inquiry.beliefs.table,
        store=asked.store,
        probe=options.probe,
        implicit_port=options.implicit_port,
        elsewhere=tuple(_vantages(options.vantage)),
        inquiry=asked.inquiry,
    )


def _check_vantages(plan: Plan, places: list[Endpoint | str]) -> None:
    """What was seen elsewhere has to be about a target, or somebody expects too much of it."""
    from unstrip.io.check import about

    named = [place for place in places if not isinstance(place, str)]
    unmatched = plan.elsewhere and len(named) == len(places)  # a domain's servers are not known yet
    if unmatched and not any(about(s, e) for s in plan.elsewhere for e in named):
        seen = ", ".join(sorted({str(seen.endpoint) for seen in plan.elsewhere})[:3])
        raise Complaint("--vantage: nothing was seen there of any target", f"it is about {seen}")


def _vantages(paths: tuple[Path, ...]) -> Iterator[Evidence]:
    for path in paths:
        try:
            for line in path.read_text(encoding="utf-8").splitlines():
                if line.strip():
                    yield from _seen(line)
        except (OSError, ValueError, RecursionError) as error:
            words = f"{path} is not what `unstrip check --json` prints: {error}"
            raise Complaint(words) from error


def _seen(line: str) -> Iterator[Evidence]:
    """Read one line: a domain has several servers."""
    from unstrip.evidence import from_json
    from unstrip.faces.cli.record import DomainRecord, Record

    if '"services":' not in line:
        yield from_json(Record, line).evidence
        return
    for service in from_json(DomainRecord, line).services:
        yield from (server.evidence for server in service.servers)

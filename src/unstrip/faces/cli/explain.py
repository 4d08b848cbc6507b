"""`unstrip explain`: what should happen at the servers of a domain, and why."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from unstrip.faces.cli.asking import Advance, AskingOptions, asking, asks, domains, next_hops
from unstrip.faces.cli.options import AT_ONCE
from unstrip.faces.cli.progress import counting
from unstrip.faces.cli.speech import Complaint, Exit, say

if TYPE_CHECKING:
    from unstrip.derivation import Sought
    from unstrip.faces.cli.explanation import Explanation
    from unstrip.io.daemon import Place
    from unstrip.io.inquiry import Inquired, Inquiry

Explain: TypeAlias = "Callable[[str], Awaitable[Explanation]]"
Explaining: TypeAlias = Callable[[Advance], AbstractAsyncContextManager[Explain]]

_DAEMON = "http://127.0.0.1:8463"  # where it speaks HTTP if nothing is configured
_EPILOG = """\b
exit codes: 0 every server is to be authenticated or encrypted, 1 some are not,
2 usage, 4 it could not be found out.

\b
example:
  unstrip explain example.org
  unstrip explain @domains.txt --json
  unstrip explain example.org --via-daemon"""


def _place(_context: click.Context, _option: click.Parameter, url: str | None) -> Place | None:
    """Read where the daemon is, before the names: a DOMAIN behind the option is taken for a URL."""
    from unstrip.io.daemon import BadPlace, place

    try:
        return None if url is None else place(url)
    except BadPlace as error:
        hint = f"write DOMAIN before it, or --via-daemon={_DAEMON}"
        raise Complaint(f"--via-daemon: {error}", hint) from error


@click.command(epilog=_EPILOG)
@click.argument("names", nargs=-1, required=True, metavar="DOMAIN...")
@click.option(
    "--service",
    default="mail",
    show_default=True,
    metavar="LABEL",
    help="Another service than mail, by its SRV name: _xmpp-client._tcp, _imaps._tcp, ...",
)
@click.option(
    "--via-daemon",
    is_flag=False,
    flag_value=_DAEMON,
    callback=_place,
    metavar="[URL]",
    help=f"Ask a daemon that runs, by default at {_DAEMON}, or unix:/PATH.",
)
@asks
@click.option("--json", is_flag=True, help="All of it as one JSON object a domain.")
def explain(
    names: tuple[str, ...],
    service: str,
    via_daemon: Place | None,
    *,
    json: bool,
    **options: Path | str | bool | None,
) -> None:
    """Explain what should happen at a domain's servers, and why.

    They are not visited. Each question asked and its answer, what each policy says, what they come
    to and by which rule, and what a Postfix or Exim sender would be told. DOMAIN may be @FILE, with
    one a line. With --via-daemon it is what the daemon believes, and DOMAIN may be a server in
    brackets: [smtp.example.org]:587.
    """
    from unstrip.faces.cli.explanation import summary
    from unstrip.faces.cli.report import worst
    from unstrip.io.asyncio import run

    sought, chosen = _sought(service), AskingOptions(**options)  # type: ignore[arg-type]
    if via_daemon is None:
        asked, explaining = domains(names), _by_ourselves(sought, chosen)
    else:
        _check(sought, chosen)
        asked, explaining = next_hops(names), _by_the_daemon(via_daemon)
    exits = run(lambda: _explain(asked, explaining, json=json))
    if len(exits) > 1 and not json:
        for line in summary(exits):
            say(line)
    sys.exit(worst(exits))


async def _explain(names: list[str], explaining: Explaining, *, json: bool) -> list[Exit]:
    """Ask about all, some at a time, and tell of each in its turn."""
    import asyncio

    label = names[0] if len(names) == 1 else f"{len(names)} domains"
    places, exits = asyncio.Semaphore(AT_ONCE), list[Exit]()
    with counting(f"asking about {label}") as advance:
        async with explaining(advance) as explained:

            async def one(name: str) -> Explanation:
                async with places:
                    return await explained(name)

            try:
                async with asyncio.TaskGroup() as group:
                    for task in [group.create_task(one(name)) for name in names]:
                        told = await task
                        _tell(told, json=json, first=not exits)
                        exits.append(Exit(told.exit))
            except ExceptionGroup as several:  # the first that went wrong stopped the others
                raise several.exceptions[0] from None
    return exits


def _by_ourselves(sought: Sought, options: AskingOptions) -> Explaining:
    """Return what asks DNS and the web."""

    @asynccontextmanager
    async def explaining(advance: Advance) -> AsyncIterator[Explain]:
        from unstrip.faces.cli.explanation import explanation

        async with asking(options, advance) as asked:

            async def one(name: str) -> Explanation:
                return explanation(await _inquired(asked.inquiry, name, sought))

            yield one

    return explaining


async def _inquired(inquiry: Inquiry, domain: str, sought: Sought) -> Inquired:
    from unstrip.derivation import MAIL

    if sought.name == MAIL:
        return await inquiry.mail(domain)
    return await inquiry.service(domain, sought)


def _by_the_daemon(where: Place) -> Explaining:
    """Return what asks the daemon, and nobody else."""

    @asynccontextmanager
    async def explaining(advance: Advance) -> AsyncIterator[Explain]:
        from unstrip.faces.cli.explanation import relayed
        from unstrip.io.daemon import NoAnswer, ask
        from unstrip.mta.nexthop import next_hop

        async def one(name: str) -> Explanation:
            hop = next_hop(name.encode())
            assert hop is not None, "`next_hops` let it pass"
            try:
                told = await ask(where, hop)
            except NoAnswer as error:
                raise Complaint(str(error), error.hint, Exit.UNKNOWN) from error
            advance()
            return relayed(told, where.url)

        yield one

    return explaining


def _check(sought: Sought, options: AskingOptions) -> None:
    """Raises: Complaint: an option that is of no use with a daemon."""
    from unstrip.derivation import MAIL

    if sought.name != MAIL:
        raise Complaint("--service: the daemon knows nothing but mail")
    if options != AskingOptions():
        words = "--via-daemon: what is believed, and who is asked, is for the daemon to say"
        raise Complaint(words, "leave out --config, --store, --no-store, --ca-file and --policy")


def _tell(told: Explanation, *, json: bool, first: bool) -> None:
    from unstrip.evidence import to_json
    from unstrip.faces.cli.explanation import lines

    if json:
        say(to_json(told))
        return
    if not first:
        say()
    for line in lines(told):
        say(line)


def _sought(label: str) -> Sought:
    """Return what is looked for.

    Raises: Complaint: nobody knows such a service.
    """
    from unstrip.derivation import MAIL, Sought
    from unstrip.escaping import printable
    from unstrip.protocols import SERVICES

    if label == MAIL:
        return Sought()
    service = SERVICES.get(label.lower())
    if service is None:
        words = f"--service: '{printable(label)}' is unknown"
        raise Complaint(words, f"known: {', '.join([MAIL, *SERVICES])}")
    return Sought(service.name, service.protocol, service.implicit)

"""`unstrip explain`: what should happen at the servers of a domain, and why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unstrip.faces.cli.asking import AskingOptions, asking, asks, domains
from unstrip.faces.cli.options import AT_ONCE
from unstrip.faces.cli.progress import counting
from unstrip.faces.cli.speech import Complaint, Exit, say

if TYPE_CHECKING:
    from unstrip.derivation import Sought
    from unstrip.faces.cli.explanation import Explanation
    from unstrip.io.inquiry import Inquired, Inquiry

_EPILOG = """\b
exit codes: 0 every server is to be authenticated or encrypted, 1 some are not,
2 usage, 4 it could not be found out.

\b
example:
  unstrip explain example.org
  unstrip explain @domains.txt --json"""


@click.command(epilog=_EPILOG)
@click.argument("names", nargs=-1, required=True, metavar="DOMAIN...")
@click.option(
    "--service",
    default="mail",
    show_default=True,
    metavar="LABEL",
    help="Another service than mail, by its SRV name: _xmpp-client._tcp, _imaps._tcp, ...",
)
@asks
@click.option("--json", is_flag=True, help="All of it as one JSON object a domain.")
def explain(
    names: tuple[str, ...], service: str, *, json: bool, **options: Path | str | bool | None
) -> None:
    """Explain what should happen at a domain's servers, and why.

    They are not visited. Each question asked and its answer, what each policy says, what they come
    to and by which rule, and what a Postfix or Exim sender would be told. DOMAIN may be @FILE, with
    one a line.
    """
    from unstrip.faces.cli.explanation import summary
    from unstrip.faces.cli.report import worst
    from unstrip.io.asyncio import run

    asked, sought = domains(names), _sought(service)
    chosen = AskingOptions(**options)  # type: ignore[arg-type]
    exits = run(lambda: _explain(asked, sought, chosen, json=json))
    if len(exits) > 1 and not json:
        for line in summary(exits):
            say(line)
    sys.exit(worst(exits))


async def _explain(
    names: list[str], sought: Sought, options: AskingOptions, *, json: bool
) -> list[Exit]:
    """Ask about all, some at a time, and tell of each in its turn."""
    import asyncio

    from unstrip.faces.cli.explanation import explanation

    label = names[0] if len(names) == 1 else f"{len(names)} domains"
    places, exits = asyncio.Semaphore(AT_ONCE), list[Exit]()
    with counting(f"asking about {label}") as advance:
        async with asking(options, advance) as asked:

            async def one(name: str) -> Explanation:
                async with places:
                    return explanation(await _inquired(asked.inquiry, name, sought))

            try:
                async with asyncio.TaskGroup() as group:
                    for task in [group.create_task(one(name)) for name in names]:
                        told = await task
                        _tell(told, json=json, first=not exits)
                        exits.append(Exit(told.exit))
            except ExceptionGroup as several:  # the first that went wrong stopped the others
                raise several.exceptions[0] from None
    return exits


async def _inquired(inquiry: Inquiry, domain: str, sought: Sought) -> Inquired:
    from unstrip.derivation import MAIL

    if sought.name == MAIL:
        return await inquiry.mail(domain)
    return await inquiry.service(domain, sought)


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

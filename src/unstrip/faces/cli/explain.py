"""`unstrip explain`: what should happen at the servers of a domain, and why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unstrip.faces.cli.asking import AskingOptions, asking, asks, named
from unstrip.faces.cli.progress import counting
from unstrip.faces.cli.speech import Complaint, say

if TYPE_CHECKING:
    from unstrip.derivation import Sought
    from unstrip.io.inquiry import Inquired

_EPILOG = """\b
exit codes: 0 every server is to be authenticated or encrypted, 1 some are not,
2 usage, 4 it could not be found out.

\b
example:
  unstrip explain example.org"""


@click.command(epilog=_EPILOG)
@click.argument("domain")
@click.option(
    "--service",
    default="mail",
    show_default=True,
    metavar="LABEL",
    help="Another service than mail, by its SRV name: _xmpp-client._tcp, _imaps._tcp, ...",
)
@asks
@click.option("--json", is_flag=True, help="All of it as one JSON object.")
def explain(domain: str, service: str, *, json: bool, **options: Path | str | bool | None) -> None:
    """Explain what should happen at the servers of DOMAIN, without visiting them.

    Each question asked and its answer, what each policy says, what they come to and by which rule,
    and what a Postfix or Exim sender would be told.
    """
    from unstrip.evidence import to_json
    from unstrip.faces.cli.explanation import explanation, lines
    from unstrip.io.asyncio import run

    name, sought = named(domain), _sought(service)
    chosen = AskingOptions(**options)  # type: ignore[arg-type]
    told = explanation(run(lambda: _inquire(name, sought, chosen)))
    if json:
        say(to_json(told))
    else:
        for line in lines(told):
            say(line)
    sys.exit(told.exit)


async def _inquire(domain: str, sought: Sought, options: AskingOptions) -> Inquired:
    from unstrip.derivation import MAIL

    with counting(f"asking about {domain}") as advance:
        async with asking(options, advance) as asked:
            if sought.name == MAIL:
                return await asked.inquiry.mail(domain)
            return await asked.inquiry.service(domain, sought)


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

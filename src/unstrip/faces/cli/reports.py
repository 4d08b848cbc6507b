"""`unstrip report`: what became of mail, as we tell others and as they tell us (RFC 8460)."""

from __future__ import annotations

import click

from unstrip.faces.cli.report_feed import feed
from unstrip.faces.cli.report_send import send
from unstrip.faces.cli.report_show import show
from unstrip.faces.cli.report_take import take
from unstrip.faces.cli.report_watch import watch


@click.group()
def report() -> None:
    """Send and read TLS reports (RFC 8460).

    What they are made of is counted by `unstrip serve`, which mail servers tell of each delivery.
    """


for command in (feed, send, take, show, watch):
    report.add_command(command)

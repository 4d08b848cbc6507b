"""`unstrip report watch`: what of the reports is worth waking somebody."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unstrip.faces.cli.asking import CONFIG, STORE, named, reading
from unstrip.faces.cli.report_days import DAY, Days, chosen, read
from unstrip.faces.cli.speech import Complaint, Exit, say

if TYPE_CHECKING:
    from unstrip.faces.cli.report_alarms import WatchRecord

_USUAL = 3  # days: a report comes a day or two late
_EPILOG = """\b
exit codes: 0 no alarms, 1 alarms, 2 usage,
4 nobody has reported, so that there is nothing to go by; the store cannot be used.

\b
example:
  unstrip report watch example.org"""


@click.command(epilog=_EPILOG)
@click.argument("domain")
@click.option("--since", type=DAY, metavar="DAY", help="First day, in UTC; 3 days if not given.")
@click.option("--until", type=DAY, metavar="DAY", help="Last day, in UTC; today if not given.")
@click.option("--json", is_flag=True, help="The alarms as one JSON object.")
@CONFIG
@STORE
def watch(
    domain: str,
    since: datetime | None,
    until: datetime | None,
    config: Path | None,
    store: str | None,
    *,
    json: bool,
) -> None:
    """Look for what is alarming in the last reports on mail to DOMAIN; meant for cron.

    The days are compared with the 14 before them. A failure is new if it was not met in those: that
    type, under that policy, at that server. Success is falling, with all senders or with one, if of
    20 sessions or more at least 5 failed, a share that is a point or more higher, and more than
    chance would bring (three standard deviations). A sender has vanished if it reported on 8 of 14
    days, and on none of the last 3.

    Signed reports are judged by themselves as well: unsigned ones, which anyone can send, may raise
    an alarm and never quiet one.
    """
    from unstrip.faces.cli.report_alarms import lines

    name, days = named(domain), chosen(since, until, _USUAL)
    found = _record(name, days, config, store)
    if json:
        _print_json(found)
    else:
        for line in lines(found):
            say(line)
    sys.exit(found.exit)


def _record(domain: str, days: Days, config: Path | None, store: str | None) -> WatchRecord:
    """Judge what is in the store. Raises: Complaint: there is nothing to go by."""
    from unstrip.faces.cli.report_alarms import WatchRecord
    from unstrip.tlsrpt.alarms import alarms, look_back

    first = look_back(days.since, days.until)
    with reading(config, store) as kept:
        told = tuple(read(kept, domain, Days(first, days.until)))
    if not told:
        words = f"nobody has reported on mail to {domain} from {first} to {days.until}"
        raise Complaint(words, f"unstrip report show {domain}", Exit.UNKNOWN)
    found = alarms(told, days.since, days.until)
    code = Exit.FALLS_SHORT if found else Exit.MEETS
    return WatchRecord(domain, days.since, days.until, code.value, found)


def _print_json(record: WatchRecord) -> None:
    from unstrip.evidence import to_json

    say(to_json(record))

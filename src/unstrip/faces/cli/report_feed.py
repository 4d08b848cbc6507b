"""`unstrip report feed`: sessions of mail servers that tell nobody of them, from their logs."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unstrip.escaping import printable
from unstrip.faces.cli.asking import CA_FILE, CONFIG, POLICY, STORE, AskingOptions, asking
from unstrip.faces.cli.speech import Complaint, Exit, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unstrip.io.tlsrpt.feeding import Feed
    from unstrip.io.tlsrpt.following import Chunk, Taken

_PIPE = "-"
_WORDS = {
    "unasked": "their domains ask for no reports",
    "unknown": "their domains could not be looked up",
    "unsaid": "nothing can be said of them under any policy",
    "old": "they are too old to be reported",
}


@click.group()
def feed() -> None:
    """Count what a mail server did that tells nobody of it."""


@feed.command()
@click.argument("log", default="/var/log/exim4/mainlog", metavar="[LOGFILE|-]")
@click.option("--utc", is_flag=True, help="Times in it that have no zone are in UTC.")
@CONFIG
@STORE
@POLICY
@CA_FILE
def exim(
    *,
    log: str,
    utc: bool,
    config: Path | None,
    store: str | None,
    policy: Path | None,
    ca_file: Path | None,
) -> None:
    """Count the sessions of an Exim, from its main log.

    Run it every few minutes: it reads on from where it was, also in a log that was moved away
    meanwhile. LOGFILE is Debian's place, unless it is given; what comes by - is counted whole. What
    applied to a session is what `unstrip serve` tells Exim of the domain.
    """
    from unstrip.io.asyncio import run

    options = AskingOptions(config, store, ca_file=ca_file, policy=policy)
    sys.exit(run(lambda: _feed(log, options, utc=utc)))


async def _feed(log: str, options: AskingOptions, *, utc: bool) -> Exit:
    from unstrip.io.files import Unread
    from unstrip.io.tlsrpt.feeding import UNKNOWN, Feed

    async with asking(options) as asked:
        assert asked.store is not None, "this command has no --no-store"
        feed = Feed(asked.store, asked.inquiry, utc=utc)
        try:
            for chunk in _chunks(log, asked.store.taken):
                await feed.take(chunk, datetime.now(UTC), lasting=log != _PIPE)
        except Unread as error:
            raise Complaint(printable(str(error)), "give the file, or -") from error
        _tell(feed)
    return Exit.UNKNOWN if feed.passed[UNKNOWN] else Exit.MEETS


def _chunks(log: str, taken: Taken) -> Iterator[Chunk]:
    from unstrip.io.tlsrpt.following import SIZE, Chunk, chunks

    if log != _PIPE:
        yield from chunks(Path(log), taken)
        return
    rest = b""
    while data := os.read(sys.stdin.fileno(), SIZE):
        lines, newline, rest = (rest + data).rpartition(b"\n")
        yield Chunk("", 0, 0, lines + newline)
        rest = rest[:SIZE]  # a longer line is none of Exim's
    yield Chunk("", 0, 0, rest)


def _tell(feed: Feed) -> None:
    say(f"{_sessions(feed.counted)} counted")
    for why, count in sorted(feed.passed.items()):
        say(f"{_sessions(count)} not: {_WORDS[why]}")


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"

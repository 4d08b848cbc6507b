"""Alarms for a person: what has happened, in which figures, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from unstrip.faces.cli.report import wrapped
from unstrip.faces.cli.report_table import cause_words, listed, many, percent, to_do
from unstrip.faces.cli.speech import paint
from unstrip.tlsrpt.alarms import Alarm, Alarming

_MOST = 20  # alarms of one kind that are told of, of any number


@dataclass(frozen=True, slots=True)
class WatchRecord:
    """What `--json` prints. Attributes: exit: the exit code; since, until: the days looked at."""

    domain: str
    since: date
    until: date
    exit: int
    alarms: tuple[Alarm, ...]


def lines(record: WatchRecord) -> Iterator[str]:
    """Return the alarms, line by line."""
    count = many(len(record.alarms), "alarm") if record.alarms else "no alarms"
    yield f"{record.domain}, {record.since} to {record.until}: {count}"
    for kind in Alarming:
        found = [alarm for alarm in record.alarms if alarm.kind is kind]
        for alarm in found[:_MOST]:
            yield ""
            yield from _alarm(alarm, record.domain)
        if more := found[_MOST:]:
            yield ""
            yield f"  {kind.value}: {len(more)} more, --json has all of them"


def _alarm(alarm: Alarm, domain: str) -> Iterator[str]:
    first, *others = _told(alarm, domain)
    yield from (paint(line, "red") for line in wrapped(f"{alarm.kind.value}: {first}", 2))
    for words in others:
        yield from wrapped(words, 4)
    if not alarm.signed:
        yield "    only unsigned reports say so, which anyone can send"


def _told(alarm: Alarm, domain: str) -> Iterator[str]:
    """Say what it is about, then more of it."""
    if alarm.cause is not None:
        yield cause_words(alarm.cause)
        times = many(alarm.times, "time")
        yield f"met {times} since {alarm.day}, told by {listed(alarm.senders)}"
        if advice := to_do(alarm.cause, domain):
            yield f"to do: {advice}"
    elif alarm.before is not None and alarm.after is not None:
        yield f"with {listed(alarm.senders)}" if alarm.senders else "with all senders together"
        for rate, when in ((alarm.after, "since"), (alarm.before, "in the 14 days before")):
            sessions = many(rate.sessions, "session")
            part = percent(rate.failed, rate.sessions)
            yield f"{when} {alarm.day}: {rate.failed:,} of {sessions} failed ({part})"
        yield f"see: unstrip report show {domain} --by sender"
    else:
        yield listed(alarm.senders)
        yield f"its last report is of {alarm.day}"
        yield "to do: where others have too, see whether reports are still taken in"

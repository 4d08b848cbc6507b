"""What of the reports received is worth waking somebody: new failures, silence, success falling.

The days looked at are compared with the `BASE` days before them:

- a failure is new if its cause (result, policy, mail server) was not met in those;
- a sender has vanished if it reported on most of those, and on none of the last `SILENT`;
- success is falling, of all senders or of one, if of `ENOUGH` sessions or more at least `FEW`
  failed, a share of `POINT` or more above what it was, and more of them than chance would bring:
  three standard deviations.

All of it is judged twice, by signed reports alone and by all: anyone can send us others, and so
nobody can quiet an alarm by them. What rests on unsigned ones says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum
from math import sqrt

from unstrip.tlsrpt.overview import Cause, causes
from unstrip.tlsrpt.received import Proof, Told

BASE = timedelta(days=14)
SILENT = timedelta(days=3)
_MOST = BASE.days // 2 + 1  # days
ENOUGH, FEW = 20, 5  # sessions
POINT = 0.01
_DEVIATIONS = 3


class Alarming(Enum):
    """What there is to be alarmed about."""

    NEW = "new failure"
    FALLING = "success falling"
    VANISHED = "sender vanished"


@dataclass(frozen=True, slots=True)
class Rate:
    """How sessions went. Attributes: sessions: all of them; failed: how many of those."""

    sessions: int
    failed: int

    @property
    def share(self) -> float:
        """Of those that failed, 0 to 1."""
        return self.failed / self.sessions if self.sessions else 0.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """One of them.

    Attributes:
        kind: what has happened.
        day: of a failure, when it was met first; of a sender, when it reported last; of success,
            since when.
        senders: who tells of it, or has vanished; none where success is falling with all.
        cause, times: of a new failure, and how often it was met.
        before, after: of success that is falling.
        signed: signed reports alone show it.
    """

    kind: Alarming
    day: date
    senders: tuple[str, ...] = ()
    cause: Cause | None = None
    times: int = 0
    before: Rate | None = None
    after: Rate | None = None
    signed: bool = True


def look_back(since: date, until: date) -> date:
    """Return the first day whose reports count."""
    return min(since, until - SILENT + timedelta(days=1)) - BASE


def alarms(told: Iterable[Told], since: date, until: date) -> tuple[Alarm, ...]:
    """Return what of the days from `since` to `until`, both among them, is alarming.

    Args: told: what is of them and of the days before, from `look_back` on, in any order.
    """
    every = tuple(one for one in told if one.day <= until)
    proved = tuple(one for one in every if one.proof is Proof.DKIM)
    signed = {_identity(one): one for one in _judged(proved, since, until)}
    shown = {_identity(one): replace(one, signed=False) for one in _judged(every, since, until)}
    return tuple(sorted({**shown, **signed}.values(), key=_order))


def _identity(alarm: Alarm) -> tuple[object, ...]:
    """Who tells of a failure may be more with unsigned reports: it is the same alarm."""
    return alarm.kind, alarm.cause or alarm.senders


def _order(alarm: Alarm) -> tuple[object, ...]:
    """Kind by kind, and what anyone could have sent last: else it would stand before the others."""
    kind = list(Alarming).index(alarm.kind)
    return kind, not alarm.signed, -alarm.times, alarm.day, alarm.senders, str(alarm.cause)


def _judged(told: tuple[Told, ...], since: date, until: date) -> Iterator[Alarm]:
    yield from _new(told, since)
    yield from _falling(told, since)
    yield from _vanished(told, until)


# -- new failures ----------------------------------------------------------------------------


def _new(told: tuple[Told, ...], since: date) -> Iterator[Alarm]:
    met: defaultdict[Cause, list[Told]] = defaultdict(list)
    times: defaultdict[Cause, int] = defaultdict(int)
    for one in told:
        for cause, _, many in causes(one):
            met[cause].append(one)
            times[cause] += many if one.day >= since else 0
    for cause, tellers in met.items():
        recent = [one for one in tellers if one.day >= since]
        if recent and not _known(tellers, first := min(one.day for one in recent)):
            senders = tuple(sorted({one.submitter for one in recent}))
            yield Alarm(Alarming.NEW, first, senders, cause, times[cause])


def _known(tellers: list[Told], first: date) -> bool:
    return any(first - BASE <= one.day < first for one in tellers)


# -- success ---------------------------------------------------------------------------------


def _falling(told: tuple[Told, ...], since: date) -> Iterator[Alarm]:
    """All senders together; if not with them, each by itself, whom the others would outweigh."""
    if found := _fallen(told, since):
        yield found
        return
    for sender, ones in _by_sender(told).items():
        if found := _fallen(ones, since):
            yield replace(found, senders=(sender,))


def _fallen(told: Iterable[Told], since: date) -> Alarm | None:
    ones = tuple(told)
    before = _rate(one for one in ones if since - BASE <= one.day < since)
    after = _rate(one for one in ones if one.day >= since)
    if after.sessions < ENOUGH or after.failed < FEW or after.share < before.share + POINT:
        return None
    expected = after.sessions * before.share
    if after.failed <= expected + _DEVIATIONS * sqrt(expected * (1 - before.share)):
        return None
    return Alarm(Alarming.FALLING, since, before=before, after=after)


def _rate(told: Iterable[Told]) -> Rate:
    sessions = failed = 0
    for one in told:
        sessions += one.tally.succeeded + one.tally.failed
        failed += one.tally.failed
    return Rate(sessions, failed)


# -- silence ---------------------------------------------------------------------------------


def _vanished(told: tuple[Told, ...], until: date) -> Iterator[Alarm]:
    silent = until - SILENT + timedelta(days=1)
    for sender, ones in _by_sender(told).items():
        days = {one.day for one in ones}
        often = sum(silent - BASE <= day < silent for day in days)
        if often >= _MOST and max(days) < silent:
            yield Alarm(Alarming.VANISHED, max(days), (sender,))


def _by_sender(told: Iterable[Told]) -> dict[str, list[Told]]:
    found: defaultdict[str, list[Told]] = defaultdict(list)
    for one in told:
        found[one.submitter].append(one)
    return found

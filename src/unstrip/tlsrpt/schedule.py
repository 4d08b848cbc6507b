"""When a report goes to one of its destinations: spread, tried again, and given up in the end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from hashlib import sha256

SPREAD = timedelta(hours=4)  # RFC 8460, 4.1: not all at midnight, and not later than that
PATIENCE = timedelta(hours=24)  # RFC 8460, 5.5: for so long it is tried again
_SOON, _SELDOM = timedelta(minutes=5), timedelta(hours=2)
_SURE = 6  # tries, hours all together, after which an answer that anyone can forge is believed
_ONE_DAY = timedelta(days=1)


class State(Enum):
    """How far a report has come."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    REFUSED = "refused"  # for good
    GIVEN_UP = "given up"  # nobody took it in all that time
    WITHDRAWN = "withdrawn"  # it is not wanted any more, by them or by us


@dataclass(frozen=True, slots=True)
class Job:
    """A report and one of its destinations.

    Attributes:
        day, domain: of the report.
        uri: where to, however the domain's record spells it; "" if it is still to be looked up.
        due: when it is to be tried; once it waits no more, when that came about.
        tries: how often it was.
        words: what came of the last time, for people.
    """

    day: date
    domain: str
    uri: str
    due: datetime
    tries: int = 0
    state: State = State.WAITING
    words: str = ""


class Fate(Enum):
    """What came of one try."""

    ACCEPTED = "accepted"
    LATER = "later"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Tried:
    """One try: what came of it, and in which words."""

    fate: Fate
    words: str


def closed(day: date, now: datetime) -> bool:
    """Tell whether a day is over, so that nothing more is counted in it."""
    return now >= _end(day)


def first(day: date, domain: str, uri: str, spread: timedelta = SPREAD) -> Job:
    """Return a report that has not been tried yet; when it is due is by chance, and always so."""
    share = _share(f"{day}\n{domain}\n{uri}")
    return Job(day, domain, uri, _end(day) + spread * share)


def after(job: Job, tried: Tried, now: datetime) -> Job:
    """Return the job after a try. What is refused for good is not tried again, as by SMTP."""
    again = replace(job, tries=job.tries + 1, words=tried.words)
    if tried.fate is Fate.ACCEPTED:
        return _ended(again, State.DELIVERED, now)
    if tried.fate is Fate.NEVER:
        return _ended(again, State.REFUSED, now)
    return overdue(replace(again, due=now + _pause(again)), now)


def overdue(job: Job, now: datetime) -> Job:
    """Return a job as it is when nobody was there to try it: given up if it is too late."""
    if job.state is State.WAITING and expired(job.day, now):
        return _ended(job, State.GIVEN_UP, now)
    return job


def expired(day: date, now: datetime) -> bool:
    """Tell whether it is too late to report on a day."""
    return now >= _end(day) + SPREAD + PATIENCE


def put_off(job: Job, now: datetime) -> Job:
    """Return a job for which there was no time now."""
    return overdue(replace(job, due=now + _SOON), now)


def missing(job: Job, words: str, now: datetime, *, sure: bool) -> Job:
    """Return a job that nobody asks for: it is not wanted any more if that is sure.

    Args: sure: DNSSEC vouches for it; else it has to be the same once more, hours later.
    """
    tried = after(job, Tried(Fate.LATER, words), now)
    again = job.tries >= _SURE and job.words == words
    if sure or again or tried.state is not State.WAITING:
        return _ended(tried, State.WITHDRAWN, now)
    return tried


def withdrawn(job: Job, words: str, now: datetime) -> Job:
    """Return a job that is not wanted any more."""
    return _ended(replace(job, words=words), State.WITHDRAWN, now)


def _ended(job: Job, state: State, now: datetime) -> Job:
    return replace(job, state=state, due=now)


def _pause(job: Job) -> timedelta:
    """Return how long to wait: twice as long each time, and not all at once."""
    pause = min(_SOON * (1 << min(job.tries - 1, 10)), _SELDOM)
    return pause * (1 + _share(f"{job.domain}\n{job.uri}\n{job.tries}") / 4)


def _end(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC) + _ONE_DAY


def _share(text: str) -> float:
    """Return a number from 0 to 1 that is by chance, and always the same for one text."""
    digest = sha256(text.encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64

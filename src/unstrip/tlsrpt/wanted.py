"""Whether a day at a domain is reported, and where that goes.

It goes where the domain's record of that day asks for it, unless the operator will not have it, or
next to nothing but our own reports went there: else two who report to each other would never stop
(RFC 8460, 5.3: the delivery of a report is not to be reported).

Whoever asks chooses who is written to. So what is the same place is one, however it is spelt, and
of those who take reports, each gets a few of one report and no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from unstrip.tlsrpt.record import BadRecord, BadUri, Record, Rua, destination, parse
from unstrip.tlsrpt.values import Day, PolicyType

MOST = 20  # destinations of one report, however often the record changes
MOST_EACH = 3  # of those, in one domain of mail or at one web server
UNREAD = Rua("")  # where to is to be looked up: the record of the day is no use
_LONGEST = 1000  # characters of a URI: it is part of a key in the store
_AGAIN = 3  # sessions that one report of ours may have taken, as where it had to wait


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where a report goes; nowhere, and why."""

    rua: tuple[Rua, ...] = ()
    words: str = ""


def wanted(
    day: Day, suppressed: Collection[str] = (), ours: Mapping[str, int] | None = None
) -> Wanted:
    """Tell where the report on a day goes.

    Args: suppressed: domains that the operator tells nothing; ours: how many of our own reports
        were given to our mail server for a domain on that day, or on the one before.
    """
    count = sessions(day)
    if not count:
        return Wanted(words="there was no session")
    if day.domain in suppressed:
        return Wanted(words="it is suppressed")
    # they cannot be told from other mail, but where there was no other
    if count <= _AGAIN * (ours or {}).get(day.domain, 0):
        return Wanted(words="next to nothing went there but our own reports")
    if not day.record:
        return Wanted(words="nobody asks for it")
    try:
        return Wanted(usable(parse(day.record.encode(errors="replace"))))
    except BadRecord as error:
        # it is the last of the day, and anyone may have forged it
        return Wanted((UNREAD,), f"its record: {error}")


def usable(record: Record, known: Collection[str] = ()) -> tuple[Rua, ...]:
    """Return the destinations that there is room for, each as its one place.

    Args: known: where the same report goes already, whatever the record says now.
    """
    places = dict.fromkeys(Rua(each.place, each.address) for each in record.rua)
    taken = Counter(_taker(uri) for uri in known if uri != UNREAD.uri)
    found = []
    for rua in places:
        taker = _taker(rua.uri)
        room = taken.total() < MOST and taken[taker] < MOST_EACH and len(rua.uri) <= _LONGEST
        if rua.uri in known:
            found.append(rua)
        elif room:
            found.append(rua)
            taken[taker] += 1
    return tuple(found)


def _taker(place: str) -> str:
    """Return who gets what goes to a place."""
    url = urlsplit(place)
    return url.hostname or url.path.rpartition("@")[2]


def sessions(day: Day) -> int:
    """Return how many sessions there were; one to which two policies apply is counted in both."""
    counts: Counter[PolicyType] = Counter()
    for tally in day.tallies:
        counts[tally.policy.kind] += tally.succeeded + tally.failed
    return max(counts.values(), default=0)


def recipients(uris: Iterable[str]) -> Counter[str]:
    """Return how often each domain is written to, by these destinations."""
    found: Counter[str] = Counter()
    for uri in uris:
        try:
            address = destination(uri).address
        except BadUri:
            continue  # nothing can have gone there
        if address:
            found[address.rpartition("@")[2]] += 1
    return found

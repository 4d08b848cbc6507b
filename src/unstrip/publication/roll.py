"""New keys: the order in which hosts, records and time come together (RFC 7671, 8.1).

All records come first, then the wait, then the keys, and the old records go last. Hosts that show
one key change it together: mostly they are one machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from unstrip.escaping import brief
from unstrip.publication.case import Case
from unstrip.publication.dane import changed, coming, left, shown, unexplained, wanted
from unstrip.publication.values import Objection, Server, Step, Weight
from unstrip.publication.zone import TTL, tlsa

RULE = "RFC 7671, 8.1"
_UNITS = (("day", 86_400), ("hour", 3600), ("second", 1))


def objections(case: Case) -> Iterator[Objection]:
    """Say which keys are for nobody, and which would be changed behind a host's back."""
    for host in sorted({key.host for key in case.wish.next} - {"", *case.hosts}):
        words = f"{brief(host)} is to have another key, and is no MX host of {case.seen.domain}"
        yield Objection(Weight.REFUSED, words, hint=f"the hosts are: {', '.join(case.hosts)}")
    for server in _rolled(case):
        yield from _shared(case, server)


def _shared(case: Case, server: Server) -> Iterator[Objection]:
    """What two names lead to has one key, mostly: whoever changes it changes it for both."""
    for other in case.seen.servers:
        same = bool(set(shown(server)) & set(shown(other)))
        apart = set(coming(case, other)) != set(coming(case, server))
        if not (same and apart and wanted(case, other)):
            continue
        one = not set(server.addresses).isdisjoint(other.addresses)
        words = f"{other.name} shows the key that {server.name} is to change"
        words += ", at the same address: its records would name the old one" if one else ""
        hint = f"if it changes there too, say so: --next-key {other.name}=PEM"
        yield Objection(Weight.REFUSED if one else Weight.NOTED, words, RULE, hint)


def first(case: Case) -> Iterator[Step]:
    """Yield what to do with the records of hosts whose keys stay as they are."""
    new = [s for s in case.seen.servers if changed(case, s) and wanted(case, s)]
    new = [server for server in new if server not in _rolled(case)]
    if not new:
        return
    words = (
        f"publish the TLSA records of {_names(new)}: TLSA has no testing mode, it counts at once; "
        "from then on no key may change before its record, not by a renewal either; --no-tlsa "
        "leaves them out"
    )
    yield Step(words, rule="RFC 7672, 2.2")


def steps(case: Case) -> Iterator[Step]:
    """Yield how to come from one key to the next."""
    rolling = ahead(case)
    done = [server for server in _rolled(case) if server not in rolling]
    over = [server for server in done if not unexplained(case, server)]
    if over:
        yield Step(f"nothing more is to be done for the key of {_names(over)}: it is changed")
    if rolling:
        yield from _from_here(case, rolling)


def _from_here(case: Case, servers: list[Server]) -> Iterator[Step]:
    """Dates count from the first record; where all are there, nobody here knows since when."""
    wait = turnover(*servers)
    missing = [s for s in servers if not set(coming(case, s)) <= set(s.host.published)]
    if missing:
        words = f"publish the TLSA records of {_names(missing)}: the next key's beside the old one"
        yield Step(f"{words}; they count at once", rule=RULE)
    change = case.at + wait if missing else None
    for together in _by_key(servers):
        yield _change(together, wait, change)
    yield _drop(case, servers, change + wait if change else None)


def turnover(*servers: Server) -> timedelta:
    """Return how long it takes until no cache has what was published before (RFC 7671, 8.1)."""
    return timedelta(seconds=2 * max([TTL, *(server.host.ttl for server in servers)]))


def reminder(case: Case) -> Iterator[Step]:
    """Say how a key is changed, of hosts whose keys are not."""
    keeping = [s for s in case.seen.servers if wanted(case, s) and not coming(case, s)]
    if keeping:
        words = (
            f"before the key of {_names(keeping)} changes, and a renewed certificate mostly has "
            "another one"
        )
        yield Step(words, rule=RULE, options=("--next-key", "KEY.pem"))


def ahead(case: Case) -> list[Server]:
    """Return the hosts whose keys are still to change."""
    return [s for s in _rolled(case) if set(shown(s)) != set(coming(case, s))]


def _rolled(case: Case) -> list[Server]:
    return [s for s in case.seen.servers if wanted(case, s) and coming(case, s)]


def _by_key(servers: list[Server]) -> Iterator[list[Server]]:
    """Yield the hosts that show one key, together."""
    keys = dict.fromkeys(frozenset(shown(server)) for server in servers)
    for key in keys:
        yield [server for server in servers if frozenset(shown(server)) == key]


def _change(together: list[Server], wait: timedelta, when: datetime | None) -> Step:
    """Caches have the old records for their TTL, and do not tell how long that was at first."""
    since = "" if when else f", {span(wait)} after its record was published"
    words = f"change the key of {_names(together)}{since}: no mail would come if it were sooner"
    if any(server.host.published for server in together):
        words += (
            f"; where the old records have a TTL of more than {span(wait / 2)} in your zone, only "
            "after twice that TTL"
        )
    return Step(words, when, rule=RULE)


def _drop(case: Case, servers: list[Server], when: datetime | None) -> Step:
    lines = [
        str(tlsa(server.name, case.seen.port, each))
        for server in servers
        for each in left(case, server)
    ]
    since = "" if when else ", once no server shows the old key"
    words = f"drop the old TLSA records of {_names(servers)}{since}; these are left"
    return Step(words, when, tuple(lines), RULE)


def _names(servers: list[Server]) -> str:
    *most, last = (server.name for server in servers)
    return f"{', '.join(most)} and {last}" if most else last


def span(time: timedelta) -> str:
    """Return a time as people say it."""
    seconds = int(time.total_seconds())
    unit, length = next(each for each in _UNITS if seconds % each[1] == 0)
    return f"{seconds // length} {unit}{'s' if seconds > length else ''}"

"""What to publish for a mail domain of one's own, so that others can insist on TLS with it.

`look` finds out what is published, the hosts are visited, and `publish` brings both together with
what the owner wishes: the records and the policy file, or why they would lose mail. Each rule is a
generator `Case -> Objection`, in the file that has its idea. Nothing here publishes anything.
"""

from __future__ import annotations

from collections.abc import Iterator

from unstrip.certificates import Anchors
from unstrip.policy.dane import Route
from unstrip.publication import (
    addresses,
    aliases,
    dane,
    hosts,
    leftover,
    modes,
    policy,
    reports,
    roll,
    steps,
)
from unstrip.publication.agreement import Agreement, agreements
from unstrip.publication.case import Case
from unstrip.publication.keys import BadPem, from_certificates, from_key
from unstrip.publication.look import look
from unstrip.publication.reports import BadUri, destination
from unstrip.publication.values import (
    Key,
    Objection,
    Publication,
    Seen,
    Server,
    Step,
    Weight,
    Wish,
    ZoneRecord,
)

__all__ = [
    "Agreement",
    "BadPem",
    "BadUri",
    "Key",
    "Objection",
    "Publication",
    "Seen",
    "Server",
    "Step",
    "Weight",
    "Wish",
    "ZoneRecord",
    "agreements",
    "destination",
    "from_certificates",
    "from_key",
    "look",
    "publish",
]

_RULES = (
    hosts.objections,
    addresses.objections,
    modes.objections,
    dane.objections,
    leftover.objections,
    roll.objections,
    reports.objections,
)
_THERE = frozenset({Route.NAMED, Route.ITSELF})


def publish(seen: Seen, wish: Wish, anchors: Anchors) -> Publication:
    """Return what to publish, or why nothing is."""
    case = Case(seen, wish, anchors)
    found = sorted(_objections(case), key=lambda o: list(Weight).index(o.weight))
    refused = any(objection.fatal for objection in found)
    told = steps.refused(case, found) if refused else steps.steps(case)
    return Publication(
        domain=seen.domain,
        at=seen.at,
        mode=case.mode,
        url=policy.url(seen.domain),
        policy="" if refused else policy.wished(case),
        served=not refused and policy.unchanged(case),
        unchanged=tuple(each for each in _records(case) if each.ttl is None),
        records=() if refused else tuple(_new(case)),
        objections=tuple(found),
        steps=tuple(told),
    )


def _objections(case: Case) -> Iterator[Objection]:
    """What is said twice, of two addresses or by two rules, is said once."""
    rules = _RULES if case.seen.route.route in _THERE else (hosts.objections,)
    found = [objection for rule in rules for objection in rule(case)]
    if not any(objection.fatal for objection in found):
        found += aliases.objections(case, _new(case))
    yield from dict.fromkeys(found)


def _new(case: Case) -> Iterator[ZoneRecord]:
    """Yield the records to publish."""
    yield from (record for record in _records(case) if record.ttl is not None)


def _records(case: Case) -> Iterator[ZoneRecord]:
    """Yield every record that there is to be; those that are there already have no TTL."""
    yield from _mx(case)
    for server in case.seen.servers:
        yield from dane.records(case, server)
    yield policy.record(case)
    told = reports.record(case)
    if told is not None:
        yield told


def _mx(case: Case) -> Iterator[ZoneRecord]:
    for server in case.seen.servers:
        if server.preference is not None:
            data = f"{server.preference} {server.name}."
            yield ZoneRecord(case.seen.domain, None, "MX", data)

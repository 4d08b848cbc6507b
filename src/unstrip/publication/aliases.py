"""Where a record is to go, there may be an alias: nothing can stand beside it (RFC 1034, 3.6.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from unstrip.escaping import brief
from unstrip.publication.case import Case
from unstrip.publication.values import Objection, Weight, ZoneRecord


def objections(case: Case, records: Iterable[ZoneRecord]) -> Iterator[Objection]:
    """Say which records go elsewhere than to the name they are for."""
    targets = _targets(case)
    for name in dict.fromkeys(record.name for record in records):
        if target := targets.get(name):
            there = brief(target)
            words = f"{name} is an alias of {there}: no name server takes a record beside it"
            hint = f"publish it at {there}, or in the place of the alias; a wildcard's is in no way"
            yield Objection(Weight.NOTED, words, "RFC 1034, 3.6.2", hint)


def _targets(case: Case) -> dict[str, str]:
    """Return the aliases there are, and where each leads."""
    seen = case.seen
    hosts = {f"_{seen.port}._tcp.{server.name}": server.alias for server in seen.servers}
    policy, reports = seen.record.canonical, seen.reports.canonical
    return hosts | {f"_mta-sts.{seen.domain}": policy, f"_smtp._tls.{seen.domain}": reports}

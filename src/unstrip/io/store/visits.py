"""Visits: evidence kept whole, and released only by command.

Visits prove something only where TLS was seen, so those are the ones that outlive pruning, one a
day of each kind: no number of stripped or impersonated visits, which anyone on the path can cause,
pushes an honest one out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from unstrip.evidence import Endpoint, Evidence, to_json
from unstrip.io.store.database import Database, Row
from unstrip.policy.history import proved

NEWEST = 20  # visits kept for an endpoint, besides the telling ones
DAYS = 180  # for as long those are kept
_ENDPOINT = "host = ? and port = ? and protocol = ? and implicit = ? and server_name = ?"
_PRUNE = f"""
delete from visit where {_ENDPOINT}
and id not in (select id from visit where {_ENDPOINT} order by id desc limit {NEWEST})
and id not in (
    select max(id) from visit where {_ENDPOINT} and telling > 0
    and began > ? group by substr(began, 1, 10), telling
)
"""  # noqa: S608  # our own words only


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is remembered of one endpoint.

    Attributes: visits, secured: how many; first, last: RFC 3339.
    """

    endpoint: Endpoint
    visits: int
    secured: int
    first: str
    last: str


class Visits:
    """The visits in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def visits(self, endpoint: Endpoint) -> tuple[Evidence, ...]:
        """Return what is kept of one endpoint, oldest first."""
        return self._read(_ENDPOINT, *_key(endpoint))

    def visits_of(self, host: str, protocol: str) -> tuple[Evidence, ...]:
        """Return what is kept of a host that speaks a protocol, on any port, oldest first."""
        return self._read("host = ? and protocol = ?", host, protocol)

    def keep(self, evidence: Evidence) -> None:
        """Keep one visit that reached its endpoint; others say nothing about it."""
        if evidence.connected is None:
            return
        key = _key(evidence.endpoint)
        began = f"{evidence.began:%Y-%m-%dT%H:%M:%S}"
        oldest = f"{datetime.now(UTC) - timedelta(days=DAYS):%Y-%m-%d}"
        told = (_telling(evidence), int(evidence.secured))
        with self._database.transaction():
            self._database.run(
                "insert into visit (host, port, protocol, implicit, server_name, began, telling,"
                " secured, evidence) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(*key, began, *told, to_json(evidence)),
            )
            self._database.run(_PRUNE, *key * 3, oldest)

    def remembered(self) -> tuple[Remembered, ...]:
        """Return one summary for each endpoint, by name."""
        rows = self._database.rows(
            "select host, port, protocol, implicit, server_name, count(*), sum(secured),"
            " min(began), max(began) from visit group by 1, 2, 3, 4, 5"
        )
        return tuple(_remembered(row) for row in sorted(rows))

    def forget(self, host: str, port: int | None = None) -> int:
        """Release what is expected of a host, or of one port of it; return how many visits."""
        with self._database.transaction():
            return self._forget(host, port)

    def _forget(self, host: str, port: int | None = None) -> int:
        self._database.run("delete from derivation")  # any of them may rest on these visits
        if port is None:
            return self._database.run("delete from visit where host = ?", host)
        return self._database.run("delete from visit where host = ? and port = ?", host, port)

    def _read(self, which: str, *values: str | int) -> tuple[Evidence, ...]:
        query = f"select evidence from visit where {which} order by began, id"  # noqa: S608  # our own words only
        rows = self._database.rows(query, *values)
        return tuple(self._database.read(Evidence, row[0]) for row in rows)


def _remembered(row: Row) -> Remembered:
    return Remembered(Endpoint(row[0], row[1], row[2], bool(row[3]), row[4]), *row[5:])


def _telling(evidence: Evidence) -> int:
    """What a visit shows: 4 for who was there, 2 for TLS, 1 for the offer, added up."""
    offered = evidence.upgrade is not None and evidence.upgrade.advertised
    shown = evidence.secured
    return 4 * (shown and proved(evidence)) + 2 * shown + offered


def _key(endpoint: Endpoint) -> tuple[str | int, ...]:
    return (
        endpoint.host,
        endpoint.port,
        endpoint.protocol,
        int(endpoint.implicit),
        endpoint.server_name,
    )

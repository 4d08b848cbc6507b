"""Visits: evidence kept whole, and released only by command.

Visits prove something only where TLS was seen, so those are the ones that outlive pruning, one a
day of each kind: no number of stripped or impersonated visits, which anyone on the path can cause,
pushes an honest one out. What a host asked of all who come back may hold for longer than that, and
is kept until it asks anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from unstrip.evidence import Endpoint, Evidence, to_json
from unstrip.io.store.database import Database, Row
from unstrip.io.store.derivations import release_derived
from unstrip.policy import irc_sts
from unstrip.policy.history import MEMORY, proved, steady

NEWEST = 20  # visits kept for an endpoint, besides the telling ones
DAYS = 180  # for as long those are kept
_ENDPOINT = "host = ? and port = ? and protocol = ? and implicit = ? and server_name = ?"
_OFFER, _TLS, _PROOF, _ASKS, _RELEASES = 1, 2, 4, 8, 16  # what a visit shows, added up
_LAST = "telling & {} > 0 order by began desc, id desc limit 1"
_PRUNE = f"""
delete from visit where {_ENDPOINT}
and id not in (select id from visit where {_ENDPOINT} order by id desc limit {NEWEST})
and id not in (
    select max(id) from visit where {_ENDPOINT} and telling > 0
    and began > ? group by substr(began, 1, 10), telling
)
and (telling < {_ASKS} or (
    id not in (select id from visit where {_ENDPOINT} and {_LAST.format(_ASKS)})
    and id not in (select id from visit where {_ENDPOINT} and {_LAST.format(_RELEASES)})
))
"""  # noqa: S608  # our own words only

_SEEN = f"""
select count(*), max(tls), count(proof), min(proof), max(proof) from (
    select case when telling & {_TLS} > 0 then began end as tls,
        case when telling & {_PROOF} > 0 then began end as proof
    from visit where {_ENDPOINT}
) as seen
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


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen of one endpoint before.

    Attributes: visits, proofs: how many visits, and how many that proved a name; last: the last
        one in TLS; first_proof, last_proof: of those that did.
    """

    visits: int
    last: str | None
    proofs: int
    first_proof: str | None
    last_proof: str | None

    def steady(self, *more: str) -> bool:
        """Tell whether that, and more proofs, makes us expect another one."""
        times = [_time(proof) for proof in (self.first_proof, self.last_proof, *more) if proof]
        return bool(times) and steady(self.proofs + len(more), max(times) - min(times))


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
        telling = _telling(evidence)
        with self._database.transaction():
            seen = _Seen(*self._database.rows(_SEEN, *key)[0])
            if telling & _TLS and self._raises(seen, began, telling):
                release_derived(self._database)  # any of them may rest on less
            self._database.run(
                "insert into visit (host, port, protocol, implicit, server_name, began, telling,"
                " secured, evidence) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(*key, began, telling, int(evidence.secured), to_json(evidence)),
            )
            if seen.visits >= NEWEST:
                self._database.run(_PRUNE, *key * 3, oldest, *key * 2)

    def _raises(self, seen: _Seen, began: str, telling: int) -> bool:
        """Tell whether a visit inside TLS makes us expect more than those before it did."""
        try:
            if seen.last is None or _time(seen.last) + MEMORY <= datetime.now(UTC):
                return True
            return bool(telling & _PROOF) and seen.steady(began) > seen.steady()
        except (ValueError, TypeError) as error:  # SQLite keeps anything anywhere
            raise self._database.failed(error) from error

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
        release_derived(self._database)  # any of them may rest on these visits
        if port is None:
            return self._database.run("delete from visit where host = ?", host)
        return self._database.run("delete from visit where host = ? and port = ?", host, port)

    def _read(self, which: str, *values: str | int) -> tuple[Evidence, ...]:
        query = f"select evidence from visit where {which} order by began, id"  # noqa: S608  # our own words only
        rows, what = self._database.rows(query, *values), f"a visit to {values[0]}"
        return tuple(self._database.read(Evidence, row[0], what) for row in rows)


def _remembered(row: Row) -> Remembered:
    return Remembered(Endpoint(row[0], row[1], row[2], bool(row[3]), row[4]), *row[5:])


def _telling(evidence: Evidence) -> int:
    offered = evidence.upgrade is not None and evidence.upgrade.advertised
    shown = evidence.secured
    seconds = irc_sts.said(evidence)
    asked = 0 if seconds is None else _ASKS if seconds else _RELEASES
    return _OFFER * offered + _TLS * shown + _PROOF * (shown and proved(evidence)) + asked


def _time(began: str) -> datetime:
    return datetime.fromisoformat(began).replace(tzinfo=UTC)


def _key(endpoint: Endpoint) -> tuple[str | int, ...]:
    return (
        endpoint.host,
        endpoint.port,
        endpoint.protocol,
        int(endpoint.implicit),
        endpoint.server_name,
    )

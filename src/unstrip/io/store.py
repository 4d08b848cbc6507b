"""The history of visits, in SQLite: evidence kept whole, and released only by command.

Visits prove something only where TLS was seen, so those are the ones that outlive pruning, one a
day of each kind: no number of stripped or impersonated visits, which anyone on the path can cause,
pushes an honest one out.

A store that cannot be read is an error, never an empty history: that would loosen a decision.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unstrip.evidence import Endpoint, Evidence, from_json, to_json
from unstrip.policy.history import proved

NEWEST = 20  # visits kept for an endpoint, besides the telling ones
DAYS = 180  # for as long those are kept
_VERSION = 1
_SCHEMA = """
create table if not exists visit (
    id integer primary key,
    host text not null, port integer not null, protocol text not null, implicit integer not null,
    server_name text not null,
    began text not null, telling integer not null, secured integer not null,
    evidence blob not null
);
create index if not exists visit_endpoint on visit (host, port, protocol, implicit, server_name);
"""
_ENDPOINT = "host = ? and port = ? and protocol = ? and implicit = ? and server_name = ?"
_PRUNE = f"""
delete from visit where {_ENDPOINT}
and id not in (select id from visit where {_ENDPOINT} order by id desc limit {NEWEST})
and id not in (
    select max(id) from visit where {_ENDPOINT} and telling
    and began > date('now', '-{DAYS} days') group by date(began), telling
)
"""  # noqa: S608  # our own words only


class StoreError(OSError):
    """The history cannot be read or written; nothing may be concluded from that."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the history holds of one endpoint.

    Attributes: visits, secured: how many; first, last: RFC 3339.
    """

    endpoint: Endpoint
    visits: int
    secured: int
    first: str
    last: str


def default_path() -> Path:
    """Return where the history is kept, by the platform's convention."""
    import platformdirs

    return platformdirs.user_state_path("unstrip") / "history.sqlite3"


class History:
    """The visits kept in one file, which is made when it is not there.

    Raises: StoreError, here and from every method: it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("pragma busy_timeout = 5000")
            version = self._db.execute("pragma user_version").fetchone()[0]
            if version not in (0, _VERSION):
                raise StoreError(f"{path} was written by another version of unstrip")
            self._db.execute("pragma journal_mode = wal")
            self._db.executescript(_SCHEMA)
            self._db.execute(f"pragma user_version = {_VERSION}")

    def visits(self, endpoint: Endpoint) -> tuple[Evidence, ...]:
        """Return what is kept of one endpoint, oldest first."""
        query = f"select evidence from visit where {_ENDPOINT} order by began, id"  # noqa: S608  # our own words only
        with self._explained():
            rows = self._db.execute(query, _key(endpoint)).fetchall()
            return tuple(from_json(Evidence, row[0]) for row in rows)

    def keep(self, evidence: Evidence) -> None:
        """Keep one visit that reached its endpoint; others say nothing about it."""
        if evidence.connected is None:
            return
        key = _key(evidence.endpoint)
        began = f"{evidence.began:%Y-%m-%dT%H:%M:%S}"
        row = (*key, began, _telling(evidence), evidence.secured)
        with self._explained(), self._transaction():
            self._db.execute(
                "insert into visit (host, port, protocol, implicit, server_name, began, telling,"
                " secured, evidence) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, to_json(evidence)),
            )
            self._db.execute(_PRUNE, key * 3)

    def remembered(self) -> tuple[Remembered, ...]:
        """Return one summary for each endpoint, by name."""
        query = (
            "select host, port, protocol, implicit, server_name, count(*), sum(secured),"
            " min(began), max(began) from visit group by 1, 2, 3, 4, 5 order by 1, 2"
        )
        with self._explained():
            rows = self._db.execute(query).fetchall()
        return tuple(
            Remembered(Endpoint(row[0], row[1], row[2], bool(row[3]), row[4]), *row[5:])
            for row in rows
        )

    def forget(self, host: str, port: int | None = None) -> int:
        """Release what is expected of a host, or of one port of it; return how many visits."""
        query = "delete from visit where host = ? and (? is null or port = ?)"
        with self._explained():
            return self._db.execute(query, (host, port, port)).rowcount

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except (sqlite3.Error, OSError, ValueError, TypeError) as error:
            raise StoreError(f"the history in {self.path} cannot be used: {error}") from error


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

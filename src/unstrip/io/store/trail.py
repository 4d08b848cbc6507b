"""The trail: what each domain of one's own published and showed, and when.

Only a change makes a new row, so it is kept for good. Its time never goes back, whatever the clock
does: what was seen later stands later.
"""

from __future__ import annotations

from datetime import datetime

from unstrip.evidence import to_json
from unstrip.io.store.database import Database, Row, microseconds, moment
from unstrip.rollout.snapshot import Noted, Snapshot, completed

_NEWEST = "select id, last, body from trail where domain = ? order by id desc limit 1"


class Trail:
    """The trail in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, domain: str, at: datetime, snapshot: Snapshot) -> bool:
        """Note what was seen; return whether it is another than the last time."""
        time = microseconds(at)
        with self._database.transaction():
            newest = self._database.rows(_NEWEST, domain)
            if newest:
                number, last, body = newest[0]
                time, seen = max(time, last), self._snapshot(body)
                if seen == snapshot:
                    self._database.run("update trail set last = ? where id = ?", time, number)
                    return False
                if seen == completed(snapshot, seen):  # all that is new is that less was found out
                    return False
            self._database.run(
                "insert into trail (domain, first, last, body) values (?, ?, ?, ?)",
                *(domain, time, time, to_json(snapshot)),
            )
        return True

    def trail(self, domain: str) -> tuple[Noted, ...]:
        """Return all that was noted of a domain, oldest first."""
        query = "select first, last, body from trail where domain = ? order by id"
        return tuple(map(self._noted, self._database.rows(query, domain)))

    def _noted(self, row: Row) -> Noted:
        first, last, body = row
        try:
            times = moment(first), moment(last)
        except (TypeError, OverflowError) as error:  # SQLite keeps anything anywhere
            raise self._database.failed(error) from error
        return Noted(*times, self._snapshot(body))

    def _snapshot(self, body: bytes) -> Snapshot:
        return self._database.read(Snapshot, body, "what was seen of a domain")

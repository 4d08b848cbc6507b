"""Derivations: what was derived for a domain, so that it need not be derived anew.

It is only a shortcut: it is gone with whatever it may rest on, and it never holds for longer than
it was meant to, whatever becomes of the clock. To derive takes seconds, in which that may go as
well. Of the domain's own policy it is told by the time when that was kept; for all else there is
the era: another begins whenever all derivations are released.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from unstrip.io.store.database import Database, microseconds


class Derivations:
    """The derivations in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def era(self) -> int:
        """Return which era it is; what is derived belongs to the one in which that began."""
        return int(self._database.rows("select number from era")[0][0])

    def keep_derived(
        self, name: str, made: datetime, expires: datetime, body: bytes, era: int
    ) -> None:
        """Keep what was derived for a domain, unless what it rests on was replaced since."""
        with self._database.transaction():
            self._database.run("delete from derivation where expires <= ?", microseconds(made))
            self._database.run(
                "insert into derivation (name, made, expires, body) select ?, ?, ?, ?"
                " where not exists (select 1 from policy where domain = ? and kept > ?)"
                " and exists (select 1 from era where number = ?)"
                " on conflict (name) do update"
                " set made = excluded.made, expires = excluded.expires, body = excluded.body",
                *(name, microseconds(made), microseconds(expires), body),
                *(name, microseconds(made), era),
            )

    def derived(self, name: str, now: datetime) -> bytes | None:
        """Return what was derived for a domain, if that holds now.

        What was made later than now holds no more: the clock was set back.
        """
        at = microseconds(now)
        query = "select body from derivation where name = ? and made <= ? and expires > ?"
        rows = self._database.rows(query, name, at, at)
        return self._database.kept(bytes, rows[0][0]) if rows else None

    def derivations(self, now: datetime, after: str, most: int) -> list[tuple[str, bytes]]:
        """Return what was derived and holds now, by name: so many that come after a name."""
        at, kept = microseconds(now), self._database.kept
        query = "select name, body from derivation where name > ? and made <= ? and expires > ?"
        rows = self._database.rows(f"{query} order by name limit ?", after, at, at, most)
        return [(kept(str, name), kept(bytes, body)) for name, body in rows]


def release_derived(database: Database) -> None:
    """Release all that was derived, and what is being derived now; within a transaction."""
    database.run("delete from derivation")
    database.run("update era set number = ?", secrets.randbits(63))

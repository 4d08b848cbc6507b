"""Policies: what MTA-STS remembers, signed lists, and what was derived from all there is.

A policy is never lost to a failure, however many look for it at the same time, and a list never
gives way to an older one. What was derived is only a shortcut: it is gone with whatever it may rest
on, and it never holds for longer than it was meant to, whatever becomes of the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from unstrip.evidence import to_json
from unstrip.io.store.database import Database, microseconds, moment
from unstrip.policy.mta_sts import Known, reconciled


@dataclass(frozen=True, slots=True)
class KeptList:
    """A list of policies, as it is kept: when it was made, as it says, and all of it."""

    timestamp: datetime
    body: bytes


class Policies:
    """The policies in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, domain: str) -> Known | None:
        """Return what is remembered of a domain's MTA-STS policy."""
        rows = self._database.rows("select known from policy where domain = ?", domain)
        return self._database.read(Known, rows[0][0]) if rows else None

    def domains(self) -> tuple[Known, ...]:
        """Return what is remembered of MTA-STS, by domain."""
        rows = self._database.rows("select domain, known from policy")
        return tuple(self._database.read(Known, row[1]) for row in sorted(rows))

    def remember(self, base: Known | None, new: Known) -> Known:
        """Keep what came of a look, beside what others have found out meanwhile.

        Args: base: what was known when the look began.
        Returns: what is kept now.
        """
        with self._database.transaction():
            kept = reconciled(base, self.known(new.domain), new)
            self._database.run(
                "insert into policy (domain, known, kept) values (?, ?, ?)"
                " on conflict (domain) do update set known = excluded.known, kept = excluded.kept",
                *(new.domain, to_json(kept), microseconds(datetime.now(UTC))),
            )
            self._database.run("delete from derivation where name = ?", new.domain)
        return kept

    def keep_list(self, name: str, timestamp: datetime, body: bytes) -> bool:
        """Keep a list, unless one that was made later is kept; tell whether it was."""
        with self._database.transaction():
            kept = self.kept_list(name)
            if kept is not None and kept.timestamp > timestamp:
                return False
            if kept == KeptList(timestamp, body):
                return True
            self._database.run(
                "insert into policy_list (name, made, body) values (?, ?, ?)"
                " on conflict (name) do update set made = excluded.made, body = excluded.body",
                *(name, microseconds(timestamp), body),
            )
            self._database.run("delete from derivation")  # any of them may rest on the old one
        return True

    def kept_list(self, name: str) -> KeptList | None:
        """Return the list that is kept."""
        rows = self._database.rows("select made, body from policy_list where name = ?", name)
        return KeptList(moment(rows[0][0]), rows[0][1]) if rows else None

    def keep_derived(self, name: str, made: datetime, expires: datetime, body: bytes) -> None:
        """Keep what was derived for a domain, unless what it rests on was replaced since."""
        with self._database.transaction():
            self._database.run("delete from derivation where expires <= ?", microseconds(made))
            self._database.run(
                "insert into derivation (name, made, expires, body) select ?, ?, ?, ?"
                " where not exists (select 1 from policy where domain = ? and kept > ?)"
                " on conflict (name) do update"
                " set made = excluded.made, expires = excluded.expires, body = excluded.body",
                *(name, microseconds(made), microseconds(expires), body, name, microseconds(made)),
            )

    def derived(self, name: str, now: datetime) -> bytes | None:
        """Return what was derived for a domain, if that holds now.

        What was made later than now holds no more: the clock was set back.
        """
        at = microseconds(now)
        query = "select body from derivation where name = ? and made <= ? and expires > ?"
        rows = self._database.rows(query, name, at, at)
        return rows[0][0] if rows else None

    def _forget_policy(self, domain: str) -> int:
        return self._database.run("delete from policy where domain = ?", domain)

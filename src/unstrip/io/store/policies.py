"""Policies: what MTA-STS remembers, signed lists, and what was derived from all there is.

A policy is never lost to a failure, however many look for it at the same time, and a list never
gives way to an older one. What was derived is only a shortcut: it is gone with whatever it may rest
on, and it never holds for longer than it was meant to, whatever becomes of the clock.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from unstrip.evidence import to_json
from unstrip.io.store.database import Database, Row, microseconds, moment
from unstrip.policy.mta_sts import Known, reconciled

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KeptList:
    """A list of policies, as it is kept: who signed it, when it was made, as it says, and all."""

    signer: str
    timestamp: datetime
    body: bytes


class Policies:
    """The policies in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, domain: str) -> Known | None:
        """Return what is remembered of a domain's MTA-STS policy."""
        rows = self._database.rows("select domain, known from policy where domain = ?", domain)
        return self._known(rows[0]) if rows else None

    def domains(self) -> tuple[Known, ...]:
        """Return what is remembered of MTA-STS, by domain."""
        rows = self._database.rows("select domain, known from policy")
        return tuple(sorted(map(self._known, rows), key=lambda known: known.domain))

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
            if new.looked and not new.uncertain(new.looked):
                self._clear(new.domain)
        return kept

    def keep_list(self, name: str, signers: Collection[str], new: KeptList) -> bool:
        """Keep a list, unless another is kept that is no older; tell whether it is kept now.

        Of two that were made in the same second nobody knows which is the newer.

        Args: signers: whose lists count here; others with the same name are left as they are.
        """
        with self._database.transaction():
            kept = self.kept_list(name, signers)
            if kept is not None and kept.body != new.body and kept.timestamp >= new.timestamp:
                return False
            if self.kept_list(name, (new.signer,)) == new:
                return True
            self._database.run(
                "insert into policy_list (name, signer, made, body) values (?, ?, ?, ?)"
                " on conflict (name, signer) do update set made = excluded.made,"
                " body = excluded.body",
                *(name, new.signer, microseconds(new.timestamp), new.body),
            )
            self._database.run("delete from derivation")  # any of them may rest on the old one
        return True

    def kept_list(self, name: str, signers: Collection[str]) -> KeptList | None:
        """Return the newest list that is kept of those that one of `signers` has signed."""
        query = "select signer, made, body from policy_list where name = ?"
        found = [self._list(row) for row in self._database.rows(query, name) if row[0] in signers]
        return max(found, key=lambda kept: (kept.timestamp, kept.signer), default=None)

    def _known(self, row: Row) -> Known:
        found = self._database.read(Known, row[1])
        if found.domain != row[0]:
            raise self._database.failed(
                ValueError(f"a policy of {found.domain} for another domain")
            )
        return found

    def _list(self, row: Row) -> KeptList:
        signer, made, body = row
        try:
            return KeptList(signer, moment(self._kept(int, made)), self._kept(bytes, body))
        except OverflowError as error:
            raise self._database.failed(error) from error

    def _kept(self, kind: type[T], value: object) -> T:
        """Return what is kept, if it is of its kind: SQLite would keep anything anywhere."""
        if isinstance(value, kind):
            return value
        words = f"{type(value).__name__} in the place of {kind.__name__}"
        raise self._database.failed(TypeError(words))

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
        return self._kept(bytes, rows[0][0]) if rows else None

    def derivations(self, now: datetime, after: str, most: int) -> list[tuple[str, bytes]]:
        """Return what was derived and holds now, by name: so many that come after a name."""
        at = microseconds(now)
        query = "select name, body from derivation where name > ? and made <= ? and expires > ?"
        rows = self._database.rows(f"{query} order by name limit ?", after, at, at, most)
        return [(self._kept(str, name), self._kept(bytes, body)) for name, body in rows]

    def _clear(self, domain: str) -> None:
        """Note that what may have been lost of a domain does not matter any more."""
        self._database.run(
            "insert into clear (domain) select ? where exists (select 1 from loss)"
            " on conflict (domain) do nothing",
            domain,
        )

    def _forget_policy(self, domain: str) -> int:
        self._clear(domain)  # by command: the next look is to be believed
        return self._database.run("delete from policy where domain = ?", domain)

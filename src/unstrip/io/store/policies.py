"""Policies: what MTA-STS remembers, and signed lists.

A policy is never lost to a failure, however many look for it at the same time, and a list never
gives way to an older one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from unstrip.escaping import brief
from unstrip.evidence import to_json
from unstrip.io.store.database import Database, Row, StoreDamagedError, microseconds, moment
from unstrip.io.store.derivations import release_derived
from unstrip.policy.mta_sts import Known, reconciled


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

    def domains(self, unread: list[StoreDamagedError] | None = None) -> tuple[Known, ...]:
        """Return what is remembered of MTA-STS, by domain.

        Args: unread: gets an error for each that cannot be read; None to have it raised.
        """
        found = []
        for row in self._database.rows("select domain, known from policy"):
            try:
                found.append(self._known(row))
            except StoreDamagedError as error:
                if unread is None:
                    raise
                unread.append(error)
        return tuple(sorted(found, key=lambda known: known.domain))

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
            release_derived(self._database)  # any of them may rest on the old one
        return True

    def kept_list(self, name: str, signers: Collection[str]) -> KeptList | None:
        """Return the newest list that is kept of those that one of `signers` has signed."""
        query = "select signer, made, body from policy_list where name = ?"
        found = [self._list(row) for row in self._database.rows(query, name) if row[0] in signers]
        return max(found, key=lambda kept: (kept.timestamp, kept.signer), default=None)

    def _known(self, row: Row) -> Known:
        what = f"the policy of {brief(str(row[0]))}"
        found = self._database.read(Known, row[1], what)
        if found.domain != row[0]:
            raise self._database.damaged(f"{what} is that of {found.domain}")
        return found

    def _list(self, row: Row) -> KeptList:
        signer, made, body = row
        try:
            kept = self._database.kept
            return KeptList(signer, moment(kept(int, made)), kept(bytes, body))
        except OverflowError as error:
            raise self._database.failed(error) from error

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

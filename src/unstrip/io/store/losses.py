"""Losses: that a store was damaged, so that it may have had policies of which it knows no more.

That it knows nothing of a domain means less from then on. A domain whose policy cannot be looked up
may have had one that would still hold, so mail to it waits until a look has a clean answer: there
is a policy, or there is none. No policy holds for longer than a year, so neither does this.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from unstrip.io.store.database import Database, microseconds, moment
from unstrip.io.store.derivations import release_derived

LONGEST = timedelta(seconds=31557600)  # RFC 8461, 3.2: the longest max_age


class Losses:
    """The losses in a database, and the domains that are clear of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lose(self, at: datetime) -> None:
        """Note that something was lost."""
        with self._database.transaction():
            self._end()
            self._database.run("insert into loss (at) values (?)", microseconds(at))

    def loss(self, now: datetime | None = None) -> datetime | None:
        """Return when something was lost, None if nothing was that could matter now.

        A time that is yet to come was by another clock, by which nobody may have to wait for years.
        """
        now = now or datetime.now(UTC)
        (last,) = self._database.rows("select max(at) from loss")[0]
        if last is None or moment(last) + LONGEST <= now:
            return None
        if moment(last) > now:
            self.lose(now)
        return min(moment(last), now)

    def lost(self, domain: str) -> str:
        """Say why a policy of a domain may have been lost, "" if none was."""
        at = self.loss()
        if at is None:
            return ""
        if self._database.rows("select 1 from clear where domain = ?", domain):
            return ""
        return f"the store was damaged on {at:%Y-%m-%d}, and may have known a policy of {domain}"

    def regain(self) -> bool:
        """Go on as if nothing had been lost; tell whether something was."""
        with self._database.transaction():
            self._database.run("delete from clear")
            return self._end() > 0

    def _end(self) -> int:
        release_derived(self._database)  # any of them may rest on that
        return self._database.run("delete from loss")

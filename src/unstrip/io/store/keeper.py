"""A memory that goes on while its store fails, and is never looser for it.

- What cannot be written is held in this process, and written when that can be done again.
- What cannot be read is an error, unless this process holds a policy than which nothing that the
  store could say would be stricter.
- What took the place of another store is told of every policy that this process holds.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from time import monotonic

from unstrip.evidence import Endpoint, Evidence
from unstrip.io.store import KeptList, Store, StoreError
from unstrip.io.store.held import Held
from unstrip.io.store.tended import Listener, Operation, Tended
from unstrip.policy.mta_sts import Known, reconciled

AGAIN = 5.0  # seconds until what could not be written is tried again
_NO_ERA = -1  # nothing of it is kept
_AT_ONCE = 50  # domains of which something is written before others have their turn


class Keeper:
    """Such a memory, and all else that is wanted of a store, for use by one thread.

    Attributes: tended: the store; what it says of itself may be read by any thread.
    Raises: StoreError, of what is said above.
    """

    def __init__(self, where: str | Path, listener: Listener) -> None:
        self._held, self._listener = Held(), listener
        self._again = 0.0  # when to try to write
        self.tended = Tended(where, listener, self._held.owe_all)

    @property
    def unsaved(self) -> int:
        """Of how many domains something is to be written yet."""
        return len(self._held.unsaved)

    def everything(self) -> tuple[Known, ...]:
        """Return what this process holds, for another store."""
        return self._held.all

    def inherit(self, everything: Collection[Known]) -> None:
        """Have what was held beside another store, and write it."""
        self._held.owe_all(everything)

    # Policies

    def known(self, domain: str) -> Known | None:
        """Return what is known of a domain's MTA-STS policy."""
        self._settle()
        try:
            stored = self.tended.use(Operation.READ, lambda store: store.known(domain))
        except StoreError:
            alone = self._held.alone(domain, datetime.now(UTC))
            if alone is None:
                raise
            return alone
        self._held.keep(domain, stored)
        owed = self._held.unsaved.get(domain)
        return reconciled(owed.base, stored, owed.new) if owed else stored

    def remember(self, base: Known | None, new: Known) -> Known:
        """Keep what was found out since `base`, and return what is kept."""
        owed = self._held.unsaved.get(new.domain)
        before = owed.base if owed else base
        try:
            return self._write(before, new)
        except StoreError:
            if not self._held.owe(before, new):
                raise
            return new

    def _write(self, base: Known | None, new: Known) -> Known:
        kept = self.tended.use(Operation.WRITE, lambda store: store.remember(base, new))
        self._held.saved(new.domain)
        self._held.keep(new.domain, kept)
        return kept

    def _settle(self, most: int | None = _AT_ONCE) -> None:
        """Write what could not be written before, if it is time to try."""
        if monotonic() < self._again:
            return
        for domain, owed in list(islice(self._held.unsaved.items(), most)):
            try:
                self._write(owed.base, owed.new)
            except StoreError:
                self._again = monotonic() + AGAIN
                self._held.put_off(domain)
                return

    def derived(self, name: str, now: datetime) -> bytes | None:
        """Return what was derived earlier, None where it may rest on less, or cannot be read."""
        with suppress(StoreError):
            if name not in self._held.unsaved:
                return self.tended.use(Operation.READ, lambda store: store.derived(name, now))
        return None

    def derivations(self, now: datetime, after: str, most: int) -> list[tuple[str, bytes]]:
        """Return the same of all names: so many that come after a name."""
        if self._held.unsaved:
            raise StoreError("some of what was derived may rest on less than is known")
        return self.tended.use(Operation.READ, lambda store: store.derivations(now, after, most))

    def era(self) -> int:
        """Return to which era belongs what is derived from now on."""
        with suppress(StoreError):
            return self.tended.use(Operation.READ, Store.era)
        return _NO_ERA

    def keep_derived(
        self, name: str, made: datetime, expires: datetime, body: bytes, era: int
    ) -> None:
        """Keep what was derived, if that can be done."""
        with suppress(StoreError):
            self.tended.use(
                Operation.WRITE, lambda store: store.keep_derived(name, made, expires, body, era)
            )

    def keep_list(self, name: str, signers: Collection[str], new: KeptList) -> bool:
        """Keep a list; see `Policies`."""
        return self.tended.use(Operation.WRITE, lambda store: store.keep_list(name, signers, new))

    def kept_list(self, name: str, signers: Collection[str]) -> KeptList | None:
        """Return a list that is kept."""
        return self.tended.use(Operation.READ, lambda store: store.kept_list(name, signers))

    # All else

    def visits(self, endpoint: Endpoint) -> tuple[Evidence, ...]:
        """Return earlier visits to one endpoint."""
        return self.tended.use(Operation.READ, lambda store: store.visits(endpoint))

    def visits_of(self, host: str, protocol: str) -> tuple[Evidence, ...]:
        """Return the same for all ports where a host speaks a protocol."""
        return self.tended.use(Operation.READ, lambda store: store.visits_of(host, protocol))

    def lost(self, domain: str) -> str:
        """Say why a policy of a domain may have been lost, "" if none was."""
        return self.tended.use(Operation.READ, lambda store: store.lost(domain))

    def claim(self, domain: str) -> bool:
        """Say that we look a domain up, unless another does."""
        return self.tended.use(Operation.CLAIM, lambda store: store.claim(domain))

    def unclaim(self, domain: str) -> None:
        """Take that back."""
        self.tended.use(Operation.CLAIM, lambda store: store.unclaim(domain))

    def look(self) -> None:
        """See how the store is, and write what could not be written before."""
        self.tended.look()
        self._settle()

    def close(self) -> None:
        """Let go of the store, once what can be written is."""
        self._again = 0.0
        self._settle(None)
        if self.unsaved:
            domains = "1 domain" if self.unsaved == 1 else f"{self.unsaved} domains"
            self._listener.lost(f"a store was left without what was found out of {domains}")
        self.tended.close()

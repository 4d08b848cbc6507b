"""What a process holds of policies in its own memory, in case that the store fails it.

Of a store that cannot be read nobody knows what others have kept there, so only a policy that is in
force and enforced is good enough: nothing that the store could say would ask for more.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from unstrip.policy.mta_sts import Known, Mode

ROOM = 8 * 1024 * 1024  # bytes of policies that are kept, and as many of those that are not
_ENTRY = 1000  # bytes that one takes beside its lines


class Unsaved(NamedTuple):
    """What could not be kept: what was known before the look, and what came of it."""

    base: Known | None
    new: Known


class Held:
    """Policies of domains.

    Args: room: bytes. Of what is kept elsewhere, the oldest goes for something new. Of what is not,
        a look without a policy does; a policy never.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._kept: dict[str, Known] = {}
        self._unsaved: dict[str, Unsaved] = {}
        self._taken = self._owed = 0  # bytes

    @property
    def unsaved(self) -> dict[str, Unsaved]:
        """What is to be kept as soon as that can be done."""
        return self._unsaved

    def keep(self, domain: str, known: Known | None) -> None:
        """Hold what the store has of a domain, if that could be of use without it."""
        if (old := self._kept.pop(domain, None)) is not None:
            self._taken -= _size(old)
        if known is None or not _enforces(known):
            return
        self._kept[domain] = known
        self._taken += _size(known)
        while self._taken > self._room:
            self._taken -= _size(self._kept.pop(next(iter(self._kept))))

    def owe(self, base: Known | None, new: Known) -> bool:
        """Hold what could not be kept; tell whether there was room for it."""
        before = self._unsaved.get(new.domain)
        self._put(Unsaved(before.base if before else base, new))
        while self._owed > self._room:
            other = next((d for d, each in self._unsaved.items() if not each.new.policy), None)
            if other is None:
                self.saved(new.domain)
                if before is not None:
                    self._put(before)
                return False
            self.saved(other)
        return True

    def _put(self, owed: Unsaved) -> None:
        self.saved(owed.new.domain)
        self._unsaved[owed.new.domain] = owed
        self._owed += _size(owed.new)

    @property
    def all(self) -> tuple[Known, ...]:
        """What is held, wherever else it may be."""
        late = {domain: each.new for domain, each in self._unsaved.items()}
        return tuple((self._kept | late).values())

    def owe_all(self, more: Iterable[Known] = ()) -> None:
        """Owe all there is, and more, to one who knows nothing of it."""
        for known in (*self.all, *more):
            self._put(Unsaved(None, known))

    def put_off(self, domain: str) -> None:
        """Let others go first."""
        self._unsaved[domain] = self._unsaved.pop(domain)

    def saved(self, domain: str) -> None:
        """Owe this no more."""
        if (paid := self._unsaved.pop(domain, None)) is not None:
            self._owed -= _size(paid.new)

    def alone(self, domain: str, now: datetime) -> Known | None:
        """Return what is known of a domain without asking the store, None if that is too little."""
        owed = self._unsaved.get(domain)
        known = owed.new if owed else self._kept.get(domain)
        return known if known and _enforces(known) and known.in_force(now) else None


def _enforces(known: Known) -> bool:
    return known.policy is not None and known.policy.mode is Mode.ENFORCE


def _size(known: Known) -> int:
    return _ENTRY + 4 * sum(map(len, known.policy.lines)) if known.policy else _ENTRY

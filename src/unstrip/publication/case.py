"""What the rules look at: what was seen, what is wished, and what follows from the two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from unstrip.certificates import Anchors
from unstrip.policy.mta_sts import Mode, StsPolicy
from unstrip.publication.values import Key, Seen, Weight, Wish

WEEK = 604_800  # seconds
_AGES = {  # seconds (RFC 8461, 3.2 and 8.3)
    Mode.TESTING: 86_400,
    Mode.ENFORCE: 1_209_600,
    Mode.NONE: 86_400,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One domain and one wish; `anchors` are the web's trusted roots."""

    seen: Seen
    wish: Wish
    anchors: Anchors

    @property
    def at(self) -> datetime:
        """When it was seen."""
        return self.seen.at

    @property
    def current(self) -> StsPolicy | None:
        """The policy that senders go by: the one that is served, or one that is remembered."""
        held = self.seen.held
        return self.seen.served.policy or (held.in_force(self.at) if held else None)

    @property
    def mode(self) -> Mode:
        """The mode to publish."""
        if self.wish.mode is not None:
            return self.wish.mode
        return self.current.mode if self.current else Mode.TESTING

    @property
    def max_age(self) -> int:
        """The seconds for which the policy is to hold."""
        if self.wish.max_age is not None:
            return self.wish.max_age
        if self.current is None:
            return _AGES[self.mode]
        if self.current.mode is self.mode:
            return self.current.max_age
        return age_after(self.current.max_age, self.mode)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of the MX hosts, and of those that are to be."""
        return tuple(server.name for server in self.seen.servers)

    @property
    def stale_id(self) -> bool:
        """Whether the policy that is served was changed, and its id was not: it needs a new one."""
        held, served = self.seen.held, self.seen.served
        if held is None or held.policy is None or served.policy is None:
            return False
        return held.id == served.id and held.policy != served.policy

    def next(self, host: str) -> Key | None:
        """Return the key that a host will have next: its own, or the one for all."""
        keys = {key.host: key for key in self.wish.next}
        return keys.get(host, keys.get(""))

    def enforced(self, weight: Weight) -> Weight:
        """Return what a fault weighs that loses mail only where the policy is enforced."""
        return weight if self.mode is Mode.ENFORCE else Weight.NOTED


def age_after(age: int, mode: Mode) -> int:
    """Return the max_age of a policy of this mode that follows upon one of that age."""
    kept = mode is Mode.ENFORCE and age >= WEEK  # RFC 8461, 3.2: weeks, or more
    return age if kept else _AGES[mode]

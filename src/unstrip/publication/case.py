"""What the rules look at: what was seen, what is wished, and what follows from the two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from unstrip.certificates import Anchors
from unstrip.policy.mta_sts import Mode, StsPolicy
from unstrip.publication.values import Seen, Weight, Wish

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
        kept = self.current is not None and self.current.mode is self.mode
        return self.current.max_age if self.current and kept else _AGES[self.mode]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of the MX hosts."""
        return tuple(server.name for server in self.seen.servers)

    def enforced(self, weight: Weight) -> Weight:
        """Return what a fault weighs that loses mail only where the policy is enforced."""
        return weight if self.mode is Mode.ENFORCE else Weight.NOTED

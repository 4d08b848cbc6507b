"""What should have happened: levels, one source's opinion, and what all of them come to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import total_ordering


@total_ordering
class Level(Enum):
    """What is insisted on. The order is the point: the higher level wins.

    How a peer is authenticated (a pinned key, a name the WebPKI vouches for, later DANE) is not
    ordered: the sources say which ways they accept.
    """

    NONE = "none"  # plaintext only
    MAY = "may"  # TLS if it can be had: opportunistic
    ENCRYPT = "encrypt"  # TLS, whoever answers
    AUTHENTICATED = "verify"  # TLS with a peer that proved who it is

    def __lt__(self, other: object) -> bool:
        """Order by strictness."""
        if not isinstance(other, Level):
            return NotImplemented
        order = list(Level)
        return order.index(self) < order.index(other)


@dataclass(frozen=True, slots=True)
class Policy:
    """One source's opinion about one destination.

    Attributes:
        source: where it comes from: "local", "history", "command line", ...
        level: what it asks for.
        text: the rule, verbatim or in words, for people and reports.
        pins: SHA-256 of acceptable public keys (SPKI), in hex; any one of them authenticates,
            and where there are pins nothing else does.
        attests: the source knows that the destination offers TLS (it published so, or we saw
            it), where others merely want it: only then is a missing offer a removed one.
        enforced: False where it is only tested or reported.
        expires: when it ends; None for never.
    """

    source: str
    level: Level
    text: str = ""
    pins: tuple[str, ...] = ()
    attests: bool = False
    enforced: bool = True
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What we insist on for one destination.

    Attributes:
        level: the highest that any enforced, unexpired opinion asks for.
        because: the opinions that asked for it, and all that attest or pin.
        pins: acceptable keys; empty leaves it to the WebPKI.
    """

    level: Level
    because: tuple[Policy, ...] = ()
    pins: tuple[str, ...] = ()

    @property
    def attested(self) -> tuple[Policy, ...]:
        """The opinions that know TLS to be offered there."""
        return tuple(policy for policy in self.because if policy.attests)

    def why(self) -> str:
        """Say which sources made it so."""
        return ", ".join(dict.fromkeys(policy.source for policy in self.because)) or "no policy"


def decide(opinions: Iterable[Policy | None], now: datetime) -> Decision:
    """Merge opinions: the strictest wins, nothing lowers it, pins come together.

    Args: opinions: one a source, None where it has none; now: with time zone.
    Returns: `Level.MAY` where nobody has an opinion: that is what opportunistic means.
    """
    valid = [policy for policy in opinions if policy is not None and _in_force(policy, now)]
    level = max((policy.level for policy in valid), default=Level.MAY)
    telling = (p for p in valid if p.level is level or p.attests or p.pins)
    pins = dict.fromkeys(pin for policy in valid for pin in policy.pins)
    return Decision(level, tuple(telling), tuple(pins))


def _in_force(policy: Policy, now: datetime) -> bool:
    return policy.enforced and (policy.expires is None or now < policy.expires)

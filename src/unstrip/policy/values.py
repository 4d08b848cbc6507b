"""What should have happened: levels, one source's opinion, and what all of them come to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import total_ordering
from typing import Annotated, TypeAlias

import msgspec

from unstrip.tlsa import TlsaSet

Time: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]  # held to when it is read again


@total_ordering
class Level(Enum):
    """What is insisted on. The order is the point: the higher level wins.

    How a peer is authenticated (a pinned key, TLSA records, a name the WebPKI vouches for) is not
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
        tlsa: records of which the peer has to meet one; then the WebPKI is not asked.
        webpki: only a name that the WebPKI vouches for will do, and the source names this host.
        refuses: why the host is not to be used now; "" where it may be.
        overrules: DNSSEC names the host and its key, so sources that want the WebPKI have no say
            (RFC 8461, 2).
        overrides: it is the operator's last word on this destination, and may lower as well: no
            other source has a say.
        rule: the clause that it follows, or the rule of the operator's table.
    """

    source: str
    level: Level
    text: str = ""
    pins: tuple[str, ...] = ()
    attests: bool = False
    enforced: bool = True
    expires: Time | None = None
    tlsa: TlsaSet | None = None
    webpki: bool = False
    refuses: str = ""
    overrules: bool = False
    overrides: bool = False
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What we insist on for one destination.

    Attributes:
        level: the highest that any enforced, unexpired opinion asks for, or that the operator's
            last word asks for.
        because: the opinions that asked for it, and all that attest, pin, refuse or override.
        pins: acceptable keys; where there are none, `tlsa` counts.
        tlsa: TLSA records to be met; None leaves it to the WebPKI.
        refuses: why nothing is to be sent there now; "" if it may be.
        vouched: who has to be there was said by the user, by a policy or by DNSSEC; False where
            only an unsigned answer did, which whoever is on the path can forge (R10, P-11).
        tested: the opinions in force that are to be reported, but not enforced.
        overridden: the opinions in force that have no say, as the operator has the last word.
    """

    level: Level
    because: tuple[Policy, ...] = ()
    pins: tuple[str, ...] = ()
    tlsa: TlsaSet | None = None
    refuses: str = ""
    vouched: bool = True
    tested: tuple[Policy, ...] = ()
    overridden: tuple[Policy, ...] = ()

    @property
    def overrides(self) -> bool:
        """The operator has the last word."""
        return any(policy.overrides for policy in self.because)

    @property
    def attested(self) -> tuple[Policy, ...]:
        """The opinions that know TLS to be offered there."""
        return tuple(policy for policy in self.because if policy.attests)

    def why(self) -> str:
        """Say which sources made it so."""
        return ", ".join(dict.fromkeys(policy.source for policy in self.because)) or "no policy"

    def instead_of(self) -> str:
        """Say which sources have no say, and what they ask for: "dane (verify)"; "" for none.

        Another rule of the source that has the last word goes by its own name.
        """
        own = {policy.source for policy in self.because if policy.overrides}
        lost = [policy for policy in self.overridden if policy.enforced]
        named = (policy.rule if policy.source in own else policy.source for policy in lost)
        asked = ("not to be used" if policy.refuses else policy.level.value for policy in lost)
        return ", ".join(
            dict.fromkeys(f"{name} ({what})" for name, what in zip(named, asked, strict=True))
        )


def decide(
    opinions: Iterable[Policy | None],
    now: datetime,
    *,
    named: bool = True,
    required: Policy | None = None,
) -> Decision:
    """Merge opinions: the strictest wins, nothing lowers it, pins come together.

    Only one that overrides may lower: it is the operator's last word, so that no other counts.

    Levels are ordered, the ways to authenticate are not. The operator's pins go before all else;
    records of a host that DNSSEC names go before the WebPKI; where it does not name the host, they
    prove somebody other than the domain may have meant, and who wants the WebPKI gets it
    (RFC 8461, 2; RFC 7672, 2.2.1).

    Args:
        opinions: one a source, None where it has none.
        now: with time zone.
        named: the host is the one that the user named, or that DNSSEC did.
        required: what whoever sends requires this time; nothing overrides that.
    Returns: `Level.MAY` where nobody has an opinion: that is what opportunistic means.
    """
    holding = [p for p in opinions if p is not None and (p.expires is None or now < p.expires)]
    last = [p for p in holding if p.enforced and p.overrides]
    heard = last or holding
    valid = [*([required] if required else []), *(p for p in heard if p.enforced)]
    if any(p.overrules for p in valid):
        valid = [p for p in valid if p.pins or not p.webpki]
    level = max((p.level for p in valid), default=Level.MAY)
    pins = dict.fromkeys(pin for p in valid for pin in p.pins)
    otherwise = bool(pins) or any(p.webpki for p in valid)
    return Decision(
        level=level,
        because=tuple(p for p in valid if p.level is level or _tells(p)),
        pins=tuple(pins),
        tlsa=None if otherwise else next((p.tlsa for p in valid if p.tlsa), None),
        refuses=next((p.refuses for p in valid if p.refuses), ""),
        vouched=named or any(_knows(p) for p in valid),
        tested=tuple(p for p in heard if not p.enforced),
        overridden=tuple(p for p in holding if p not in heard),
    )


def _knows(policy: Policy) -> bool:
    """Tell whether the source knows this host, or its key, to be the one that is meant."""
    return bool(policy.pins or policy.overrules or (policy.webpki and not policy.refuses))


def _tells(policy: Policy) -> bool:
    return bool(policy.attests or policy.pins or policy.refuses or policy.overrides)

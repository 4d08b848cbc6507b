"""The values of a rollout: what reports foresee, what ends when, whether the step is safe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from unstrip.policy.mta_sts import Mode
from unstrip.publication import Objection, Publication
from unstrip.tlsrpt.overview import Met


class Effect(Enum):
    """What would have become of mail that met a failure, had the policy been enforced."""

    LOST = "not delivered"
    MENDED = "mended since"  # it would not have been, but what was wrong has changed
    ALREADY = "not delivered in any mode"  # DANE has no testing mode (RFC 7672, 2.2)
    SPARED = "delivered all the same"


class Unsigned(Enum):
    """What reports may do that no signature proves: anyone can send them."""

    DOUBT = "doubt"  # their failures count, their successes do not
    IGNORE = "ignore"
    TRUST = "trust"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One class of failures that was reported.

    Attributes: effect: what would have become of the mail; met: how often, when, by whom; signed: a
        signed report tells of it; why: of one that is mended, what has changed.
    """

    effect: Effect
    met: Met
    signed: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Basis:
    """What a judgement rests on.

    Attributes: reports, days: how many; senders: by whom, those of one domain together; sessions:
        under the policy, or by who knows it; last: the newest day; None if there is none.
    """

    reports: int
    senders: tuple[str, ...]
    days: int
    sessions: int
    last: date | None


@dataclass(frozen=True, slots=True)
class Ending:
    """When a host's certificate ends.

    Attributes:
        host, ends: which, and when: of several the first.
        renew_by: when another one is to be there, before the policy may be enforced, at the latest.
        tlsa: the records that name this certificate or its key.
        publish_by: when those of the next one are to be published, at the latest, if its key is
            another one; None where there are none.
    """

    host: str
    ends: datetime
    renew_by: datetime
    tlsa: tuple[str, ...]
    publish_by: datetime | None


@dataclass(frozen=True, slots=True)
class Rollout:
    """Whether the policy of a domain may be enforced.

    Attributes:
        domain, at: of which, and when it was judged.
        since, until: the days whose reports count, both among them; without: senders that were
            left out.
        mode: of the policy that senders go by now; None if there is none.
        told: all that was told; counted: what of it shows that all is well: signed, and of a
            policy that names the MX hosts of today, since they are there.
        lost: sessions that would not have been delivered, of those in `told`.
        foreseen: classes of failures, the gravest first.
        endings: of certificates, the next one first.
        enough: was told to tell.
        objections: why it is not to be enforced, gravest first.
        publication: what to publish next.
    """

    domain: str
    at: datetime
    since: date
    until: date
    without: tuple[str, ...]
    mode: Mode | None
    told: Basis
    counted: Basis
    lost: int
    foreseen: tuple[Foreseen, ...]
    endings: tuple[Ending, ...]
    enough: bool
    objections: tuple[Objection, ...]
    publication: Publication

    @property
    def safe(self) -> bool:
        """Nothing speaks against it."""
        return not any(objection.fatal for objection in self.objections)

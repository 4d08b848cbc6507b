"""What is remembered of a domain's MTA-STS policy between two looks.

Times are passed in. Several may look at one domain at the same time and know nothing of each other:
`reconciled` brings together what came of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias

import msgspec

from unstrip.policy.mta_sts.grammar import StsPolicy
from unstrip.policy.questions import ResultType

_REFRESH = timedelta(days=1)
_WAIT_LEAST, _WAIT_MOST = timedelta(minutes=5), timedelta(hours=1)  # after a fetch failed
_NEVER = datetime.min.replace(tzinfo=UTC)
_LAST = 9000  # a year: from there on times could not be reckoned with

# what is remembered is read again; these are held to when it is
Time: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
Times: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong with the record, or with fetching the policy.

    Attributes:
        at: when, the last time.
        words: what.
        certain: the domain itself is wrong; otherwise somebody may have been in the way.
        result: as it is reported (RFC 8460, 4.3), if it is.
        id: of the policy that was to be fetched.
        times: how often in a row.
    """

    at: Time
    words: str
    certain: bool
    result: ResultType | None = None
    id: str = ""
    times: Times = 1

    def __post_init__(self) -> None:
        """Refuse a time that no clock shows."""
        _check(self.at)

    @property
    def over(self) -> datetime:
        """Until when the policy host is not asked again (RFC 8461, 3.3: five minutes at least)."""
        return self.at + min(_WAIT_LEAST * (1 << min(self.times - 1, 10)), _WAIT_MOST)


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a domain.

    Attributes:
        domain: the policy domain.
        policy: the last that was fetched, be its time over or not; None if there never was one.
        id: the record's, when it was fetched; fetched: when.
        looked: when the record was last looked for; look: when to do so again.
        record: what was wrong with the record at the last look.
        fetch: what was wrong with the policy at the last attempt to fetch one, if none since.
    """

    domain: str
    policy: StsPolicy | None = None
    id: str = ""
    fetched: Time | None = None
    looked: Time | None = None
    look: Time | None = None
    record: Trouble | None = None
    fetch: Trouble | None = None

    def __post_init__(self) -> None:
        """Refuse times that no clock shows."""
        _check(self.fetched, self.looked, self.look)

    @property
    def expires(self) -> datetime | None:
        """When the policy's time is over; it is counted from the fetch (RFC 8461, 3.2)."""
        if self.policy is None or self.fetched is None:
            return None
        return self.fetched + timedelta(seconds=self.policy.max_age)

    def in_force(self, now: datetime) -> StsPolicy | None:
        """Return the policy that holds, which may be one of mode none; None if none does.

        A clock that was set back ends none.
        """
        return self.policy if self.expires is not None and now <= self.expires else None

    def aging(self, now: datetime) -> bool:
        """Tell whether the policy is to be fetched anew, before its time is over (RFC 8461, 3.3).

        One of a day is good for half of it. What was fetched in the future was by another clock.
        """
        if self.policy is None or self.fetched is None:
            return False
        fresh = min(_REFRESH, timedelta(seconds=self.policy.max_age) / 2)
        return not self.fetched <= now < self.fetched + fresh

    def uncertain(self, now: datetime) -> bool:
        """Tell whether there may be a policy that somebody keeps from us (P-01, P-02).

        RFC 8461, 5.1 has mail go out as if there were none; who thinks otherwise asks here.
        """
        troubles = (self.record, self.fetch)
        return self.in_force(now) is None and any(t and not t.certain for t in troubles)

    def due(self, now: datetime) -> bool:
        """Tell whether it is time to look. A last look that is yet to come was by another clock."""
        if self.looked is None or self.look is None:
            return True
        return not self.looked <= now < self.look


def _check(*times: datetime | None) -> None:
    if any(time is not None and time.year > _LAST for time in times):
        raise ValueError(f"a time after the year {_LAST}")


def reconciled(base: Known | None, stored: Known | None, new: Known) -> Known:
    """Bring together what several came to who looked at the same time, unaware of each other.

    Policy, look and failure are each taken from whoever found out something about it: if several
    did, from the last by their clocks. Whoever found out nothing has no say. So a failure takes no
    policy away; nor does one come back by its failure that was released meanwhile.

    Args: base: what `new` began with; stored: what is remembered by now; None for nothing.
    """
    if stored == base:
        return new
    base, stored = base or Known(new.domain), stored or Known(new.domain)
    sides = (stored, new)
    fetched = [one for one in sides if one.fetched and _policy(one) != _policy(base)]
    looked = [one for one in sides if _look(one) != _look(base)]
    failed = [one for one in sides if one.fetch != base.fetch]
    policy = max(fetched, key=lambda one: one.fetched or _NEVER, default=stored)
    last = max(looked, key=lambda one: one.looked or _NEVER, default=stored)
    soonest = min(looked, key=lambda one: one.look or _NEVER, default=stored)
    trouble = max(failed, key=lambda one: one.fetch.at if one.fetch else _NEVER, default=stored)
    return replace(
        policy,
        looked=last.looked,
        look=soonest.look,
        record=last.record,
        fetch=None if fetched else trouble.fetch,
    )


def _policy(known: Known) -> tuple[object, ...]:
    return known.policy, known.id, known.fetched


def _look(known: Known) -> tuple[object, ...]:
    return known.looked, known.look, known.record

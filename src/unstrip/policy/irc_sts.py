"""IRC's strict transport security (IRCv3, sts), as earlier visits to a host saw it listed.

A server lists `sts` with keys among its capabilities. Which key counts depends on where it was
listed (P-15):

- `duration`, inside TLS and with a valid certificate: for so many seconds nobody is to come
  without TLS, at whatever port of the host; 0 releases.
- `port`, in clear: where TLS is. Whoever is on the path may have said it, so it is only a hint.

A key that cannot be read, or that stands there twice, was not said. So it makes no policy, and
does not end the one before it either.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from unstrip.evidence import Evidence
from unstrip.policy.values import Level, Policy

SOURCE = "irc-sts"
RULE = "IRCv3, strict transport security"
_NUMBER = re.compile(r"[0-9]{1,10}")
_LONGEST = 2**32 - 1  # seconds; the text has no bound, but nobody means more than a century
_LAST_PORT = 65535


def opinion(visits: Iterable[Evidence], now: datetime) -> Policy | None:
    """Return what the host has asked for, None if that is nothing, or over.

    Args: visits: to one host, at any of its ports; now: with time zone.
    """
    wishes = [wish for visit in visits if (wish := _wish(visit))]
    # a release from the future, before the clock was set back, would outdo all that is said now
    last = max((wish for wish in wishes if wish.seconds or wish.at <= now), default=None)
    if last is None or last.over <= now:
        return None
    return Policy(
        SOURCE, Level.AUTHENTICATED, str(last), attests=True, expires=last.over, rule=RULE
    )


def said(visit: Evidence) -> int | None:
    """Return for how many seconds the host asked for TLS, 0 to release, None if it did not.

    Of each the last one has to be remembered: a release of a clock that was set back later does not
    count yet, and what the host asked before does until then.
    """
    wish = _wish(visit)
    return None if wish is None else wish.seconds


def hint(evidence: Evidence) -> int | None:
    """Return the port that the list in clear names for TLS, None if it names none."""
    offered = evidence.upgrade.offered if evidence.upgrade else ()
    return _number(_keys(offered).get("port", ""), 1, _LAST_PORT)


@dataclass(frozen=True, slots=True, order=True)
class _Wish:
    """What one visit was told; the greater is the later, or else the longer."""

    at: datetime
    seconds: int
    preload: bool  # the host may go into lists that come with programs

    @property
    def over(self) -> datetime:
        return self.at + timedelta(seconds=self.seconds)

    def __str__(self) -> str:
        preload = ",preload" if self.preload else ""
        return f"sts=duration={self.seconds}{preload}, listed inside TLS on {self.at:%Y-%m-%d}"


def _wish(visit: Evidence) -> _Wish | None:
    proof = visit.handshake.webpki if visit.handshake else None
    if not visit.secured or proof is None or not proof.valid:
        return None
    keys = _keys(visit.upgrade.inside if visit.upgrade else ())
    seconds = _number(keys.get("duration", ""), 0, _LONGEST)
    return None if seconds is None else _Wish(visit.began, seconds, "preload" in keys)


def _keys(listed: Iterable[str]) -> dict[str, str]:
    """Return what `sts` is set to, key by key, without those that are there twice."""
    said = [value for name, _, value in (word.partition("=") for word in listed) if name == "sts"]
    if len(said) != 1:
        return {}
    tokens = [token.partition("=") for token in said[0].split(",")]
    times = Counter(key for key, _, _ in tokens)
    return {key: value for key, _, value in tokens if times[key] == 1}


def _number(text: str, least: int, most: int) -> int | None:
    if not _NUMBER.fullmatch(text):
        return None
    return number if least <= (number := int(text)) <= most else None

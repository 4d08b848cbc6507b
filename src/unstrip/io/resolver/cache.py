"""Answers that still hold: for as long as their TTL says, and no more of them than fit.

Time is the monotonic clock's: one that is set back lengthens nothing. What is kept says for how
many seconds it still holds, not for how many it once did.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from unstrip.policy.questions import Dns, DnsAnswer

ENTRIES = 5000
_LARGEST = 16384  # characters: with ENTRIES it bounds what a hostile zone can fill


@dataclass(frozen=True, slots=True)
class _Entry:
    answer: DnsAnswer
    until: float


class Cache:
    """The answers to at most `entries` questions; the one not asked for longest goes first."""

    def __init__(self, entries: int = ENTRIES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = entries, clock
        self._kept: dict[Dns, _Entry] = {}  # in the order in which they were last asked for

    def get(self, question: Dns) -> DnsAnswer | None:
        """Return the answer with what is left of its TTL, None where there is none."""
        entry = self._kept.pop(question, None)
        if entry is None or entry.until <= (now := self._clock()):
            return None
        self._kept[question] = entry
        return replace(entry.answer, ttl=int(entry.until - now))

    def keep(self, question: Dns, answer: DnsAnswer) -> None:
        """Keep an answer for its TTL; one that is very long is not worth its room."""
        self._kept.pop(question, None)
        if answer.ttl <= 0 or len(repr(answer)) > _LARGEST:
            return
        self._kept[question] = _Entry(answer, self._clock() + answer.ttl)
        if len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]

    def __len__(self) -> int:
        """Return how many are kept, those that no longer hold included."""
        return len(self._kept)

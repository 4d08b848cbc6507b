"""What crossed the middlebox: both directions, before and after the trick, in their segments.

An experiment is judged by what crossed and not by what the client printed, so there is a strict
reading of it here: whatever is not inside a TLS record crossed in clear.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

KEPT = 4 * 1024 * 1024  # bytes kept; the oldest go first
_RECORD_HEADER = 5  # bytes
_RECORD = re.compile(rb"[\x14-\x17]\x03")  # RFC 8446, 5.1: a type, and TLS's major version
_BEGINNING = re.compile(  # of TLS: a record where a line may be, a hello or an alert anywhere
    rb"(?<=\n)[\x14-\x17]\x03"
    rb"|\x16\x03[\x00-\x04]..[\x01\x02]\x00"
    rb"|\x15\x03[\x00-\x04]\x00\x02[\x01\x02]",
    re.DOTALL,
)


class Leg(Enum):
    """Where something crossed: two connections, two directions."""

    FROM_CLIENT = "from the client"
    TO_SERVER = "to the server"
    FROM_SERVER = "from the server"
    TO_CLIENT = "to the client"


@dataclass(frozen=True, slots=True)
class Crossing:
    """One segment, as it arrived or as it was sent.

    Attributes:
        connection: which client's, counted from 1.
        leg: where it crossed.
        data: the bytes.
        at: seconds since the middlebox opened.
        inside: these are words inside TLS that the middlebox could read all the same.
    """

    connection: int
    leg: Leg
    data: bytes
    at: float
    inside: bool = False


class Crossings:
    """The record of what crossed.

    Args:
        watch: told of each crossing at once.
        unwrapped: takes TLS records out of what the protocol wraps them in, where it does.
    Attributes: complete: nothing had to be forgotten.
    """

    def __init__(
        self,
        watch: Callable[[Crossing], None] | None = None,
        unwrapped: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self._watch, self._unwrapped = watch, unwrapped
        self._start = time.monotonic()
        self._all: deque[Crossing] = deque()
        self._size = 0
        self.complete = True

    def __iter__(self) -> Iterator[Crossing]:
        """Go through them in their order."""
        return iter(tuple(self._all))

    def note(self, connection: int, leg: Leg, data: bytes, *, inside: bool = False) -> None:
        """Keep what crossed."""
        if not data:
            return
        crossing = Crossing(connection, leg, data, time.monotonic() - self._start, inside)
        self._all.append(crossing)
        self._size += len(data)
        while self._size > KEPT:
            self._size -= len(self._all.popleft().data)
            self.complete = False
        if self._watch is not None:
            self._watch(crossing)

    def said(self, leg: Leg, connection: int = 1, *, inside: bool = False) -> bytes:
        """Return what crossed there, joined; `inside` is what could be read of TLS."""
        return b"".join(
            crossing.data
            for crossing in self._all
            if (crossing.connection, crossing.leg, crossing.inside) == (connection, leg, inside)
        )

    def in_clear(self, leg: Leg, connection: int = 1) -> bytes:
        """Return what crossed there outside TLS, joined."""
        return in_clear(self._unwrapped(self.said(leg, connection)))


def in_clear(stream: bytes) -> bytes:
    """Return what of `stream` is in no TLS record.

    A record may begin wherever a line may; one that cannot be mistaken begins TLS anywhere, since
    the words of some protocols have neither lines nor ends.
    """
    clear, at = bytearray(), 0
    while at < len(stream):
        if _RECORD.match(stream, at):
            at += _RECORD_HEADER + int.from_bytes(stream[at + 3 : at + 5], "big")
        else:
            found = _BEGINNING.search(stream, at)
            end = found.start() if found else len(stream)
            clear += stream[at:end]
            at = end
    return bytes(clear)

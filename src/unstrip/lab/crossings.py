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
from re import Pattern

KEPT = 4 * 1024 * 1024  # bytes kept; the oldest go first
_RECORD_HEADER = 5  # bytes
_RECORD_LIMIT = 16640  # bytes behind it (RFC 8446, 5.2: 2^14 + 256)
_RECORD = re.compile(rb"[\x14-\x17]\x03[\x00-\x04]")  # RFC 8446, 5.1: a type and a version
# The first one is a handshake's. SSL 3.0 is not taken at its word, since a MySQL packet of 788 to
# 791 bytes begins with 14..17 03 00, and goes on like a length.
_FIRST = re.compile(rb"\x16\x03[\x01-\x04]")
_ALERT = re.compile(rb"\x15\x03[\x00-\x04]\x00\x02[\x01\x02]")  # 6: a level, and what for
_MAYBE = re.compile(rb"(?:(?<=\n)[\x14-\x17]|[\x15\x16])\x03")
# RFC 8446, 4 and 4.1.2: how a ClientHello or a ServerHello begins, as bounds of its bytes: its
# type, a length of less than 2^16, a version
_HELLO = ((1, 2), (0, 0), (0, 255), (0, 255), (3, 3), (0, 4))


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

    TLS begins with a handshake record where a line may begin, and with a hello or an alert that
    cannot be mistaken anywhere, since the words of some protocols have neither lines nor ends.
    Then any record may follow another, or begin where a line may.
    """
    clear, at, shape = bytearray(), 0, _FIRST
    while at < len(stream):
        if end := _record_end(stream, at, shape, follows=shape is _RECORD):
            at, shape = end, _RECORD
        else:
            places = (found.start() for found in _MAYBE.finditer(stream, at + 1))
            end = next(
                (place for place in places if _record_end(stream, place, shape)), len(stream)
            )
            clear += stream[at:end]
            at = end
    return bytes(clear)


def _record_end(stream: bytes, at: int, shape: Pattern[bytes], *, follows: bool = False) -> int:
    """Return where the record that begins here ends; 0 where none does.

    Args:
        shape: how it has to begin, where a record may.
        follows: it does so right behind another.
    """
    head = stream[at : at + _RECORD_HEADER]
    size = int.from_bytes(head[3:], "big")
    due = follows or not at or stream[at - 1 : at] == b"\n"
    record = due and shape.match(head) and size <= _RECORD_LIMIT
    if record or _ALERT.match(stream, at) or _is_hello(stream, at, size):
        return at + _RECORD_HEADER + size
    return 0


def _is_hello(stream: bytes, at: int, size: int) -> bool:
    """Tell whether a record has in it what a hello begins with; it may be cut into several."""
    if stream[at : at + 1] != b"\x16" or not _RECORD.match(stream, at) or size > _RECORD_LIMIT:
        return False
    end = at + _RECORD_HEADER + size
    body = stream[at + _RECORD_HEADER : min(end, at + _RECORD_HEADER + len(_HELLO))]
    if size < len(_HELLO) and stream[end : end + 2] != b"\x16\x03":
        return False
    enough = len(body) >= min(size, 2)
    return enough and all(
        low <= byte <= high for byte, (low, high) in zip(body, _HELLO, strict=False)
    )

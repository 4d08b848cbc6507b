"""Receiving one message: a line, or a list of lines ended by a lone dot.

Every function here waits for more with `wire.more`, so every one is bounded; none looks beyond
the end of its message, so whatever follows is still there for the boundary rule to find.
"""

from __future__ import annotations

from unstrip.escaping import excerpt
from unstrip.trouble import ProtocolError, TooLong, Unsolicited
from unstrip.wire import Dialog, Wire

LINE_LIMIT = 8192  # bytes; RFC 5321, 4.5.3.1.5 says 512, IMAP says nothing, servers are chatty
LINES_LIMIT = 128  # lines in one reply; no RFC bounds them


def line(wire: Wire, limit: int = LINE_LIMIT) -> Dialog[bytes]:
    """Receive one line, without its CRLF.

    Args: limit: bytes, the line ending included.
    Raises:
        TooLong, Ended: as `Wire.more`.
        ProtocolError: a bare LF or CR (RFC 5321, 2.3.8), or a NUL: two readers would disagree
            on where the line ends.
    """
    while (text := wire.through(b"\n")) is None:
        yield from wire.more(limit)
    if len(text) > limit:
        raise TooLong(f"more than {limit} bytes: {excerpt(text)}")
    if text[-2:] != b"\r\n":
        raise ProtocolError(f"a line ended by a bare LF: {excerpt(text)}")
    if text.find(b"\r") != len(text) - 2 or b"\0" in text:
        raise ProtocolError(f"a bare CR or NUL in a line: {excerpt(text)}")
    return text[:-2]


def dotted(wire: Wire, limit: int = LINES_LIMIT) -> Dialog[tuple[bytes, ...]]:
    """Receive lines up to a lone dot, with the dots that were stuffed taken out.

    Used by POP3 (RFC 1939, 3) and its relatives.

    Raises: TooLong, Ended, ProtocolError: as `line`; TooLong too after `limit` lines.
    """
    lines: list[bytes] = []
    while (text := (yield from line(wire))) != b".":
        if len(lines) >= limit:
            raise TooLong(f"a list of more than {limit} lines")
        lines.append(text[1:] if text.startswith(b".") else text)
    return tuple(lines)


def exactly(wire: Wire, count: int) -> Dialog[bytes]:
    """Receive `count` bytes, for formats whose messages say how long they are.

    A length that a peer claims is to be checked before this is called: nothing is allocated
    here, but as many bytes are waited for.

    Raises: TooLong, Ended: as `Wire.more`.
    """
    while wire.waiting < count:
        yield from wire.more(count)
    return wire.take(count)


def conclude(wire: Wire, goodbye: bytes) -> Dialog[None]:
    """Listen once more, as `Wire.conclude`, where replies have codes.

    Args: goodbye: the code with which a server closes unasked; one line that begins with it may
        stand there, and nothing behind it.
    Raises: Unsolicited: something else does.
    """
    try:
        yield from wire.conclude()
    except Unsolicited:
        if (yield from exactly(wire, len(goodbye))) != goodbye:
            raise
        yield from line(wire)
        if wire.waiting:
            raise

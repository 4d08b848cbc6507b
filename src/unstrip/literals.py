"""Receiving a line with strings in it, of which any may be a literal: so many bytes, of any kind.

ACAP began it (RFC 2244, 2.6.3), ManageSieve has it from there (RFC 5804, 4). Only who counts a
literal's bytes knows where the line ends, and with it the go-ahead.
"""

from __future__ import annotations

import re

from unstrip.escaping import excerpt
from unstrip.framing import exactly, line
from unstrip.trouble import TooLong
from unstrip.wire import Dialog, Wire

STRING = rb'"(?:[^"\\]|\\.)*"'  # quoted; a literal has become that in `sentence`
LITERAL = re.compile(rb"\{([0-9]+)\+?\}\Z")  # what announces one ends a line
PUSHED = re.compile(rb"\{([0-9]+)\+\}\Z")  # a client's that comes without leave
SENTENCE_LIMIT = 16 * 1024  # bytes before the end of a literal; RFC 5804 knows no bound


def sentence(wire: Wire, literal: re.Pattern[bytes] = LITERAL) -> Dialog[bytes]:
    """Receive one line and the literals in it, each turned into a quoted string.

    Args: literal: finds what announces one at the end of a line.
    Raises: TooLong, Ended, ProtocolError: as `framing.line`; TooLong too for a literal that is
        longer than a whole sentence may be, before any of it has come.
    """
    said = yield from line(wire)
    while found := literal.search(said):
        length = int(found[1].lstrip(b"0")[:10] or b"0")  # ten digits are too many already
        if found.start() + length > SENTENCE_LIMIT:
            raise TooLong(f"a literal of more than {SENTENCE_LIMIT} bytes: {excerpt(found[0])}")
        data = yield from exactly(wire, length)
        said = said[: found.start()] + quoted(data) + (yield from line(wire))
    return said


def quoted(data: bytes) -> bytes:
    """Return a string in quotation marks (RFC 5804, 4)."""
    return b'"%b"' % re.sub(rb'(["\\])', rb"\\\1", data)


def unquoted(string: bytes) -> str:
    """Return what a quoted string says."""
    return re.sub(rb"\\(.)", rb"\1", string[1:-1], flags=re.DOTALL).decode("utf-8", "replace")

"""What a peer said, made safe to show.

Anything a peer said is escaped before it reaches a terminal, a log or a page: an escape
sequence in a greeting is an attack on whoever reads the report (requirement R8; terminal
escapes in banners are a known trick). Only printable ASCII is left as it is.
"""

from __future__ import annotations

_EXCERPT = 72  # bytes: a line of a terminal, less the words around it


def printable(said: bytes | str) -> str:
    """Return `said` with everything but printable ASCII written as a Python escape.

    Args: said: bytes of the wire, or text decoded from them.
    """
    text = said.decode("latin-1") if isinstance(said, bytes) else said
    return "".join(char if " " <= char <= "~" and char != "\\" else _escaped(char) for char in text)


def excerpt(said: bytes | bytearray, limit: int = _EXCERPT) -> str:
    """Return the first `limit` bytes of `said`, printable, with a mark where it was cut."""
    shown = printable(bytes(said[:limit]))
    return f"'{shown}'" if len(said) <= limit else f"'{shown}'... ({len(said)} bytes)"


def brief(said: str, limit: int = 2 * _EXCERPT) -> str:
    """Return the first `limit` characters of `said`, printable, with a mark where it was cut."""
    return printable(said) if len(said) <= limit else f"{printable(said[:limit])}..."


def _escaped(char: str) -> str:
    return "\\\\" if char == "\\" else char.encode("unicode_escape").decode("ascii")

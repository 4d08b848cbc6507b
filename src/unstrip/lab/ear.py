"""Cuts what one side says in clear into messages, whatever segments it comes in.

The middlebox works on whole messages, never on what one `recv` happens to bring: half of the
attacks exist only at the level of segments, and a box that matched per segment could not stage
them. A naive ear does just that, so that a split request passes it unharmed.
"""

from __future__ import annotations

from collections.abc import Callable

MESSAGE_LIMIT = 64 * 1024  # bytes that may wait for the end of a message


class Ear:
    """Hears one side.

    Args:
        begins_tls: tells whether TLS begins where a message would; None where more must come.
        naive: a segment is a message, whatever is in it.
    """

    def __init__(self, begins_tls: Callable[[bytes], bool | None], *, naive: bool = False) -> None:
        self._begins_tls, self._naive = begins_tls, naive
        self._heard = bytearray()

    def hear(self, data: bytes) -> None:
        """Take what arrived."""
        self._heard += data

    @property
    def tls(self) -> bool:
        """TLS begins where a message would."""
        return bool(self._heard) and self._begins_tls(bytes(self._heard)) is True

    def next(self, end: Callable[[bytes], int]) -> bytes | None:
        """Return the next message; None when it is not whole, or may be TLS.

        Args: end: tells where the first message ends, 0 where it is not whole.
        """
        heard = bytes(self._heard)
        if not heard or self._begins_tls(heard) is not False:
            return None
        if self._naive or len(heard) >= MESSAGE_LIMIT:
            return self.rest()
        return self._take(end(heard)) or None

    def rest(self) -> bytes:
        """Return everything that is left."""
        return self._take(len(self._heard))

    def _take(self, count: int) -> bytes:
        taken = bytes(self._heard[:count])
        del self._heard[:count]
        return taken

"""The transcript of one connection: who said what, when, in which segments, and how protected.

Nothing is redacted, because nothing secret may be said before TLS (requirement R16).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec


class Side(Enum):
    """Who speaks."""

    CLIENT = "client"
    SERVER = "server"

    @property
    def other(self) -> Side:
        """The one who listens."""
        return Side.SERVER if self is Side.CLIENT else Side.CLIENT


class Layer(Enum):
    """What protected the bytes on their way."""

    CLEAR = "clear"  # nothing: whoever was on the path has read them and could edit them
    HANDSHAKE = "handshake"  # the records of the TLS handshake, as they crossed
    SECURE = "secure"  # TLS: these are the words inside


class Utterance(msgspec.Struct, frozen=True, gc=False):
    """One segment, as it was sent or as it arrived.

    Attributes:
        speaker: who said it.
        layer: how it was protected.
        data: the bytes; for SECURE those inside TLS.
        at: seconds since the connection was first dialled.
    """

    speaker: Side
    layer: Layer
    data: bytes
    at: float


Transcript = tuple[Utterance, ...]


def said(transcript: Iterable[Utterance], speaker: Side, layer: Layer) -> bytes:
    """Return everything `speaker` said on `layer`, joined."""
    return b"".join(u.data for u in transcript if u.speaker is speaker and u.layer is layer)


def round_trips(transcript: Iterable[Utterance]) -> int:
    """Count the round trips until the client could say its first word inside TLS.

    TCP's own is counted, and one for every time the client had to wait for the server; what
    a server says in several segments is one wait. Where the client never spoke inside TLS, it
    could have as soon as TLS stood.
    """
    count, waited, stood = 1, False, 0
    for utterance in transcript:
        if utterance.speaker is Side.CLIENT:
            if utterance.layer is Layer.SECURE:
                return count
            waited = False
        elif not waited:
            count, waited = count + 1, True
        if utterance.layer is not Layer.SECURE:
            stood = count
    return stood

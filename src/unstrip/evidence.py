"""Evidence: everything one attempt at an upgrade showed. Never edited, always kept whole.

It serialises to JSON and back without loss, so that what was seen today can be judged again
tomorrow, on another machine, or beside what another network saw.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import msgspec

from unstrip.handshake import Handshake
from unstrip.transcript import Layer, Side, Transcript, round_trips, said
from unstrip.trouble import Trouble
from unstrip.upgrade import SECURE_OUTCOMES, Manner, Upgrade

T = TypeVar("T")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7e]")  # JSON has escaped what is below the blank


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What was to be reached.

    Attributes:
        host: the name the user gave, an A-label or an address literal.
        port: TCP.
        protocol: a name of the registry.
        implicit: TLS comes before the first word.
        server_name: the name the certificate is to carry (R10): `host` unless told otherwise.
    """

    host: str
    port: int
    protocol: str
    implicit: bool = False
    server_name: str = ""

    @property
    def reference(self) -> str:
        """The reference identifier for the certificate."""
        return self.server_name or self.host

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt broke off.

    Attributes:
        trouble: the kind.
        words: a sentence for people; what the peer said in it is escaped.
        reason: TLS's own name for it, such as "WRONG_VERSION_NUMBER".
    """

    trouble: Trouble
    words: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything one attempt showed.

    Attributes:
        endpoint: what was to be reached.
        address: the IP address that answered, "" where none did.
        began: when, in UTC.
        manner: how the upgrade was asked for.
        insisted: whether it was asked for even without an offer.
        transcript: every segment, with its time.
        connected: seconds until the connection stood, None where it never did.
        upgrade: how the dialog ended; what it had learnt where it broke off; None if nothing.
        handshake: the facts of the TLS handshake; None where it was not finished.
        failure: why it broke off.
        where: the state the dialog was in then.
        residue: plaintext that waited where TLS was to start.
        side: which side kept this.
    """

    endpoint: Endpoint
    address: str
    began: datetime
    manner: Manner
    insisted: bool
    transcript: Transcript
    connected: float | None = None
    upgrade: Upgrade | None = None
    handshake: Handshake | None = None
    failure: Failure | None = None
    where: str = ""
    residue: bytes = b""
    side: Side = Side.CLIENT

    @property
    def secured(self) -> bool:
        """The dialog came to its end inside TLS."""
        ended = self.upgrade is not None and self.upgrade.outcome in SECURE_OUTCOMES
        return ended and self.handshake is not None and self.failure is None

    @property
    def round_trips(self) -> int | None:
        """Round trips until our first word inside TLS could be said; None where none could."""
        return None if self.handshake is None else round_trips(self.transcript)

    @property
    def clear_sent(self) -> int:
        """Bytes that we let cross in clear."""
        return len(said(self.transcript, self.side, Layer.CLEAR))

    @property
    def clear_received(self) -> int:
        """Bytes that the peer let cross in clear."""
        return len(said(self.transcript, self.side.other, Layer.CLEAR))


def to_json(value: object) -> bytes:
    """Return a value of this project (Evidence, Decision, Verdict, ...) as JSON.

    Bytes become base64, times RFC 3339, enumerations their value; all of it is printable ASCII,
    since what a peer said is in it and somebody may look at it on a terminal.
    """
    encoded = msgspec.json.encode(value)
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    return _BEYOND_ASCII.sub(_escaped, encoded.decode()).encode()


def _escaped(found: re.Match[str]) -> str:
    """RFC 8259, 7: as UTF-16."""
    units = found[0].encode("utf-16-be")
    return "".join(
        f"\\u{high:02x}{low:02x}" for high, low in zip(units[::2], units[1::2], strict=True)
    )


def from_json(kind: type[T], data: bytes | str) -> T:
    """Return the value that `to_json` wrote.

    Raises: ValueError: not JSON, or not of this kind (msgspec.ValidationError is one).
    """
    return msgspec.json.decode(data, type=kind)

"""The values of a comparison: what one way cost and gave away, and where two ways disagree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from unstrip.certificates import Fault
from unstrip.evidence import Endpoint, Evidence, Failure
from unstrip.transcript import Side
from unstrip.trouble import Trouble
from unstrip.verdict import Code, Standing


class Told(Enum):
    """What whoever listens can learn before TLS protects anything, or in its handshake."""

    GREETING = "the greeting"
    CAPABILITIES = "what the server can do"
    MECHANISMS = "the ways to log in"
    CERTIFICATE = "the certificate"
    OUR_NAME = "the name we gave"
    HOST = "the name addressed"
    USER = "a user's name"
    SNI = "the host name (SNI)"
    ALPN = "the protocol (ALPN)"

    @property
    def teller(self) -> Side:
        """Who tells it."""
        return Side.SERVER if self in _SERVERS else Side.CLIENT


_SERVERS = frozenset({Told.GREETING, Told.CAPABILITIES, Told.MECHANISMS, Told.CERTIFICATE})


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing told in clear.

    Attributes: told: what; teller: by whom; said: in which words, unescaped.
    """

    told: Told
    teller: Side
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What the two sides of TLS agreed on.

    Attributes: as in `Handshake`.
    """

    version: str
    cipher: str
    group: str | None
    alpn: str | None
    forward_secrecy: bool


@dataclass(frozen=True, slots=True)
class Trip:
    """One visit: what it cost, what it gave away, what it got.

    Attributes:
        round_trips: until our first word inside TLS, TCP's own among them; None if none stood.
        seconds: until TLS stood, with the time to look the name up.
        clear_sent, clear_received: bytes that crossed in clear.
        told: what can be learnt from them, and from the TLS handshake.
        negotiated: what was agreed on; None where no TLS stood.
        failure: why it broke off; None if it did not.
    """

    round_trips: int | None
    seconds: float | None
    clear_sent: int
    clear_received: int
    told: tuple[Fact, ...]
    negotiated: Negotiated | None
    failure: Failure | None

    @property
    def version(self) -> str:
        """The version of TLS, "" where none stood."""
        return self.negotiated.version if self.negotiated else ""


@dataclass(frozen=True, slots=True)
class Shown:
    """The certificate a server showed.

    Attributes:
        names: whom it is for, DNS-IDs and IP-IDs.
        issuer: a distinguished name, unescaped.
        expires: when.
        key: kind and size of the public key.
        spki: SHA-256 of that key, in hex.
        sha256: that of the whole certificate.
        faults: what keeps it from proving the name asked for; empty if nothing does.
    """

    names: tuple[str, ...]
    issuer: str
    expires: datetime
    key: str
    spki: str
    sha256: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to TLS.

    Attributes:
        endpoint: where.
        standing, code: what `judge` says of it, where a proven server is insisted on.
        words: the same for people; "" where nothing is wrong.
        protected: the dialog came to its end inside TLS.
        trips: with the newest TLS there is, then with TLS 1.2 where that is not the same.
        certificate: what the server showed on the first of them; None if nothing that can be read.
        inside: capabilities listed inside TLS then.
    """

    endpoint: Endpoint
    standing: Standing
    code: Code
    words: str
    protected: bool
    trips: tuple[Trip, ...]
    certificate: Shown | None
    inside: tuple[str, ...]

    @property
    def lowered(self) -> bool:
        """The newest TLS was tried and failed, while TLS stood with TLS 1.2 at most."""
        newest, *older = self.trips
        if newest.version or newest.failure is None or self.standing is Standing.UNKNOWN:
            return False
        return any(trip.version and trip.failure is None for trip in older)

    @property
    def versions(self) -> frozenset[str] | None:
        """The versions of TLS that stood; None where a visit could not tell."""
        for trip in self.trips:
            told = trip.failure is not None and trip.failure.trouble is Trouble.TLS
            if not trip.version and not told:
                return None
        return frozenset(trip.version for trip in self.trips if trip.version)


class Point(Enum):
    """What two ports of one host can disagree in."""

    OPEN = "one is closed"
    PROTECTED = "one is protected, the other is not"
    VALID = "one certificate proves the name, the other does not"
    KEY = "another key"
    CERTIFICATE = "another certificate of the same key"
    VERSIONS = "other versions of TLS"
    CAPABILITIES = "other capabilities inside TLS"


@dataclass(frozen=True, slots=True)
class Difference:
    """One point of disagreement.

    Attributes: point: which; in_band, implicit: what is so on either way, escaped.
    """

    point: Point
    in_band: str
    implicit: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The two ways side by side.

    Attributes:
        standing: meets the requirement if every way does and they agree.
        in_band: the upgrade.
        implicit: TLS from the first byte; None where the protocol knows no such thing.
        differences: where the two disagree.
        words: what it comes to, in sentences.
    """

    standing: Standing
    in_band: Way
    implicit: Way | None
    differences: tuple[Difference, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Visits:
    """What was seen on one way.

    Attributes:
        newest: with the newest TLS that both sides know.
        older: with TLS 1.2 at most; None where that was not tried, or would be the same.
    """

    newest: Evidence
    older: Evidence | None = None

    @property
    def all(self) -> tuple[Evidence, ...]:
        """One or both."""
        return (self.newest,) if self.older is None else (self.newest, self.older)

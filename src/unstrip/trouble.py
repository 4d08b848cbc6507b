"""What can go wrong between two peers: the kinds, and the exceptions that carry them.

Rule-breaking is an exception; the endings that a protocol provides for are values (`Outcome`).
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from unstrip.escaping import excerpt

ASIDE = "ASIDE"  # the reason of an injection that an honest server may have made


class Trouble(Enum):
    """Why an attempt broke off: the kinds of failure that evidence distinguishes."""

    UNRESOLVED = "unresolved"  # the name has no address
    UNREACHABLE = "unreachable"  # no connection
    DEADLINE = "deadline"  # the time allowed ran out
    RESET = "reset"  # the connection was torn down
    ENDED = "ended"  # the peer hung up in mid-sentence
    TOO_LONG = "too long"  # more than any honest peer says
    BROKEN = "broken"  # not the protocol
    INJECTED = "injected"  # plaintext waited where TLS was to start
    UNSOLICITED = "unsolicited"  # an answer nobody had asked for
    SPOOFED = "spoofed"  # a state that cannot be, before TLS
    TLS = "tls"  # the handshake or a record failed
    UNMET = "unmet"  # our own requirement was not met


class ProtocolError(Exception):
    """The peer broke its protocol's rules; the message shows the bytes, cut and escaped."""

    trouble: ClassVar[Trouble] = Trouble.BROKEN


class TooLong(ProtocolError):
    """The peer said more, without finishing, than any honest peer would."""

    trouble = Trouble.TOO_LONG


class Ended(ProtocolError):
    """The peer hung up in mid-sentence."""

    trouble = Trouble.ENDED


class Injected(ProtocolError):
    """Plaintext was already waiting when TLS was to start (CVE-2011-0411 and its kin).

    Attributes:
        residue: those bytes, whole: they are evidence, and never reach TLS or a parser.
        reason: `ASIDE` where they would pass for no answer to anything.
    """

    trouble = Trouble.INJECTED

    def __init__(self, residue: bytes, *, aside: bool = False) -> None:
        super().__init__(f"plaintext waited where TLS was to start: {excerpt(residue)}")
        self.residue = residue
        self.reason = ASIDE if aside else ""


class Unsolicited(ProtocolError):
    """The peer answered what nobody had asked: a spliced or scripted conversation."""

    trouble = Trouble.UNSOLICITED


class Spoofed(ProtocolError):
    """The peer claims a state that cannot be before TLS, such as IMAP's PREAUTH."""

    trouble = Trouble.SPOOFED

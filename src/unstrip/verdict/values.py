"""What a verdict is made of: codes, findings with their proof, and who can read the link."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from unstrip.policy import Decision


class Code(Enum):
    """What a finding says; the gravest first, and the verdict is named after the gravest."""

    # Tampering: somebody on the path, or a device of theirs, edits what is said
    PLAINTEXT_INJECTED = "PLAINTEXT_INJECTED"
    STATE_SPOOFED = "STATE_SPOOFED"
    DESYNC_GREETING_IN_TLS = "DESYNC_GREETING_IN_TLS"
    TLS_INTERCEPTED = "TLS_INTERCEPTED"
    COMMAND_MASKED = "COMMAND_MASKED"
    REQUEST_FILTERED = "REQUEST_FILTERED"
    OFFER_MASKED = "OFFER_MASKED"
    OFFER_REMOVED = "OFFER_REMOVED"
    OFFER_HIDDEN = "OFFER_HIDDEN"
    # It falls short, and a server's own fault looks the same
    TLS_DOWNGRADED = "TLS_DOWNGRADED"
    BOGUS_ANSWER = "BOGUS_ANSWER"
    PLAINTEXT_INSTEAD_OF_TLS = "PLAINTEXT_INSTEAD_OF_TLS"
    RESET_AT_UPGRADE = "RESET_AT_UPGRADE"
    SILENT_AFTER_REQUEST = "SILENT_AFTER_REQUEST"
    REJECTED_AFTER_OFFER = "REJECTED_AFTER_OFFER"
    CAPABILITIES_REFUSED = "CAPABILITIES_REFUSED"
    TLS_FAILED = "TLS_FAILED"
    NEVER_OFFERED = "NEVER_OFFERED"
    OFFER_ABSENT_UNEXPLAINED = "OFFER_ABSENT_UNEXPLAINED"
    NO_GREETING_IN_TLS = "NO_GREETING_IN_TLS"
    PARTLY_IN_CLEAR = "PARTLY_IN_CLEAR"
    PIN_MISMATCH = "PIN_MISMATCH"
    DANE_MISMATCH = "DANE_MISMATCH"
    HOST_REFUSED = "HOST_REFUSED"
    CERTIFICATE_INVALID = "CERTIFICATE_INVALID"
    # It could not be told
    RATE_LIMITED = "RATE_LIMITED"
    SERVICE_REFUSED = "SERVICE_REFUSED"
    NAME_UNRESOLVED = "NAME_UNRESOLVED"
    UNREACHABLE = "UNREACHABLE"
    DEADLINE_PASSED = "DEADLINE_PASSED"
    CONNECTION_RESET = "CONNECTION_RESET"
    CONNECTION_CLOSED = "CONNECTION_CLOSED"
    ENDLESS_ANSWER = "ENDLESS_ANSWER"
    NOT_THE_PROTOCOL = "NOT_THE_PROTOCOL"
    INCONCLUSIVE = "INCONCLUSIVE"
    # All is as it should be
    TLS_OK_UNAUTHENTICATED = "TLS_OK_UNAUTHENTICATED"
    TLS_OK_AUTHENTICATED = "TLS_OK_AUTHENTICATED"
    # Notes: they never name a verdict
    ROUTE_UNPROVEN = "ROUTE_UNPROVEN"
    TESTING_WOULD_FAIL = "TESTING_WOULD_FAIL"
    DEVICE_IN_PATH = "DEVICE_IN_PATH"
    LINE_INSERTED = "LINE_INSERTED"
    ANSWERED_NEARER = "ANSWERED_NEARER"
    CAPABILITIES_DIFFER = "CAPABILITIES_DIFFER"
    OFFERED_INSIDE_TLS = "OFFERED_INSIDE_TLS"
    LOGIN_OFFERED_IN_CLEAR = "LOGIN_OFFERED_IN_CLEAR"
    NO_FORWARD_SECRECY = "NO_FORWARD_SECRECY"
    CERTIFICATE_EXPIRES_SOON = "CERTIFICATE_EXPIRES_SOON"
    KEY_CHANGED = "KEY_CHANGED"

    @property
    def rank(self) -> int:
        """Its place in the order of gravity, 0 the gravest."""
        return _ORDER[self]

    @property
    def tampering(self) -> bool:
        """It says that somebody on the path edits what is said."""
        return self.rank <= _ORDER[Code.OFFER_HIDDEN]

    @property
    def unknown(self) -> bool:
        """It says that nothing could be said."""
        return _ORDER[Code.RATE_LIMITED] <= self.rank <= _ORDER[Code.INCONCLUSIVE]

    @property
    def note(self) -> bool:
        """It only adds to what another says."""
        return self.rank > _ORDER[Code.TLS_OK_AUTHENTICATED]


_ORDER = {code: place for place, code in enumerate(Code)}


@dataclass(frozen=True, slots=True)
class Proof:
    """The bytes that show it.

    Attributes: utterance: index in the transcript; offset: in its data; data: the bytes; words:
        what they are, where they do not speak for themselves.
    """

    utterance: int
    offset: int
    data: bytes
    words: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    Attributes:
        code: what.
        confidence: how sure it is, 0 to 1: that it is so, and is what the code says.
        words: a sentence for people; what a peer said in it is escaped.
        because: further sentences, each with what it rests on.
        proof: the bytes that show it.
        source: the rule's source, "RFC 3207, 4.2".
    """

    code: Code
    confidence: float
    words: str
    because: tuple[str, ...] = ()
    proof: tuple[Proof, ...] = ()
    source: str = ""


class Reach(Enum):
    """What somebody can do with the link."""

    SAFE = "safe"
    READS = "reads"
    UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class Exposure:
    """Who can read this link: the three questions that people have.

    Attributes:
        wiretap: somebody who only listens.
        attacker: somebody who can also change what crosses.
        later: somebody who recorded it and gets the server's key one day.
    """

    wiretap: Reach
    attacker: Reach
    later: Reach


class Standing(Enum):
    """What it comes to; the command line's exit codes are these."""

    MEETS = "meets the requirement"
    FALLS_SHORT = "falls short"
    TAMPERED = "tampering found"
    UNKNOWN = "could not tell"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How what was seen compares with what should have happened.

    Attributes:
        code: the gravest finding's, or which kind of TLS it is.
        meets: the link itself is as good as the decision asks; may the caller go on?
        exposure: who can read it.
        findings: the gravest first.
        decision: what was insisted on.
    """

    code: Code
    meets: bool
    exposure: Exposure
    findings: tuple[Finding, ...]
    decision: Decision

    @property
    def confidence(self) -> float:
        """How sure the code is."""
        return next((f.confidence for f in self.findings if f.code is self.code), 1.0)

    @property
    def standing(self) -> Standing:
        """What it comes to."""
        if self.code.tampering:
            return Standing.TAMPERED
        if self.meets:
            return Standing.MEETS
        return Standing.UNKNOWN if self.code.unknown else Standing.FALLS_SHORT

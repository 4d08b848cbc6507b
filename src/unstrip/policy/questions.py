"""What a policy source asks the world, and what the world answers: frozen values, no sockets.

A source is a generator: it yields a question, is sent the answer, and returns what it came to. So
one text serves every event loop, and a test answers from a dictionary. Names are A-labels in
lower case without the final dot; the root is "".

An answer says what happened, never what follows from it. That nothing is there, that it could not
be found out, and that it was forged are different values, because what follows differs: a failed
look-up never loosens.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias, TypeVar

from unstrip.certificates import WebPki
from unstrip.tlsa import Tlsa

T = TypeVar("T")


class Kind(Enum):
    """The types of records that policies are made of."""

    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"
    MX = "MX"
    SRV = "SRV"
    TLSA = "TLSA"
    TXT = "TXT"


@dataclass(frozen=True, slots=True)
class Dns:
    """Which records of one kind are there at a name? Aliases are followed, except for CNAME."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Https:
    """What is at https://host/path? Certificate and name are verified, redirects not followed."""

    host: str
    path: str


@dataclass(frozen=True, slots=True)
class Address:
    """A or AAAA: an address, as Python's `ipaddress` writes it."""

    address: str


@dataclass(frozen=True, slots=True)
class Alias:
    """CNAME: the name that is meant."""

    target: str


@dataclass(frozen=True, slots=True)
class Mx:
    """MX (RFC 5321, 5.1); the host "" says that there is no mail here (RFC 7505)."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class Srv:
    """SRV (RFC 2782); the target "" says that there is no such service."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class Txt:
    """TXT: one record may be of several strings, which belong together."""

    strings: tuple[bytes, ...]

    @property
    def joined(self) -> bytes:
        """The strings as one, with nothing in between (RFC 8461, 3.1; RFC 7208, 3.3)."""
        return b"".join(self.strings)


Record: TypeAlias = Address | Alias | Mx | Srv | Tlsa | Txt


class Status(Enum):
    """What became of a question to DNS; the first three are answers, the others are failures."""

    FOUND = "found"
    NO_DATA = "no data"  # the name is there, and has no such record
    NXDOMAIN = "no such name"
    SERVFAIL = "server failure"  # or any other error code: REFUSED, NOTIMP, ...
    TIMEOUT = "no answer"  # in time, or at all
    MALFORMED = "malformed answer"
    DISTRUSTED = "no longer believed"  # who validated once, and does so no more


class Security(Enum):
    """What DNSSEC says of an answer (RFC 4035, 4.3)."""

    SECURE = "secure"
    INSECURE = "insecure"  # proved to be unsigned
    BOGUS = "bogus"  # signed, and the signatures are wrong
    UNCHECKED = "not checked"  # nobody whom we believe has looked


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """What DNS said.

    Attributes:
        status: what became of the question.
        records: those of the kind asked for, in the answer's order; none unless FOUND.
        security: of the whole answer, aliases included. BOGUS goes with a failure.
        canonical: the name at the end of the aliases; "" if there are none.
        ttl: seconds for which this holds, for a negative answer too (RFC 2308).
        words: why it failed, or why DNSSEC was not checked and what to install.
    """

    status: Status
    records: tuple[Record, ...] = ()
    security: Security = Security.UNCHECKED
    canonical: str = ""
    ttl: int = 0
    words: str = ""

    @property
    def failed(self) -> bool:
        """Nothing was found out, neither that it is there nor that it is not."""
        return self.security is Security.BOGUS or self.status in _FAILURES

    @property
    def secure(self) -> bool:
        """DNSSEC vouches for it, be it positive or negative."""
        return self.security is Security.SECURE and not self.failed

    def of(self, kind: type[T]) -> tuple[T, ...]:
        """Return the records of one type."""
        return tuple(record for record in self.records if isinstance(record, kind))

    def said(self) -> str:
        """Say it in words, for people: "no such name (insecure)"."""
        more = f": {self.words}" if self.words else ""
        return f"{self.status.value} ({self.security.value}){more}"


_FAILURES = frozenset({Status.SERVFAIL, Status.TIMEOUT, Status.MALFORMED, Status.DISTRUSTED})


class ResultType(Enum):
    """What is reported of a failure (RFC 8460, 4.3)."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION_FAILURE = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error"
    STS_POLICY_INVALID = "sts-policy-invalid"
    STS_WEBPKI_INVALID = "sts-webpki-invalid"


@dataclass(frozen=True, slots=True)
class HttpsAnswer:
    """What the web server said, once its certificate had proved the name.

    Attributes: status: as in HTTP; content_type: the field's whole value, "" without one; body:
        whole; webpki: what was said of the certificate.
    """

    status: int
    content_type: str = ""
    body: bytes = b""
    webpki: WebPki | None = None


@dataclass(frozen=True, slots=True)
class HttpsFailure:
    """There is no answer: unreachable, too slow, too long, not HTTP, the wrong certificate.

    Attributes: result: as it is reported; words: what went wrong; webpki: what was said of the
        certificate, if one was seen.
    """

    result: ResultType
    words: str
    webpki: WebPki | None = None


Question: TypeAlias = Dns | Https
Answer: TypeAlias = DnsAnswer | HttpsAnswer | HttpsFailure
Source: TypeAlias = Generator[Question, Answer, T]


def dns(name: str, kind: Kind) -> Source[DnsAnswer]:
    """Ask DNS, inside a source, with `yield from`."""
    answer = yield Dns(name, kind)
    assert isinstance(answer, DnsAnswer), f"an answer to another question: {answer}"
    return answer


def https(host: str, path: str) -> Source[HttpsAnswer | HttpsFailure]:
    """Ask a web server, inside a source, with `yield from`."""
    answer = yield Https(host, path)
    assert not isinstance(answer, DnsAnswer), f"an answer to another question: {answer}"
    return answer

"""Evidence for the tests of `judge`: our own client side, talked to by a list of lines.

    heard("S: 220 mx ESMTP", "C: EHLO localhost", "S: 250 mx")

`S: ` is a line of the server's, those that follow each other are one segment; `C: ` is a line
that our client must say there; `<TLS>` is where it must start TLS. `<EOF>`, `<reset>` and
`<silence>` end the connection; without them the server hangs up after its last line. The
outcome, the failure and the transcript come from the client itself, so no test can describe
evidence that could never be seen.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NoReturn

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL.crypto import FILETYPE_PEM, X509Store, load_certificate

from unstrip.certificates import Anchors, webpki
from unstrip.derivation import Beliefs, Destination, derive_one
from unstrip.evidence import Endpoint, Evidence
from unstrip.handshake import Handshake
from unstrip.io.session import failure
from unstrip.policy import Decision, Level, Policy
from unstrip.protocols import REGISTRY
from unstrip.transcript import Layer, Side, Utterance
from unstrip.trouble import Ended, Injected, ProtocolError
from unstrip.tunnel import HandshakeFailed
from unstrip.upgrade import Asking, Manner, Upgrade
from unstrip.verdict import Code, Finding, Verdict, judge
from unstrip.wire import Receive, Send, StartTLS, Wire

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOST = "mx.example.org"
ADDRESS = "192.0.2.25"
TICK = 0.001  # seconds between any two segments

SMTP = Endpoint(HOST, 25, "smtp")
SMTPS = Endpoint(HOST, 465, "smtp", implicit=True)
IMAP = Endpoint(HOST, 143, "imap")
IMAPS = Endpoint(HOST, 993, "imap", implicit=True)
POP3 = Endpoint(HOST, 110, "pop3")
FTP = Endpoint(HOST, 21, "ftp")
POSTGRESQL = Endpoint(HOST, 5432, "postgresql")

MAY = Decision(Level.MAY)
ENCRYPT = Decision(Level.ENCRYPT)
VERIFY = Decision(Level.AUTHENTICATED)

_ENDS = {
    "<EOF>": Ended("connection closed"),
    "<reset>": ConnectionResetError("connection reset"),
    "<silence>": TimeoutError("30 seconds are over"),
    "<TLS fails>": HandshakeFailed("WRONG_VERSION_NUMBER", "TLS failed: wrong version number"),
    "<TLS alert>": HandshakeFailed("SSLV3_ALERT_HANDSHAKE_FAILURE", "TLS failed: an alert"),
}


# -- certificates ----------------------------------------------------------------------


@cache
def authority(name: str) -> trustme.CA:
    """A CA; the one called "trusted" is."""
    return trustme.CA(organization_name=name)


@cache
def roots() -> Anchors:
    store = X509Store()
    store.add_cert(load_certificate(FILETYPE_PEM, authority("trusted").cert_pem.bytes()))
    return Anchors(store)


def chain(
    label: str = "first", *names: str, by: str = "trusted", **validity: datetime
) -> tuple[bytes, ...]:
    """A chain in DER for `names`; another label has another key."""
    return _issued(label, names or (HOST,), by, tuple(validity.items()))


@cache
def _issued(
    label: str, names: tuple[str, ...], by: str, validity: tuple[tuple[str, datetime], ...]
) -> tuple[bytes, ...]:
    leaf = authority(by).issue_cert(*names, common_name=label, **dict(validity))
    return tuple(ssl.PEM_cert_to_DER_cert(pem.bytes().decode()) for pem in leaf.cert_chain_pems)


def self_made(subject: str, *names: str, weak: bool = False) -> tuple[bytes, ...]:
    """A self-signed certificate in DER, whose subject is this Common Name alone."""
    strong = ec.generate_private_key(ec.SECP256R1())
    key = rsa.generate_private_key(65537, 1024) if weak else strong  # noqa: S505  # as asked for
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    alternatives = x509.SubjectAlternativeName([x509.DNSName(text) for text in names or (HOST,)])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), 7)
        .not_valid_before(NOW - timedelta(days=300))
        .not_valid_after(NOW + timedelta(days=300))
        .add_extension(alternatives, critical=False)
    )
    return (builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER),)


def shaken(der: tuple[bytes, ...] | None = None, **facts: Any) -> Handshake:
    """A handshake with this chain, a valid one by default, as a session annotates it."""
    der = chain() if der is None else der
    said = webpki(der, HOST, roots(), NOW)
    found = Handshake("TLSv1.3", "TLS_AES_256_GCM_SHA384", "X25519", True, None, HOST, der, said)
    return replace(found, **facts)


def untrusted(label: str = "stranger", *names: str) -> Handshake:
    """A handshake with a certificate from nobody we know."""
    return shaken(chain(label, *names, by="stranger"))


# -- evidence --------------------------------------------------------------------------


def heard(
    *lines: str,
    endpoint: Endpoint = SMTP,
    handshake: Handshake | None = None,
    insist: bool = False,
    manner: Manner = Manner.PLAIN,
    delays: Iterable[float] = (),
    **fields: Any,
) -> Evidence:
    """What our client saw of a server that says these lines.

    Args: delays: seconds before each segment of the server's; fields: what else to set.
    """
    scene = _Scene(endpoint, lines, tuple(delays))
    error = scene.play(Asking(insist=insist, manner=manner))
    upgrade = scene.upgrade or scene.wire.so_far
    evidence = Evidence(
        endpoint=endpoint,
        address=ADDRESS,
        began=NOW,
        manner=manner,
        insisted=insist,
        transcript=tuple(scene.said),
        connected=TICK,
        upgrade=upgrade,
        handshake=(handshake or shaken()) if scene.shaken else None,
        failure=failure(error) if error else None,
        where="client" if error else "",
        residue=error.residue if isinstance(error, Injected) else b"",
    )
    return replace(evidence, **fields)


def unheard(error: Exception, endpoint: Endpoint = SMTP) -> Evidence:
    """What is seen where no connection came about."""
    return Evidence(
        endpoint, "", NOW, Manner.PLAIN, insisted=False, transcript=(), failure=failure(error)
    )


class _Scene:
    """One dialog of the client's with the lines of the script."""

    def __init__(self, endpoint: Endpoint, lines: Iterable[str], delays: tuple[float, ...]) -> None:
        self.wire = Wire(secure=endpoint.implicit)
        self.said: list[Utterance] = []
        self.upgrade: Upgrade | None = None
        self.shaken = False
        self._endpoint = endpoint
        self._lines, self._delays = deque(lines), deque(delays)
        self._now, self._line = TICK, b""

    def play(self, ask: Asking) -> Exception | None:
        try:
            if self._endpoint.implicit:
                self._shake()
            for effect in self._effects(ask):
                match effect:
                    case Send(data):
                        self._expect(data)
                    case Receive():
                        self._hear()
                    case StartTLS():
                        self._shake()
        except (ProtocolError, OSError) as error:
            return error
        assert not self._lines, f"the client never came to {self._lines}"
        return None

    def _effects(self, ask: Asking):
        self.upgrade = yield from REGISTRY[self._endpoint.protocol].client(self.wire, ask)

    def _expect(self, data: bytes) -> None:
        self._note(Side.CLIENT, data)
        self._line += data
        while b"\r\n" in self._line:
            text, _, self._line = self._line.partition(b"\r\n")
            if self._lines and self._lines[0].startswith("C: "):
                due = self._lines.popleft()[3:].encode()
                assert text.lower() == due.lower(), f"the client said {text!r}, not {due!r}"

    def _hear(self) -> None:
        segment = b"".join(_bytes(text) for text in self._of_the_server("S: "))
        if not segment:
            self._end()
        self._now += self._delays.popleft() if self._delays else 0.0
        self._note(Side.SERVER, segment)
        self.wire.hear(segment)

    def _shake(self) -> None:
        """Shake hands; at `<ClientHello>`, in vain."""
        mark = self._lines.popleft() if self._lines[0].startswith(("<TLS>", "<Cl")) else "<TLS>"
        self._note(Side.CLIENT, _record(1), Layer.HANDSHAKE)
        if mark == "<ClientHello>":
            for answer in self._of_the_server("R: "):
                self._note(Side.SERVER, _bytes(answer), Layer.HANDSHAKE)
            self._end()
        self._note(Side.SERVER, _record(2), Layer.HANDSHAKE)
        self._note(Side.CLIENT, _record(20), Layer.HANDSHAKE)
        self.shaken = True

    def _of_the_server(self, mark: str) -> Iterator[str]:
        while self._lines and self._lines[0].startswith(mark):
            yield self._lines.popleft().removeprefix(mark)

    def _end(self) -> NoReturn:
        raise _ENDS[self._lines.popleft() if self._lines else "<EOF>"]

    def _note(self, side: Side, data: bytes, layer: Layer | None = None) -> None:
        self._now += TICK
        words = Layer.SECURE if self.shaken else Layer.CLEAR
        self.said.append(Utterance(side, layer or words, data, round(self._now, 6)))


def _record(kind: int) -> bytes:
    """A handshake record with one message (RFC 8446, 4)."""
    return b"\x16\x03\x03\x00\x04" + bytes([kind, 0, 0, 0])


def _bytes(text: str) -> bytes:
    r"""A line with its ending; a lone backslash at its end means none."""
    bare = text.endswith("\\")
    data = text.removesuffix("\\").encode("latin-1").decode("unicode_escape").encode("latin-1")
    return data if bare else data + b"\r\n"


# -- scenes that many tests need -------------------------------------------------------

EHLO = "C: EHLO localhost"
OFFER = (
    "S: 220 mx ESMTP",
    EHLO,
    "S: 250-mx",
    "S: 250-SIZE 1000",
    "S: 250-STARTTLS",
    "S: 250 8BITMIME",
)
NO_OFFER = tuple(line for line in OFFER if "STARTTLS" not in line)
ASKED = "C: STARTTLS"
GRANTED = (
    ASKED,
    "S: 220 go",
    "<TLS>",
    EHLO,
    "S: 250-mx",
    "S: 250-SIZE 1000",
    "S: 250 8BITMIME",
)

# Seen in Thailand in 2014, on a subscriber's line and elsewhere.
THAI_STRIPPED = (
    "S: 220 smtp.gmail.com ESMTP mail.redacted.com - gsmtp",
    EHLO,
    "S: 250-smtp.gmail.com at your service,",
    "S: 250-SIZE 35882577",
    "S: 250-8BITMIME",
    "S: 250-ENHANCEDSTATUSCODES",
    "S: 250-PIPELINING",
    "S: 250 SMTPUTF8",
)
THAI_ELSEWHERE = (
    "S: 220 smtp.gmail.com ESMTP - gsmtp",
    EHLO,
    "S: 250-smtp.gmail.com at your service",
    "S: 250-SIZE 35882577",
    "S: 250-8BITMIME",
    "S: 250-STARTTLS",
    "S: 250-ENHANCEDSTATUSCODES",
    "S: 250-PIPELINING",
    "S: 250 SMTPUTF8",
)


def upgraded(handshake: Handshake | None = None, **fields: Any) -> Evidence:
    """SMTP, honest from beginning to end."""
    return heard(*OFFER, *GRANTED, handshake=handshake, **fields)


def stripped(**fields: Any) -> Evidence:
    """SMTP without an offer, and not asked for."""
    return heard(*NO_OFFER, **fields)


def refused(answer: str = "454 4.7.0 not now", **fields: Any) -> Evidence:
    """SMTP, offered and then refused."""
    return heard(*OFFER, ASKED, f"S: {answer}", **fields)


def hidden(handshake: Handshake | None = None, **fields: Any) -> Evidence:
    """SMTP without an offer, that upgrades when asked anyway."""
    return heard(*NO_OFFER, *GRANTED, handshake=handshake, insist=True, **fields)


def implicit(handshake: Handshake | None = None, endpoint: Endpoint = SMTPS) -> Evidence:
    """SMTP with TLS from the first byte."""
    lines = ("S: 220 mx ESMTP", EHLO, "S: 250-mx", "S: 250 8BITMIME")
    return heard(*lines, endpoint=endpoint, handshake=handshake)


def days_ago(days: float, evidence: Evidence) -> Evidence:
    """The same, seen so many days ago."""
    return replace(evidence, began=NOW - timedelta(days=days))


def steadily(evidence: Evidence, visits: int = 3) -> tuple[Evidence, ...]:
    """The same, seen on so many visits, a week apart, oldest first."""
    return tuple(days_ago(7 * n, evidence) for n in range(visits, 0, -1))


def because(*policies: Policy) -> Decision:
    """A decision to verify that rests on these."""
    return Decision(Level.AUTHENTICATED, policies)


# -- looking at verdicts ---------------------------------------------------------------


def codes(verdict: Verdict) -> set[Code]:
    return {finding.code for finding in verdict.findings}


def found(verdict: Verdict, code: Code) -> Finding:
    """The finding with this code."""
    return next(finding for finding in verdict.findings if finding.code is code)


def judged(evidence: Evidence, decision: Decision = MAY, **others: Iterable[Evidence]) -> Verdict:
    return judge(decision, evidence, **others)


def visited(evidence: Evidence) -> Destination:
    """Where that was, when nobody had an opinion on it."""
    return derive_one(evidence.endpoint, None, Beliefs(), NOW)


def ftp(protection: str) -> Evidence:
    """FTP upgraded, with this answer to PROT P."""
    lines = (
        "S: 220 ftp",
        "C: FEAT",
        "S: 211-have",
        "S:  AUTH TLS",
        "S: 211 end",
        "C: AUTH TLS",
        "S: 234 go",
        "<TLS>",
        "C: PBSZ 0",
        "S: 200 PBSZ=0",
        "C: PROT P",
        f"S: {protection}",
        "C: FEAT",
        "S: 211 none",
    )
    return heard(*lines, endpoint=FTP)


def postgresql(answer: str) -> Evidence:
    """PostgreSQL, with this one byte in answer to SSLRequest."""
    return heard(f"S: {answer}\\", endpoint=POSTGRESQL)

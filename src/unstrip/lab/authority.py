"""Certificates made on the spot, good ones and ones with a flaw; nothing of them outlives a run.

Keys touch the disk only because OpenSSL wants files, in a directory of our own that is gone
again at once.
"""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from unstrip.io.trust import server_context

ELSEWHERE = "elsewhere.invalid"  # RFC 2606, 2: nobody has that name
_DAY = timedelta(days=1)


class Flaw(Enum):
    """What may be wrong with a certificate."""

    EXPIRED = "expired"  # C-04
    WRONG_NAME = "wrong name"  # C-03
    SELF_SIGNED = "self-signed"  # C-01


class Authority:
    """A certificate authority that exists for as long as the `with` block does.

    Attributes: ca_file: its certificate, PEM, for whoever is to trust it.
    """

    def __init__(self) -> None:
        self._ca = trustme.CA()
        self._directory = tempfile.TemporaryDirectory(prefix="unstrip-lab-")
        self.ca_file = Path(self._directory.name) / "ca.pem"
        self.ca_file.write_bytes(self._ca.cert_pem.bytes())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._directory.cleanup()

    def context(self, *names: str, flaw: Flaw | None = None) -> ssl.SSLContext:
        """Return a server's context with a new certificate for `names`, or one with a flaw."""
        if flaw is Flaw.SELF_SIGNED:
            return self_signed(names[0])
        today = datetime.now(UTC)
        leaf = self._ca.issue_cert(
            *(names if flaw is not Flaw.WRONG_NAME else (ELSEWHERE,)),
            not_before=today - 90 * _DAY,
            not_after=today - _DAY if flaw is Flaw.EXPIRED else today + 90 * _DAY,
        )
        chain = b"".join(part.bytes() for part in leaf.cert_chain_pems)
        return _context(chain, leaf.private_key_pem.bytes())


def self_signed(name: str) -> ssl.SSLContext:
    """Return a server's context whose certificate has the right name and nobody behind it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - _DAY)
        .not_valid_after(today + 90 * _DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return _context(certificate.public_bytes(Encoding.PEM), secret)


def impersonator() -> ssl.SSLContext:
    """Return a context that is self-signed for whatever name the client asks for by SNI."""
    context = self_signed("localhost")
    context.sni_callback = _impersonate
    return context


def _impersonate(engine: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    if name is not None:
        engine.context = self_signed(name)


def _context(chain: bytes, key: bytes) -> ssl.SSLContext:
    with tempfile.TemporaryDirectory(prefix="unstrip-lab-") as directory:
        paths = Path(directory, "chain.pem"), Path(directory, "key.pem")
        paths[0].write_bytes(chain)
        paths[1].write_bytes(key)
        return server_context(*paths)

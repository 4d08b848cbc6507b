"""Signing reports by DKIM (RFC 8460, 5.3), with what dkimpy makes of a key."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from unstrip.io.files import Unread, read
from unstrip.tlsrpt.key import KeyRecord
from unstrip.tlsrpt.message import SIGNED

_LONGEST = 64 * 1024  # bytes of the file
_FEWEST_BITS = 1024  # RFC 8301, 3.2: nobody may take less
# signed once more than they are there, so that nobody adds another one (RFC 6376, 8.15)
_ALONE = ("From", "To", "Subject", "TLS-Report-Domain", "TLS-Report-Submitter")


class NoSigner(ValueError):
    """Reports cannot be signed; the message says why.

    Attributes: hint: what could be done.
    """

    def __init__(self, words: str, hint: str = "") -> None:
        super().__init__(words)
        self.hint = hint


class Signer:
    """Signs in the name of a domain, with the key that it publishes under a selector.

    Args: key: a file with an RSA key, PEM.
    Attributes: record: by which receivers check it.
    Raises: NoSigner.
    """

    def __init__(self, key: Path, domain: str, selector: str) -> None:
        try:
            import dkim
        except ImportError as error:
            raise NoSigner("dkimpy is missing", "pip install 'unstrip[report]'") from error
        self._dkim = dkim
        private = _private(key)
        self._key = private.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )  # the one form that dkimpy reads for certain
        self._domain, self._selector = domain.encode(), selector.encode()
        self.record = KeyRecord(f"{selector}._domainkey.{domain}", _public(private))

    def sign(self, mail: bytes) -> bytes:
        """Return the mail with its signature before it."""
        made = self._dkim.sign(
            mail,
            self._selector,
            self._domain,
            self._key,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[name.encode() for name in (*SIGNED, *_ALONE)],
            tlsrpt=True,  # RFC 8460, 5.3: never with a length
        )
        return bytes(made) + mail


def _public(key: RSAPrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(der).decode()


def _private(path: Path) -> RSAPrivateKey:
    hint = "openssl genrsa -out KEY.pem 2048"
    try:
        key = load_pem_private_key(read(path, _LONGEST), None)
    except Unread as error:
        raise NoSigner(str(error)) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise NoSigner(f"{path} is no private key in PEM, without a password", hint) from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < _FEWEST_BITS:
        raise NoSigner(f"{path} is no RSA key of {_FEWEST_BITS} bits or more", hint)
    return key

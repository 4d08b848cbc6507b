"""The next key, from a PEM file: a certificate with its chain, a public key, or a private one.

A TLSA record is of the key as it stands in the certificate, byte by byte, so that is what is taken:
of a public key its own bytes, of a private one what OpenSSL would put into a certificate.
"""

from __future__ import annotations

import base64
import binascii
import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from unstrip.certificates import Unreadable
from unstrip.publication.values import Key
from unstrip.tlsa import Tlsa, Usage, algorithm, public_half, public_key, unusable

_CERTIFICATE, _KEY = b"-----BEGIN CERTIFICATE-", re.compile(b"-----BEGIN [A-Z ]*KEY-")
_PUBLIC = re.compile(b"-----BEGIN PUBLIC KEY-----([^-]*)-----END PUBLIC KEY-----")
_SIGN_NOTHING = {  # keys to agree on others by, which no server can show
    bytes.fromhex("2b656e"): "X25519",  # RFC 8410, 3
    bytes.fromhex("2b656f"): "X448",
    bytes.fromhex("2a864886f70d010301"): "Diffie-Hellman",  # PKCS #3
    bytes.fromhex("2a8648ce3e0201"): "Diffie-Hellman",  # RFC 3279, 2.3.3
}


class BadPem(ValueError):
    """The file holds nothing of what is wanted; the message says what was wanted.

    Attributes: hint: what to do.
    """

    def __init__(self, words: str, hint: str = "give a PEM file") -> None:
        super().__init__(words)
        self.hint = hint


def from_certificates(pem: bytes) -> Key:
    """Return the key of the first certificate of a file, with all of them as its chain.

    Raises: BadPem.
    """
    try:
        chain = [each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(pem)]
    except (ValueError, UnsupportedAlgorithm) as error:
        if _KEY.search(pem):
            raise BadPem("this is a key, and no certificate", "give it by --next-key") from error
        raise BadPem("no certificate in PEM") from error
    return Key(_signing(public_key(chain[0])), tuple(chain))


def from_key(pem: bytes) -> Key:
    """Return the key of a file; of a private one only the public half is looked at.

    Raises: BadPem.
    """
    public = _PUBLIC.search(pem)
    try:
        return Key(_signing(_bytes(public[1]) if public else public_half(pem)))
    except Unreadable as error:
        if b"ENCRYPTED" in pem:
            hint = "give the public key: openssl pkey -in KEY.pem -pubout"
            raise BadPem("a passphrase is on it", hint) from error
        if _CERTIFICATE in pem:
            raise BadPem("this is a certificate", "give it by --next-cert") from error
        raise BadPem("no public or private key in PEM") from error


def _bytes(text: bytes) -> bytes:
    """Return what stands between the lines of a public key in PEM, if it is one."""
    try:
        spki = base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error as error:
        raise Unreadable("not PEM") from error
    if fault := unusable(Tlsa(Usage.DANE_EE, 1, 0, spki)):  # RFC 7218: the key itself
        raise Unreadable(fault)
    return spki


def _signing(spki: bytes) -> bytes:
    """Return a key that a server can show (RFC 8446, 4.2.3), and no other."""
    if kind := _SIGN_NOTHING.get(algorithm(spki)):
        words = f"a key for {kind} signs nothing, so no server can show it"
        raise BadPem(words, "give the key of the certificate")
    return spki

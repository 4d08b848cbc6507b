"""The next key, from a PEM file: a certificate with its chain, a public key, or a private one."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from unstrip.publication.values import Key
from unstrip.tlsa import public_key


class BadPem(ValueError):
    """The file holds nothing of what is wanted; the message says what was wanted."""


def from_certificates(pem: bytes) -> Key:
    """Return the key of the first certificate of a file, with all of them as its chain.

    Raises: BadPem.
    """
    try:
        chain = [each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(pem)]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadPem("no certificate in PEM") from error
    return Key(public_key(chain[0]), tuple(chain))


def from_key(pem: bytes) -> Key:
    """Return the key of a file; of a private one only the public half is looked at.

    Raises: BadPem.
    """
    try:
        if b" PUBLIC KEY-" in pem:
            public = load_pem_public_key(pem)
        else:
            public = load_pem_private_key(pem, None).public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadPem("no public or private key in PEM") from error
    except TypeError as error:  # how it is said that there is a passphrase
        raise BadPem("a passphrase is on it: give the public key") from error
    return Key(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

"""Certificates: facts from DER, names by RFC 9525, and what the WebPKI says of a chain.

Verification comes after the handshake, not inside it: a chain that fails is evidence like any
other, and the caller refuses it before a further byte goes out. Paths are built by OpenSSL
(pyOpenSSL's X509StoreContext), which judges as the mail servers of this world judge; dates, names
and purpose are checked here, so that an expired certificate with a wrong name shows both faults.

pyOpenSSL and cryptography are imported where they are first needed: they cost 100 ms, and a
command line that only prints its help needs neither.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from OpenSSL.crypto import X509Store

_WEAK_RSA_BITS = 2048  # RFC 9325, 4.5: at least 112 bits of strength
_WEAK_HASHES = frozenset({"md5", "sha1"})  # RFC 9155


class Fault(Enum):
    """What is wrong with a chain, as the WebPKI sees it."""

    UNREADABLE = "cannot be read"
    UNTRUSTED = "no trusted issuer"
    SELF_SIGNED = "self-signed"
    EXPIRED = "expired"
    NOT_YET_VALID = "not valid yet"
    WRONG_NAME = "wrong name"
    WRONG_PURPOSE = "not for servers"
    WEAK = "weak key or signature"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class WebPki:
    """What the WebPKI says of a chain.

    Attributes:
        name: the reference identifier it was checked for: the name the user gave.
        faults: what is wrong with it, most telling first; empty when it is valid.
        words: what OpenSSL said of the path, "" when that is valid.
    """

    name: str
    faults: tuple[Fault, ...] = ()
    words: str = ""

    @property
    def valid(self) -> bool:
        """True when nothing is wrong with it."""
        return not self.faults


class Unreadable(ValueError):
    """The DER is not a certificate that can be read."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The facts of one certificate; its names for people are read when they are asked for.

    Attributes:
        der: the certificate itself.
        dns_names: the DNS-IDs (RFC 9525, 6.1); the Common Name is none.
        addresses: the IP-IDs.
        not_before, not_after: with time zone.
        key: kind and size of the public key, "EC secp256r1".
        signature: the hash of the signature, "sha256".
        spki: SHA-256 of the SubjectPublicKeyInfo, in hex: what survives renewal with one key.
        server: the extended key usage, where there is one, allows servers.
        weak: the key or the signature is.
    """

    der: bytes
    dns_names: tuple[str, ...]
    addresses: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key: str
    signature: str
    spki: str
    server: bool
    weak: bool

    @property
    def subject(self) -> str:
        """Whom it names, as a distinguished name (RFC 4514); never to be shown unescaped."""
        return _words(lambda: _load(self.der).subject)

    @property
    def issuer(self) -> str:
        """Who issued it, as a distinguished name (RFC 4514); never to be shown unescaped."""
        return _words(lambda: _load(self.der).issuer)

    @property
    def self_signed(self) -> bool:
        """Issuer and subject are the same name."""
        return self.subject == self.issuer


@dataclass(frozen=True, slots=True)
class Identifiers:
    """Whom a certificate is for (RFC 9525, 6.1): DNS-IDs and IP-IDs."""

    dns_names: tuple[str, ...]
    addresses: tuple[str, ...]


class Anchors:
    """The trusted roots: an OpenSSL store, made at the edge (`io.trust`), used here.

    Attributes: store: for paths judged here; source: the PEM file they came from.
    """

    def __init__(self, store: X509Store, source: str = "") -> None:
        self.store, self.source = store, source


@lru_cache(maxsize=256)
def read(der: bytes) -> Certificate:
    """Return the facts of one certificate; issuers are met again and again, so some are kept.

    Raises: Unreadable: it is none; whatever the peer sent, no other error escapes.
    """
    try:
        return _facts(der)
    except Exception as error:  # the library's own errors have no common base
        raise Unreadable(f"not a certificate: {type(error).__name__}: {error}") from error


def webpki(
    chain: tuple[bytes, ...],
    name: str,
    anchors: Anchors,
    at: datetime,
    known: tuple[int, ...] | None = None,
) -> WebPki:
    """Return what the WebPKI says of `chain` for `name`.

    Args:
        chain: DER, leaf first.
        name: the configured host name or address (RFC 9525, 2): never one the peer told us.
        anchors: the trusted roots.
        at: the time to judge for, with time zone.
        known: what the TLS engine found wrong with the path (X509_V_ERR numbers), if it looked.
    """
    try:
        leaf = read(chain[0])
    except (Unreadable, IndexError) as error:
        return WebPki(name, (Fault.UNREADABLE,), str(error))
    if known is None:
        known = path_faults(chain, anchors, at)
    path = [_OPENSSL_FAULTS.get(number, Fault.INVALID) for number in known]
    words = f"OpenSSL's X509_V_ERR {', '.join(map(str, known))}" if known else ""
    return WebPki(name, tuple(dict.fromkeys([*path, *_leaf_faults(leaf, name, at)])), words)


def identifiers(der: bytes) -> Identifiers:
    """Return whom one certificate is for, without looking at the rest of it.

    Raises: Unreadable: it is none.
    """
    try:
        return Identifiers(*_alternative_names(_load(der).extensions))
    except Exception as error:  # the library's own errors have no common base
        raise Unreadable(f"not a certificate: {type(error).__name__}: {error}") from error


def matches(certificate: Certificate | Identifiers, name: str) -> bool:
    """Tell whether the certificate is for `name` (RFC 9525, 6.3).

    DNS-IDs only, a wildcard only as the whole left-most label and for exactly one label; an
    address only against an IP-ID; the Common Name never.
    """
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return any(_dns_match(pattern, name) for pattern in certificate.dns_names)
    return str(address) in certificate.addresses  # a network is none, whatever it contains


def spki(der: bytes) -> str | None:
    """Return the SHA-256 of the SubjectPublicKeyInfo in hex, or None if it cannot be read."""
    try:
        return read(der).spki
    except Unreadable:
        return None


def _leaf_faults(leaf: Certificate, name: str, at: datetime) -> list[Fault]:
    faults = {
        Fault.EXPIRED: at > leaf.not_after,
        Fault.NOT_YET_VALID: at < leaf.not_before,
        Fault.WRONG_NAME: not matches(leaf, name),
        Fault.WRONG_PURPOSE: not leaf.server,
        Fault.WEAK: leaf.weak,
    }
    return [fault for fault, found in faults.items() if found]


def path_faults(chain: tuple[bytes, ...], anchors: Anchors, at: datetime) -> tuple[int, ...]:
    """Build the path to a root with OpenSSL; return what it found first, as X509_V_ERR numbers.

    For chains that no TLS engine has judged; the time is set on the store, so it is its own.
    """
    from OpenSSL import crypto

    anchors.store.set_time(at)
    try:
        leaf, *others = (crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in chain)
        crypto.X509StoreContext(anchors.store, leaf, others).verify_certificate()
    except crypto.X509StoreContextError as error:
        return (int(error.errors[0]),)
    except crypto.Error:
        return (_UNSPECIFIED,)
    return ()


_UNSPECIFIED = 1  # X509_V_ERR_UNSPECIFIED
_OPENSSL_FAULTS = {  # X509_STORE_CTX_get_error(3)
    2: Fault.UNTRUSTED,  # unable to get issuer certificate
    9: Fault.NOT_YET_VALID,
    10: Fault.EXPIRED,
    18: Fault.SELF_SIGNED,
    19: Fault.UNTRUSTED,  # self-signed certificate in certificate chain
    20: Fault.UNTRUSTED,  # unable to get local issuer certificate
    21: Fault.UNTRUSTED,  # unable to verify the first certificate
    26: Fault.WRONG_PURPOSE,
    27: Fault.UNTRUSTED,
    66: Fault.WEAK,  # end-entity key too small
    67: Fault.WEAK,  # CA key too small
    68: Fault.WEAK,  # CA signature digest too weak
}


def _dns_match(pattern: str, name: str) -> bool:
    if not (pattern.isascii() and name.isascii()):  # Unicode folds other letters to these
        return False
    pattern, name = pattern.lower().removesuffix("."), name.lower().removesuffix(".")
    if not pattern.startswith("*."):
        return pattern == name and "*" not in pattern
    _, _, parent = name.partition(".")
    return parent == pattern[2:] and "." in parent and "*" not in parent


def _load(der: bytes) -> x509.Certificate:
    from cryptography import x509

    return x509.load_der_x509_certificate(der)


def _words(name: Callable[[], x509.Name]) -> str:
    try:
        return name().rfc4514_string()
    except Exception:  # noqa: BLE001  # the library's own errors have no common base
        return "a name that cannot be read"


def _facts(der: bytes) -> Certificate:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    certificate = _load(der)
    public, extensions = certificate.public_key(), certificate.extensions
    info = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    dns_names, addresses = _alternative_names(extensions)
    key, weak_key = _key_words(public)
    hashed = certificate.signature_hash_algorithm
    return Certificate(
        der=der,
        dns_names=dns_names,
        addresses=addresses,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=key,
        signature=hashed.name if hashed else "",
        spki=hashlib.sha256(info).hexdigest(),
        server=_allows_servers(extensions),
        weak=weak_key or (hashed is not None and hashed.name in _WEAK_HASHES),
    )


def _alternative_names(extensions: x509.Extensions) -> tuple[tuple[str, ...], tuple[str, ...]]:
    from cryptography import x509

    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    addresses = names.get_values_for_type(x509.IPAddress)
    return tuple(names.get_values_for_type(x509.DNSName)), tuple(str(a) for a in addresses)


def _allows_servers(extensions: x509.Extensions) -> bool:
    """RFC 5280, 4.2.1.12: without the extension every purpose is allowed."""
    from cryptography import x509

    try:
        usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    anything = x509.oid.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
    return x509.oid.ExtendedKeyUsageOID.SERVER_AUTH in usage or anything in usage


def _key_words(public: object) -> tuple[str, bool]:
    """Name kind and size of a public key, and say whether it is weak."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(public, rsa.RSAPublicKey):
        return f"RSA {public.key_size}", public.key_size < _WEAK_RSA_BITS
    if isinstance(public, ec.EllipticCurvePublicKey):
        return f"EC {public.curve.name}", False
    return type(public).__name__.removesuffix("PublicKey").lstrip("_"), False

"""TLSA records, and whether a certificate chain is the one they mean (RFC 6698, 7671, 7672).

A record names a certificate or a public key, and says what it is: the server's own (3, or 1 where
the WebPKI must agree), or the authority that vouches for it (2, or 0). Whether a record may be
believed at all is for those who looked it up.

Paths to an authority are built by OpenSSL, as for the WebPKI, with that authority as the only root
and PARTIAL_CHAIN, since it need not be self-signed. Keys are compared as they stand in the
certificate, byte by byte: nothing that only another parser would read the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from unstrip.certificates import (
    Anchors,
    Fault,
    Identifiers,
    Unreadable,
    identifiers,
    matches,
    path_faults,
    webpki,
)


class Usage(IntEnum):
    """What the record names (RFC 7218, 2.1)."""

    PKIX_TA = 0
    PKIX_EE = 1
    DANE_TA = 2
    DANE_EE = 3


DANE = frozenset({Usage.DANE_TA, Usage.DANE_EE})  # RFC 7672, 3.1.3: all that SMTP may use
EVERY = frozenset(Usage)
_CERT, _SPKI = 0, 1  # selectors (RFC 7218, 2.2)
_FULL = 0  # the matching type without a digest (RFC 7218, 2.3)
_DIGESTS = {1: "sha256", 2: "sha512"}  # the stronger one has the higher number


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One TLSA record (RFC 6698, 2.1).

    Attributes: usage, selector, matching: as in the record, known or not; data: a certificate or
        key, or its digest.
    """

    usage: int
    selector: int
    matching: int
    data: bytes

    @property
    def text(self) -> str:
        """The record in presentation form (RFC 6698, 2.2), as reports have it: "3 1 1 6f2c..."."""
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"


@dataclass(frozen=True, slots=True)
class TlsaSet:
    """What a server has to show (RFC 7672, 3).

    Attributes: records: usable ones, of which it meets one; names: reference identifiers for the
        usages that check names, the base domain first, which is the SNI to send.
    """

    records: tuple[Tlsa, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """How a chain compares with the records.

    Attributes:
        record: the one that the chain meets, or the one that comes nearest to it; None if the
            chain has nothing that any of them names.
        faults: why it does not count all the same; empty when it does.
        words: what was found, for people.
    """

    record: Tlsa | None
    faults: tuple[Fault, ...] = ()
    words: str = ""

    @property
    def valid(self) -> bool:
        """True when the chain is the one that was meant."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class _Peer:
    """What is held against the records."""

    chain: tuple[bytes, ...]
    names: tuple[str, ...]
    at: datetime
    anchors: Anchors | None


def unusable(record: Tlsa, usages: frozenset[Usage] = DANE) -> str:
    """Say why a record cannot be used (RFC 7671, 4.1); "" if it can.

    Args: usages: those that may be used here.
    """
    if record.usage not in usages:
        return f"usage {record.usage} is none that is used here"
    if record.selector not in (_CERT, _SPKI):
        return f"selector {record.selector} is unknown"
    if record.matching == _FULL:
        return _unreadable(record)
    if record.matching not in _DIGESTS:
        return f"matching type {record.matching} is unknown"
    size = hashlib.new(_DIGESTS[record.matching]).digest_size
    return "" if len(record.data) == size else f"a digest of {len(record.data)} bytes, not {size}"


def usable(records: Iterable[Tlsa], usages: frozenset[Usage] = DANE) -> tuple[Tlsa, ...]:
    """Return the records to be used: those that can be, with the strongest digest of each sort.

    A weaker digest beside a stronger one is passed over (RFC 7671, 9): one who can forge the
    weaker must not profit from its being there. Whole certificates and keys always count.
    """
    able = [record for record in dict.fromkeys(records) if not unusable(record, usages)]
    strongest: dict[tuple[int, int], int] = {}
    for record in able:
        sort = record.usage, record.selector
        strongest[sort] = max(record.matching, strongest.get(sort, _FULL))
    return tuple(
        record
        for record in able
        if record.matching in (_FULL, strongest[record.usage, record.selector])
    )


def match(
    records: Iterable[Tlsa],
    chain: tuple[bytes, ...],
    names: tuple[str, ...],
    at: datetime,
    anchors: Anchors | None = None,
) -> Match:
    """Compare a chain with the records of its server: one that is met is enough.

    Args:
        chain: DER, leaf first, as it was sent.
        names: reference identifiers; any of them will do. None of them comes from the peer.
        at: the time to judge for, with time zone.
        anchors: the WebPKI's roots; without them the usages 0 and 1 are not used.
    """
    peer = _Peer(chain, names, at, anchors)
    told = usable(records, EVERY if anchors else DANE)
    found: list[Match] = []
    try:
        for record in sorted(told, key=lambda record: -record.usage):  # the cheap ones first
            found.extend(_compared(record, peer))
            if found and found[-1].valid:
                return found[-1]
    except (Unreadable, IndexError) as error:
        return Match(None, (Fault.UNREADABLE,), str(error) or "no certificate was sent")
    how_many = f"none of {len(told)} usable TLSA records is"
    nothing = f"{'the only usable TLSA record is not' if len(told) == 1 else how_many} met"
    return found[0] if found else Match(None, (Fault.UNTRUSTED,), nothing)


def _compared(record: Tlsa, peer: _Peer) -> Iterator[Match]:
    """Yield how the chain compares with one record, if it has what the record names."""
    match record.usage:
        case Usage.DANE_EE:  # RFC 7671, 5.1: neither name nor date counts (P-10)
            if _names(record, peer.chain[0]):
                yield Match(record)
        case Usage.DANE_TA:
            for anchor in _authorities(record, peer.chain):
                yield _judged(record, peer, _only(anchor))
        case Usage.PKIX_EE:
            if peer.anchors and _names(record, peer.chain[0]):
                yield _judged(record, peer, peer.anchors)
        case _:
            assert peer.anchors, "usage 0 is not used without roots"
            path = _path(peer, peer.anchors)
            if any(_names(record, der) for der in path[1:]):
                yield _judged(record, peer, peer.anchors)


def _names(record: Tlsa, der: bytes) -> bool:
    """Tell whether this certificate is the one, or has the key, that the record names."""
    whole = der if record.selector == _CERT else public_key(der)
    if record.matching == _FULL:
        return whole == record.data
    return hashlib.new(_DIGESTS[record.matching], whole).digest() == record.data


def _authorities(record: Tlsa, chain: tuple[bytes, ...]) -> Iterator[bytes]:
    """Yield the certificates that may serve as the root a DANE-TA record names.

    The leaf is none: it would vouch for itself. A whole certificate in the record need not be
    sent. Nor need the one of a bare key (RFC 7671, 5.2.3): what that key has signed is as good.
    """
    sent = [der for der in chain[1:] if _names(record, der)]
    yield from sent
    if record.matching != _FULL or sent:
        return
    if record.selector == _CERT:
        yield from () if record.data == chain[0] else (record.data,)
    else:
        yield from (der for der in chain if _signed_by(record.data, der))


def _judged(record: Tlsa, peer: _Peer, roots: Anchors) -> Match:
    """Judge path, dates, purpose and name, as RFC 7671, 5.2 wants it for an authority.

    How strong keys are is not asked with usage 2: that is up to those who publish the record.
    """
    chain = peer.chain
    if record.usage == Usage.DANE_TA and record.matching == _FULL and record.selector == _CERT:
        chain = (*chain, record.data)
    known = path_faults(chain, roots, peer.at)
    said = webpki(chain, peer.names[0] if peer.names else "", roots, peer.at, known)
    passed = {Fault.WRONG_NAME}
    if record.usage == Usage.DANE_TA and not known:
        passed.add(Fault.WEAK)
    faults = [fault for fault in said.faults if fault not in passed]
    if not _is_for(chain[0], peer.names, common=record.usage == Usage.DANE_TA):
        faults.append(Fault.WRONG_NAME)
    return Match(record, tuple(faults), ", ".join(fault.value for fault in faults))


def _is_for(leaf: bytes, names: tuple[str, ...], *, common: bool) -> bool:
    """Tell whether the leaf is for one of the names.

    Args: common: the Common Name counts where there is no DNS-ID (RFC 7672, 3.2.3).
    """
    who = identifiers(leaf)
    if common and not who.dns_names:
        who = Identifiers(_common_names(leaf), ())
    return any(matches(who, name) for name in names)


def _only(anchor: bytes) -> Anchors:
    """Return a store that trusts this certificate and no other, be it a root or not."""
    from OpenSSL import crypto

    store = crypto.X509Store()
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    try:
        store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, anchor))
    except crypto.Error as error:
        raise Unreadable("an authority in the chain cannot be read") from error
    return Anchors(store)


def _path(peer: _Peer, roots: Anchors) -> tuple[bytes, ...]:
    """Return the path that OpenSSL builds to a root, leaf first; none if there is none."""
    from OpenSSL import crypto

    roots.store.set_time(peer.at)
    try:
        leaf, *others = (crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in peer.chain)
        path = crypto.X509StoreContext(roots.store, leaf, others).get_verified_chain()
    except (crypto.X509StoreContextError, crypto.Error):
        return ()
    return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, each) for each in path)


def _unreadable(record: Tlsa) -> str:
    """Say why what should be a whole certificate or key is none; "" if it is one."""
    from OpenSSL import crypto

    thing = "certificate" if record.selector == _CERT else "public key"
    try:
        if len(_element(record.data, 0).whole) != len(record.data):
            return f"there is something behind the {thing}"
        if record.selector == _CERT:
            crypto.load_certificate(crypto.FILETYPE_ASN1, record.data)
        else:
            crypto.load_publickey(crypto.FILETYPE_ASN1, record.data)
    except (crypto.Error, Unreadable):
        return f"not a {thing}"
    return ""


def _signed_by(key: bytes, der: bytes) -> bool:
    """Tell whether a certificate was signed by this public key."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        certificate, public = x509.load_der_x509_certificate(der), load_der_public_key(key)
        signature, signed = certificate.signature, certificate.tbs_certificate_bytes
        how, hashed = certificate.signature_algorithm_parameters, None
        match public:
            case rsa.RSAPublicKey():
                hashed = certificate.signature_hash_algorithm
                public.verify(signature, signed, how, hashed)  # type: ignore[arg-type]
            case ec.EllipticCurvePublicKey():
                public.verify(signature, signed, how)  # type: ignore[arg-type]
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                public.verify(signature, signed)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False
    return True


def _common_names(der: bytes) -> tuple[str, ...]:
    from cryptography import x509

    try:
        subject = x509.load_der_x509_certificate(der).subject
        found = subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    except ValueError:
        return ()
    return tuple(str(each.value) for each in found)


def public_key(der: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of a certificate as it stands there (RFC 5280, 4.1).

    Raises: Unreadable: it is no certificate.
    """
    fields = _element(_element(der, 0).inside, 0)
    at = 0
    if fields.inside[:1] == b"\xa0":  # the version, which is left out of a version 1
        at = len(_element(fields.inside, 0).whole)
    for _ in ("serial number", "signature", "issuer", "validity", "subject"):
        at += len(_element(fields.inside, at).whole)
    return _element(fields.inside, at).whole


def public_half(pem: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of a private key, as OpenSSL puts it into certificates.

    That keeps what other parsers drop: that a key is for RSA-PSS alone, a curve that is spelt out.

    Raises: Unreadable: there is none, or it has a passphrase.
    """
    from OpenSSL import crypto

    try:
        key = crypto.load_privatekey(crypto.FILETYPE_PEM, pem, b"")  # nobody is asked for one
        return crypto.dump_publickey(crypto.FILETYPE_ASN1, key)
    except crypto.Error as error:
        raise Unreadable("no private key") from error


def algorithm(spki: bytes) -> bytes:
    """Return what a public key is for: its object identifier, as it stands (RFC 5280, 4.1.2.7).

    Raises: Unreadable: it is no public key.
    """
    return _element(_element(_element(spki, 0).inside, 0).inside, 0).inside


@dataclass(frozen=True, slots=True)
class _Element:
    """One element of DER: all of it, and what it holds."""

    whole: bytes
    inside: bytes


def _element(data: bytes, at: int) -> _Element:
    """Return the element of DER that begins at `at` (X.690, 8.1)."""
    if len(data) < at + 2:
        raise Unreadable("an element of DER is cut off")
    length, begin = data[at + 1], at + 2
    if length & 0x80:  # the length has octets of its own
        begin += length & 0x7F
        length = int.from_bytes(data[at + 2 : begin], "big")
    end = begin + length
    if end > len(data):
        raise Unreadable("an element of DER is cut off")
    return _Element(data[at:end], data[begin:end])

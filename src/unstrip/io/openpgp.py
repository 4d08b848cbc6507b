"""OpenPGP signatures beside a file: who signed these bytes, and signing them (ADR 5).

- The keys that count are those in a file that the operator gave, and no others: there is no key
  ring, no key server, no trust from user to user.
- A key that is revoked or expired signs nothing. What it signed in its time does not count either:
  whoever got hold of an expired key could set the clock back and sign.
- Of several signatures in one file the first counts. A change of keys is two keys in the key file.

The library's errors are one class, with words for programmers; the words here are for operators.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pysequoia
from pysequoia import Cert, Sig, SignatureMode, Tsk

from unstrip.escaping import brief

LONGEST_SIGNATURE = 64 * 1024  # bytes; the largest there are (SLH-DSA) have 50,000
LONGEST_KEYS = 1024 * 1024


class BadSignature(ValueError):
    """The bytes are not signed by any of the keys; the message says why."""


class BadKey(ValueError):
    """A file of keys cannot be used; the message says why."""


class Locked(BadKey):
    """A secret key needs a passphrase, or another one."""


def verify(data: bytes, signature: bytes, keys: bytes, now: datetime) -> str:
    """Return the fingerprint of the key that signed `data`, in upper case, as gpg writes it.

    Args: signature: detached, binary or armoured; keys: one public key or several, likewise.
    Raises: BadSignature, BadKey.
    """
    known = _certificates(keys)
    signed = _signature(signature)
    faults = {cert.fingerprint: _fault(cert, now) for cert in known}
    usable = [cert for cert in known if not faults[cert.fingerprint]]
    try:
        found = pysequoia.verify(bytes=data, store=lambda _: usable, signature=signed)
    except RuntimeError as error:
        raise BadSignature(_why(signed, faults)) from error
    return str(found.valid_sigs[0].certificate).upper()


def fingerprints(keys: bytes) -> frozenset[str]:
    """Return whose keys these are, good for signing or not, as `verify` writes it.

    Raises: BadKey.
    """
    return frozenset(cert.fingerprint.upper() for cert in _certificates(keys))


def sign(data: bytes, key: bytes, passphrase: str | None = None) -> bytes:
    """Return an armoured detached signature of `data`.

    Args: key: one secret key, binary or armoured.
    Raises: Locked: it takes a passphrase, or another one; BadKey.
    """
    if len(key) > LONGEST_KEYS:
        raise BadKey(f"{len(key)} bytes are too long for a secret key")
    try:
        secret = Tsk.from_bytes(key)
    except RuntimeError as error:
        raise BadKey(f"not a secret key: {_words(error)}") from error
    try:
        signer = secret.signer(passphrase)
    except RuntimeError as error:
        raise _no_signer(error, passphrase) from error
    return pysequoia.sign(signer, data, mode=SignatureMode.DETACHED)


def _no_signer(error: RuntimeError, passphrase: str | None) -> BadKey:
    """Tell why there is no signer: the key is expired, revoked, not for signing, or locked."""
    if "signing" in _words(error):
        return BadKey("no part of the key may sign: public, expired, revoked, or for other uses")
    if passphrase is None:
        return Locked("the secret key is locked by a passphrase")
    return Locked("the passphrase does not fit")


def _certificates(keys: bytes) -> list[Cert]:
    if len(keys) > LONGEST_KEYS:
        raise BadKey(f"{len(keys)} bytes are too long for public keys")
    try:
        found = Cert.split_bytes(keys)
    except RuntimeError as error:
        raise BadKey(f"not a public key: {_words(error)}") from error
    if not found:
        raise BadKey("no public key in it")
    return found


def _signature(signature: bytes) -> Sig:
    if len(signature) > LONGEST_SIGNATURE:
        raise BadSignature(f"{len(signature)} bytes are too long for a signature")
    try:
        return Sig.from_bytes(signature)
    except RuntimeError as error:
        raise BadSignature(f"not a signature: {_words(error)}") from error


def _fault(cert: Cert, now: datetime) -> str:
    """Say why a key does not count now; "" if it does."""
    try:
        ends = cert.expiration
        if cert.is_revoked:
            return "is revoked"
    except RuntimeError as error:  # no signature of its own holds any more
        return f"is not valid: {_words(error)}"
    if ends is not None and ends <= now:
        return f"expired on {ends.astimezone(UTC):%Y-%m-%d}"
    return ""


def _why(signed: Sig, faults: dict[str, str]) -> str:
    signer = signed.issuer_fingerprint or signed.issuer_key_id or ""
    if fault := faults.get(signer):
        return f"key {signer.upper()} {fault}"
    known = _listed(print_ for print_, fault in faults.items() if not fault)
    if not known:
        return ", ".join(f"key {name.upper()} {fault}" for name, fault in faults.items())
    named = f"; it names {signer.upper()}" if signer and signer not in faults else ""
    return f"not a signature of these bytes by {known}{named}"


def _listed(fingerprints: Iterable[str]) -> str:
    return " or ".join(map(str.upper, fingerprints))


def _words(error: RuntimeError) -> str:
    """Return the library's first line; a stack may follow."""
    return brief(str(error).partition("\n")[0])

"""OpenPGP signatures by keys of the library's own making; gpg's are in tests/interop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysequoia import ArmorKind, SignatureMode, Tsk, armor
from pysequoia import sign as sequoia_sign

from unstrip.io.openpgp import (
    LONGEST_KEYS,
    LONGEST_SIGNATURE,
    BadKey,
    BadSignature,
    Locked,
    fingerprints,
    sign,
    verify,
)

NOW = datetime.now(UTC)
DATA = b'{"version": "0.1"}\n'
SIGNER, STRANGER = (Tsk.generate(user_id=name) for name in ("signer", "stranger"))
SECRET = str(SIGNER).encode()
PUBLIC = str(SIGNER.extract_certificate()).encode()
OTHER = str(STRANGER.extract_certificate()).encode()
FINGERPRINT = SIGNER.extract_certificate().fingerprint.upper()
SIGNATURE = sign(DATA, SECRET)


def refused(signature: bytes = SIGNATURE, keys: bytes = PUBLIC, data: bytes = DATA) -> str:
    """Why a signature does not count."""
    with pytest.raises(BadSignature) as error:
        verify(data, signature, keys, NOW)
    assert str(error.value).isprintable()
    return str(error.value)


def packet_by(key: Tsk) -> bytes:
    """A signature that is not armoured."""
    return sequoia_sign(key.signer(), DATA, mode=SignatureMode.DETACHED, armor=False)


def test_a_signature_names_the_key_that_made_it():
    assert verify(DATA, SIGNATURE, PUBLIC, NOW) == FINGERPRINT


def test_a_signature_and_a_key_may_be_armoured_or_not():
    binary = bytes(SIGNER.extract_certificate())
    packet = packet_by(SIGNER)
    assert SIGNATURE.startswith(b"-----BEGIN PGP SIGNATURE-----")
    assert verify(DATA, packet, binary, NOW) == FINGERPRINT


def test_whose_keys_a_file_has_is_told_as_a_signature_names_them():
    assert fingerprints(PUBLIC) == {FINGERPRINT}
    assert fingerprints(PUBLIC + OTHER) > {FINGERPRINT}
    with pytest.raises(BadKey):
        fingerprints(b"")


def test_any_key_of_the_file_will_do():
    both = bytes(STRANGER.extract_certificate()) + bytes(SIGNER.extract_certificate())
    assert verify(DATA, SIGNATURE, both, NOW) == FINGERPRINT


def test_a_signature_by_another_key_is_told_from_whom():
    said = refused(keys=OTHER)
    stranger = STRANGER.extract_certificate().fingerprint.upper()
    assert said.startswith(f"not a signature of these bytes by {stranger}; it names ")


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"\n", DATA.replace(b"1", b"2")])
def test_a_signature_of_other_bytes_is_refused(data):
    assert refused(data=data).startswith(f"not a signature of these bytes by {FINGERPRINT}")


def test_a_key_does_not_count_after_its_time_nor_what_it_signed_before():
    brief = Tsk.generate(user_id="brief", validity_seconds=3600)
    public, signature = bytes(brief.extract_certificate()), sign(DATA, bytes(brief))
    assert verify(DATA, signature, public, NOW)
    later = NOW + timedelta(hours=2)
    with pytest.raises(BadSignature, match=f"expired on {later:%Y}-"):
        verify(DATA, signature, public, later)
    assert verify(DATA, SIGNATURE, public + bytes(SIGNER.extract_certificate()), later)


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (b"", "not a signature"),
        (b"\0" * 1000, "not a signature"),
        (SIGNATURE[:100], "not a signature"),
        (SIGNATURE[: len(SIGNATURE) // 2], "not a signature"),
        (PUBLIC, "not a signature"),
        (b"-----BEGIN PGP SIGNATURE-----\n\n" + b"A" * 60_000, "not a signature"),
        (b"\xaa" * LONGEST_SIGNATURE, "not a signature"),
        (b"A" * 10_000_000, "10000000 bytes are too long for a signature"),
    ],
    ids=["nothing", "zeros", "head", "half", "key", "armour", "noise", "flood"],
)
def test_what_is_no_signature_is_refused(signature, words):
    assert words in refused(signature)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (b"", "no public key in it"),
        (b"rubbish\x1b[2J", "not a public key"),
        (PUBLIC[:200], "not a public key"),
        (SIGNATURE, "not a public key"),
        (b"A" * (LONGEST_KEYS + 1), "are too long for public keys"),
    ],
)
def test_what_is_no_key_is_told_apart_from_a_bad_signature(keys, words):
    with pytest.raises(BadKey, match=words):
        verify(DATA, SIGNATURE, keys, NOW)


def test_of_two_signatures_in_a_file_the_first_counts():
    both = armor(packet_by(SIGNER) + packet_by(STRANGER), ArmorKind.Signature).encode()
    assert verify(DATA, both, PUBLIC, NOW) == FINGERPRINT
    assert "not a signature of these bytes" in refused(both, OTHER)


def test_many_bytes_can_be_signed():
    data = bytes(10_000_000)
    assert verify(data, sign(data, SECRET), PUBLIC, NOW) == FINGERPRINT


@given(st.binary(max_size=200), st.integers(0, len(SIGNATURE)), st.integers(0, 50))
def test_no_signature_raises_anything_else(rubbish, at, instead):
    try:
        signer = verify(DATA, SIGNATURE[:at] + rubbish + SIGNATURE[at + instead :], PUBLIC, NOW)
    except BadSignature as error:
        assert str(error).isprintable()  # noqa: PT017  # either will do
    else:
        assert signer == FINGERPRINT


@given(st.binary(max_size=200), st.integers(0, len(PUBLIC)), st.integers(0, 50))
def test_no_key_raises_anything_else(rubbish, at, instead):
    try:
        signer = verify(DATA, SIGNATURE, PUBLIC[:at] + rubbish + PUBLIC[at + instead :], NOW)
    except (BadSignature, BadKey) as error:
        assert str(error).isprintable()  # noqa: PT017  # either will do
    else:
        assert signer == FINGERPRINT


# Signing


def test_a_public_key_signs_nothing():
    with pytest.raises(BadKey, match="may sign: public"):
        sign(DATA, PUBLIC)


@pytest.mark.parametrize(
    "key",
    [b"", b"rubbish", SIGNATURE, SECRET[:100]],
    ids=["nothing", "rubbish", "signature", "head"],
)
def test_what_is_no_secret_key_signs_nothing(key):
    with pytest.raises(BadKey, match="not a secret key"):
        sign(DATA, key)


def test_a_secret_key_may_not_be_of_any_length():
    with pytest.raises(BadKey, match="too long for a secret key"):
        sign(DATA, b"A" * (LONGEST_KEYS + 1))


def test_a_passphrase_that_is_not_needed_is_told():
    with pytest.raises(Locked, match="the passphrase does not fit"):
        sign(DATA, SECRET, "secret")

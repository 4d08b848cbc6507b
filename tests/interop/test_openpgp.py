"""Signatures and keys as gpg makes them: ours takes what it should, and gpg takes ours."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.interop.gpg import Gpg, key_ring
from unstrip.faces.cli.policy_list import list_
from unstrip.io.openpgp import BadKey, BadSignature, Locked, sign, verify

NOW = datetime.now(UTC)
PAST = NOW - timedelta(days=400)
DATA = b'{"version": "0.1"}\n'


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    with key_ring() as ring:
        yield ring


@pytest.fixture(scope="module")
def one(gpg: Gpg) -> str:
    return gpg.make("one")


@pytest.fixture(scope="module")
def two(gpg: Gpg) -> str:
    return gpg.make("two", "rsa2048")


def refused(signature: bytes, keys: bytes, data: bytes = DATA) -> str:
    with pytest.raises(BadSignature) as error:
        verify(data, signature, keys, NOW)
    return str(error.value)


@pytest.mark.parametrize("option", ["--armor", "--no-armor", "--textmode", "--digest-algo=SHA512"])
def test_a_signature_by_gpg_counts(gpg: Gpg, one: str, two: str, option: str) -> None:
    for key in (one, two):
        signature = gpg.sign(DATA, key, options=[option])
        assert verify(DATA, signature, gpg.public(key), NOW) == key


def test_one_over_other_bytes_or_by_another_key_does_not(gpg: Gpg, one: str, two: str) -> None:
    signature = gpg.sign(DATA, one)
    assert f"not a signature of these bytes by {one}" in refused(signature, gpg.public(one), b"x")
    assert refused(signature, gpg.public(two)).endswith(f"by {two}; it names {one}")


def test_a_file_may_have_several_keys(gpg: Gpg, one: str, two: str) -> None:
    for key in (one, two):
        assert verify(DATA, gpg.sign(DATA, key), gpg.public(one, two), NOW) == key


def test_of_two_signatures_the_first_counts(gpg: Gpg, one: str, two: str) -> None:
    both = gpg.sign(DATA, one, two)
    (first,) = [key for key in (one, two) if verifies(both, gpg.public(key))]
    assert verify(DATA, both, gpg.public(one, two), NOW) == first


def verifies(signature: bytes, keys: bytes) -> bool:
    try:
        return bool(verify(DATA, signature, keys, NOW))
    except BadSignature:
        return False


def test_a_subkey_signs_for_its_key(gpg: Gpg) -> None:
    key = gpg.make("with a subkey")
    gpg.add_subkey(key)
    signature = gpg.sign(DATA, key)
    assert verify(DATA, signature, gpg.public(key), NOW) == key
    assert "; it names " in refused(signature, gpg.public(key), b"x")


def test_an_expired_key_does_not_count_though_it_signed_in_its_time(gpg: Gpg) -> None:
    key = gpg.at(PAST).make("expired", lasts="30d")
    signature = gpg.at(PAST + timedelta(days=1)).sign(DATA, key)
    ended = PAST + timedelta(days=30)
    assert refused(signature, gpg.public(key)) == f"key {key} expired on {ended:%Y-%m-%d}"
    assert verify(DATA, signature, gpg.public(key), ended - timedelta(days=1)) == key


def test_a_revoked_key_does_not_count(gpg: Gpg) -> None:
    key = gpg.make("revoked")
    signature, before = gpg.sign(DATA, key), gpg.public(key)
    gpg.revoke(key)
    assert verify(DATA, signature, before, NOW) == key
    assert refused(signature, gpg.public(key)) == f"key {key} is revoked"


def test_a_revoked_key_takes_no_other_key_with_it(gpg: Gpg, one: str) -> None:
    key = gpg.make("revoked beside another")
    gpg.revoke(key)
    keys = gpg.public(key, one)
    assert verify(DATA, gpg.sign(DATA, one), keys, NOW) == one


def test_a_signature_may_expire_by_itself(gpg: Gpg) -> None:
    key = gpg.at(PAST).make("long lived")
    ending = gpg.at(PAST).sign(DATA, key, options=["--default-sig-expire=1d"])
    lasting = gpg.at(PAST).sign(DATA, key)
    assert f"by {key}" in refused(ending, gpg.public(key))
    assert verify(DATA, lasting, gpg.public(key), NOW) == key


def test_a_signature_from_the_future_does_not_count(gpg: Gpg, one: str) -> None:
    signature = gpg.at(NOW + timedelta(days=2)).sign(DATA, one)
    assert f"by {one}" in refused(signature, gpg.public(one))


def test_a_signed_message_is_no_signature_beside_it(gpg: Gpg, one: str) -> None:
    for way in ("--sign", "--clear-sign"):
        message = gpg.run("--armor", "--local-user", one, way, given=DATA)
        assert "not a signature" in refused(message, gpg.public(one))


def test_gpg_takes_our_signature(gpg: Gpg, one: str, two: str, tmp_path: Path) -> None:
    data, signature = tmp_path / "list.json", tmp_path / "list.json.asc"
    data.write_bytes(DATA)
    for key in (one, two):
        signature.write_bytes(sign(DATA, gpg.secret(key)))
        assert gpg.verify(data, signature) == key


def test_a_locked_key_signs_with_its_passphrase_and_with_no_other(gpg: Gpg) -> None:
    key = gpg.make("locked", locked="open sesame")
    secret = gpg.secret(key, "open sesame")
    assert verify(DATA, sign(DATA, secret, "open sesame"), gpg.public(key), NOW) == key
    with pytest.raises(Locked, match="locked by a passphrase"):
        sign(DATA, secret)
    with pytest.raises(Locked, match="does not fit"):
        sign(DATA, secret, "sesame")


def test_the_command_asks_for_the_passphrase(gpg: Gpg, tmp_path: Path) -> None:
    key = gpg.make("locked too", locked="open sesame")
    secret, file = tmp_path / "secret.asc", tmp_path / "list.json"
    secret.write_bytes(gpg.secret(key, "open sesame"))
    times = {"timestamp": NOW.isoformat(), "expires": (NOW + timedelta(days=1)).isoformat()}
    file.write_text(json.dumps({**times, "version": "0.1", "policies": {}, "policy-aliases": {}}))
    words = ["sign", str(file), "--key", str(secret)]
    wrong = CliRunner().invoke(list_, words, input="sesame\n")
    assert str(wrong.exception) == f"{secret}: the passphrase does not fit"
    done = CliRunner().invoke(list_, words, input="open sesame\n")
    assert (done.exit_code, "sesame" in done.output) == (0, False)
    assert gpg.verify(file, tmp_path / "list.json.asc") == key


def test_a_key_that_is_expired_or_revoked_signs_nothing(gpg: Gpg) -> None:
    expired = gpg.at(PAST).make("expired too", lasts="30d")
    revoked = gpg.make("revoked too")
    gpg.revoke(revoked)
    for key in (expired, revoked):
        with pytest.raises(BadKey, match="no part of the key may sign"):
            sign(DATA, gpg.secret(key))

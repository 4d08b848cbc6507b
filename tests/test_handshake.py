"""The facts of a handshake: the group read from real ones, and from anything at all."""

from __future__ import annotations

import ssl

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import SERVER
from unstrip.handshake import (
    GROUPS,
    FirstMessage,
    alpn_offered,
    has_forward_secrecy,
    key_exchange_group,
)
from unstrip.tunnel import Tunnel

# what OpenSSL calls them, and what IANA does; the brainpool curves are for TLS 1.2 alone
BOTH = {
    "prime256v1": "P-256",
    "secp384r1": "P-384",
    "secp521r1": "P-521",
    "X25519": "X25519",
    "X448": "X448",
}
OLD = {
    "brainpoolP256r1": "brainpoolP256r1",
    "brainpoolP384r1": "brainpoolP384r1",
    "brainpoolP512r1": "brainpoolP512r1",
}
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
CASES = [(v, g) for v in VERSIONS for g in BOTH.items()] + [(VERSIONS[0], g) for g in OLD.items()]


def flight(pki, version=None, curve=None):
    """What the server sent in a real handshake, and the facts of it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key_type = trustme.KeyType.RSA if curve in OLD else trustme.KeyType.ECDSA
    pki.ca.issue_cert(SERVER, key_type=key_type).configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    if version:
        server.maximum_version = server.minimum_version = client.maximum_version = version
    if curve:
        server.set_ecdh_curve(curve)
        if curve in OLD:  # not among those that a client has by default
            client.set_ecdh_curve(curve)
    return shake(Tunnel(client, SERVER), Tunnel(server, None, server_side=True))


def shake(client, server):
    said = b""
    for _ in range(6):
        done = client.shake()
        if records := client.outgoing():
            server.hear(records)
        if done:
            return said, client.facts()
        server.shake()
        records = server.outgoing()
        said += records
        client.hear(records)
    raise AssertionError("no handshake")


@pytest.mark.parametrize(("version", "group"), CASES, ids=lambda x: getattr(x, "name", x))
def test_the_group_is_read_from_a_real_handshake(pki, version, group):
    said, facts = flight(pki, version, group[0])
    assert key_exchange_group(said) == facts.group == group[1]
    assert facts.version == version.name.replace("_", ".")
    assert facts.forward_secrecy


def test_after_a_retry_the_group_is_that_of_the_second_hello(pki):
    """The client first offers a share of X25519; the server insists on another group."""
    said, _ = flight(pki, ssl.TLSVersion.TLSv1_3, "secp521r1")
    assert said.count(RETRY) == 1
    assert key_exchange_group(said) == "P-521"


RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


def test_rsa_key_transport_has_no_group_and_no_forward_secrecy(rsa_pki):
    said, facts = shake(*rsa_pki)
    assert facts.cipher == "AES128-GCM-SHA256"
    assert key_exchange_group(said) is None
    assert facts.group is None
    assert not facts.forward_secrecy


@pytest.fixture
def rsa_pki(pki):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pki.ca.issue_cert(SERVER, key_type=trustme.KeyType.RSA).configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    for context in (server, client):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES128-GCM-SHA256")
    return Tunnel(client, SERVER), Tunnel(server, None, server_side=True)


@pytest.mark.parametrize(
    ("version", "cipher", "expected"),
    [
        ("TLSv1.3", "TLS_AES_256_GCM_SHA384", True),
        ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", True),
        ("TLSv1.2", "DHE-RSA-AES256-GCM-SHA384", True),
        ("TLSv1.2", "AES256-GCM-SHA384", False),
        ("TLSv1.2", "ECDH-RSA-AES128-SHA", False),
        ("TLSv1.2", "", False),
        ("", "", False),
    ],
)
def test_forward_secrecy_is_told_by_version_and_suite(version, cipher, expected):
    assert has_forward_secrecy(version, cipher) is expected


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: v.name)
def test_a_flight_cut_anywhere_has_the_same_group_or_none(pki, version):
    said, facts = flight(pki, version)
    seen = {key_exchange_group(said[:cut]) for cut in range(len(said))}
    assert seen <= {None, facts.group}


def test_the_flight_may_come_in_records_of_any_size(pki):
    said, facts = flight(pki, ssl.TLSVersion.TLSv1_2)
    messages, at = b"", 0
    while said[at : at + 1] == b"\x16":
        size = int.from_bytes(said[at + 3 : at + 5], "big")
        messages, at = messages + said[at + 5 : at + 5 + size], at + 5 + size
    for size in (1, 7, 100):
        pieces = [messages[i : i + size] for i in range(0, len(messages), size)]
        records = b"".join(b"\x16\x03\x03" + len(p).to_bytes(2, "big") + p for p in pieces)
        assert key_exchange_group(records) == facts.group


def server_hello(group):
    """A ServerHello of TLS 1.3 that is no more than its key share."""
    share = b"\x00\x33\x00\x04" + group.to_bytes(2, "big") + b"\x00\x00"
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x13\x01" + b"\x00" + b"\x00\x08" + share
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message


@pytest.mark.parametrize(("number", "name"), GROUPS.items())
def test_every_group_has_its_name_of_the_registry(number, name):
    assert key_exchange_group(server_hello(number)) == name


def test_of_two_hellos_the_second_tells_the_group():
    assert key_exchange_group(server_hello(0x001D) + server_hello(0x0018)) == "P-384"


def test_a_group_that_is_not_known_is_told_by_its_number():
    assert key_exchange_group(server_hello(0xFE0A)) == "0xfe0a"


@given(st.binary(max_size=400))
def test_garbage_has_a_group_or_none(records):
    assert isinstance(key_exchange_group(records), str | None)


@given(st.binary(max_size=200), st.sampled_from([2, 12]), st.integers(0, 300))
def test_garbage_in_the_shape_of_a_handshake_has_a_group_or_none(body, kind, size):
    message = bytes([kind]) + size.to_bytes(3, "big") + body
    records = b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message
    assert isinstance(key_exchange_group(records), str | None)


@given(st.integers(0, 65535), st.integers(0, 54), st.integers(0, 255))
def test_a_hello_with_one_byte_changed_has_a_group_or_none(group, at, value):
    hello = bytearray(server_hello(group))
    hello[at % len(hello)] = value
    assert isinstance(key_exchange_group(bytes(hello)), str | None)


# What a client wants to speak


def client_hello(*protocols):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    engine = context.wrap_bio(incoming, outgoing, server_hostname="mx.example.org")
    with pytest.raises(ssl.SSLWantReadError):
        engine.do_handshake()
    return outgoing.read()


def first_message(*segments):
    message = FirstMessage()
    for segment in segments:
        message.hear(segment)
    return message


def test_the_protocols_that_a_client_asks_for_are_read_from_its_hello():
    assert alpn_offered(first_message(client_hello("imap", "h2")).body) == (b"imap", b"h2")
    assert alpn_offered(first_message(client_hello()).body) == ()


def test_a_hello_that_is_not_whole_has_no_body_yet():
    hello = client_hello("imap")
    assert {first_message(hello[:size]).body for size in range(len(hello))} == {None}


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_hello_may_be_cut_into_records_as_anyone_on_the_path_likes(size):
    hello = client_hello("imap")[5:]
    pieces = [hello[at : at + size] for at in range(0, len(hello), size)]
    records = b"".join(b"\x16\x03\x01\0\0\x16\x03\x01%b%b" % (length(p), p) for p in pieces)
    bitten = first_message(*(records[at : at + 3] for at in range(0, len(records), 3)))
    assert alpn_offered(bitten.body) == (b"imap",)
    assert not bitten.broken


def length(data):
    return len(data).to_bytes(2, "big")


def test_a_record_of_another_kind_between_them_breaks_it():
    hello = client_hello("imap")
    assert first_message(hello[:5][:3] + b"\0\1" + hello[5:6], b"\x15\3\3\0\2\1\0").broken


def test_what_comes_behind_the_hello_is_none_of_it():
    message = first_message(client_hello("imap"), b"\x14\3\3\0\1\1", b"\x17\3\3\0\1x")
    assert alpn_offered(message.body) == (b"imap",)
    assert not message.broken


@given(st.binary(max_size=300), st.integers(0, 300))
def test_any_bytes_at_all_may_stand_where_a_hello_should(garbage, at):
    hello = client_hello("imap")
    for said in (garbage, hello[:at] + garbage + hello[at:]):
        alpn_offered(said)
        alpn_offered(first_message(said).body or b"")

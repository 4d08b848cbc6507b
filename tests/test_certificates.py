"""Certificates as they are and as they should not be: all made here, none by a mock."""

from __future__ import annotations

import base64
import ipaddress
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import crypto

from tests.conftest import SERVER
from unstrip.certificates import (
    Anchors,
    Fault,
    Identifiers,
    Unreadable,
    WebPki,
    matches,
    path_faults,
    read,
    spki,
    webpki,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SHA1 = base64.b64decode(  # `openssl req -x509 -sha1`, which nothing here still makes
    """
    MIIBoTCCAUmgAwIBAgIUL9WhtLNta7GW1IFQ21MpM+eGBgAwCQYHKoZIzj0EATAaMRgwFgYDVQQDDA9vbGQuZXhhbX
    BsZS5vcmcwIBcNMjYxMTIyMDExODEyWhgPMjEyNjEwMjkwMTE4MTJaMBoxGDAWBgNVBAMMD29sZC5leGFtcGxlLm9y
    ZzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOgRISxO/dkVyGA2ye3aWNJ9KbNKO1satAOmbAoDBWZk60NPy9Qe7I
    nG7Cb0pQvZDhHLU/x4Hp4nMpeJdinM8PyjbDBqMB0GA1UdDgQWBBT3lPEnYGy+oqQ04V7cDH3NUKHy2DAfBgNVHSME
    GDAWgBT3lPEnYGy+oqQ04V7cDH3NUKHy2DAaBgNVHREEEzARgg9vbGQuZXhhbXBsZS5vcmcwDAYDVR0TAQH/BAIwAD
    AJBgcqhkjOPQQBA0cAMEQCIEj7f/TnBrCz9yCzJkXnXGpDEREz5hVf0Ru5lXG7Y8hDAiB45inHME/p26ib01vIus89
    nwUFO3858pzCebbL6P2mPQ==
    """
)


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: object

    @property
    def der(self):
        return self.certificate.public_bytes(Encoding.DER)


@cache
def key_of(kind):
    return {
        "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "rsa1024": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505  # it is to be found weak
        "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "dsa": lambda: dsa.generate_private_key(1024),  # noqa: S505  # of 2048 it would take a second
    }[kind]()


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def issue(
    by=None, *, names=(SERVER,), common=SERVER, usage=None, days=(-1, 90), kind="ec", ca=False
):
    """Make a certificate, by default a good one for a server; self-signed without a signer."""
    key = key_of(kind)
    subject = named(common)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + days[0] * DAY)
        .not_valid_after(NOW + days[1] * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(alternative(names), critical=False)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    signer = by.key if by else key
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Signer(builder.sign(signer, digest), key)


def alternative(names):
    return x509.SubjectAlternativeName(
        [x509.DNSName(n) if isinstance(n, str) else x509.IPAddress(n) for n in names]
    )


@pytest.fixture(scope="module")
def root():
    return issue(common="root", names=(), ca=True, kind="p384", days=(-1000, 1000))


@pytest.fixture(scope="module")
def middle(root):
    return issue(root, common="middle", names=(), ca=True, days=(-1000, 1000))


@pytest.fixture
def anchors(root):
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(root.certificate))
    return Anchors(store)


def judged(chain, anchors, name=SERVER, at=NOW):
    return webpki(tuple(c if isinstance(c, bytes) else c.der for c in chain), name, anchors, at)


# What the WebPKI says


def test_a_good_chain_is_valid(root, middle, anchors):
    assert judged([issue(root)], anchors) == WebPki(SERVER)
    assert judged([issue(middle), middle], anchors).valid
    assert judged([issue(middle), middle, root], anchors).valid


def test_the_order_of_what_follows_the_leaf_is_of_no_account(root, middle, anchors):
    assert judged([issue(middle), root, middle], anchors).valid


@pytest.mark.parametrize(
    ("made", "faults"),
    [
        ({"days": (-90, -1)}, (Fault.EXPIRED,)),
        ({"days": (1, 90)}, (Fault.NOT_YET_VALID,)),
        ({"names": ("other.example.org",)}, (Fault.WRONG_NAME,)),
        ({"names": ()}, (Fault.WRONG_NAME,)),  # in the Common Name alone
        ({"usage": [Usage.CLIENT_AUTH]}, (Fault.WRONG_PURPOSE,)),
        ({"kind": "rsa1024"}, (Fault.WEAK,)),
        ({"days": (-9, -1), "names": ("x.example",)}, (Fault.EXPIRED, Fault.WRONG_NAME)),
    ],
    ids=str,
)
def test_each_fault_of_a_leaf_is_told_and_several_together(root, anchors, made, faults):
    said = judged([issue(root, **made)], anchors)
    assert said.faults == faults
    assert not said.valid


@pytest.mark.parametrize(
    "made",
    [
        {"usage": [Usage.SERVER_AUTH]},
        {"usage": [Usage.CLIENT_AUTH, Usage.SERVER_AUTH]},
        {"usage": [Usage.ANY_EXTENDED_KEY_USAGE]},
        {"kind": "rsa2048"},
        {"kind": "ed25519"},
        {"names": (SERVER.upper(),)},
        {"names": ("other.example.org", SERVER)},
        {"common": "someone else"},
    ],
    ids=str,
)
def test_what_is_unusual_but_right_is_valid(root, anchors, made):
    assert judged([issue(root, **made)], anchors).valid


def test_a_self_signed_leaf_is_told_as_such(anchors):
    assert judged([issue()], anchors).faults == (Fault.SELF_SIGNED,)


def test_a_root_that_is_not_trusted_is_not_trusted_because_it_was_sent(anchors):
    other = issue(common="other root", names=(), ca=True)
    assert judged([issue(other)], anchors).faults == (Fault.UNTRUSTED,)
    assert judged([issue(other), other], anchors).faults == (Fault.UNTRUSTED,)


def test_a_root_that_only_has_the_name_of_a_trusted_one_is_not_trusted(anchors):
    impostor = issue(common="root", names=(), ca=True)
    assert not judged([issue(impostor)], anchors).valid
    assert not judged([issue(impostor), impostor], anchors).valid


def test_a_chain_whose_middle_is_missing_is_not_trusted(middle, anchors):
    assert judged([issue(middle)], anchors).faults == (Fault.UNTRUSTED,)


def test_a_leaf_may_not_sign_another(root, anchors):
    leaf = issue(root, common="no ca")
    assert judged([issue(leaf), leaf], anchors).faults == (Fault.INVALID,)


def test_a_middle_that_expired_makes_the_chain_expired(root, anchors):
    old = issue(root, common="old", names=(), ca=True, days=(-90, -1))
    assert judged([issue(old), old], anchors).faults == (Fault.EXPIRED,)


def test_a_sha_1_signature_is_weak(anchors):
    assert Fault.WEAK in judged([SHA1], anchors, "old.example.org").faults
    assert read(SHA1).signature == "sha1"


@pytest.mark.parametrize("chain", [(), (b"",), (b"garbage",), (b"\x30\x03\x02\x01\x00",)])
def test_what_is_no_certificate_is_unreadable(anchors, chain):
    said = judged(chain, anchors)
    assert said.faults == (Fault.UNREADABLE,)
    assert said.words


def test_garbage_behind_a_good_leaf_is_a_fault_and_no_error(root, anchors):
    assert not judged([issue(root), b"garbage"], anchors).valid


def test_the_time_to_judge_for_is_a_parameter(root, anchors):
    leaf = issue(root, days=(-1, 90))
    assert judged([leaf], anchors, at=NOW + 80 * DAY).valid
    assert judged([leaf], anchors, at=NOW + 100 * DAY).faults == (Fault.EXPIRED,)
    assert judged([leaf], anchors, at=NOW - 2 * DAY).faults == (Fault.NOT_YET_VALID,)
    assert judged([leaf], anchors).valid


@pytest.mark.parametrize("hours", [-12, 14])
def test_the_time_to_judge_for_may_be_in_any_zone(root, anchors, hours):
    """One hour before the end, or after the beginning: the same moment, told by another clock."""
    zone = timezone(timedelta(hours=hours))
    moment = NOW + (timedelta(hours=-1) if hours > 0 else timedelta(hours=1))
    leaf = issue(root, days=(-1, 0)) if hours > 0 else issue(root, days=(0, 90))
    assert judged([leaf], anchors, at=moment).valid
    assert judged([leaf], anchors, at=moment.astimezone(zone)).valid


def test_what_an_engine_has_found_is_not_looked_for_again(anchors):
    leaf = issue()
    said = webpki((leaf.der,), SERVER, anchors, NOW, known=(20, 21))
    assert said.faults == (Fault.UNTRUSTED,)
    assert webpki((leaf.der,), SERVER, anchors, NOW, known=()).valid
    assert webpki((leaf.der,), SERVER, anchors, NOW, known=(9999,)).faults == (Fault.INVALID,)


def test_a_path_without_fault_has_no_number(root, anchors):
    assert path_faults((issue(root).der,), anchors, NOW) == ()
    assert path_faults((issue().der,), anchors, NOW) == (18,)
    assert path_faults((b"garbage",), anchors, NOW) == (1,)


# Names (RFC 9525, 6.3)


def certificate(*names):
    return read(issue(names=names).der)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("mx.example.org", "mx.example.org", True),
        ("mx.example.org", "MX.Example.ORG", True),
        ("mx.example.org", "mx.example.org.", True),
        ("mx.example.org", "mx.example.com", False),
        ("mx.example.org", "a.mx.example.org", False),
        ("example.org", "mx.example.org", False),
        ("*.example.org", "mx.example.org", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", "a.mx.example.org", False),
        ("*.mx.example.org", "a.mx.example.org", True),
        ("*.*.example.org", "a.mx.example.org", False),
        ("m*.example.org", "mx.example.org", False),
        ("*x.example.org", "mx.example.org", False),
        ("mx.*.org", "mx.example.org", False),
        ("*.org", "example.org", False),
        ("*", "localhost", False),
        ("*", "mx.example.org", False),
        ("*.", "mx.example.org", False),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", True),
        ("*.example.org", "xn--bcher-kva.example.org", True),
        ("xn--*.example.org", "xn--bcher-kva.example.org", False),
    ],
)
def test_a_dns_name_matches_whole_or_by_its_first_label(pattern, name, expected):
    assert matches(certificate(pattern), name) is expected


@pytest.mark.parametrize(
    ("address", "name", "expected"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:0db8:0::1", True),
        ("2001:db8::1", "2001:db8::2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", False),
    ],
)
def test_an_address_matches_an_address(address, name, expected):
    assert matches(certificate(ipaddress.ip_address(address)), name) is expected


def test_an_address_is_no_name_and_a_name_no_address():
    assert not matches(certificate("192.0.2.1"), "192.0.2.1")
    assert not matches(certificate("*.0.2.1"), "192.0.2.1")
    assert not matches(certificate(ipaddress.ip_address("192.0.2.1")), "mx.example.org")


def test_any_of_several_names_will_do():
    several = certificate("a.example", "*.b.example", ipaddress.ip_address("::1"))
    assert all(matches(several, name) for name in ("a.example", "x.b.example", "::1"))
    assert not matches(several, "b.example")


def test_a_network_among_the_addresses_is_no_address(root, anchors):
    strange = issue(root, names=(ipaddress.ip_network("192.0.2.0/24"),))
    assert judged([strange], anchors, "192.0.2.1").faults == (Fault.WRONG_NAME,)


# Facts


def test_the_facts_of_a_certificate():
    facts = read(issue(names=("a.example", ipaddress.ip_address("192.0.2.1")), common="a").der)
    assert (facts.subject, facts.issuer) == ("CN=a", "CN=a")
    assert facts.dns_names == ("a.example",)
    assert facts.addresses == ("192.0.2.1",)
    assert facts.not_before == NOW - DAY
    assert facts.not_after == NOW + 90 * DAY
    assert facts.self_signed
    assert facts.server
    assert not facts.weak


@pytest.mark.parametrize(
    ("kind", "key", "weak"),
    [
        ("ec", "EC secp256r1", False),
        ("rsa1024", "RSA 1024", True),
        ("rsa2048", "RSA 2048", False),
        ("ed25519", "Ed25519", False),
        ("dsa", "DSA", False),
    ],
)
def test_every_kind_of_key_has_a_name(kind, key, weak):
    facts = read(issue(kind=kind).der)
    assert facts.key == key
    assert facts.weak is weak


def test_the_key_stays_the_same_through_renewal():
    first, second = issue(), issue(days=(0, 365))
    assert first.der != second.der
    assert spki(first.der) == spki(second.der) == read(first.der).spki
    info = first.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(info)
    assert spki(first.der) == digest.finalize().hex()
    assert spki(issue(kind="p384").der) != spki(first.der)


def test_what_cannot_be_read_has_no_key():
    assert spki(b"garbage") is None


# Garbage


@given(st.binary(max_size=200))
def test_garbage_is_unreadable(garbage):
    with pytest.raises(Unreadable):
        read(garbage)


@given(st.integers(0), st.integers(1, 255), st.randoms(use_true_random=False))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_certificate_with_bytes_changed_is_read_or_unreadable(at, flip, chance: random.Random):
    spoilt = bytearray(GOOD)
    spoilt[at % len(spoilt)] ^= flip
    for _ in range(chance.randrange(3)):
        spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
    spoilt = spoilt[: chance.choice([None, chance.randrange(len(spoilt))])]
    try:
        facts = read(bytes(spoilt))
    except Unreadable:
        assert spki(bytes(spoilt)) is None
        return
    assert isinstance(facts.subject, str)


GOOD = issue(names=(SERVER, ipaddress.ip_address("192.0.2.1")), usage=[Usage.SERVER_AUTH]).der


@pytest.mark.parametrize(
    "pattern", ["mar\u212aet.org", "*.\u212aorg", "market.org..", "\u017fmx.org"]
)
def test_letters_that_only_unicode_takes_for_ours_are_others(pattern):
    for name in ("market.org", "mx.korg", "smx.org"):
        assert not matches(Identifiers((pattern,), ()), name)

"""TLSA records against chains: by hand, and with `openssl s_client -dane_*` as the judge."""

from __future__ import annotations

import hashlib
import itertools
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import crypto

from tests.conftest import SERVER
from tests.test_certificates import DAY, NOW, SHA1, Signer, issue, key_of
from unstrip.certificates import Anchors, Fault, Unreadable
from unstrip.tlsa import (
    DANE,
    EVERY,
    Match,
    Tlsa,
    Usage,
    algorithm,
    match,
    public_half,
    public_key,
    unusable,
    usable,
)

OTHER = "mx.example.net"
SELECTORS, MATCHINGS = (0, 1), (0, 1, 2)


def spki(signer):
    public = signer.certificate.public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def record(usage, selector, matching, signer):
    """The record that names this certificate."""
    whole = spki(signer) if selector else signer.der
    digest = {0: lambda data: data, 1: sha256, 2: sha512}[matching]
    return Tlsa(usage, selector, matching, digest(whole))


def sha256(data):
    return hashlib.sha256(data).digest()


def sha512(data):
    return hashlib.sha512(data).digest()


@dataclass(frozen=True, slots=True)
class Shape:
    """A chain as it is sent, with the authorities behind it, sent or not."""

    chain: tuple[Signer, ...]
    root: Signer
    middle: Signer

    @property
    def ders(self):
        return tuple(signer.der for signer in self.chain)

    @property
    def anchors(self):
        store = crypto.X509Store()
        store.add_cert(crypto.X509.from_cryptography(self.root.certificate))
        return Anchors(store)


def made(sent=2, *, middle=None, **leaf):
    """Make a chain of which so many certificates are sent."""
    root = issue(common="root", names=(), ca=True, kind="p384", days=(-1000, 1000))
    wanted = {"common": "middle", "names": (), "ca": True, "kind": "p384", "days": (-1000, 1000)}
    between = issue(root, **(wanted | {"kind": "rsa2048"} | (middle or {})))
    server = issue(between, **leaf)
    return Shape((server, between, root)[:sent], root, between)


def alone():
    leaf = issue(kind="ed25519")
    return Shape((leaf,), issue(common="root", names=(), ca=True), leaf)


SHAPES = {
    "usual": made(),
    "with its root": made(3),
    "without its middle": made(1),
    "expired": made(days=(-90, -1)),
    "not yet valid": made(days=(1, 90)),
    "for another name": made(names=(OTHER,)),
    "for the Common Name alone": made(names=()),
    "by a wildcard": made(names=("*.example.org",)),
    "by a wildcard in the Common Name": made(names=(), common="*.example.org"),
    "for clients": made(usage=[Purpose.CLIENT_AUTH]),
    "of an expired authority": made(middle={"days": (-90, -1)}),
    "of an authority that is none": made(middle={"ca": False}),
    "self-signed": alone(),
}


STRANGER = issue(common="root", names=(SERVER,), ca=True, kind="dsa")  # another key, old names


def compared(shape, *records, names=(SERVER,), anchors=None, at=NOW):
    return match(records, shape.ders, names, at, anchors)


# openssl says the same


@contextmanager
def listening(shape, directory):
    """Serve the chain on loopback, one connection after another."""
    chain, key = directory / "chain.pem", directory / "key.pem"
    chain.write_bytes(b"".join(s.certificate.public_bytes(Encoding.PEM) for s in shape.chain))
    private = shape.chain[0].key
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=greet, args=(server, context), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def greet(server, context):
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        connection.settimeout(10)
        with (
            connection,
            suppress(OSError),
            context.wrap_socket(connection, server_side=True) as secured,
        ):
            secured.unwrap()


@pytest.fixture(scope="module", params=SHAPES)
def stage(request, tmp_path_factory):
    """A chain that is served, and where."""
    shape, directory = SHAPES[request.param], tmp_path_factory.mktemp("stage")
    roots = directory / "root.pem"
    roots.write_bytes(shape.root.certificate.public_bytes(Encoding.PEM))
    with listening(shape, directory) as port:
        yield request.param, shape, port, roots


def openssl(port, roots, *records, name=SERVER):
    """Tell whether openssl takes the server for the one that the records mean."""
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-attime", str(attime())]
    words += ["-dane_tlsa_domain", name, "-dane_ee_no_namechecks", "-verify_return_error"]
    words += ["-no-CApath", "-no-CAstore"]
    words += ["-CAfile", str(roots)] if roots else ["-no-CAfile"]
    for each in records:
        words += ["-dane_tlsa_rrdata", each.text]
    run = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
    )
    assert "connect:errno" not in run.stderr
    return "Verification: OK" in run.stdout


def attime():
    return int(NOW.timestamp())


def every_record(shape, stranger):
    """Every usage, selector and matching type, for each certificate, and for one of another."""
    told = {"leaf": shape.chain[0], "middle": shape.middle, "root": shape.root, "other": stranger}
    for usage, selector, matching in itertools.product(Usage, SELECTORS, MATCHINGS):
        for who, signer in told.items():
            yield who, record(usage, selector, matching, signer)


SOME = {  # usage, selector, matching: what is tried on the chains that are not the usual one
    *((0, 0, 1), (0, 1, 1), (1, 1, 1), (2, 0, 0), (2, 0, 1), (2, 1, 0), (2, 1, 2), (3, 0, 0)),
    (3, 1, 1),
}


COMMON_NAME = {(who, 0, True, "wrong name") for who in ("middle", "root")} | {
    ("leaf", 1, True, "wrong name")
}
STRICTER = {  # where openssl takes the chain, and we do not
    # it does not look at the dates of an authority which somebody else has signed
    "of an expired authority": {("middle", 2, True, "expired")},
    # a Common Name is none to the WebPKI (RFC 9525, 2)
    "for the Common Name alone": COMMON_NAME,
    "by a wildcard in the Common Name": COMMON_NAME,
}


def test_openssl_says_the_same_of_every_record_and_chain(stage):
    title, shape, port, roots = stage
    differ = []
    for who, each in every_record(shape, STRANGER):
        if title != "usual" and (each.usage, each.selector, each.matching) not in SOME:
            continue
        webpki = each.usage in (Usage.PKIX_TA, Usage.PKIX_EE)
        theirs = openssl(port, roots if webpki else None, each)
        ours = compared(shape, each, anchors=shape.anchors if webpki else None)
        if ours.valid is not theirs:
            differ.append((who, int(each.usage), theirs, ours.words))
    assert set(differ) == STRICTER.get(title, set())


def test_openssl_prefers_the_stronger_digest_too(tmp_path):
    shape, stranger = SHAPES["usual"], STRANGER
    leaf = shape.chain[0]
    right, wrong = record(3, 1, 1, leaf), record(3, 1, 2, stranger)
    sets = [
        (right, wrong),
        (wrong, right, record(3, 0, 1, leaf)),
        (record(3, 1, 1, stranger), record(3, 1, 2, leaf)),
        (wrong, record(3, 1, 0, leaf)),
        (record(2, 0, 2, stranger), record(3, 1, 1, leaf)),
        (record(2, 0, 2, stranger), record(2, 0, 1, shape.middle)),
    ]
    with listening(shape, tmp_path) as port:
        theirs = [openssl(port, None, *records) for records in sets]
    assert [compared(shape, *records).valid for records in sets] == theirs
    assert theirs == [False, True, True, True, True, False]


# By hand


@pytest.mark.parametrize("selector", SELECTORS)
@pytest.mark.parametrize("matching", MATCHINGS)
@pytest.mark.parametrize("title", ["expired", "for another name", "for clients", "self-signed"])
def test_a_server_named_itself_needs_neither_name_nor_date_nor_authority(title, selector, matching):
    shape = SHAPES[title]
    mine = record(3, selector, matching, shape.chain[0])
    assert compared(shape, mine, names=()) == Match(mine)


@pytest.mark.parametrize(
    ("title", "faults"),
    [
        ("usual", set()),
        ("with its root", set()),
        ("by a wildcard", set()),
        ("for the Common Name alone", set()),
        ("by a wildcard in the Common Name", set()),
        ("expired", {Fault.EXPIRED}),
        ("not yet valid", {Fault.NOT_YET_VALID}),
        ("for another name", {Fault.WRONG_NAME}),
        ("for clients", {Fault.WRONG_PURPOSE}),
        ("of an expired authority", {Fault.EXPIRED}),
        ("without its middle", {Fault.UNTRUSTED}),
    ],
)
def test_a_chain_of_the_named_authority_is_judged_by_path_dates_purpose_and_name(title, faults):
    shape = SHAPES[title]
    said = compared(shape, record(2, 0, 1, shape.middle))
    assert set(said.faults) == faults
    assert said.valid is not bool(faults)


@pytest.mark.parametrize(
    ("names", "valid"),
    [((OTHER, SERVER), True), ((SERVER, OTHER), True), ((OTHER,), False), ((), False)],
)
def test_any_reference_name_will_do_and_none_will_not(names, valid):
    shape = SHAPES["usual"]
    assert compared(shape, record(2, 1, 1, shape.middle), names=names).valid is valid


def test_the_common_name_does_not_count_beside_a_dns_name_nor_for_the_webpki():
    both = made(names=(OTHER,), common=SERVER)
    assert not compared(both, record(2, 1, 1, both.middle)).valid
    common = SHAPES["for the Common Name alone"]
    said = compared(common, record(1, 1, 1, common.chain[0]), anchors=common.anchors)
    assert said.faults == (Fault.WRONG_NAME,)


def test_the_leaf_is_no_authority_for_itself():
    shape = SHAPES["self-signed"]
    for selector, matching in itertools.product(SELECTORS, (1, 2)):
        assert not compared(shape, record(2, selector, matching, shape.chain[0])).valid


def test_a_weak_key_is_up_to_those_who_publish_it():
    weak = made(kind="rsa1024")
    assert compared(weak, record(2, 1, 1, weak.middle)).valid
    said = compared(weak, record(1, 1, 1, weak.chain[0]), anchors=weak.anchors)
    assert said.faults == (Fault.WEAK,)


@pytest.mark.parametrize("kind", ["ec", "p384", "rsa2048", "ed25519"])
def test_a_bare_key_vouches_for_what_it_has_signed_though_its_certificate_is_not_sent(kind):
    root = issue(common="root", names=(), ca=True, kind=kind, days=(-1000, 1000))
    leaf = issue(root, kind="rsa1024")
    shape = Shape((leaf,), root, root)
    assert compared(shape, record(2, 1, 0, root)).valid
    assert not compared(shape, record(2, 1, 0, root), names=(OTHER,)).valid
    assert not compared(shape, record(2, 1, 0, STRANGER)).valid
    for other in {"ec", "p384", "rsa2048", "ed25519"} - {kind}:
        assert not compared(shape, Tlsa(2, 1, 0, key_spki(other))).valid


def key_spki(kind):
    public = key_of(kind).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_one_record_that_is_met_is_enough():
    shape, stranger = SHAPES["usual"], STRANGER
    wrong = [record(u, s, 1, stranger) for u in (2, 3) for s in SELECTORS]
    assert compared(shape, *wrong, record(3, 1, 1, shape.chain[0])).valid
    assert compared(shape, record(2, 1, 1, shape.middle), *wrong).valid


def test_the_record_that_asks_least_of_the_chain_is_tried_first():
    shape = SHAPES["usual"]
    both = record(2, 1, 1, shape.middle), record(3, 1, 1, shape.chain[0])
    assert compared(shape, *both).record == both[1]


def test_the_record_that_comes_nearest_is_told():
    shape = SHAPES["expired"]
    near = record(2, 1, 1, shape.middle)
    said = compared(shape, record(3, 1, 1, STRANGER), near)
    assert (said.record, said.words) == (near, "expired")


def test_nothing_that_is_named_is_not_trusted():
    said = compared(SHAPES["usual"], record(3, 1, 1, STRANGER))
    assert said == Match(None, (Fault.UNTRUSTED,), "the only usable TLSA record is not met")
    assert not compared(SHAPES["usual"]).valid


def test_the_webpki_has_no_say_where_there_are_no_roots():
    shape = SHAPES["usual"]
    mine = record(1, 1, 1, shape.chain[0])
    assert compared(shape, mine, anchors=shape.anchors).valid
    for each in (mine, record(0, 1, 1, shape.middle)):
        assert compared(shape, each).words == "none of 0 usable TLSA records is met"


def test_the_time_is_the_one_that_was_given():
    shape = SHAPES["usual"]
    assert not compared(shape, record(2, 1, 1, shape.middle), at=NOW + 100 * DAY).valid
    assert compared(shape, record(3, 1, 1, shape.chain[0]), at=NOW + 100 * DAY).valid


@pytest.mark.parametrize("chain", [(), (b"",), (b"\x30\x80",), (b"\x30\x82\xff\xff\x00",), (b"x",)])
def test_a_chain_that_cannot_be_read_meets_nothing(chain):
    said = match([Tlsa(3, 1, 1, bytes(32))], chain, (SERVER,), NOW)
    assert said.faults == (Fault.UNREADABLE,)
    assert said.words


def test_rubbish_behind_the_leaf_does_not_meet_a_digest_of_it():
    shape, rubbish = SHAPES["usual"], b"rubbish"
    chain = (shape.chain[0].der, rubbish)
    said = match([Tlsa(2, 0, 1, sha256(rubbish))], chain, (SERVER,), NOW)
    assert said.faults == (Fault.UNREADABLE,)
    anchored = match([record(0, 0, 1, shape.root)], chain, (SERVER,), NOW, shape.anchors)
    assert not anchored.valid


# Which records can be used


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (Tlsa(0, 1, 1, bytes(32)), "usage 0 is none that is used here"),
        (Tlsa(1, 1, 1, bytes(32)), "usage 1 is none that is used here"),
        (Tlsa(4, 1, 1, bytes(32)), "usage 4 is none that is used here"),
        (Tlsa(255, 1, 1, bytes(32)), "usage 255 is none that is used here"),
        (Tlsa(3, 2, 1, bytes(32)), "selector 2 is unknown"),
        (Tlsa(3, 1, 3, bytes(32)), "matching type 3 is unknown"),
        (Tlsa(3, 1, 1, bytes(31)), "a digest of 31 bytes, not 32"),
        (Tlsa(3, 1, 2, bytes(32)), "a digest of 32 bytes, not 64"),
        (Tlsa(3, 1, 1, b""), "a digest of 0 bytes, not 32"),
        (Tlsa(3, 0, 0, b""), "not a certificate"),
        (Tlsa(3, 0, 0, b"\x30\x00"), "not a certificate"),
        (Tlsa(2, 1, 0, b"rubbish"), "not a public key"),
        (Tlsa(2, 1, 0, key_spki("ec") + b"\0"), "there is something behind the public key"),
        (Tlsa(2, 1, 0, key_spki("ec")[:-1]), "not a public key"),
    ],
)
def test_a_record_that_cannot_be_used_says_why(bad, words):
    assert unusable(bad) == words
    assert usable([bad]) == ()


def test_the_usages_of_the_webpki_are_usable_where_they_are_allowed():
    told = [Tlsa(usage, 1, 1, bytes(32)) for usage in range(5)]
    assert [record.usage for record in usable(told)] == [2, 3]
    assert [record.usage for record in usable(told, EVERY)] == [0, 1, 2, 3]
    assert DANE < EVERY


def test_a_weaker_digest_is_passed_over_beside_a_stronger_one_that_can_be_used():
    weak, strong, key = Tlsa(3, 1, 1, bytes(32)), Tlsa(3, 1, 2, bytes(64)), key_spki("ec")
    assert usable([weak, strong]) == (strong,)
    assert usable([weak, Tlsa(3, 1, 2, b"short")]) == (weak,)
    assert usable([weak, Tlsa(3, 1, 0, key)]) == (weak, Tlsa(3, 1, 0, key))
    assert usable([weak, Tlsa(3, 0, 2, bytes(64)), Tlsa(2, 1, 2, bytes(64))])[0] == weak
    assert usable([weak, weak]) == (weak,)


def test_a_record_is_written_as_it_is_published():
    assert Tlsa(3, 1, 1, bytes.fromhex("1F85")).text == "3 1 1 1f85"


# Keys as they stand in certificates


@pytest.mark.parametrize("kind", ["ec", "p384", "rsa1024", "rsa2048", "ed25519", "dsa"])
def test_the_key_is_read_as_it_stands(kind):
    signer = issue(kind=kind) if kind != "dsa" else issue(issue(kind="ec"), kind="dsa")
    assert public_key(signer.der) == spki(signer)


def test_the_key_of_a_certificate_from_elsewhere_is_read():
    certificate = crypto.load_certificate(crypto.FILETYPE_ASN1, SHA1)
    public = crypto.dump_publickey(crypto.FILETYPE_ASN1, certificate.get_pubkey())
    assert public_key(SHA1) == public


@pytest.mark.parametrize("kind", ["ec", "p384", "rsa2048", "ed25519"])
def test_the_public_half_of_a_private_key_is_what_its_certificate_has(kind):
    pem = key_of(kind).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert public_half(pem) == spki(issue(kind=kind))


@given(st.binary(max_size=200))
def test_no_rubbish_is_a_private_key(data):
    with pytest.raises(Unreadable):
        public_half(data)


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("ec", "2a8648ce3d0201"),  # RFC 5480, 2.1.1
        ("rsa2048", "2a864886f70d010101"),  # RFC 3279, 2.3.1
        ("ed25519", "2b6570"),  # RFC 8410, 3
    ],
)
def test_what_a_key_is_for_is_read_as_it_stands(kind, number):
    assert algorithm(spki(issue(kind=kind))).hex() == number


@given(st.binary(max_size=40))
def test_no_rubbish_is_for_anything(data):
    with suppress(Unreadable):
        assert isinstance(algorithm(data), bytes)


def test_a_certificate_of_version_1_has_its_key_one_place_earlier():
    body = b"".join(bytes([0x30, 1, n]) for n in range(6))
    assert public_key(tlv(tlv(b"\x02\x01\x07" + body))) == b"\x30\x01\x04"


def tlv(inside):
    return bytes([0x30, len(inside)]) + inside


@given(st.binary(max_size=200))
def test_no_rubbish_is_a_key(data):
    with suppress(Unreadable):
        assert isinstance(public_key(data), bytes)


@given(st.data())
def test_a_certificate_cut_off_or_changed_raises_nothing_else(data):
    der = bytearray(SHAPES["usual"].chain[0].der)
    at = data.draw(st.integers(0, len(der) - 1))
    der[at] = data.draw(st.integers(0, 255))
    changed = bytes(der[: data.draw(st.integers(0, len(der)))])
    told = [record(u, s, 1, SHAPES["usual"].middle) for u in (2, 3) for s in SELECTORS]
    assert isinstance(match(told, (changed, SHAPES["usual"].middle.der), (SERVER,), NOW), Match)


@given(st.builds(Tlsa, st.integers(0, 255), st.integers(0, 3), st.integers(0, 3), st.binary()))
def test_no_record_raises(record):
    assert unusable(record, EVERY) or usable([record], EVERY) == (record,)
    shape = SHAPES["usual"]
    assert not compared(shape, record, anchors=shape.anchors).valid

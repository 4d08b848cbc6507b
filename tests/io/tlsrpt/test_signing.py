"""Signed reports, verified by the key that is published."""

from __future__ import annotations

import base64
import re

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.tlsrpt.days import BOTH, DOMAIN, NOW, WHO
from unstrip.io.tlsrpt.signing import NoSigner, Signer
from unstrip.tlsrpt.message import SIGNED, build
from unstrip.tlsrpt.report import encode, make, pack

REPORT = make([BOTH], WHO)
MAIL = build(REPORT, pack(encode(REPORT)), WHO, domain=DOMAIN, to="tls@example.org", now=NOW)
KEY = rsa.generate_private_key(65537, 2048)
FORMS = {"pkcs1": PrivateFormat.TraditionalOpenSSL, "pkcs8": PrivateFormat.PKCS8}


def pem(key=KEY, form=PrivateFormat.PKCS8, locked=None):
    return key.private_bytes(Encoding.PEM, form, locked or NoEncryption())


def published(service="tlsrpt"):
    der = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; s={service}; p={base64.b64encode(der).decode()}".encode()


@pytest.fixture
def sign(tmp_path):
    def signed(mail=MAIL, key=None):
        path = tmp_path / "key.pem"
        path.write_bytes(key or pem())
        return Signer(path, WHO.domain, "tlsrpt").sign(mail)

    return signed


def verified(mail, record=None):
    asked = []

    def ask(name, timeout=5):
        asked.append(name)
        return record or published()

    good = dkim.verify(mail, dnsfunc=ask, tlsrpt="strict")
    assert asked == [b"tlsrpt._domainkey.sender.example."]
    return good


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_signature_is_good(sign, form):
    signed = sign(key=pem(form=form))
    assert signed.endswith(MAIL)
    assert verified(signed)


def test_the_record_to_publish_is_the_one_that_proves_it(tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(pem())
    signer = Signer(path, WHO.domain, "tlsrpt")
    assert signer.record.name == "tlsrpt._domainkey.sender.example"
    assert verified(signer.sign(MAIL), signer.record.text.encode())


def test_a_key_for_other_mail_alone_is_not_what_receivers_ask_for(sign):
    assert not verified(sign(), published("email"))


def test_it_covers_every_header_and_all_of_the_body(sign):
    head = re.sub(rb"\r\n[ \t]+", b" ", sign()).partition(b"\r\nFrom: ")[0].decode()
    tags = dict(part.strip().split("=", 1) for part in head.partition(":")[2].split(";"))
    assert {name.lower() for name in SIGNED} == {*re.split(r"\s*:\s*", tags["h"].strip())}
    assert "l" not in tags
    assert (tags["d"], tags["s"]) == ("sender.example", "tlsrpt")


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"TLS-Report-Domain: example.org", b"TLS-Report-Domain: example.net"),
        (b"TLS-Report-Submitter: sender", b"TLS-Report-Submitter: other"),
        (b"TLS-Required: No", b"TLS-Required: Yes"),
        (b"7 sessions", b"8 sessions"),
        (b"Subject: Report", b"Subject: x\r\nSubject: Report"),
        (b"TLS-Report-Domain:", b"TLS-Report-Domain: x.example\r\nTLS-Report-Domain:"),
        (b"From: Sender", b"From: <x@x.example>\r\nFrom: Sender"),
    ],
)
def test_nothing_can_be_changed_or_added(sign, was, now):
    signed = sign()
    assert was in signed
    assert not verified(signed.replace(was, now, 1))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (b"", "no private key in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (pem(locked=BestAvailableEncryption(b"x")), "without a password"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "no RSA key of 1024 bits"),
        (b"x" * 70_000, "longer than 65536 bytes"),
    ],
    ids=["empty", "broken", "locked", "ed25519", "long"],
)
def test_what_is_no_key_is_refused_by_name(tmp_path, key, words):
    path = tmp_path / "key.pem"
    path.write_bytes(key)
    with pytest.raises(NoSigner, match=words) as raised:
        Signer(path, WHO.domain, "tlsrpt")
    assert str(path) in str(raised.value)


def test_a_key_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(NoSigner, match="cannot be read"):
        Signer(tmp_path / "none.pem", WHO.domain, "tlsrpt")

"""Signatures: one of the submitter proves it, a wrong one is named, and without keys mail waits."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
from importlib.util import find_spec

import dkim
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.io.tlsrpt.signed import COVERED, SENDER, Names, key, keys, name, sign, sign_by_hand
from tests.tlsrpt.letters import plain_letter
from unstrip.hostname import host_name
from unstrip.io.tlsrpt.verifying import Signed, Unknown, verify

MAIL = plain_letter()
SIGNED = sign(MAIL)
KEYS = keys(SENDER)


def judged(mail: bytes, submitter: str = SENDER, names: Names | None = None) -> Signed:
    return asyncio.run(verify(mail, submitter, (names or Names(KEYS)).ask))


def test_a_signature_of_the_submitter_proves_it():
    names = Names(KEYS)
    signed = judged(SIGNED, names=names)
    assert (signed.domain, signed.words) == (SENDER, f"pass {SENDER}")
    assert signed.covers >= {field.lower() for field in COVERED}
    assert names.asked == [name(SENDER)]


def test_without_a_signature_nobody_is_asked():
    names = Names()
    assert judged(MAIL, names=names) == Signed()
    assert names.asked == []


@pytest.mark.parametrize(
    ("submitter", "domain", "proved"),
    [
        ("mail.sender.example", SENDER, True),  # whose subdomain it is
        (SENDER, f"mail.{SENDER}", False),  # which may be somebody else's
        (SENDER, "ender.example", False),
        (SENDER, "evil.example", False),
        ("", SENDER, False),
    ],
)
def test_a_signature_counts_for_its_domain_and_what_is_below_it(submitter, domain, proved):
    signed = judged(sign(MAIL, domain), submitter, Names(keys(domain)))
    assert (signed.domain == domain) is proved
    assert signed.there
    assert proved or f"it is of {domain}" in signed.words


@pytest.mark.parametrize(
    "mail",
    [
        SIGNED.replace(b"This is", b"That is"),
        SIGNED.replace(b"From: Reports", b"From: Report"),
        SIGNED.replace(b"Subject: Report", b"Subject: report"),
        SIGNED.replace(b"--b--\r\n", b"--b\r\n\r\nmore\r\n--b--\r\n"),
        SIGNED.replace(b"a=rsa-sha256", b"a=rsa-sha257"),
        SIGNED.replace(b" bh=", b" bx="),
        SIGNED.replace(b"d=sender.example", b"d=s\xff.example"),
        SIGNED.replace(b"d=sender.example", b"d=-"),
        SIGNED.replace(b"s=s1", b"s=s2"),
        SIGNED.replace(b"DKIM-Signature: v=1", b"DKIM-Signature: v=1; v=1"),
        b"DKIM-Signature: \r\n" + MAIL,
        b"DKIM-Signature: nonsense\r\n" + MAIL,
        b" DKIM-Signature: x\r\nDKIM-Signature: v=1\r\n" + MAIL,
    ],
)
def test_a_forged_one_proves_nothing_and_is_named(mail):
    signed = judged(mail)
    assert (signed.domain, signed.there) == ("", True)
    assert signed.words.startswith("fail: ")
    assert signed.words.isprintable()


def test_a_length_in_a_signature_lets_nothing_be_added():
    pem, _ = key(2048)
    names = [field.encode() for field in COVERED]
    made = dkim.sign(MAIL, b"s1", SENDER.encode(), pem, include_headers=names, length=True)
    assert b" l=" in made
    assert judged(made + MAIL).domain == SENDER
    assert judged(made + MAIL + b"more\r\n").words.startswith("fail")


def test_a_signature_that_does_not_cover_from_is_none():
    signed = judged(sign_by_hand(MAIL, "subject"))
    assert signed.words == f"fail: that of {SENDER} does not cover From"
    assert judged(sign_by_hand(MAIL, "subject:from")).domain == SENDER


@pytest.mark.parametrize(
    "record",
    [
        "",
        "v=DKIM2; p=x",
        "v=DKIM1; p=",
        "v=DKIM1; k=rsa; p=AAAA",
        "v=DKIM1; k=x; p=AAAA",
        "\xff",
        f"v=DKIM1; p={'A' * 5000}",
    ],
)
def test_a_key_that_makes_no_sense_proves_nothing(record):
    assert judged(SIGNED, names=Names(keys(SENDER, record=record))).words.startswith("fail: ")


def test_a_kind_of_signature_that_is_not_known_is_as_if_it_were_not_there():
    signed = judged(SIGNED, names=Names(keys(SENDER, record="v=DKIM1; k=ed25519; p=AAAA")))
    assert signed.domain == ""
    assert signed.there is (find_spec("nacl") is not None)


def test_a_short_key_proves_nothing():
    openssl = ["openssl", "genrsa", "-traditional", "768"]
    pem = subprocess.run(openssl, capture_output=True, check=True, timeout=20).stdout
    out = ["openssl", "rsa", "-pubout", "-outform", "DER"]
    der = subprocess.run(out, input=pem, capture_output=True, check=True, timeout=20).stdout
    weak = dkim.sign(MAIL, b"s1", SENDER.encode(), pem, include_headers=[b"From"]) + MAIL
    record = f"v=DKIM1; p={base64.b64encode(der).decode()}"
    assert "too small" in judged(weak, names=Names(keys(SENDER, record=record))).words


def test_without_an_answer_the_mail_has_to_wait():
    with pytest.raises(Unknown, match=r"the key at s1._domainkey.sender.example could not be"):
        judged(SIGNED, names=Names(lost=(name(SENDER),)))


def test_one_good_signature_is_enough_whatever_the_others_are():
    twice = sign(sign(MAIL, "list.example"), SENDER)
    names = Names(KEYS, lost=(name("list.example"),))
    assert judged(twice, names=names).domain == SENDER
    assert judged(sign(SIGNED, "list.example"), names=names).domain == SENDER


def test_no_more_than_a_few_signatures_are_looked_at():
    names = Names()
    mail = MAIL
    for _ in range(7):
        mail = sign(mail)
    assert judged(mail, names=names).there
    assert len(names.asked) == 5


def test_a_signature_of_another_domain_is_not_looked_up_and_keeps_none_out():
    names = Names(KEYS, lost=(name("evil.example"),))
    mail = SIGNED
    for _ in range(7):
        mail = sign(mail, "evil.example")
    assert judged(mail, names=names).domain == SENDER
    assert names.asked == [name(SENDER)]


def by_hand(algorithm: str = "rsa-sha256", identity: str | None = None) -> bytes:
    made = dkim.DKIM(MAIL).sign(
        *(b"s1", SENDER.encode(), key(2048)[0], algorithm.encode()),
        identity=identity and identity.encode(),
        include_headers=[field.encode() for field in COVERED],
    )
    return made + MAIL


def with_tags(tags: str) -> Names:
    return Names(keys(SENDER, record=key(2048)[1].replace("s=tlsrpt;", tags)))


def test_sha_1_proves_nothing():
    assert judged(by_hand("rsa-sha1")).words == "fail: its algorithm is rsa-sha1"


@pytest.mark.parametrize(
    ("tags", "proved"),
    [
        ("", True),
        ("s=*;", True),
        ("s=email;", True),
        ("s=email : tlsrpt;", True),
        ("s=other;", False),
        ("h=sha1;", False),
        ("h=sha1:sha256;", True),
        ("t=s;", True),
        ("t=x:s;", True),
        ("s=*; s=other;", False),
        ("nonsense;", False),
        ("n=a note, and more;", True),
    ],
)
def test_a_key_counts_for_what_it_is_meant_for(tags, proved):
    signed = judged(SIGNED, names=with_tags(tags))
    assert (signed.domain == SENDER) is proved
    assert signed.there


def test_a_key_that_is_being_tried_out_is_as_if_nothing_were_signed():
    assert judged(SIGNED, names=with_tags("t=y;")) == Signed()
    forged = SIGNED.replace(b"This is", b"That is")
    assert judged(forged, names=with_tags("t=s:y;")) == Signed()


def test_a_key_may_be_for_its_own_domain_alone():
    other = by_hand(identity=f"@mail.{SENDER}")
    assert judged(other).domain == SENDER
    assert judged(other, names=with_tags("t=s;")).words.startswith("fail: ")


IDN = "p\u00eader.example"
A_LABELS = host_name(IDN)
MOJIBAKE = host_name(IDN.encode().decode("latin-1"))


def test_a_domain_in_utf_8_is_looked_up_under_the_name_that_it_proves():
    said = f"d={IDN}".encode()
    names = Names(keys(MOJIBAKE))
    pem, _ = key(2048)
    made = dkim.sign(MAIL, b"s1", IDN.encode(), pem, b"@" + IDN.encode(), include_headers=[b"From"])
    assert said in made
    assert judged(made + MAIL, A_LABELS, names).domain == ""
    assert names.asked == [name(A_LABELS)]
    assert judged(made + MAIL, A_LABELS, Names(keys(A_LABELS))).domain == A_LABELS


def test_without_dkimpy_what_is_signed_has_to_wait(monkeypatch):
    monkeypatch.setitem(sys.modules, "dkim", None)
    assert judged(MAIL) == Signed()
    with pytest.raises(Unknown, match=r"pip install 'unstrip\[report\]'"):
        judged(SIGNED)


@given(st.data())
def test_no_changed_byte_of_what_is_covered_passes(data):
    body = SIGNED.index(b"\r\n\r\n") + 4
    at = data.draw(st.integers(body, len(SIGNED) - 3))
    new = data.draw(st.integers(33, 126).filter(lambda byte: byte != SIGNED[at]))
    changed = SIGNED[:at] + bytes([new]) + SIGNED[at + 1 :]
    assert judged(changed).domain == ""


@given(st.binary(max_size=200))
def test_any_bytes_as_a_signature_prove_nothing(data):
    line = data.replace(b"\r", b"").replace(b"\n", b"")
    assert judged(b"DKIM-Signature: " + line + b"\r\n" + MAIL).domain == ""


def test_a_key_that_is_not_there_is_told_from_a_signature_that_is_wrong():
    assert (
        f"there is no key that can be used at {name(SENDER).name}"
        in judged(SIGNED, names=Names()).words
    )
    wrong = judged(SIGNED.replace(b"From: Reports", b"From: Report")).words
    assert f"is wrong, by the key at {name(SENDER).name}" in wrong

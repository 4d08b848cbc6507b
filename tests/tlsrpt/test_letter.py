"""Letters: a report is found in whatever came, and what is no letter is refused by name."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tlsrpt.letters import GZIP, NOW, SHAPES, STS, encoded, mail, plain_letter, policy, told
from unstrip.tlsrpt.letter import LONGEST, BadLetter, Letter, bare, named, take
from unstrip.tlsrpt.reading import read

PACKED = gzip.compress(told())


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shapes_of_large_senders_are_understood(shape):
    letter = take(SHAPES[shape]())
    assert (letter.domain, letter.submitter) == ("example.org", "sender.example")
    assert letter.fields == {"subject", "tls-report-domain"}
    (report,) = letter.reports
    assert read(report, NOW, letter.domain).report.day.isoformat() == "2026-11-20"


@pytest.mark.parametrize(
    "fields",
    [
        "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64",
        "Content-Type: text/plain\nContent-Transfer-Encoding: base64",
        "Content-Type: nonsense\nContent-Transfer-Encoding: base64",
        "Content-Transfer-Encoding: BASE64 ",
        "Content-Type: application/zip; name*=utf-9''x\nContent-Transfer-Encoding: base64",
    ],
)
def test_a_report_is_found_by_what_it_is(fields):
    assert take(mail((fields, encoded(PACKED)))).reports == (PACKED,)


@pytest.mark.parametrize("width", [61, 75, 4000, 100_000])
def test_base64_may_be_broken_anywhere(width):
    assert take(mail((GZIP.format(""), encoded(PACKED, width)))).reports == (PACKED,)


def test_a_mail_may_be_nothing_but_the_report():
    head = b"From: a@sender.example\r\nContent-Type: application/tlsrpt+json\r\n\r\n"
    letter = take(head + told())
    assert (letter.domain, letter.submitter, letter.reports) == ("", "sender.example", (told(),))


def test_what_is_called_a_report_goes_before_what_looks_like_one():
    other = ("Content-Type: application/json", b"{}")
    letter = take(mail(other, (GZIP.format(""), encoded(PACKED)), other))
    assert letter.reports == (PACKED,)


def test_a_mail_may_have_several_reports():
    parts = [(GZIP.format(""), encoded(gzip.compress(told(name=f"{n}")))) for n in range(3)]
    assert len(take(mail(*parts)).reports) == 3


@pytest.mark.parametrize("before", [b"From sender@example Sat Nov 21 03:00:00 2026\n", b""])
def test_a_mail_from_a_pipe_is_the_same_as_over_smtp(before):
    over_smtp = plain_letter()
    assert take(before + over_smtp.replace(b"\r\n", b"\n")) == take(over_smtp)


def test_whom_it_is_about_may_stand_in_the_subject_alone():
    said = plain_letter().replace(b"TLS-Report-", b"X-")
    letter = take(said)
    assert (letter.domain, letter.submitter) == ("example.org", "sender.example")
    assert letter.fields == {"subject"}
    assert letter.named == "subject"


def test_who_reports_is_said_by_one_field():
    assert take(plain_letter()).named == "tls-report-submitter"
    letter = take(plain_letter().replace(b"TLS-Report-Submitter", b"X").replace(b"Subject", b"Y"))
    assert (letter.submitter, letter.named) == ("sender.example", "from")


def test_a_subject_that_quotes_another_says_nothing():
    said = (
        plain_letter()
        .replace(b"TLS-Report-", b"X-")
        .replace(b"Report Domain", b"Re: Report Domain")
    )
    assert take(said).domain == ""


DIVIDED = plain_letter()
QUOTED = DIVIDED.replace(b"This is a report.", b"x\r\n--c\r\n\r\n{}\r\n--c--")


@pytest.mark.parametrize(
    ("data", "divided"),
    [
        (DIVIDED, True),
        (DIVIDED.replace(b"\r\n--b--\r\n", b"\r\n"), False),
        (QUOTED, True),
        (QUOTED.replace(b'boundary="b"', b'boundary="c"'), False),
        (DIVIDED.replace(b"--b\r\n", b"Here it comes:\r\n--b\r\n", 1), False),
        (DIVIDED + b"The end\r\n", False),
        (DIVIDED + b"\r\n", True),
        (DIVIDED.replace(b"multipart/report", b"multipart/digest"), False),
        (b"From: a@sender.example\r\n\r\n" + told(), False),
    ],
)
def test_a_body_is_divided_by_itself_if_it_begins_and_ends_with_its_boundary(data, divided):
    assert take(data).divided is divided


def test_names_are_in_their_one_spelling():
    letter = take(plain_letter(domain="EXAMPLE.org.", submitter="Sender.Example"))
    assert (letter.domain, letter.submitter) == ("example.org", "sender.example")


def replaced(old: bytes, new: bytes) -> bytes:
    return plain_letter().replace(old, new)


DEEP = b"".join(
    b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1)
    for n in range(3000)
)
NESTED = b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n" + DEEP


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "mail"),
        (b"\r\n", "mail"),
        (b"From: a@b.example\r\n\r\nHello\r\n", "no-report"),
        (mail(), "no-report"),
        (mail((GZIP.format(""), b"")), "no-report"),
        (replaced(b"From:", b"Form:"), "mail"),
        (replaced(b"To:", b"From: x@evil.example\r\nTo:"), "mail"),
        (replaced(b"Date:", b"TLS-Report-Domain: example.com\r\nDate:"), "mail"),
        (replaced(b"Date:", b"Content-Type: text/plain\r\nDate:"), "mail"),
        (replaced(b"TLS-Report-Domain: example.org", b"TLS-Report-Domain: a b"), "domain"),
        (replaced(b"TLS-Report-Domain: example.org", b"TLS-Report-Domain: 192.0.2.1"), "domain"),
        (replaced(b"TLS-Report-Domain: example.org", b"TLS-Report-Domain: other.org"), "domain"),
        (replaced(b"Submitter: sender.example\r\n", b"Submitter: \x1b[31m\r\n"), "domain"),
        (replaced(b"This is", b"This" + b" " * 300 + b"is"), "mail"),
        (replaced(b"To:", b"X: x" + b"\r\n " * 100 + b"x\r\nTo:"), "mail"),
        (replaced(b"This is", b"x\n" * 150_001), "size"),
        (replaced(b"This is", b"x\ry"), "mail"),
        (replaced(b"This is", b"x\0y"), "mail"),
        (replaced(b"To:", b"X: a\rSubject: b\r\nTo:"), "mail"),
        (replaced(b"To:", b"X: a\r\r\nTo:"), "mail"),
        (replaced(b"To:", b"no field\r\nTo:"), "mail"),
        (replaced(b"To:", b"From x\r\nTo:"), "mail"),
        (replaced(b"To:", b": x\r\nTo:"), "mail"),
        (replaced(b"To:", b"X: " + b"y" * 9_000 + b"\r\nTo:"), "size"),
        (mail(("Content-Type: a/b" + "; x" * 51, b"x")), "size"),
        (mail(("Content-Type: a/b;\n a=" + "x" * 9_000, b"x")), "size"),
        (mail(*[("Content-Type: message/rfc822", b"x")] * 11), "size"),
        (replaced(b"This is", b"--x\r\n" * 1001), "size"),
        (replaced(b"To:", b"X: " + b"x" * 140_000 + b"\r\nTo:"), "size"),
        (replaced(b"To:", b"X: y\r\n" * 1001 + b"To:"), "size"),
        (plain_letter() + b"x" * LONGEST, "size"),
        (mail(*[("Content-Type: text/plain", b"x")] * 101), "size"),
        (mail(*[(GZIP.format(""), encoded(PACKED))] * 11), "size"),
        (NESTED, "size"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_name(data, kind):
    with pytest.raises(BadLetter) as caught:
        take(data)
    assert caught.value.kind == kind
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"{}", True),
        (b"\xef\xbb\xbf{", True),
        (PACKED, True),
        (b" \r\n{", True),
        (b"PK\x03\x04", True),
        (b"", False),
        (b"From: x", False),
        (plain_letter(), False),
    ],
)
def test_a_report_as_it_is_is_told_from_a_mail(data, expected):
    assert bare(data) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sender.example!example.org!1!2!001.json.gz", ("example.org", "sender.example")),
        ("Sender.Example!example.org!1!2.json", ("example.org", "sender.example")),
        ("a b!example.org!1!2.json", ("example.org", "")),
        ("report.json.gz", ("", "")),
        ("a!b!c!d.json", ("", "")),
    ],
)
def test_the_name_of_a_file_tells_whom_it_is_about(name, expected):
    assert named(name) == expected


def fate(data: bytes) -> Letter | BadLetter:
    try:
        return take(data)
    except BadLetter as error:
        return error


@given(st.binary(max_size=300))
def test_any_bytes_are_a_letter_or_refused(data):
    for said in (data, b"From: a@b.example\r\n" + data, plain_letter() + data):
        assert str(fate(said)).isprintable()


@given(st.data())
def test_a_letter_with_any_bytes_changed_is_a_letter_or_refused(data):
    whole = bytearray(plain_letter(told(policy(STS, 1))))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    assert str(fate(bytes(whole))).isprintable()

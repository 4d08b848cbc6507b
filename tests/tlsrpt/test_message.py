"""A report as a mail, as RFC 8460 has it."""

import re
from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tlsrpt.days import BOTH, DOMAIN, NOW, STS, WHO, day
from unstrip.tlsrpt.message import SIGNED, BadMail, build, filename
from unstrip.tlsrpt.report import encode, make, pack
from unstrip.tlsrpt.values import Tally

REPORT = make([BOTH], WHO)
PACKED = pack(encode(REPORT))
TO = "tls!reports@example.org"


def mail(who=WHO, domain=DOMAIN):
    data = build(REPORT, PACKED, who, domain=domain, to=TO, now=NOW)
    return data, message_from_bytes(data, policy=default)


def test_the_headers_are_those_of_the_rfc():
    _, found = mail()
    assert found["From"] == "Sender Inc <postmaster@sender.example>"
    assert found["To"] == TO
    assert found["TLS-Report-Domain"] == DOMAIN
    assert found["TLS-Report-Submitter"] == "sender.example"
    assert found["TLS-Required"] == "No"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["Date"] == "Sun, 22 Nov 2026 03:00:00 +0000"
    expected = f"Report Domain: {DOMAIN} Submitter: sender.example Report-ID: <{REPORT.report_id}>"
    assert found["Subject"] == expected


def test_it_is_a_report_of_two_parts():
    _, found = mail()
    assert found.get_content_type() == "multipart/report"
    assert found.get_param("report-type") == "tlsrpt"
    words, report = found.iter_parts()
    assert words.get_content_type() == "text/plain"
    said = words.get_content()
    assert "tlsa, mx.example.org: 7 sessions were as they should be, 0 were not\r\n" in said
    assert "sts, example.org: 5 sessions were as they should be, 2 were not\r\n" in said
    assert report.get_content_type() == "application/tlsrpt+gzip"
    assert report["Content-Transfer-Encoding"] == "base64"
    assert report.get_content_disposition() == "attachment"
    assert report.get_content() == PACKED


def test_the_name_of_the_file_tells_who_reports_on_whom_and_when():
    name = filename(REPORT, DOMAIN, WHO)
    assert re.fullmatch(
        r"sender\.example!example\.org!1795219200!1795305599![0-9a-f]{16}\.json\.gz", name
    )
    data, found = mail()
    assert list(found.iter_parts())[1].get_filename() == name
    assert f'filename="{name}"'.encode() in data


def test_no_header_is_broken_into_lines_however_long_the_names_are():
    long = ".".join(["x" * 60] * 4)
    data, _ = mail(replace(WHO, domain=f"{long}.example"), f"{long}.example.org")
    head = data.partition(b"\r\n\r\n")[0]
    assert not re.search(rb"\r\n[ \t]", head)
    assert max(map(len, data.split(b"\r\n"))) < 998


def test_the_same_report_makes_the_same_mail():
    assert mail()[0] == mail()[0]


def test_lines_end_as_smtp_has_them():
    assert b"\n" not in mail()[0].replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "name", ["Ünï Cörp", "Ü" * 200, 'Quo"ted, Inc.', "a\r\nBcc: all@example.org"]
)
def test_an_organization_may_be_called_anything(name):
    _, found = mail(replace(WHO, organization=name))
    assert found["From"].addresses[0].addr_spec == WHO.contact
    assert found["From"].addresses[0].display_name == "".join(filter(str.isprintable, name))[:100]
    assert found["Bcc"] is None


def test_every_header_that_says_something_is_signed():
    _, found = mail()
    assert set(SIGNED) == set(found.keys())


def lines(to):
    data = build(REPORT, PACKED, WHO, domain=DOMAIN, to=to, now=NOW)
    return data.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")


@given(st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}", fullmatch=True))
def test_whatever_address_there_may_be_is_written_as_it_is(local):
    """Were it read, a word of RFC 2047 in it could end the line and begin another."""
    head = lines(f"{local}@example.org")
    assert f"To: {local}@example.org" in head
    assert sorted(line.partition(":")[0] for line in head) == sorted(SIGNED)


@pytest.mark.parametrize(
    "local",
    ["=?utf-8?b?YQ0KQmNjOiBiQHguZXhhbXBsZQ==?=", "=?unicode_escape?q?=5Cud800?=", ".t..ls."],
)
def test_words_in_an_address_are_not_decoded(local):
    head = lines(f"{local}@example.org")
    assert f"To: {local}@example.org" in head
    assert len(head) == len(SIGNED)


@pytest.mark.parametrize("to", ["a\r\nBcc: b@x.example", "a\nb@x.example", "\xfc@x.example", "\0"])
def test_what_would_be_another_line_is_an_error_that_names_it(to):
    with pytest.raises(BadMail, match="the mail's To would be"):
        lines(to)


def test_a_long_list_of_policies_is_told_in_part():
    many = (Tally(replace(STS, domain=f"d{n}.example"), 1, 0) for n in range(30))
    report = make([day(*many)], WHO)
    data = build(report, b"", WHO, domain=DOMAIN, to=TO, now=NOW)
    text = next(message_from_bytes(data, policy=default).iter_parts()).get_content()
    assert text.count("sts, d") == 20
    assert text.endswith("and more, which are in the report\r\n")

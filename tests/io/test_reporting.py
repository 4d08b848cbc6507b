"""Who reports: every key, and what cannot be meant."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from unstrip.io.configuration import BadConfiguration, parse
from unstrip.io.reporting import ReportSettings
from unstrip.tlsrpt.report import Reporter

WHO = 'organization = "Example Inc"\ncontact = "tls@mail.example.org"\n'
WHOLE = f"""{WHO}
domain = "Example.org"
submit = "[::1]:2525"
envelope-from = "tlsrpt@example.org"
dkim-key = "key.pem"
dkim-selector = "tlsrpt"
spread = 60
suppress = ["Bücher.example"]
domains = ["Example.org", "Bücher.example"]
trusted = ["Sender.example"]
ignore = ["Bücher.example"]
verify-https = false
private-https = true
keep-days = 7
"""


def report(text: str) -> ReportSettings:
    return parse(f"[report]\n{text}", Path("/etc/unstrip")).report


def test_every_key_is_read():
    found = report(WHOLE)
    assert found.reporter == Reporter("Example Inc", "tls@mail.example.org", "example.org")
    assert (found.place, found.sender) == (("::1", 2525), "tlsrpt@example.org")
    assert (found.dkim_key, found.dkim_selector) == (Path("/etc/unstrip/key.pem"), "tlsrpt")
    assert (found.spreading, found.keep_days) == (timedelta(minutes=1), 7)
    assert found.suppressed == {"xn--bcher-kva.example"}
    assert found.ours == ("example.org", "xn--bcher-kva.example")
    assert found.believed == ("sender.example",)
    assert found.ignored == ("xn--bcher-kva.example",)
    assert not found.verify_https
    assert found.private_https


def test_who_says_nothing_does_not_report():
    assert report("").reporter is None
    assert parse("", Path("/")).report == ReportSettings()


def test_what_is_left_out_follows_from_the_contact():
    found = report(WHO)
    assert found.reporter == Reporter("Example Inc", "tls@mail.example.org", "mail.example.org")
    assert found.sender == "tls@mail.example.org"
    assert (found.place, found.spreading) == (("127.0.0.1", 25), timedelta(hours=4))
    assert found.verify_https
    assert not found.private_https


def test_addresses_are_written_as_dns_and_mail_have_them():
    found = report('organization = "X"\ncontact = "tls@Bücher.example"')
    assert found.reporter == Reporter("X", "tls@xn--bcher-kva.example", "xn--bcher-kva.example")
    assert found.sender == "tls@xn--bcher-kva.example"


def test_bounces_may_go_nowhere():
    assert report(f'{WHO}envelope-from = ""').sender == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('organization = "X"', "give both, or neither"),
        ('contact = "a@example.org"', "give both, or neither"),
        ('organization = "a\\nb"\ncontact = "a@example.org"', "organization: 'a"),
        ('organization = "X"\ncontact = "example.org"', "contact: 'example.org' is no address"),
        ('organization = "X"\ncontact = "a b@example.org"', "is no address"),
        ('organization = "X"\ncontact = "a>@example.org"', "is no address"),
        ('organization = "X"\ncontact = "a@localhost"', "is no address"),
        (f'{WHO}domain = "a b"', "domain: "),
        (f'{WHO}domain = "ample.org"', "mail.example.org does not belong to ample.org"),
        (f'{WHO}envelope-from = "x"', "envelope-from: 'x' is no address"),
        ('submit = "example.org:25"', "submit: 'example.org:25' is not ADDRESS:PORT"),
        ('submit = "127.0.0.1:0"', "is not ADDRESS:PORT"),
        ('submit = "192.0.2.1:25"', "submit: 192.0.2.1 is not a loopback address"),
        ('domains = ["a b"]', "domains: "),
        ('trusted = ["a b"]', "trusted: "),
        ('ignore = ["a b"]', "ignore: "),
        ('dkim-key = "x"', "dkim-key and dkim-selector: give both"),
        ('dkim-selector = "x"', "dkim-key and dkim-selector: give both"),
        ('dkim-key = "x"\ndkim-selector = "a b"', "dkim-selector: "),
        ('suppress = ["a b"]', "suppress: "),
        ("spread = 14401", "spread: "),
        ("spread = -1", "spread: "),
        ("keep-days = 1", "keep-days: "),
        ('sumbit = "127.0.0.1:25"', "unknown key"),
    ],
)
def test_what_cannot_be_meant_is_an_error_that_names_the_key(text, words):
    with pytest.raises(BadConfiguration) as raised:
        report(text)
    assert words in str(raised.value)

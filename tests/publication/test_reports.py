"""Where reports go."""

from __future__ import annotations

import dns.rdata
import pytest

from tests.policy.answering import failure
from tests.publication.scene import DOMAIN, notes
from unstrip.policy.questions import Dns, Kind
from unstrip.publication import BadUri, destination, reports
from unstrip.publication.zone import TTL


def text(record) -> bytes:
    return b"".join(dns.rdata.from_text("IN", "TXT", record.data).strings)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("mailto:tls@example.org", "mailto:tls@example.org"),
        ("mailto:b!c@example.org?x=y,z;", "mailto:b%21c@example.org?x=y%2Cz%3B"),
        ("https://example.org/a;b?c=d,e", "https://example.org/a%3Bb?c=d%2Ce"),
        ("https://example.org", "https://example.org"),
    ],
)
def test_what_has_a_meaning_in_the_record_is_encoded(uri, expected):
    assert destination(uri) == expected


@pytest.mark.parametrize(
    "uri", ["tls@example.org", "http://example.org/", "mailto:", "mailto:a b@c", "", "https://\x1b"]
)
def test_anything_else_is_no_destination(uri):
    with pytest.raises(BadUri):
        destination(uri)


def test_several_destinations_stand_in_one_record(scene):
    uris = ("mailto:a@example.org", "https://example.org/")
    found = reports.record(scene.case(rua=uris))
    assert found.name == "_smtp._tls.example.org"
    assert text(found) == b"v=TLSRPTv1; rua=mailto:a@example.org,https://example.org/"


def test_a_record_that_is_published_stays_as_it_is(scene):
    scene.reports = (b"v=TLSRPTv1;rua=mailto:old@example.org", b"something else")
    assert text(reports.record(scene.case())) == scene.reports[0]
    assert notes(scene.publish()) == []


def test_only_a_record_that_says_something_else_is_to_be_published(scene):
    scene.reports = (b"v=TLSRPTv1; rua=mailto:a@example.org",)
    assert reports.record(scene.case()).ttl is None
    assert reports.record(scene.case(rua=("mailto:a@example.org",))).ttl is None
    assert reports.record(scene.case(rua=("mailto:b@example.org",))).ttl == TTL


def test_nobody_who_is_told_is_noted(scene):
    assert reports.record(scene.case()) is None
    assert notes(scene.publish()) == [
        "nobody is told when mail cannot be delivered, or would not be"
    ]


def test_several_records_are_heeded_by_nobody(scene):
    scene.reports = (b"v=TLSRPTv1; rua=mailto:a@b.c", b"v=TLSRPTv1; rua=mailto:d@e.f")
    assert reports.record(scene.case()) is None
    assert "senders heed none" in notes(scene.publish())[0]


def test_a_look_that_failed_is_noted(scene):
    scene.answers = {Dns(f"_smtp._tls.{DOMAIN}", Kind.TXT): failure()}
    assert "could not be found out" in notes(scene.publish())[0]

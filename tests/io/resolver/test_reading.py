"""From a message to an answer."""

from __future__ import annotations

import dns.edns
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.io.resolver.nameserver import SOA, reply
from unstrip.io.resolver import reading
from unstrip.io.resolver.exchange import ask, read
from unstrip.io.resolver.parsing import Garbled, parsed
from unstrip.policy.questions import (
    Address,
    Alias,
    Dns,
    Kind,
    Mx,
    Security,
    Srv,
    Status,
    Txt,
)
from unstrip.tlsa import Tlsa

NAME = "mx.example.org"


def answered(kind, *records, **other):
    question = Dns(NAME, kind)
    message = reply(ask(question), *records, **other)
    wire = message.to_wire(max_size=65535)
    return reading.answer(parsed(wire), question)


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (Kind.A, "192.0.2.1", Address("192.0.2.1")),
        (Kind.AAAA, "2001:DB8:0::1", Address("2001:db8::1")),
        (Kind.CNAME, "Other.Example.ORG.", Alias("other.example.org")),
        (Kind.MX, "10 Mail.Example.org.", Mx(10, "mail.example.org")),
        (Kind.MX, "0 .", Mx(0, "")),
        (Kind.SRV, "1 2 5222 xmpp.example.org.", Srv(1, 2, 5222, "xmpp.example.org")),
        (Kind.SRV, "0 0 0 .", Srv(0, 0, 0, "")),
        (Kind.TLSA, "3 1 1 " + "ab" * 32, Tlsa(3, 1, 1, b"\xab" * 32)),
        (Kind.TLSA, "255 7 9 00", Tlsa(255, 7, 9, b"\0")),
        (Kind.TXT, '"v=STSv1; " "id=1;"', Txt((b"v=STSv1; ", b"id=1;"))),
        (Kind.TXT, '"\\255\\000"', Txt((b"\xff\0",))),
        (Kind.TXT, '""', Txt((b"",))),
    ],
)
def test_every_kind_of_record_is_read(kind, data, expected):
    found = answered(kind, f"{NAME}. 60 IN {kind.value} {data}")
    assert found.status is Status.FOUND
    assert found.records == (expected,)
    assert found.ttl == 60
    assert found.canonical == ""
    assert found.security is Security.UNCHECKED


def test_records_stay_in_their_order():
    hosts = ["b", "a", "c"]
    records = [f"{NAME}. 60 IN MX 10 {host}.example.org." for host in hosts]
    found = answered(Kind.MX, *records)
    assert [record.host[0] for record in found.records] == hosts


def test_aliases_are_followed_and_the_shortest_ttl_counts():
    found = answered(
        Kind.A,
        f"{NAME}. 60 IN CNAME b.example.org.",
        "b.example.org. 30 IN CNAME C.example.net.",
        "c.example.net. 90 IN A 192.0.2.1",
    )
    assert found.records == (Address("192.0.2.1"),)
    assert found.canonical == "c.example.net"
    assert found.ttl == 30


def test_an_alias_asked_for_is_not_followed():
    found = answered(
        Kind.CNAME,
        f"{NAME}. 60 IN CNAME b.example.org.",
        "b.example.org. 30 IN CNAME c.example.org.",
    )
    assert found.records == (Alias("b.example.org"),)
    assert found.canonical == ""


def test_aliases_in_a_circle_are_malformed():
    found = answered(
        Kind.A, f"{NAME}. 60 IN CNAME b.example.org.", f"b.example.org. 60 IN CNAME {NAME}."
    )
    assert found.status is Status.MALFORMED
    assert "aliases" in found.words


def test_records_of_other_names_are_passed_over():
    found = answered(Kind.A, "evil.example.org. 60 IN A 192.0.2.66", authority=(SOA,))
    assert found.status is Status.NO_DATA
    assert found.records == ()


@pytest.mark.parametrize(("ttl", "expected"), [(0, 0), (99999999, 86400), (2**32 - 1, 0)])
def test_a_ttl_is_capped_and_a_negative_one_is_none(ttl, expected):
    wire = reply(ask(Dns(NAME, Kind.A)), f"{NAME}. 305419896 IN A 192.0.2.1").to_wire()
    wire = wire.replace(bytes.fromhex("12345678"), ttl.to_bytes(4, "big"))
    found = reading.answer(parsed(wire), Dns(NAME, Kind.A))
    assert found.ttl == expected


@pytest.mark.parametrize(
    ("rcode", "status"), [("NOERROR", Status.NO_DATA), ("NXDOMAIN", Status.NXDOMAIN)]
)
@pytest.mark.parametrize(
    ("soa", "expected"),
    [
        ((SOA,), 300),  # the SOA's minimum
        ((SOA.replace("600", "120"),), 120),  # the SOA's own TTL
        ((SOA.replace("600", "99999").replace("300", "99999"),), 3600),
        ((SOA.replace("example.org. 600", "elsewhere. 600"),), 0),
        ((), 0),
    ],
)
def test_nothing_there_holds_as_long_as_the_soa_says(rcode, status, soa, expected):
    found = answered(Kind.A, rcode=rcode, authority=soa)
    assert found.status is status
    assert found.ttl == expected
    assert not found.failed


def test_an_alias_to_nothing_says_where_it_leads():
    found = answered(
        Kind.A, f"{NAME}. 60 IN CNAME b.example.org.", rcode="NXDOMAIN", authority=(SOA,)
    )
    assert (found.status, found.canonical, found.ttl) == (Status.NXDOMAIN, "b.example.org", 60)


def test_records_of_a_name_that_is_not_there_are_malformed():
    found = answered(Kind.A, f"{NAME}. 60 IN A 192.0.2.1", rcode="NXDOMAIN")
    assert found.status is Status.MALFORMED


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTIMP", "FORMERR", "YXDOMAIN"])
def test_any_other_code_is_a_failure_and_named(rcode):
    found = answered(Kind.A, f"{NAME}. 60 IN A 192.0.2.1", rcode=rcode)
    assert found.status is Status.SERVFAIL
    assert found.failed
    assert rcode in found.words
    assert found.records == ()
    assert 1 <= found.ttl <= 300


@pytest.mark.parametrize("code", range(30))
def test_the_extended_errors_of_dnssec_are_known(code):
    message = reply(ask(Dns(NAME, Kind.A)), rcode="SERVFAIL", ede=code)
    assert reading.says_bogus(parsed(message.to_wire())) is (6 <= code <= 12)


def test_what_the_server_says_beside_its_code_is_shown_escaped():
    found = answered(Kind.A, rcode="SERVFAIL", ede=9)
    assert found.words == "SERVFAIL, dnskey missing (EDE 9): because\\x1b[31m"


KINDS = st.sampled_from(list(Kind))


@given(kind=KINDS, noise=st.binary(max_size=200))
def test_whatever_bytes_come_there_is_an_answer_or_a_named_error(kind, noise):
    question = Dns(NAME, kind)
    query = ask(question)
    head = bytearray(reply(query).to_wire()[: 12 + len(NAME) + 2 + 4])
    head[6:12] = b"\0\2\0\1\0\1"
    try:
        message = read(bytes(head) + noise, query)
    except Garbled:
        return
    assert reading.answer(message, question).status in Status


@given(kind=KINDS, noise=st.binary(max_size=80))
def test_whatever_a_record_holds_there_is_an_answer_or_a_named_error(kind, noise):
    question = Dns(NAME, kind)
    query = ask(question)
    head = bytearray(reply(query).to_wire()[: 12 + len(NAME) + 2 + 4])
    head[6:12] = b"\0\1\0\0\0\0"
    rdtype = dns.rdatatype.from_text(kind.value).to_bytes(2, "big")
    record = b"\xc0\x0c" + rdtype + b"\0\1" + bytes(4) + len(noise).to_bytes(2, "big") + noise
    try:
        message = read(bytes(head) + record, query)
    except Garbled:
        assert kind is not Kind.TLSA
        return
    assert reading.answer(message, question).status is Status.FOUND

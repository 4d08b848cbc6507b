"""The record by which a domain asks for reports, in every way in which it may be written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.answering import answered, found
from unstrip.policy.questions import Dns, DnsAnswer, Kind, Security, Status, Txt
from unstrip.tlsrpt.record import BadRecord, BadUri, Rua, destination, look, parse, published

MAIL, WEB = "mailto:tls@example.org", "https://reports.example.org/v1/tls"
ADDRESS = "tls@example.org"
ONE = (Rua(MAIL, ADDRESS),)
PLACE = Dns("_smtp._tls.example.org", Kind.TXT)


@pytest.mark.parametrize(
    "text",
    [
        f"v=TLSRPTv1;rua={MAIL}",
        f"v=TLSRPTv1; rua={MAIL};",
        f"v=TLSRPTv1 \t;\t rua={MAIL} ; ",
        f"v=TLSRPTv1; a-b.c_d=x; rua={MAIL}",
        f"v=TLSRPTv1; rua={MAIL}; later=mailto:else@example.org",
        f"v=TLSRPTv1; rua={MAIL},{MAIL}",
        f"v=TLSRPTv1; rua={MAIL}; rua={MAIL}",
    ],
)
def test_one_destination_is_found_wherever_it_stands(text):
    assert parse(text.encode()).rua == ONE


@pytest.mark.parametrize("between", [",", ", ", " ,\t", "; rua=", " ; more=x; rua="])
def test_several_destinations_are_in_one_list_or_in_several(between):
    found = parse(f"v=TLSRPTv1; rua={MAIL}{between}{WEB}".encode())
    assert found.rua == (*ONE, Rua(WEB))


def test_what_is_encoded_in_an_address_is_decoded():
    uri = "mailto:tls%21reports@EXAMPLE.org?subject=x"
    assert destination(uri) == Rua(uri, "tls!reports@example.org")


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        (MAIL, MAIL),
        ("MAILTO:tls@EXAMPLE.org?x", MAIL),
        ("mailto:t%6Cs@example.org.", MAIL),
        (
            "mailto:a+b%21@bücher.example".replace("ü", "%C3%BC"),
            "mailto:a+b%21@xn--bcher-kva.example",
        ),
        (WEB, WEB),
        ("HTTPS://Reports.Example.org.:443/v1/tls#x", WEB),
        ("https://example.org", "https://example.org/"),
        ("https://example.org:8443/?a#b", "https://example.org:8443/?a"),
        ("https://[2001:DB8:0::1]:443/", "https://[2001:db8::1]/"),
    ],
)
def test_a_place_is_the_same_however_it_is_spelt(uri, place):
    found = destination(uri)
    assert found.place == place
    assert destination(place).place == place
    assert destination(place).address == found.address


def test_a_destination_that_is_none_does_not_take_the_others_along():
    record = parse(f"v=TLSRPTv1; rua=tls@example.org, {MAIL}".encode())
    assert record.rua == ONE
    assert "neither mailto:" in record.unusable[0]


@pytest.mark.parametrize(
    "uri",
    [
        "tls@example.org",
        "mailto:",
        "mailto:tls",
        "mailto:@example.org",
        "mailto:a%0d%0aBcc:b@example.org",
        "mailto:a%20b@example.org",
        "mailto:a%2Cb@example.org",
        "mailto:tls@exa%20mple.org",
        "mailto:=%3Futf-8%3Fb%3FYQ0KQmNjOiBiQHguZXhhbXBsZQ==%3F=@example.org",
        "mailto:x=%3Futf-8%3Fq%3Fa%3F=@example.org",
        "mailto:.tls@example.org",
        "mailto:tls.@example.org",
        "mailto:t..ls@example.org",
        f"mailto:{'x' * 65}@example.org",
        "mailto:tls@localhost",
        "mailto:tls@127.0.0.1",
        "mailto:tls@::1",
        "mailto:tls@1.2.3",
        "https://example.org:0/",
        "https://example.org:99999/",
        "http://example.org/",
        "https://",
        "https://user@example.org/",
        "https://example.org:port/",
        "https://example.org/a b",
        "https://example.org/a!b",
        "ftp://example.org/",
        "",
    ],
)
def test_what_is_no_destination_is_refused(uri):
    with pytest.raises(BadUri):
        destination(uri)


@pytest.mark.parametrize(
    "text",
    [
        "v=TLSRPTv1;",
        "v=TLSRPTv1; x=y",
        "v=TLSRPTv1; rua=",
        f"v=TLSRPTv1; rua={MAIL}; ;",
        f"v=TLSRPTv1; rua={MAIL}; no field",
        f"v=TLSRPTv1; rua={MAIL}; =x",
        f"v=TLSRPTv1 rua={MAIL}",
        f"v=tlsrptv1; rua={MAIL}",
        f"v=TLSRPTv1; rua={','.join([MAIL] * 21)}",
        f"v=TLSRPTv1; rua={MAIL}; x={'y' * 5000}",
    ],
)
def test_what_the_grammar_does_not_have_is_refused(text):
    with pytest.raises(BadRecord):
        parse(text.encode())


def test_records_about_something_else_do_not_count():
    record = f"v=TLSRPTv1; rua={MAIL}".encode()
    found = published([b"v=spf1 -all", b"v=TLSRPTv12; rua=x", record])
    assert found is not None
    assert found.rua == ONE


def test_without_a_record_nobody_asks_for_reports():
    assert published([b"v=spf1 -all"]) is None


def test_of_two_records_none_counts():
    record = f"v=TLSRPTv1; rua={MAIL}".encode()
    with pytest.raises(BadRecord, match="2 records"):
        published([record, record])


def test_strings_of_one_record_belong_together():
    txt = Txt((b"v=TLSRPTv1; rua=mail", b"to:tls@example.org"))
    looked = answered(look("example.org"), {PLACE: found(txt)}).result
    assert looked.record.rua == ONE
    assert not looked.failed


def test_a_look_up_that_failed_is_not_a_domain_that_wants_no_reports():
    looked = answered(look("example.org"), {PLACE: DnsAnswer(Status.SERVFAIL)}).result
    assert looked.record is None
    assert looked.failed


def test_a_record_that_is_no_use_is_said_to_be():
    looked = answered(look("example.org"), {PLACE: found(Txt((b"v=TLSRPTv1; x=y",)))}).result
    assert looked.record is None
    assert looked.wrong == "it has no rua"


@pytest.mark.parametrize("security", [Security.SECURE, Security.INSECURE])
@pytest.mark.parametrize(
    "text", [b"v=TLSRPTv1; x=y", b"v=spf1", f"v=TLSRPTv1; rua={MAIL}".encode()]
)
def test_it_is_told_whether_dnssec_vouches_for_it(text, security):
    answers = {PLACE: found(Txt((text,)), security=security)}
    looked = answered(look("example.org"), answers).result
    assert looked.secure is (security is Security.SECURE)


@given(st.binary(max_size=80))
def test_whatever_stands_there_is_read_or_refused(tail):
    try:
        record = parse(b"v=TLSRPTv1;" + tail)
    except BadRecord:
        return
    assert record.rua
    for rua in record.rua:
        assert rua.uri.isascii()
        assert rua.uri.isprintable()
        assert "\n" not in rua.address

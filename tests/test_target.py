"""Targets as people write them: understood, or refused with a hint."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.evidence import Endpoint
from unstrip.protocols import REGISTRY
from unstrip.target import BadTarget, implicit_twin, in_band_twin, parse

HOST = "mx.example.org"

URLS = {
    "smtp://mx.example.org": Endpoint(HOST, 25, "smtp"),
    "submission://mx.example.org": Endpoint(HOST, 587, "smtp"),
    "smtps://mx.example.org": Endpoint(HOST, 465, "smtp", implicit=True),
    "submissions://mx.example.org": Endpoint(HOST, 465, "smtp", implicit=True),
    "imap://mx.example.org": Endpoint(HOST, 143, "imap"),
    "imaps://mx.example.org": Endpoint(HOST, 993, "imap", implicit=True),
    "pop3://mx.example.org": Endpoint(HOST, 110, "pop3"),
    "pop3s://mx.example.org": Endpoint(HOST, 995, "pop3", implicit=True),
    "imap://mx.example.org:10143": Endpoint(HOST, 10143, "imap"),
    "imap://mx.example.org/": Endpoint(HOST, 143, "imap"),
    "IMAP://MX.Example.ORG.": Endpoint(HOST, 143, "imap"),
    "smtp://192.0.2.1": Endpoint("192.0.2.1", 25, "smtp"),
    "smtp://[2001:DB8:0::1]": Endpoint("2001:db8::1", 25, "smtp"),
    "smtps://[::1]:10465": Endpoint("::1", 10465, "smtp", implicit=True),
    "smtp://localhost": Endpoint("localhost", 25, "smtp"),
    "smtp://_25._tcp.example.org": Endpoint("_25._tcp.example.org", 25, "smtp"),
    "imap://bücher.example": Endpoint("xn--bcher-kva.example", 143, "imap"),
    "imap://BÜCHER.example": Endpoint("xn--bcher-kva.example", 143, "imap"),
    "imap://xn--bcher-kva.example": Endpoint("xn--bcher-kva.example", 143, "imap"),
}


@pytest.mark.parametrize(("text", "endpoint"), URLS.items())
def test_a_url_names_an_endpoint(text, endpoint):
    assert parse(text) == endpoint


@pytest.mark.parametrize(
    ("text", "protocol", "endpoint"),
    [
        (HOST, "imap", Endpoint(HOST, 143, "imap")),
        (f"{HOST}:1143", "imap", Endpoint(HOST, 1143, "imap")),
        (f"{HOST}:1993", "imaps", Endpoint(HOST, 1993, "imap", implicit=True)),
        ("[2001:db8::1]:25", "smtp", Endpoint("2001:db8::1", 25, "smtp")),
        ("[2001:db8::1]", "submission", Endpoint("2001:db8::1", 587, "smtp")),
        (f"{HOST}:", "SMTP", Endpoint(HOST, 25, "smtp")),
    ],
)
def test_a_host_and_a_port_do_with_a_protocol_beside_them(text, protocol, endpoint):
    assert parse(text, protocol) == endpoint


def test_the_scheme_of_a_url_comes_before_the_protocol_beside_it():
    assert parse("pop3://mx.example.org", "imap").protocol == "pop3"


def test_the_certificate_may_be_for_another_name():
    endpoint = parse("smtp://192.0.2.1", server_name="MX.bücher.example.")
    assert endpoint.reference == "mx.xn--bcher-kva.example"
    assert parse("smtp://mx.example.org").reference == HOST


BAD = {
    "no scheme": HOST,
    "nothing": "",
    "unknown scheme": "gopher://mx.example.org",
    "empty scheme": "://mx.example.org",
    "no host": "smtp://",
    "no host but a port": "smtp://:25",
    "port 0": "smtp://mx.example.org:0",
    "port too high": "smtp://mx.example.org:65536",
    "port is a word": "smtp://mx.example.org:smtp",
    "negative port": "smtp://mx.example.org:-1",
    "bare ipv6": "smtp://2001:db8::1",
    "bare ipv6 and port": "smtp://2001:db8::1:25",
    "broken brackets": "smtp://[2001:db8::1",
    "no address in brackets": "smtp://[mx.example.org]",
    "a path": "smtp://mx.example.org/inbox",
    "a query": "smtp://mx.example.org?x=1",
    "a fragment": "smtp://mx.example.org#x",
    "a user": "imap://user@mx.example.org",
    "a user and a password": "imap://user:secret@mx.example.org",
    "a blank": "smtp://mx example.org",
    "an empty label": "smtp://mx..example.org",
    "a long label": f"smtp://{'a' * 64}.example.org",
    "a long name": f"smtp://{'a.' * 127}example.org",
    "a star": "smtp://*.example.org",
    "a comma": "smtp://mx.example.org,mx2.example.org",
    "no idna": "smtp://a\u2024b.\u2488example",
    "a command": "smtp://$(reboot).example.org",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_is_none_is_refused_with_a_hint(text):
    with pytest.raises(BadTarget) as caught:
        parse(text)
    assert str(caught.value)
    assert caught.value.hint


def test_without_a_protocol_the_hint_shows_how_to_write_it():
    with pytest.raises(BadTarget, match="which protocol") as caught:
        parse("mx.example.org:25")
    assert "smtp://mx.example.org:25" in caught.value.hint
    assert "--protocol" in caught.value.hint


@pytest.mark.parametrize(("scheme", "meant"), [("imp", "imap"), ("SMPT", "smtp"), ("gopher", "")])
def test_who_mistypes_a_scheme_is_asked_whether_another_was_meant(scheme, meant):
    with pytest.raises(BadTarget, match="unknown protocol") as caught:
        parse(f"{scheme}://mx.example.org")
    hint = caught.value.hint
    assert hint.startswith(f"did you mean {meant}?" if meant else "all are in docs/")
    assert len(hint) < 80


def test_a_bad_server_name_is_a_bad_target_too():
    with pytest.raises(BadTarget):
        parse("smtp://mx.example.org", server_name="no name")


NASTY = "\x1b]0;title\x07"


@pytest.mark.parametrize(
    "text", [NASTY, f"{NASTY}://x", f"smtp://{NASTY}", f"smtp://x:{NASTY}", f"smtp://::{NASTY}"]
)
def test_terminal_escapes_in_a_target_are_escaped(text):
    with pytest.raises(BadTarget) as caught:
        parse(text)
    assert f"{caught.value}{caught.value.hint}".isprintable()


LIKELY = st.sampled_from(
    ["smtp", "imaps", "://", ":", "[", "]", "::1", "mx.example.org", "25", "@"]
)


@given(st.text() | st.lists(LIKELY | st.text(max_size=3), max_size=6).map("".join))
def test_any_text_is_a_target_or_a_bad_one(text):
    try:
        endpoint = parse(text, "smtp")
    except BadTarget:
        return
    assert 0 < endpoint.port < 65536
    scheme = f"{endpoint.protocol}s" if endpoint.implicit else endpoint.protocol
    assert parse(f"{endpoint}", scheme) == endpoint


def test_the_twin_of_an_endpoint_is_its_implicit_port():
    twin = implicit_twin(Endpoint(HOST, 25, "smtp", server_name="other.example"))
    assert twin == Endpoint(HOST, 465, "smtp", implicit=True, server_name="other.example")
    assert implicit_twin(parse("imap://x")).port == 993
    assert implicit_twin(parse("pop3://x")).port == 995


def test_the_port_of_the_twin_may_be_another():
    assert implicit_twin(parse("imap://x"), 10993).port == 10993


def test_an_implicit_port_has_no_twin():
    assert implicit_twin(parse("imaps://x")) is None
    assert implicit_twin(parse("imaps://x"), 10993) is None


def test_one_port_for_both_ways_is_its_own_twin():
    assert implicit_twin(parse("postgresql://x:15432")).port == 15432
    assert in_band_twin(parse("postgresqls://x:15432")).port == 15432
    assert in_band_twin(parse("tds8://x")).port == 1433
    assert implicit_twin(parse("ipp://x")).port == in_band_twin(parse("ipps://x")).port == 631


def test_the_twin_of_an_implicit_port_is_upgraded_in_band():
    twin = in_band_twin(Endpoint(HOST, 993, "imap", implicit=True, server_name="other.example"))
    assert twin == Endpoint(HOST, 143, "imap", server_name="other.example")
    assert in_band_twin(parse("imaps://x:10993")).port == 143
    assert in_band_twin(parse("imaps://x"), 10143).port == 10143


def test_mail_is_submitted_in_band_where_it_was_with_implicit_tls():
    assert in_band_twin(parse("submissions://x")).port == 587
    assert in_band_twin(parse("https://x")).port == 80
    assert in_band_twin(parse("xmpps-client://x")).port == 5222


def test_a_port_that_upgrades_in_band_has_no_such_twin():
    assert in_band_twin(parse("imap://x")) is None
    assert in_band_twin(parse("imap://x"), 10143) is None


@pytest.mark.parametrize("name", [name for name in REGISTRY if REGISTRY[name].IMPLICIT_PORTS])
def test_the_twin_of_the_usual_implicit_port_is_a_port_of_the_same_protocol(name):
    scheme, port = next(iter(REGISTRY[name].IMPLICIT_PORTS.items()))
    twin = in_band_twin(parse(f"{scheme}://x"))
    assert twin.port in REGISTRY[name].PORTS.values()
    assert implicit_twin(twin).port == port


@pytest.mark.parametrize(
    "name",
    [
        *("smtp", "pop3", "imap", "ftp", "xmpp", "xmpp-server", "telnet"),
        *("irc", "mysql", "postgres", "lmtp", "nntp", "sieve", "ldap"),
    ],
)
def test_the_names_that_s_client_has_for_starttls_are_understood(name):
    endpoint = parse("mx.example.org", name)
    assert not endpoint.implicit
    assert endpoint.port in REGISTRY[endpoint.protocol].PORTS.values()


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("postgresql://db.example.org:5433", 5433),
        ("ms-sql-s://db.example.org:14330", 14330),
        ("ipp://printer.example.org", 631),
        ("http://www.example.org", 443),
        ("imap://mail.example.org:1143", 993),
    ],
)
def test_a_port_that_serves_both_ways_is_its_own_twin(url, port):
    twin = implicit_twin(parse(url))
    assert twin.implicit
    assert twin.port == port


def test_a_protocol_without_implicit_tls_has_no_twin():
    assert implicit_twin(parse("mysql://db.example.org")) is None

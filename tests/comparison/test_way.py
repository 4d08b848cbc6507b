"""One way to TLS, measured: every figure and fact is in the transcript, or is not told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conftest import Pki
from tests.verdict.scenes import (
    HOST,
    IMAP,
    IMAPS,
    OFFER,
    SMTPS,
    heard,
    implicit,
    refused,
    shaken,
    stripped,
    unheard,
    untrusted,
    upgraded,
)
from unstrip.certificates import Fault
from unstrip.comparison import Fact, Negotiated, Told, Visits
from unstrip.comparison.way import measured
from unstrip.evidence import Evidence
from unstrip.transcript import Layer, Side, Utterance
from unstrip.verdict import Code, Standing


def facts(evidence: Evidence) -> dict[Told, tuple[str, ...]]:
    return {fact.told: fact.said for fact in measured(Visits(evidence)).trips[0].told}


def having(evidence: Evidence, speaker: Side, layer: Layer, data: bytes) -> Evidence:
    """The same, with one more thing said."""
    said = Utterance(speaker, layer, data, evidence.transcript[-1].at)
    return replace(evidence, transcript=(*evidence.transcript, said))


# -- figures ---------------------------------------------------------------------------


def test_an_upgrade_costs_what_its_transcript_shows():
    (trip,) = measured(Visits(upgraded())).trips
    assert trip.round_trips == upgraded().round_trips == 5
    assert trip.clear_sent == len(b"EHLO localhost\r\nSTARTTLS\r\n")
    assert trip.clear_received == upgraded().clear_received > 0
    records = [spoken.at for spoken in upgraded().transcript if spoken.layer is Layer.HANDSHAKE]
    assert trip.seconds == max(records)
    assert trip.failure is None


def test_implicit_tls_lets_nothing_cross_in_clear():
    (trip,) = measured(Visits(implicit())).trips
    assert (trip.round_trips, trip.clear_sent, trip.clear_received) == (3, 0, 0)
    assert trip.told == ()


def test_what_was_agreed_on_is_what_the_handshake_shows():
    (trip,) = measured(Visits(upgraded(shaken(alpn="smtp")))).trips
    cipher = "TLS_AES_256_GCM_SHA384"
    assert trip.negotiated == Negotiated("TLSv1.3", cipher, "X25519", "smtp", forward_secrecy=True)


@pytest.mark.parametrize("evidence", [stripped(), refused(), unheard(ConnectionRefusedError())])
def test_where_no_tls_stood_there_is_no_figure_for_it(evidence):
    way = measured(Visits(evidence))
    (trip,) = way.trips
    assert trip.round_trips is trip.seconds is trip.negotiated is way.certificate is None
    assert trip.failure == evidence.failure
    assert not way.protected


# -- what judge says -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evidence", "standing", "code"),
    [
        (upgraded(), Standing.MEETS, Code.TLS_OK_AUTHENTICATED),
        (upgraded(untrusted()), Standing.FALLS_SHORT, Code.TLS_OK_UNAUTHENTICATED),
        (stripped(), Standing.FALLS_SHORT, Code.OFFER_ABSENT_UNEXPLAINED),
        (heard("S: 421 later"), Standing.UNKNOWN, Code.RATE_LIMITED),
        (unheard(ConnectionRefusedError()), Standing.UNKNOWN, Code.UNREACHABLE),
    ],
)
def test_a_way_is_judged_as_a_check_would(evidence, standing, code):
    way = measured(Visits(evidence))
    assert (way.standing, way.code) == (standing, code)
    assert bool(way.words) == (standing is not Standing.MEETS)


# -- the certificate -------------------------------------------------------------------


def test_the_certificate_is_shown_with_what_is_wrong_with_it():
    shown = measured(Visits(upgraded())).certificate
    assert shown.names == (HOST,)
    assert shown.key.startswith(("EC ", "RSA "))
    assert shown.faults == ()
    assert len(shown.spki) == len(shown.sha256) == 64
    assert "trusted" in shown.issuer
    stranger = measured(Visits(upgraded(untrusted()))).certificate
    assert stranger.faults == (Fault.UNTRUSTED,)
    assert stranger.spki != shown.spki


@pytest.mark.parametrize("der", [(), (b"no certificate",)])
def test_what_cannot_be_read_is_no_certificate(der):
    assert measured(Visits(upgraded(shaken(der)))).certificate is None


def test_what_is_listed_inside_tls_is_kept():
    assert measured(Visits(upgraded())).inside == ("SIZE 1000", "8BITMIME")
    assert measured(Visits(unheard(ConnectionRefusedError()))).inside == ()


# -- what is told in clear -------------------------------------------------------------


def test_an_upgrade_tells_what_was_said_before_it():
    assert facts(upgraded()) == {
        Told.GREETING: ("220 mx ESMTP",),
        Told.CAPABILITIES: ("SIZE 1000", "STARTTLS", "8BITMIME"),
        Told.OUR_NAME: ("localhost",),
    }


def test_a_fact_says_who_told_it():
    told = measured(Visits(upgraded())).trips[0].told
    assert Fact(Told.GREETING, Side.SERVER, ("220 mx ESMTP",)) in told
    assert Fact(Told.OUR_NAME, Side.CLIENT, ("localhost",)) in told


@pytest.mark.parametrize(
    ("line", "mechanisms"),
    [
        ("AUTH PLAIN LOGIN", ("PLAIN", "LOGIN")),
        ("auth plain", ("plain",)),
        ("AUTH=CRAM-MD5", ("CRAM-MD5",)),
        ("SASL PLAIN", ("PLAIN",)),
        ("AUTHINFO USER", ("USER",)),
        ("AUTH TLS", None),  # FTP's request for TLS is no login
        ("SASL", None),
        ("AUTHOR", None),
    ],
)
def test_login_mechanisms_in_clear_are_told_apart(line, mechanisms):
    before = OFFER[:-1]
    evidence = heard(*before, f"S: 250 {line}")
    assert facts(evidence).get(Told.MECHANISMS) == mechanisms


def test_capabilities_of_a_greeting_count_once():
    evidence = heard(
        "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi",
        "C: u1 CAPABILITY",
        "S: * CAPABILITY IMAP4rev1 STARTTLS ID",
        "S: u1 OK done",
        endpoint=IMAP,
    )
    assert facts(evidence)[Told.CAPABILITIES] == ("IMAP4rev1", "STARTTLS", "ID")


def test_what_is_said_inside_tls_is_told_to_nobody_else():
    evidence = heard(
        "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi",
        "C: u1 CAPABILITY",
        "S: * CAPABILITY IMAP4rev1 AUTH=PLAIN",
        "S: u1 OK done",
        endpoint=IMAPS,
    )
    assert facts(evidence) == {}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"EHLO me.example\r\n", {Told.OUR_NAME: ("me.example",)}),
        (b"lhlo me.example\r\n", {Told.OUR_NAME: ("me.example",)}),
        (
            b"<stream:stream from='me.example' to='chat.example' version='1.0'>",
            {Told.OUR_NAME: ("me.example",), Told.HOST: ("chat.example",)},
        ),
        (b"OPTIONS * HTTP/1.1\r\nHost: web.example\r\n\r\n", {Told.HOST: ("web.example",)}),
        (b"\x03\0\0\x2aCookie: mstshash=eve\r\n\x01", {Told.USER: ("eve",)}),
        (b"\xff\xfe EHLO", {}),
    ],
)
def test_names_that_a_client_says_are_found_whatever_the_protocol(said, told):
    silent = replace(unheard(TimeoutError()), transcript=())
    spoken = Utterance(Side.CLIENT, Layer.CLEAR, said, 0.1)
    assert facts(replace(silent, transcript=(spoken,))) == told


def with_hello(pki: Pki, name: str, alpn: str | None = None) -> Evidence:
    """What was seen of the endpoint of this name, with the ClientHello that our TLS sends it."""
    tunnel = pki.client_end(name, alpn)
    tunnel.shake()
    records = Utterance(Side.CLIENT, Layer.HANDSHAKE, tunnel.outgoing(), 0.1)
    seen = implicit(endpoint=replace(SMTPS, host=name))
    return replace(seen, transcript=(records, *seen.transcript[1:]))


def test_a_client_hello_tells_the_name_and_the_protocol(pki):
    assert facts(with_hello(pki, HOST)) == {Told.SNI: (HOST,)}
    assert facts(with_hello(pki, "a", "imap")) == {Told.SNI: ("a",), Told.ALPN: ("imap",)}


def test_an_address_is_no_name_to_be_told(pki):
    assert facts(with_hello(pki, "192.0.2.25")) == {}


def test_a_certificate_is_told_with_tls_1_2_however_it_was_cut():
    assert Told.CERTIFICATE not in facts(upgraded())
    assert facts(upgraded(shaken(version="TLSv1.2")))[Told.CERTIFICATE] == (HOST,)


def test_a_handshake_without_a_certificate_tells_none():
    assert Told.CERTIFICATE not in facts(upgraded(shaken((), version="TLSv1.2")))


def test_a_certificate_without_names_is_told_too():
    nameless = shaken((b"\x30" * 300,), version="TLSv1.2")
    assert facts(upgraded(nameless))[Told.CERTIFICATE] == ("without a name",)

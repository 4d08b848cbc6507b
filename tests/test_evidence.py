"""Evidence: kept whole, and the same after any number of journeys through JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.certificates import Fault, WebPki
from unstrip.escaping import printable
from unstrip.evidence import Endpoint, Evidence, Failure, from_json, to_json
from unstrip.handshake import Handshake
from unstrip.transcript import Layer, Side, Utterance
from unstrip.trouble import Trouble
from unstrip.upgrade import Manner, Outcome, Upgrade

TEXT, SECONDS = st.text(max_size=20), st.floats(0, 1e6)
WORDS = st.lists(TEXT, max_size=4).map(tuple)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
ENDPOINTS = st.builds(
    Endpoint, TEXT, st.integers(1, 65535), st.sampled_from(["smtp", "imap"]), st.booleans(), TEXT
)
UPGRADES = st.builds(
    Upgrade, st.sampled_from(Outcome), st.booleans(), TEXT, WORDS, WORDS, TEXT, TEXT, WORDS
)
FAULTS = st.lists(st.sampled_from(Fault), max_size=3).map(tuple)
HANDSHAKES = st.builds(
    Handshake,
    TEXT,
    TEXT,
    st.none() | TEXT,
    st.booleans(),
    st.none() | TEXT,
    st.none() | TEXT,
    st.lists(st.binary(max_size=50), max_size=3).map(tuple),
    st.none() | st.builds(WebPki, TEXT, FAULTS, TEXT),
)
UTTERANCES = st.builds(
    Utterance, st.sampled_from(Side), st.sampled_from(Layer), st.binary(max_size=50), SECONDS
)
EVIDENCE = st.builds(
    Evidence,
    endpoint=ENDPOINTS,
    address=TEXT,
    began=st.datetimes(timezones=st.just(UTC) | ZONES),
    manner=st.sampled_from(Manner),
    insisted=st.booleans(),
    transcript=st.lists(UTTERANCES, max_size=6).map(tuple),
    connected=st.none() | SECONDS,
    upgrade=st.none() | UPGRADES,
    handshake=st.none() | HANDSHAKES,
    failure=st.none() | st.builds(Failure, st.sampled_from(Trouble), TEXT, TEXT),
    where=TEXT,
    residue=st.binary(max_size=50),
    side=st.sampled_from(Side),
)

CLEAR, SECURE = Layer.CLEAR, Layer.SECURE
PLAIN = Evidence(
    Endpoint("mx.example.org", 25, "smtp"),
    "192.0.2.1",
    datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC),
    Manner.PLAIN,
    insisted=False,
    transcript=(
        Utterance(Side.SERVER, CLEAR, b"220 mx \xff\r\n", 0.5),
        Utterance(Side.CLIENT, CLEAR, b"EHLO a\r\n", 0.75),
        Utterance(Side.SERVER, Layer.HANDSHAKE, b"\x16\x03\x03", 1.0),
        Utterance(Side.CLIENT, SECURE, b"EHLO b\r\n", 1.5),
    ),
)
SHAKEN = Handshake("TLSv1.3", "TLS_AES_256_GCM_SHA384", "X25519", True, None, "mx.example.org", ())


@given(EVIDENCE)
def test_evidence_comes_back_from_json_without_loss(evidence):
    told = to_json(evidence)
    assert from_json(Evidence, told) == evidence
    assert to_json(from_json(Evidence, told)) == told
    assert from_json(Evidence, told.decode()).began.utcoffset() == evidence.began.utcoffset()


@given(st.one_of(ENDPOINTS, UPGRADES, HANDSHAKES, UTTERANCES))
def test_every_part_of_it_comes_back_too(value):
    assert from_json(type(value), to_json(value)) == value


def test_json_is_what_other_programs_expect():
    told = json.loads(to_json(PLAIN))
    assert told["began"] == "2026-11-22T01:02:03Z"
    assert told["manner"] == "plain"
    assert told["transcript"][0] == {
        "speaker": "server",
        "layer": "clear",
        "data": "MjIwIG14IP8NCg==",
        "at": 0.5,
    }


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"null", b"\xff", '{"endpoint": 1}', to_json(SHAKEN), to_json(PLAIN)[:-1]],
)
def test_what_is_no_evidence_is_a_value_error(data):
    with pytest.raises(ValueError, match=r"."):
        from_json(Evidence, data)


def test_an_unknown_ending_is_no_evidence():
    told = to_json(replace(PLAIN, upgrade=Upgrade(Outcome.REFUSED))).replace(b"refused", b"fine")
    with pytest.raises(ValueError, match="fine"):
        from_json(Evidence, told)


# What it says


def test_bytes_in_clear_are_counted_by_who_said_them():
    assert (PLAIN.clear_sent, PLAIN.clear_received) == (8, 10)
    assert replace(PLAIN, side=Side.SERVER).clear_sent == 10
    assert replace(PLAIN, handshake=SHAKEN).round_trips == 3


def test_where_tls_never_stood_no_round_trips_are_counted():
    assert PLAIN.handshake is None
    assert PLAIN.round_trips is None


@pytest.mark.parametrize("outcome", Outcome)
def test_only_an_ending_inside_tls_is_secured(outcome):
    seen = replace(PLAIN, upgrade=Upgrade(outcome), handshake=SHAKEN)
    assert seen.secured is (outcome in (Outcome.UPGRADED, Outcome.IMPLICIT))


@pytest.mark.parametrize(
    "change",
    [
        {"handshake": None},
        {"upgrade": None},
        {"failure": Failure(Trouble.UNMET, "no")},
    ],
    ids=str,
)
def test_what_has_no_handshake_or_broke_off_is_not_secured(change):
    whole = replace(PLAIN, upgrade=Upgrade(Outcome.UPGRADED), handshake=SHAKEN)
    assert whole.secured
    assert not replace(whole, **change).secured


@pytest.mark.parametrize(
    ("endpoint", "shown", "reference"),
    [
        (Endpoint("mx.example.org", 25, "smtp"), "mx.example.org:25", "mx.example.org"),
        (Endpoint("::1", 143, "imap"), "[::1]:143", "::1"),
        (Endpoint("127.0.0.1", 110, "pop3", False, "a.example"), "127.0.0.1:110", "a.example"),
    ],
)
def test_an_endpoint_is_shown_with_its_port_and_verified_by_its_name(endpoint, shown, reference):
    assert str(endpoint) == shown
    assert endpoint.reference == reference


def test_what_a_peer_said_survives_the_journey_and_is_shown_escaped():
    said = b"220 \x1b[2J\x1b]0;owned\x07\x9b31m\r\n"
    seen = replace(PLAIN, transcript=(Utterance(Side.SERVER, CLEAR, said, 0.0),), residue=said)
    back = from_json(Evidence, to_json(seen))
    assert back.transcript[0].data == back.residue == said
    assert printable(back.residue) == r"220 \x1b[2J\x1b]0;owned\x07\x9b31m\r\n"


def test_evidence_is_never_edited():
    with pytest.raises(AttributeError):
        PLAIN.residue = b""
    with pytest.raises(AttributeError):
        PLAIN.transcript[0].data = b""

"""Evidence that may contradict itself in every way, for Hypothesis: files can say anything."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from tests.verdict.scenes import HOST, chain
from unstrip.certificates import Fault, WebPki
from unstrip.evidence import Endpoint, Evidence, Failure
from unstrip.handshake import Handshake
from unstrip.policy import Decision, Level, Policy
from unstrip.protocols import REGISTRY
from unstrip.tlsa import Match, Tlsa, TlsaSet
from unstrip.transcript import Layer, Side, Utterance
from unstrip.trouble import Trouble
from unstrip.upgrade import Manner, Outcome, Upgrade

WORDS = (
    "STARTTLS",
    "STLS",
    "XXXXXXXA",
    "XXXA",
    "",
    " ",
    "AUTH",
    "AUTH=",
    "AUTH PLAIN",
    "AUTH=\x1b[31m",
    "SASL \x9b1m",
    "ENHANCEDSTATUSCODES",
    "\u202e",
)
SAYINGS = (
    "220 mx ESMTP",
    "454 TLS not available due to temporary reason",
    "200 STRIPTLS",
    "250 XXXXXXXX",
    "220 ****************",
    "* OK [CAPABILITY IMAP4 STARTTLS] \x1b]0;title\x07",
    "",
)

text = st.text(max_size=12)
word = st.sampled_from(WORDS) | text
lines = st.lists(word, max_size=5).map(tuple)
saying = st.sampled_from(SAYINGS) | text
times = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # the zone comes beside it
sides, layers = st.sampled_from(Side), st.sampled_from(Layer)
seconds = st.floats(0, 60)
data = st.sampled_from([b"STARTTLS\r\n", b"STLS\r\n", b"\x16\x03"]) | st.binary(max_size=20)

upgrades = st.builds(
    Upgrade,
    outcome=st.sampled_from(Outcome),
    advertised=st.booleans(),
    greeting=saying,
    greeted=lines,
    offered=lines,
    unlisted=saying,
    said=saying,
    inside=lines,
)
certificates = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([chain("first")[0], chain("second")[0], chain("first")[0][:-9]]),
)
faults = st.lists(st.sampled_from(Fault), max_size=2).map(tuple)
records = st.builds(Tlsa, *[st.integers(0, 255)] * 3, st.binary(max_size=4))
handshakes = st.builds(
    Handshake,
    version=st.sampled_from(["TLSv1.3", "TLSv1.2", "SSLv3", ""]) | text,
    cipher=text,
    group=st.none() | text,
    forward_secrecy=st.booleans(),
    alpn=st.none() | text,
    server_name=st.none() | text,
    chain=st.lists(certificates, max_size=3).map(tuple),
    webpki=st.none() | st.builds(WebPki, text, faults, text),
    dane=st.none() | st.builds(Match, st.none() | records, faults, text),
)
endpoints = st.builds(
    Endpoint,
    host=st.just(HOST),
    port=st.sampled_from([25, 465]),
    protocol=st.sampled_from(sorted(REGISTRY)),
    implicit=st.booleans(),
)
pieces = st.fixed_dictionaries(
    {
        "address": st.sampled_from(["", "192.0.2.1", "::1"]),
        "began": times,
        "manner": st.sampled_from(Manner),
        "insisted": st.booleans(),
        "transcript": st.lists(st.builds(Utterance, sides, layers, data, seconds), max_size=8).map(
            tuple
        ),
        "connected": st.none() | seconds,
        "upgrade": st.none() | upgrades,
        "handshake": st.none() | handshakes,
        "failure": st.none() | st.builds(Failure, st.sampled_from(Trouble), text, text),
        "where": text,
        "residue": st.binary(max_size=8),
        "side": sides,
    }
)
evidence = st.builds(lambda endpoint, rest: Evidence(endpoint, **rest), endpoints, pieces)
several = st.lists(evidence, max_size=3)
policies = st.builds(
    Policy,
    source=st.sampled_from(["local", "history", "list"]),
    level=st.sampled_from(Level),
    text=text,
    attests=st.booleans(),
    webpki=st.booleans(),
    refuses=text,
    rule=text,
)
decisions = st.builds(
    Decision,
    level=st.sampled_from(Level),
    because=st.lists(policies, max_size=2).map(tuple),
    pins=st.lists(st.sampled_from(["ab" * 32, ""]), max_size=2).map(tuple),
    tlsa=st.none()
    | st.builds(
        TlsaSet, st.lists(records, max_size=2).map(tuple), st.lists(text, max_size=2).map(tuple)
    ),
    refuses=text,
    vouched=st.booleans(),
    tested=st.lists(policies, max_size=2).map(tuple),
)

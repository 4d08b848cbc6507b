"""A session: what it makes of its terms, and of whatever goes wrong."""

from __future__ import annotations

import errno
import hashlib
import re
import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import trustme

from tests.conftest import SERVER
from tests.io.hostile import PATIENCE, each_driver, honest, serving, visit
from unstrip.certificates import Fault
from unstrip.conversation import Conversation
from unstrip.evidence import Endpoint
from unstrip.io import blocking
from unstrip.io.addresses import Unresolved
from unstrip.io.clock import Clock, DeadlinePassed
from unstrip.io.session import Session, Terms, Unmet, failure
from unstrip.io.trust import anchors
from unstrip.policy import Decision, Level
from unstrip.protocols import REGISTRY
from unstrip.tlsa import Match, Tlsa, TlsaSet, public_key
from unstrip.transcript import Layer, Side, said
from unstrip.trouble import Ended, Injected, ProtocolError, Spoofed, TooLong, Trouble, Unsolicited
from unstrip.tunnel import HandshakeFailed, Tunnel
from unstrip.upgrade import Asking, Manner, Outcome
from unstrip.verdict import authenticated, good_enough
from unstrip.wire import Receive, Send

DAY = timedelta(days=1)
NOWHERE = Endpoint(SERVER, 25, "smtp")


# What went wrong


@pytest.mark.parametrize(
    ("error", "trouble", "words"),
    [
        (HandshakeFailed("WRONG_VERSION_NUMBER", "TLS failed"), Trouble.TLS, "TLS failed"),
        (ProtocolError("no"), Trouble.BROKEN, "no"),
        (TooLong("long"), Trouble.TOO_LONG, "long"),
        (Ended("over"), Trouble.ENDED, "over"),
        (Injected(b"x"), Trouble.INJECTED, "plaintext waited where TLS was to start: 'x'"),
        (Unsolicited("why"), Trouble.UNSOLICITED, "why"),
        (Spoofed("who"), Trouble.SPOOFED, "who"),
        (Unmet("weak"), Trouble.UNMET, "weak"),
        (DeadlinePassed("1 seconds are over"), Trouble.DEADLINE, "1 seconds are over"),
        (TimeoutError(), Trouble.DEADLINE, "the time allowed is over"),
        (Unresolved("x has no address"), Trouble.UNRESOLVED, "x has no address"),
        (ConnectionRefusedError(), Trouble.UNREACHABLE, "connection refused"),
        (ConnectionResetError(), Trouble.RESET, "connection reset"),
        (ConnectionAbortedError(), Trouble.RESET, "connection reset"),
        (BrokenPipeError(), Trouble.RESET, "connection reset"),
        (
            OSError(errno.ENETUNREACH, "Network is unreachable"),
            Trouble.UNREACHABLE,
            "network is un",
        ),
        (OSError("no address to connect to"), Trouble.UNREACHABLE, "no address to connect to"),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, Exception) else "",
)
def test_every_error_that_a_peer_can_cause_has_a_kind_and_a_sentence(error, trouble, words):
    found = failure(error)
    assert found.trouble is trouble
    assert found.words.startswith(words)


def test_the_name_that_tls_has_for_its_failure_is_kept():
    assert failure(HandshakeFailed("BAD", "words")).reason == "BAD"


@pytest.mark.parametrize("error", [AssertionError("ours"), ValueError("ours"), KeyError("ours")])
def test_a_programming_mistake_is_no_failure_of_the_peer(error):
    with pytest.raises(type(error)):
        failure(error)


# Before anything happened


def test_a_session_that_did_not_begin_has_evidence_of_that(pki):
    session = Session(NOWHERE, Terms(roots=pki.roots))
    evidence = session.evidence(Unresolved("x has no address"))
    assert evidence.endpoint is NOWHERE
    assert (evidence.address, evidence.connected, evidence.transcript) == ("", None, ())
    assert evidence.upgrade is None
    assert not evidence.secured


def test_the_terms_are_kept_in_the_evidence(pki):
    ask = Asking(insist=True, manner=Manner.SPLIT)
    evidence = Session(NOWHERE, Terms(ask, roots=pki.roots)).evidence()
    assert evidence.insisted
    assert evidence.manner is Manner.SPLIT


def first_words(pki, endpoint, heard, **terms):
    """What the client says once it has heard this."""
    talk = Session(endpoint, Terms(roots=pki.roots, **terms)).talk
    for effect in talk:
        if isinstance(effect, Receive):
            talk.hear(heard)
        elif isinstance(effect, Send):
            return effect.data
    raise AssertionError("said nothing")


def test_the_name_to_give_is_neutral_unless_told_otherwise(pki):
    assert first_words(pki, NOWHERE, b"220 mx\r\n") == b"EHLO localhost\r\n"
    named = Asking(helo="relay.example.org")
    assert first_words(pki, NOWHERE, b"220 mx\r\n", ask=named) == b"EHLO relay.example.org\r\n"


def test_no_tag_can_be_guessed(pki):
    """F-01: a peer who knows the next tag can answer before it is asked."""
    endpoint = replace(NOWHERE, protocol="imap")
    words = {first_words(pki, endpoint, b"* OK ready\r\n") for _ in range(8)}
    assert len(words) == 8
    assert all(re.fullmatch(rb"[0-9a-f]{8}1 CAPABILITY\r\n", word) for word in words)


@pytest.mark.parametrize(
    ("settle", "took", "expected"),
    [(None, 0.0, 0.01), (None, 0.1, 0.16), (None, 60.0, 0.5), (0.0, 0.1, 0.0), (2.0, 0.1, 2.0)],
)
def test_the_silence_after_the_handshake_is_about_a_round_trip(pki, settle, took, expected):
    session = Session(NOWHERE, Terms(settle=settle, roots=pki.roots))
    session.reached("192.0.2.1", took)
    assert session.settle == pytest.approx(expected)


# The certificate


@each_driver
@pytest.mark.parametrize(
    ("name", "faults"),
    [(SERVER, ()), ("localhost", ()), ("127.0.0.1", ()), ("mx.example.net", (Fault.WRONG_NAME,))],
)
def test_the_certificate_is_judged_for_the_name_asked_for(pki, attend, name, faults):
    with serving(partial(honest, pki, "smtp")) as server:
        endpoint = Endpoint("127.0.0.1", server.port, "smtp", server_name=name)
        evidence = visit(attend, endpoint, roots=pki.roots)
    assert evidence.handshake.webpki.name == name
    assert evidence.handshake.webpki.faults == faults
    assert evidence.secured


@each_driver
def test_the_name_asked_for_is_the_hosts_unless_told_otherwise(pki, attend):
    with serving(partial(honest, pki, "pop3")) as server:
        endpoint = Endpoint(SERVER, server.port, "pop3")
        evidence = visit(attend, endpoint, connect_to="127.0.0.1", roots=pki.roots)
    assert evidence.handshake.webpki.name == SERVER
    assert evidence.handshake.webpki.valid
    assert evidence.address == "127.0.0.1"


@each_driver
def test_the_application_protocol_is_named(pki, attend):
    context = pki.server_context(SERVER)
    context.set_alpn_protocols(["imap"])

    def script(peer):
        peer.secure(context)
        peer.say(b"* BYE no\r\n")
        peer.wait()

    with serving(script) as server:
        evidence = visit(attend, server, "imap", implicit=True, roots=pki.roots)
    assert evidence.handshake.alpn == "imap"


# Acceptance


@each_driver
@pytest.mark.parametrize("name", ["smtp", "imap", "pop3"])
@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
def test_what_is_not_accepted_hears_no_word_inside(pki, attend, name, implicit):
    seen = []

    def refuse(handshake):
        seen.append(handshake)
        raise Unmet("not good enough")

    with serving(partial(honest, pki, name, implicit=implicit)) as server:
        evidence = visit(attend, server, name, implicit=implicit, accept=refuse, roots=pki.roots)
    assert evidence.failure.trouble is Trouble.UNMET
    assert evidence.failure.words == "not good enough"
    assert evidence.handshake == seen[0]
    assert seen[0].webpki.valid
    assert not said(evidence.transcript, Side.CLIENT, Layer.SECURE)
    assert not evidence.secured


@each_driver
def test_what_is_accepted_goes_on(pki, attend):
    with serving(partial(honest, pki, "smtp")) as server:
        evidence = visit(attend, server, accept=lambda _: None, roots=pki.roots)
    assert evidence.secured


# Taking leave


@each_driver
def test_a_session_that_is_kept_takes_no_leave(pki, attend):
    with serving(partial(honest, pki, "smtp")) as server:
        evidence = visit(attend, server, leave=False, roots=pki.roots)
    assert evidence.secured
    assert b"QUIT" not in said(evidence.transcript, Side.CLIENT, Layer.SECURE)


@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop3"])
def test_a_peer_who_does_not_wait_for_our_farewell_has_still_answered(pki, protocol):
    """It said no and was gone: that is its answer, and no failure of the connection."""
    from unstrip.io.blocking import converse

    no = {"smtp": b"554 no\r\n", "imap": b"* BYE no\r\n", "pop3": b"-ERR no\r\n"}[protocol]
    session = Session(replace(NOWHERE, protocol=protocol), Terms(roots=pki.roots))
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(no)
        theirs.close()
        error = None
        try:
            converse(session.talk, ours, session.clock)
        except OSError as failed:
            error = failed
    evidence = session.evidence(error)
    assert evidence.upgrade is not None
    assert evidence.upgrade.outcome is Outcome.UNAVAILABLE


@each_driver
@pytest.mark.parametrize("name", [name for name, p in REGISTRY.items() if p.ALPN_DUE])
def test_where_nothing_but_alpn_tells_what_is_spoken_it_has_to_agree(pki, attend, name):
    """Any web server with the right certificate would pass for a database otherwise."""
    for protocols, agreed in ((["http/1.1"], False), ([REGISTRY[name].ALPN], True)):
        context = pki.server_context()
        context.set_alpn_protocols(protocols)
        with serving(lambda peer, context=context: peer.secure(context)) as server:
            evidence = visit(attend, server, name, implicit=True, roots=pki.roots)
        assert evidence.secured is agreed
        if not agreed:
            assert evidence.failure.reason == "NO_APPLICATION_PROTOCOL"
            assert said(evidence.transcript, Side.CLIENT, Layer.SECURE) == b""


# TLSA records

BASE = "base.example.net"  # the TLSA base domain: an alias led there
YESTERDAY = {"not_before": datetime.now(UTC) - 9 * DAY, "not_after": datetime.now(UTC) - DAY}


def certified(pki, *names, **validity):
    """A server's context, and the certificate in it."""
    leaf = pki.ca.issue_cert(*names, **validity)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context, ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())


def keyed(der):
    """The record that names this certificate's key: 3 1 1."""
    return Tlsa(3, 1, 1, hashlib.sha256(public_key(der)).digest())


def anchored(pki):
    """The record that has the authority's certificate in it: 2 0 0."""
    return Tlsa(2, 0, 0, ssl.PEM_cert_to_DER_cert(pki.ca.cert_pem.bytes().decode()))


def upgrading(context):
    """A script: our own server, with this certificate."""

    def script(peer):
        tunnel = partial(Tunnel, context, None, server_side=True)
        talk = Conversation(REGISTRY["smtp"].server, tunnel, side=Side.SERVER)
        blocking.converse(talk, peer.sock, Clock(PATIENCE))

    return script


def held_against(pki, attend, context, *records, names=(BASE,), roots=None):
    """What comes of a visit to a server that has these records, and whether it is good enough."""
    tlsa = TlsaSet(records, names)
    decision = Decision(Level.AUTHENTICATED, tlsa=tlsa)

    def accept(handshake):
        if not good_enough(decision, handshake):
            raise Unmet("not good enough")

    with serving(upgrading(context)) as server:
        terms = {"tlsa": tlsa, "accept": accept, "roots": roots or pki.roots}
        evidence = visit(attend, server, **terms)
    return evidence, authenticated(decision, evidence.handshake)


@each_driver
def test_where_there_are_records_their_base_domain_is_the_name_to_ask_for(pki, attend):
    context, der = certified(pki, SERVER)
    asked = []
    context.sni_callback = lambda _tls, name, _context: asked.append(name)
    evidence, proven = held_against(pki, attend, context, keyed(der), names=(BASE, SERVER))
    assert asked == [BASE]  # RFC 7672, 8.1
    assert (proven, evidence.secured) == (True, True)
    assert evidence.handshake.webpki.name == SERVER  # what the WebPKI is asked stays the same
    assert evidence.handshake.dane == Match(keyed(der))


@each_driver
def test_without_records_the_host_is_the_name_to_ask_for_and_nothing_is_compared(pki, attend):
    context, _ = certified(pki, SERVER)
    asked = []
    context.sni_callback = lambda _tls, name, _context: asked.append(name)
    with serving(upgrading(context)) as server:
        evidence = visit(attend, server, roots=pki.roots)
    assert asked == [SERVER]
    assert evidence.handshake.dane is None


@each_driver
@pytest.mark.parametrize(
    ("names", "validity"),
    [((SERVER,), YESTERDAY), (("elsewhere.example",), {}), (("elsewhere.example",), YESTERDAY)],
    ids=["expired", "wrong name", "both"],
)
def test_a_key_that_the_records_name_needs_neither_date_nor_name(pki, attend, names, validity):
    context, der = certified(pki, *names, **validity)
    evidence, proven = held_against(pki, attend, context, keyed(der))
    assert not evidence.handshake.webpki.valid
    assert (proven, evidence.secured) == (True, True)  # P-10


@each_driver
def test_a_key_that_they_do_not_name_hears_no_word_inside_though_the_web_trusts_it(pki, attend):
    context, _ = certified(pki, SERVER)
    _, other = certified(pki, SERVER)
    evidence, proven = held_against(pki, attend, context, keyed(other))
    assert evidence.handshake.webpki.valid
    assert evidence.handshake.dane.words == "the only usable TLSA record is not met"
    assert (proven, evidence.failure.trouble) == (False, Trouble.UNMET)
    assert not said(evidence.transcript, Side.CLIENT, Layer.SECURE)


@pytest.fixture
def strangers(tmp_path):
    """The roots of somebody who does not know our authority."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return anchors(tmp_path / "ca.pem")


@each_driver
@pytest.mark.parametrize(
    ("name", "validity", "fault"),
    [
        (BASE, {}, ()),
        (SERVER, {}, ()),
        ("elsewhere.example", {}, (Fault.WRONG_NAME,)),
        (BASE, YESTERDAY, (Fault.EXPIRED,)),
    ],
    ids=["base domain", "mail domain", "wrong name", "expired"],
)
def test_an_authority_that_they_name_vouches_by_name_and_date_though_the_web_knows_it_not(
    pki, strangers, attend, *, name, validity, fault
):
    context, _ = certified(pki, name, **validity)
    record, names = anchored(pki), (BASE, SERVER)
    evidence, proven = held_against(pki, attend, context, record, names=names, roots=strangers)
    assert evidence.handshake.dane.faults == fault
    assert proven is evidence.secured is (fault == ())
    assert Fault.UNTRUSTED in evidence.handshake.webpki.faults


@each_driver
def test_a_name_that_is_no_name_can_be_asked_for_and_ends_in_words(pki, attend):
    """The end of an alias is whatever somebody has put into DNS."""
    context, der = certified(pki, SERVER)
    for base in ("a" * 300 + ".example", "x\\195y.example", "_tls.example", "192.0.2.1", "x" * 70):
        evidence, _ = held_against(pki, attend, context, keyed(der), names=(base,))
        assert evidence.secured or evidence.failure.words.isprintable()

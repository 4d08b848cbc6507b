"""A session: what it makes of its terms, and of whatever goes wrong."""

from __future__ import annotations

import errno
import re
import socket
from dataclasses import replace
from functools import partial

import pytest

from tests.conftest import SERVER
from tests.io.hostile import each_driver, honest, serving, visit
from unstrip.certificates import Fault
from unstrip.evidence import Endpoint
from unstrip.io.addresses import Unresolved
from unstrip.io.clock import DeadlinePassed
from unstrip.io.session import Session, Terms, Unmet, failure
from unstrip.protocols import REGISTRY
from unstrip.transcript import Layer, Side, said
from unstrip.trouble import Ended, Injected, ProtocolError, Spoofed, TooLong, Trouble, Unsolicited
from unstrip.tunnel import HandshakeFailed
from unstrip.upgrade import Asking, Manner, Outcome
from unstrip.wire import Receive, Send

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

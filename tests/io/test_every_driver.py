"""Both drivers against servers as bad as they come: a named failure, in time, and no more said."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from functools import partial

import pytest

from tests.conftest import SERVER
from tests.io.hostile import each_driver, honest, serving, visit
from tests.protocols.each import ALL, each_probing_manner, each_protocol, each_way, each_with
from tests.protocols.specimen import only_permitted, say
from tests.protocols.specimens import SPECIMENS
from unstrip.certificates import Fault
from unstrip.evidence import Endpoint
from unstrip.protocols import REGISTRY
from unstrip.transcript import Layer, Side, said
from unstrip.trouble import Trouble
from unstrip.upgrade import Asking, Manner, Outcome
from unstrip.wire import Wire


def each_step(*, last):
    """Every protocol, and how many steps of its server are taken: all of them too, if `last`."""
    steps = [(n, s) for n in ALL for s in range(len(SPECIMENS[n].steps) + last)]
    return pytest.mark.parametrize(("name", "steps"), steps)


def lead(peer, name, steps=None):
    """Say the first steps of an honest server, each after the client has asked for it."""
    tell(peer, name, SPECIMENS[name].steps[:steps])


def tell(peer, name, steps):
    """Say these steps; return what the client said before the last."""
    heard = b""
    for number, step in enumerate(steps):
        heard = peer.message(REGISTRY[name].IN_CLEAR) if number else b""
        peer.say(say(step, heard))
    return heard


def listen(peer, name, steps):
    """Hear what the client says to the last step."""
    if 0 < steps < len(SPECIMENS[name].steps):
        peer.message(REGISTRY[name].IN_CLEAR)
    if goes_ahead(name, steps):
        peer.hello(envelope(name))


def goes_ahead(name, steps):
    """Tell whether so many steps are all that a client waits for before it speaks TLS."""
    return not any(SPECIMENS[name].steps[steps:])


def secure(pki, peer, name):
    context = pki.legacy if REGISTRY[name].LEGACY else pki.server
    peer.secure(context, envelope(name))


def hear_inside(peer, name):
    """Hear the client's first word, where it is the client's turn."""
    if not SPECIMENS[name].server_first:
        peer.sock.recv(65536)


def envelope(name):
    make = SPECIMENS[name].envelope
    return make and make()


def farewell(name):
    """What our client takes its leave with."""
    effects = REGISTRY[name].farewell(Wire())
    return b"".join(effect.data for effect in effects)


def check(evidence, server, trouble, name="smtp"):
    """What every bad ending has: a kind, a sentence that can be shown, and nothing more said."""
    assert evidence.failure is not None
    assert evidence.failure.trouble is trouble, evidence.failure
    words = evidence.failure.words
    assert words
    assert words.isascii()
    assert words.isprintable()
    assert len(words) < 400
    assert not evidence.secured
    for heard in (*server.heard, said(evidence.transcript, Side.CLIENT, Layer.CLEAR)):
        assert only_permitted(name, in_clear(name, heard)), heard


def in_clear(name, heard):
    """What was heard before the ClientHello, and before the envelope that it is in."""
    clear, hello, _ = heard.partition(b"\x16\x03\x01")
    front = envelope(name).wrap(b"-")[:-1] if hello and envelope(name) else b""
    return clear[: len(clear) - len(front)]


# All is well


@each_driver
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@each_way
def test_an_honest_server_is_secured(pki, attend, name, implicit, host):
    with serving(partial(honest, pki, name, implicit=implicit), host) as server:
        evidence = visit(attend, server, name, implicit=implicit, roots=pki.roots)
    assert evidence.failure is None
    assert evidence.secured
    assert evidence.address == host
    assert evidence.handshake.webpki.valid
    assert evidence.handshake.server_name == SERVER
    assert evidence.round_trips == SPECIMENS[name].round_trips[implicit]
    assert 0 < evidence.connected < 5
    assert evidence.clear_sent == 0 if implicit else evidence.clear_sent > 0
    assert said(evidence.transcript, Side.CLIENT, Layer.SECURE).endswith(farewell(name))


@each_way
def test_all_drivers_agree_on_the_evidence(pki, same_tags, name, implicit):
    with serving(partial(honest, pki, name, implicit=implicit)) as server:
        seen = [
            essence(visit(attend, server, name, implicit=implicit, roots=pki.roots))
            for attend in all_drivers()
        ]
    assert seen[0] == seen[1] == seen[2]


@each_with("go_ahead")
def test_all_drivers_agree_on_evidence_of_an_injection(pki, same_tags, name):
    with serving(partial(inject, name)) as server:
        seen = [essence(visit(attend, server, name, roots=pki.roots)) for attend in all_drivers()]
    assert seen[0] == seen[1] == seen[2]


def all_drivers():
    return each_driver.args[1]


@pytest.fixture
def same_tags(monkeypatch):
    """Let every visit use the same tags and ids."""
    monkeypatch.setattr(secrets, "token_hex", lambda count: "5e" * count)


def essence(evidence):
    """Evidence without what differs from visit to visit: times, segments, keys."""
    words = {
        (speaker, layer): said(evidence.transcript, speaker, layer)
        for speaker in Side
        for layer in (Layer.CLEAR, Layer.SECURE)
    }
    words[Side.SERVER, Layer.SECURE] = b""  # the last answer may not be waited for
    return (
        *(words, evidence.handshake, evidence.upgrade),
        *(evidence.failure, evidence.where, evidence.residue),
    )


@each_driver
def test_a_certificate_that_is_no_good_is_evidence_and_no_failure(pki, attend):
    context = pki.server_context("other.example.org")

    def script(peer):
        lead(peer, "smtp")
        peer.secure(context)
        peer.line()
        peer.say(b"250 mx\r\n")
        peer.wait()

    with serving(script) as server:
        evidence = visit(attend, server, roots=pki.roots)
    assert evidence.failure is None
    assert evidence.handshake.webpki.faults == (Fault.WRONG_NAME,)


# Nobody there


@each_driver
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_closed_port_is_unreachable(pki, attend, host):
    with serving(lambda _: None, host) as server:
        endpoint = Endpoint(host, server.port, "smtp")
    evidence = visit(attend, endpoint, roots=pki.roots)
    assert evidence.failure.trouble is Trouble.UNREACHABLE
    assert evidence.failure.words == "connection refused"
    assert evidence.transcript == ()


@each_driver
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_connection_that_never_stood_is_not_said_to_have_stood(pki, attend, host):
    with serving(lambda _: None, host) as server:
        endpoint = Endpoint(host, server.port, "smtp")
    evidence = visit(attend, endpoint, roots=pki.roots)
    assert (evidence.connected, evidence.address) == (None, "")


@each_driver
@pytest.mark.parametrize("host", ["name.invalid", "a..b", "x" * 64 + ".example"])
def test_a_name_without_address_is_unresolved(pki, attend, host):
    evidence = visit(attend, Endpoint(host, 25, "smtp"), roots=pki.roots)
    assert evidence.failure.trouble is Trouble.UNRESOLVED
    assert host in evidence.failure.words
    assert evidence.connected is None


@each_driver
def test_the_next_address_is_tried_when_one_is_closed(pki, attend, monkeypatch):
    with serving(partial(honest, pki, "pop3")) as server:
        answer_with(monkeypatch, "::1", "127.0.0.1")
        endpoint = Endpoint("mx.example.org", server.port, "pop3")
        evidence = visit(attend, endpoint, roots=pki.roots)
    assert evidence.secured
    assert evidence.address == "127.0.0.1"


def answer_with(monkeypatch, *addresses):
    """Let the resolver know one name more."""
    real = socket.getaddrinfo

    def look_up(host, port, *args, **options):
        if host != SERVER:
            return real(host, port, *args, **options)
        return [answer for address in addresses for answer in real(address, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


# Too slow


@each_driver
@each_step(last=False)
def test_a_server_that_falls_silent_meets_the_deadline(pki, attend, name, steps):
    def script(peer):
        lead(peer, name, steps)
        peer.wait()

    with serving(script) as server:
        evidence = visit(attend, server, name, timeout=0.1, roots=pki.roots)
        check(evidence, server, Trouble.DEADLINE, name)
    assert evidence.where.startswith("client > ")
    assert "0.1 seconds" in evidence.failure.words


@each_driver
def test_a_server_that_falls_silent_in_the_handshake_meets_the_deadline(pki, attend):
    def script(peer):
        lead(peer, "smtp")
        peer.hello()
        peer.wait()

    with serving(script) as server:
        evidence = visit(attend, server, timeout=0.4, roots=pki.roots)
        check(evidence, server, Trouble.DEADLINE)
    assert evidence.where.endswith("handshake")
    assert evidence.upgrade.advertised


@each_driver
def test_a_server_that_drips_does_not_put_off_the_deadline(pki, attend):
    def script(peer):
        peer.say(*[b"2"] * 50, gap=0.1)

    with serving(script) as server:
        started = time.monotonic()
        evidence = visit(attend, server, timeout=0.5, roots=pki.roots)
        took = time.monotonic() - started
        check(evidence, server, Trouble.DEADLINE)
    assert 0.4 < took < 1.5
    assert evidence.clear_received >= 2


@each_driver
def test_a_server_that_drips_its_greeting_in_time_is_heard_out(pki, attend):
    def script(peer):
        peer.say(*[bytes([byte]) for byte in b"554 no\r\n"], gap=0.02)
        peer.wait()

    with serving(script) as server:
        evidence = visit(attend, server, roots=pki.roots)
    assert evidence.upgrade.outcome is Outcome.UNAVAILABLE
    assert evidence.failure is None


def slow_look_up(monkeypatch, done):
    def look_up(*_, **__):
        time.sleep(0.8)
        threading.Timer(0.1, done.set).start()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@each_driver
def test_a_deadline_that_passes_in_the_look_up_is_kept(pki, attend, monkeypatch):
    done, complaints = threading.Event(), []
    monkeypatch.setattr(threading, "excepthook", complaints.append)
    slow_look_up(monkeypatch, done)
    started = time.monotonic()
    evidence = visit(attend, Endpoint(SERVER, 25, "smtp"), timeout=0.2, roots=pki.roots)
    assert time.monotonic() - started < 0.7
    assert evidence.failure.trouble is Trouble.DEADLINE
    assert evidence.connected is None
    done.wait(5)
    assert not complaints


# Too much


@each_driver
def test_a_banner_of_ten_megabytes_is_too_long(pki, attend):
    with serving(lambda peer: peer.say(b"220 " + b"a" * 10_000_000)) as server:
        evidence = visit(attend, server, roots=pki.roots)
        check(evidence, server, Trouble.TOO_LONG)
    assert evidence.clear_received < 1_000_000


@each_driver
@each_with("endless_lines")
def test_an_answer_of_endless_parts_is_too_long(pki, attend, name):
    def script(peer):
        heard = tell(peer, name, SPECIMENS[name].opening)
        parts = say(SPECIMENS[name].endless_lines, heard) * 50
        while True:
            peer.say(parts)

    with serving(script) as server:
        evidence = visit(attend, server, name, roots=pki.roots)
        check(evidence, server, Trouble.TOO_LONG, name)


# Not the protocol


@each_driver
@pytest.mark.parametrize(
    "greeting",
    [b"220 m\0x\r\n", b"220 mx\n", b"\x1b[2J\x1b]0;owned\x07\r\n", b"SSH-2.0-x\r\n", b"\xff\r\n"],
)
def test_a_greeting_that_is_none_is_broken_and_its_words_are_escaped(pki, attend, greeting):
    with serving(lambda peer: peer.say(greeting)) as server:
        evidence = visit(attend, server, roots=pki.roots)
        check(evidence, server, Trouble.BROKEN)
    assert said(evidence.transcript, Side.SERVER, Layer.CLEAR) == greeting


@each_driver
def test_terminal_escapes_in_a_good_greeting_are_kept_as_said(pki, attend):
    with serving(lambda peer: peer.say(b"554 \x1b[31m no\r\n")) as server:
        evidence = visit(attend, server, roots=pki.roots)
    assert evidence.upgrade.said == "554 \x1b[31m no"


# Hung up, or torn down


@each_driver
@each_step(last=True)
def test_a_server_that_hangs_up_at_any_step_has_a_name_for_it(pki, attend, name, steps):
    def script(peer):
        lead(peer, name, steps)
        listen(peer, name, steps)
        peer.hang_up()

    with serving(script) as server:
        evidence = visit(attend, server, name, roots=pki.roots)
        check(evidence, server, Trouble.TLS if goes_ahead(name, steps) else Trouble.ENDED, name)
    granted = goes_ahead(name, steps)
    assert not granted or evidence.upgrade.outcome is Outcome.BROKEN_OFF


@each_driver
@each_step(last=True)
def test_a_server_that_tears_the_connection_down_has_reset_it(pki, attend, name, steps):
    def script(peer):
        lead(peer, name, steps)
        listen(peer, name, steps)
        time.sleep(0.02)
        peer.reset()

    with serving(script) as server:
        evidence = visit(attend, server, name, roots=pki.roots)
        check(evidence, server, Trouble.RESET, name)


@each_driver
@each_with("learns_inside")
def test_a_server_that_hangs_up_inside_tls_has_ended(pki, attend, name):
    def script(peer):
        lead(peer, name)
        secure(pki, peer, name)
        peer.hang_up()

    with serving(script) as server:
        evidence = visit(attend, server, name, settle=0.3, roots=pki.roots)
        check(evidence, server, Trouble.ENDED, name)


@each_driver
@each_with("learns_inside")
def test_a_server_that_closes_tls_in_order_has_ended(pki, attend, name):
    def script(peer):
        lead(peer, name)
        secure(pki, peer, name)
        hear_inside(peer, name)
        peer.sock.unwrap()

    with serving(script) as server:
        evidence = visit(attend, server, name, roots=pki.roots)
        check(evidence, server, Trouble.ENDED, name)


@each_driver
@each_with("learns_inside")
def test_a_connection_torn_down_inside_tls_is_reset(pki, attend, name):
    def script(peer):
        lead(peer, name)
        secure(pki, peer, name)
        hear_inside(peer, name)
        peer.reset()

    with serving(script) as server:
        evidence = visit(attend, server, name, roots=pki.roots)
        check(evidence, server, Trouble.RESET, name)
    assert evidence.handshake is not None


# TLS that is none


@each_driver
@each_protocol
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"\x15\x03\x03\x00\x02\x02\x28", "ALERT_HANDSHAKE_FAILURE"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "ALERT_PROTOCOL_VERSION"),
        (b"220 mx.example.net ESMTP\r\n", "WRONG_VERSION_NUMBER"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ""),
    ],
)
def test_an_answer_to_the_hello_that_is_no_handshake_is_a_failure_of_tls(
    pki, attend, name, answer, reason
):
    def script(peer):
        lead(peer, name)
        peer.hello(envelope(name))
        peer.say(envelope(name).wrap(answer) if envelope(name) else answer)
        peer.wait()

    with serving(script) as server:
        evidence = visit(attend, server, name, roots=pki.roots)
        check(evidence, server, Trouble.TLS, name)
    assert evidence.failure.reason.endswith(reason)
    assert ("the peer said" in evidence.failure.words) is (answer[0] != 0x15)
    assert evidence.handshake is None


@each_driver
def test_a_plain_greeting_on_the_implicit_port_is_a_failure_of_tls(pki, attend):
    def script(peer):
        peer.say(b"220 mx ESMTP\r\n")
        peer.hello()

    with serving(script) as server:
        evidence = visit(attend, server, implicit=True, roots=pki.roots)
        check(evidence, server, Trouble.TLS)
    assert evidence.clear_sent == 0
    assert "220 mx ESMTP" in evidence.failure.words


# Injected


def inject(name, peer, residue=b"250-evil\r\n250 AUTH"):
    *before, go_ahead = SPECIMENS[name].steps
    tell(peer, name, before)
    heard = peer.message(REGISTRY[name].IN_CLEAR)
    peer.say(say(go_ahead, heard) + residue)
    peer.wait()


@each_driver
@pytest.mark.parametrize("residue", [b"250-evil\r\n", b"2", b"\0\xff"])
@each_with("go_ahead")
def test_residue_in_the_segment_of_the_go_ahead_is_injected_and_kept(pki, attend, name, residue):
    with serving(partial(inject, name, residue=residue)) as server:
        evidence = visit(attend, server, name, roots=pki.roots)
        check(evidence, server, Trouble.INJECTED, name)
    assert evidence.residue == residue
    assert evidence.handshake is None
    assert not said(evidence.transcript, Side.CLIENT, Layer.HANDSHAKE)


@each_driver
@each_protocol
def test_residue_in_a_segment_of_its_own_never_passes_for_words_inside(pki, attend, name):
    def script(peer):
        lead(peer, name)
        time.sleep(0.05)
        peer.say(b"250-evil\r\n250 AUTH PLAIN\r\n")
        peer.wait()

    with serving(script) as server:
        evidence = visit(attend, server, name, roots=pki.roots)
        check(evidence, server, Trouble.BROKEN if envelope(name) else Trouble.TLS, name)
    assert "250-evil" in evidence.failure.words
    assert not said(evidence.transcript, Side.SERVER, Layer.SECURE)


@each_driver
def test_residue_behind_exactly_one_full_read_never_passes_for_words_inside(pki, attend):
    """A go-ahead padded to 65536 bytes: what follows is in the kernel, or the next read."""
    lines, last = b"220-" + b"a" * 1019 + b"\r\n", b"220 go\r\n"
    padded = lines * 63 + b"220-" + b"b" * (65536 - 63 * 1025 - 8 - 6) + b"\r\n" + last
    assert len(padded) == 65536

    def script(peer):
        lead(peer, "smtp", 2)
        peer.line()
        peer.say(padded + b"250-mx\r\n250 EVIL\r\n")
        peer.secure(pki.server)
        peer.line()
        peer.say(b"250-mx\r\n250 GOOD\r\n")
        peer.wait()

    with serving(script) as server:
        evidence = visit(attend, server, roots=pki.roots)
    assert evidence.failure.trouble in (Trouble.INJECTED, Trouble.TLS, Trouble.TOO_LONG)
    assert evidence.handshake is None
    assert not said(evidence.transcript, Side.SERVER, Layer.SECURE)


@each_driver
@pytest.mark.parametrize("late", [0.0, 0.05])
@each_with("unasked")
def test_a_greeting_inside_tls_is_unsolicited(pki, attend, name, late):
    def script(peer):
        lead(peer, name)
        secure(pki, peer, name)
        time.sleep(late)
        peer.say(SPECIMENS[name].unasked)
        peer.wait()

    with serving(script) as server:
        evidence = visit(attend, server, name, settle=1.0, roots=pki.roots)
        check(evidence, server, Trouble.UNSOLICITED, name)
    assert not said(evidence.transcript, Side.CLIENT, Layer.SECURE)


# Answers


@each_driver
@each_probing_manner
def test_the_probing_manners_upgrade(pki, attend, name, manner):
    with serving(partial(honest, pki, name)) as server:
        evidence = visit(attend, server, name, ask=Asking(manner=manner), roots=pki.roots)
    assert evidence.secured
    assert evidence.manner is manner


@each_driver
def test_a_split_request_leaves_in_two_segments(pki, attend):
    segments = []

    def script(peer):
        lead(peer, "smtp", 2)
        segments.extend(peer.sock.recv(100) for _ in range(2))
        peer.say(b"454 no\r\n")
        peer.wait()

    with serving(script) as server:
        evidence = visit(attend, server, ask=Asking(manner=Manner.SPLIT), roots=pki.roots)
    assert segments == [b"STA", b"RTTLS\r\n"]
    assert evidence.upgrade.outcome is Outcome.REFUSED


@each_driver
@each_with("too_busy")
def test_a_rate_limit_is_busy_and_the_client_takes_its_leave(pki, attend, name):
    def script(peer):
        peer.say(SPECIMENS[name].too_busy)
        peer.wait()

    with serving(script) as server:
        evidence = visit(attend, server, name, roots=pki.roots)
    assert evidence.upgrade.outcome is Outcome.BUSY
    assert evidence.failure is None
    (heard,) = server.heard
    assert heard.endswith(farewell(name))
    assert only_permitted(name, heard)

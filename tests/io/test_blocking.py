"""The blocking driver: beyond what every driver does."""

from __future__ import annotations

import errno
import socket
import threading
import time

import pytest

from tests.io.hostile import serving
from tests.protocols.replay import SERVER_HELLO, GlassTunnel
from unstrip.conversation import Conversation
from unstrip.evidence import Endpoint
from unstrip.framing import line
from unstrip.io.blocking import converse, dial
from unstrip.io.clock import Clock, DeadlinePassed
from unstrip.io.session import Session, Terms
from unstrip.trouble import Ended, Unsolicited
from unstrip.wire import Settle


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def question(wire):
    wire.send_line("HELLO")
    return (yield from line(wire))


def upgrade(wire):
    yield from wire.start_tls()
    wire.send_line("HELLO")
    return (yield from line(wire))


def test_a_conversation_is_driven_to_its_end_and_the_socket_stays_open(pair):
    ours, theirs = pair
    theirs.sendall(b"fine\r\nmore")
    assert converse(Conversation(question, GlassTunnel), ours, Clock(5)) == b"fine"
    assert theirs.recv(100) == b"HELLO\r\n"
    ours.sendall(b"still here")
    assert theirs.recv(100) == b"still here"


def test_a_peer_who_hangs_up_ends_it(pair):
    ours, theirs = pair
    theirs.close()
    with pytest.raises((Ended, BrokenPipeError)):
        converse(Conversation(question, GlassTunnel), ours, Clock(5))


def test_the_deadline_is_for_the_whole_and_not_for_each_wait(pair):
    ours, theirs = pair

    def drip():
        for _ in range(10):
            time.sleep(0.05)
            theirs.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    started = time.monotonic()
    with pytest.raises(DeadlinePassed, match=r"0\.2 seconds are over"):
        converse(Conversation(question, GlassTunnel), ours, Clock(0.2))
    assert time.monotonic() - started < 0.45
    thread.join()


def test_a_peer_who_does_not_read_meets_the_deadline(pair):
    def talkative(wire):
        wire.send(b"x" * 50_000_000)
        yield from wire.flush()

    with pytest.raises(TimeoutError):
        converse(Conversation(talkative, GlassTunnel), pair[0], Clock(0.2))


@pytest.mark.parametrize(("seconds", "settle"), [(0.1, 0.0), (None, 0.1)])
def test_silence_is_listened_to_for_its_time(pair, seconds, settle):
    def quiet(_wire):
        yield Settle(seconds)

    started = time.monotonic()
    converse(Conversation(quiet, GlassTunnel), pair[0], Clock(5), settle)
    assert 0.09 < time.monotonic() - started < 1


@pytest.mark.parametrize("said", [b"x", b""])
def test_silence_ends_as_soon_as_the_peer_speaks_or_hangs_up(pair, said):
    ours, theirs = pair

    def quiet(_wire):
        yield Settle(5)

    theirs.sendall(said)
    theirs.shutdown(socket.SHUT_WR)
    started = time.monotonic()
    converse(Conversation(quiet, GlassTunnel), ours, Clock(5))
    assert time.monotonic() - started < 1


def test_silence_does_not_outlast_the_deadline(pair):
    def quiet(wire):
        yield Settle(5)
        yield from wire.more(10)

    started = time.monotonic()
    with pytest.raises(DeadlinePassed):
        converse(Conversation(quiet, GlassTunnel), pair[0], Clock(0.1))
    assert time.monotonic() - started < 1


def test_words_inside_before_our_question_are_noticed_within_the_silence(pair):
    ours, theirs = pair
    theirs.sendall(SERVER_HELLO)
    late = threading.Timer(0.1, theirs.sendall, [b"220 mx\r\n"])
    late.start()
    with pytest.raises(Unsolicited):
        converse(Conversation(upgrade, GlassTunnel), ours, Clock(5), settle=2.0)
    late.join()


def test_a_connection_is_dialled_without_waiting_to_fill_a_segment(pki):
    with serving(lambda peer: peer.wait()) as server:
        session = Session(Endpoint("127.0.0.1", server.port, "smtp"), Terms(roots=pki.roots))
        with dial(session) as sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert session.address == "127.0.0.1"
            assert session.connected is not None


def test_the_error_of_the_last_address_is_told(pki, monkeypatch):
    with serving(lambda _: None) as server:
        port = server.port
    real = socket.getaddrinfo

    def answers(host, *args, **options):
        names = ["192.0.2.1", "127.0.0.1"] if host == "mx.example.org" else [host]
        return [answer for name in names for answer in real(name, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    session = Session(Endpoint("mx.example.org", port, "smtp"), Terms(timeout=5, roots=pki.roots))
    monkeypatch.setattr(socket, "create_connection", refuse(socket.create_connection))
    with pytest.raises(ConnectionRefusedError):
        dial(session)
    assert session.connected is None


def refuse(real):
    """The first address is one that nothing leads to, whatever this machine's network is."""

    def connect(address, *args):
        if address[0] == "192.0.2.1":
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        return real(address, *args)

    return connect

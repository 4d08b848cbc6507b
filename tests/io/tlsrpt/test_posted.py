"""Reports that are posted: to a real listener, by clients who say whatever bytes they like."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from socket import create_connection, socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.io.tlsrpt import posted
from unstrip.io.tlsrpt.intake import Fate, Outcome
from unstrip.io.tlsrpt.posted import Bounds, NoCertificate, Posts, context, renew
from unstrip.tlsrpt.reading import PACKED

PATIENCE = 20.0  # seconds; nothing takes that long if all is well
BODY = gzip.compress(b"{}", mtime=0)
BOUNDS = Bounds(linger=0.2)
POST = b"POST /tlsrpt HTTP/1.1\r\nHost: x\r\n"


@dataclass
class Web:
    """The listener in a loop of its own, and what it was given."""

    posts: Posts
    port: int
    answers: Answers
    later: Callable[[Coroutine], Future]
    asked: int = 0
    bodies: list[bytes] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def connect(self) -> socket:
        return create_connection(("127.0.0.1", self.port), PATIENCE)

    def say(self, *parts: bytes, end: bool = False) -> tuple[int, dict]:
        """Say this, and hear status and page of the answer; (0, {}) if there is none."""
        with self.connect() as sock:
            for part in parts:
                sock.sendall(part)
            if end:
                sock.shutdown(1)
            return heard(sock)

    def wait(self, true) -> None:
        done = threading.Event()
        for _ in range(2000):
            if true():
                return
            done.wait(0.01)
        raise AssertionError("it did not happen")


def heard(sock: socket) -> tuple[int, dict]:
    said = b""
    while data := sock.recv(65536):
        said += data
    if not said:
        return 0, {}
    said = said.removeprefix(b"HTTP/1.1 100 \r\n\r\n")
    head, _, page = said.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(page)}".encode() in head
    return int(head.split()[1]), json.loads(page)


class Answers:
    """What becomes of each body: it is taken, unless it says what is to become of it."""

    def __init__(self) -> None:
        self.web: Web | None = None
        self.going_on = threading.Event()
        self.going_on.set()

    async def take(self, body: bytes, _source: str) -> Outcome:
        self.web.asked += 1
        await asyncio.to_thread(self.going_on.wait, PATIENCE)
        self.web.bodies.append(body)
        if body == b"later":
            raise OSError("the store is gone")
        if body == b"again":
            return Outcome(Fate.DUPLICATE, "words", "duplicate")
        if body.startswith(b"refused "):
            return Outcome(Fate.REFUSED, "words", body.split()[1].decode())
        return Outcome(Fate.TAKEN, "words")

    async def refuse(self, kind: str, words: str) -> None:
        assert words.isprintable()
        self.web.refused[kind] += 1


@contextmanager
def serving(bounds: Bounds = BOUNDS, tls: ssl.SSLContext | None = None) -> Iterator[Web]:
    loop, answers = asyncio.new_event_loop(), Answers()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def later(what):
        return asyncio.run_coroutine_threadsafe(what, loop)

    posts = Posts(answers.take, answers.refuse, bounds)
    listener = later(listening(posts, tls)).result(PATIENCE)
    web = answers.web = Web(posts, listener.sockets[0].getsockname()[1], answers, later)
    try:
        yield web
    finally:
        answers.going_on.set()
        loop.call_soon_threadsafe(listener.close)
        later(posts.close(5)).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


async def listening(posts, tls):
    loop = asyncio.get_running_loop()
    return await loop.create_server(partial(posts.connection, tls), "127.0.0.1", 0)


@pytest.fixture(scope="module")
def running() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def web(running: Web) -> Web:
    running.bodies.clear()
    running.refused.clear()
    return running


def sized(body: bytes, *more: bytes) -> bytes:
    fields = b"".join(field + b"\r\n" for field in more)
    return POST + b"Content-Length: %d\r\n" % len(body) + fields + b"\r\n" + body


@pytest.mark.parametrize(
    "request_",
    [
        sized(BODY, b"Content-Type: application/tlsrpt+gzip"),
        sized(BODY, b"Content-Type: text/nonsense", b"Content-Encoding: gzip"),
        sized(BODY, b"Content-Encoding: identity"),
        POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
        POST
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"1\r\n%c\r\n" % c for c in BODY)
        + b"0\r\nTrailer: x\r\n\r\n",
        b"POST * HTTP/1.0\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
        sized(BODY) + b"POST / HTTP/1.1\r\n\r\n",
    ],
)
def test_a_report_is_taken_however_it_comes(web, request_):
    assert web.say(request_) == (201, {"status": "taken"})
    assert web.bodies == [BODY]
    assert web.say(*(request_[at : at + 40] for at in range(0, len(request_), 40)))[0] == 201


def test_who_has_nothing_more_to_say_is_answered(web):
    assert web.say(sized(BODY), end=True)[0] == 201


def test_who_asks_whether_to_go_on_is_told_to(web):
    with web.connect() as sock:
        sock.sendall(POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"again")
        assert heard(sock) == (200, {"status": "duplicate"})


def test_who_asks_whether_to_go_on_with_too_much_is_told_not_to(web):
    head = POST + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (PACKED + 1)
    with web.connect() as sock:
        sock.sendall(head)
        assert sock.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"later", 503),
        (b"again", 200),
        (b"refused json", 400),
        (b"refused alien", 403),
        (b"refused size", 413),
        (b"refused crowded", 503),
    ],
)
def test_the_answer_says_what_became_of_it(web, body, status):
    assert web.say(sized(body))[0] == status


@pytest.mark.parametrize(
    ("request_", "status", "kind"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 405, "http"),
        (b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 405, "http"),
        (POST + b"Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx", 415, "http"),
        (POST + b"Content-Length: 99999999999\r\n\r\n", 413, "size"),
        (POST + b"Content-Length: %s\r\n\r\n" % (b"9" * 5000), 400, "http"),
        (POST + b"Content-Length: x\r\n\r\n", 400, "http"),
        (POST + b"Content-Length: -1\r\n\r\n", 400, "http"),
        (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400, "http"),
        (POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", None, None),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "http"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nx\r\n", 400, "http"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\n", 400, "http"),
        (POST + b"X: " + b"x" * 20_000, 431, "http"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 99 + b"\r\n\r\n", 400, "http"),
        (b"\r\n\r\n\r\n", None, None),
        (b"nonsense\r\n\r\n", 400, "http"),
    ],
)
def test_what_is_no_report_is_turned_away_and_counted(web, request_, status, kind):
    said = web.say(request_, end=True)
    if status is None:
        assert said[0] in (0, 201, 400)
        return
    assert said[0] == status
    assert said[1]["kind"] == kind
    assert web.refused == {kind: 1}
    assert web.bodies == []


@pytest.mark.parametrize("how", ["sized", "chunked"])
def test_a_body_that_never_ends_is_cut_off_and_told_why(web, how):
    head = POST + (b"Transfer-Encoding: chunked\r\n\r\n" if how == "chunked" else b"")
    head += b"" if how == "chunked" else b"Content-Length: %d\r\n\r\n" % PACKED
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n" if how == "chunked" else b"x" * 65536
    with web.connect() as sock:
        sock.sendall(head)
        for _ in range(PACKED // 65536 + (1 if how == "chunked" else -1)):
            sock.sendall(piece)
        if how == "sized":  # short of what was said
            sock.shutdown(1)
        assert heard(sock)[0] == (413 if how == "chunked" else 400)
    assert web.posts.held == 0
    assert web.bodies == []


def test_who_goes_in_the_middle_is_forgotten(web):
    with web.connect() as sock:
        sock.sendall(POST + b"Content-Length: 9\r\n\r\nx")
        web.wait(lambda: web.posts.held == 1)
    web.wait(lambda: not web.posts.connections and web.posts.held == 0)
    web.wait(lambda: web.refused == {"http": 1})


def test_who_only_looks_whether_somebody_is_there_is_no_refusal(web):
    assert web.say(b"", end=True)[0] == 0
    web.wait(lambda: not web.posts.connections)
    assert web.refused == {}


def test_the_slow_are_told_so_and_left():
    with serving(Bounds(seconds=0.3)) as web, web.connect() as sock:
        sock.sendall(POST + b"Content-Length: 5\r\n\r\nx")
        assert heard(sock)[0] == 408
        assert web.refused == {"slow": 1}


def test_who_does_not_close_after_a_refusal_is_left():
    with serving(Bounds(seconds=0.3)) as web, web.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        web.wait(lambda: not web.posts.connections)


def test_too_many_at_a_time_are_turned_away_and_the_others_are_not():
    with serving(Bounds(connections=2)) as web, web.connect() as one, web.connect() as two:
        for sock in (one, two):
            sock.sendall(POST)
        web.wait(lambda: len(web.posts.connections) == 2)
        with web.connect() as three:
            assert three.recv(10) == b""
        one.sendall(b"Content-Length: 2\r\n\r\nok")
        assert heard(one)[0] == 201


def test_all_bodies_together_have_a_limit():
    with serving(Bounds(room=1000, linger=0.2)) as web, web.connect() as one:
        one.sendall(POST + b"Content-Length: 901\r\n\r\n" + b"x" * 900)
        web.wait(lambda: web.posts.held == 900)
        status, page = web.say(sized(b"x" * 200))
        assert (status, page["kind"]) == (503, "busy")
        one.sendall(b"x")
        assert heard(one)[0] == 201


def test_who_hangs_up_counts_until_what_it_sent_is_taken_in():
    with serving(Bounds(connections=1)) as web:
        web.answers.going_on.clear()
        with web.connect() as sock:
            sock.sendall(sized(BODY))
            web.wait(lambda: web.posts.connections and web.posts.held == 0)
        assert web.say(b"")[0] == 0
        web.answers.going_on.set()
        web.wait(lambda: web.bodies == [BODY] and not web.posts.connections)


def test_what_is_being_taken_in_is_answered_before_the_end():
    with serving() as web:
        web.answers.going_on.clear()
        with web.connect() as idle, web.connect() as sock:
            idle.sendall(POST)
            sock.sendall(sized(BODY))
            web.wait(lambda: len(web.posts.connections) == 2 and web.asked == 1)
            closing = web.later(web.posts.close(PATIENCE))
            assert idle.recv(10) == b""
            web.answers.going_on.set()
            assert heard(sock)[0] == 201
            closing.result(PATIENCE)


@pytest.fixture
def files(pki, tmp_path):
    """Makes a certificate for a name, and a key, in files."""

    def made(name: str):
        issued = pki.ca.issue_cert(name)
        certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
        certificate.write_bytes(b"".join(p.bytes() for p in issued.cert_chain_pems))
        key.write_bytes(issued.private_key_pem.bytes())
        return certificate, key

    return made


def test_tls_is_spoken_with_a_certificate_that_can_be_renewed(files, pki):
    tls = context(*files("one.example"))
    trusting = ssl.create_default_context(cafile=str(pki.ca_file))
    with serving(tls=tls) as web:
        for name in ("one.example", "two.example"):
            renew(tls, *files(name))
            with trusting.wrap_socket(web.connect(), server_hostname=name) as sock:
                sock.sendall(sized(BODY))
                assert heard(sock)[0] == 201
        assert web.bodies == [BODY, BODY]


def test_who_does_not_finish_a_handshake_is_counted_and_left(files, monkeypatch):
    monkeypatch.setattr(posted, "HANDSHAKE", 0.3)
    tls = context(*files("one.example"))
    with serving(Bounds(connections=2), tls) as web, web.connect() as one, web.connect() as two:
        web.wait(lambda: len(web.posts.connections) == 2)
        with web.connect() as third:
            assert third.recv(1) == b""
        two.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert two.recv(1) in (b"", b"\x15")  # an alert
        assert one.recv(1) == b""
        web.wait(lambda: not web.posts.connections)


def test_in_tls_a_long_body_and_an_early_end_are_heard(files, pki):
    tls, body = context(*files("one.example")), b"x" * 1_000_000
    trusting = ssl.create_default_context(cafile=str(pki.ca_file))
    with serving(tls=tls) as web:
        with trusting.wrap_socket(web.connect(), server_hostname="one.example") as sock:
            sock.sendall(sized(body))
            assert heard(sock)[0] == 201
        with trusting.wrap_socket(web.connect(), server_hostname="one.example") as sock:
            sock.sendall(sized(body)[:-1])
        web.wait(lambda: not web.posts.connections)
        assert web.bodies == [body]


@pytest.mark.parametrize(
    ("peer", "source"),
    [
        ("", ""),
        (None, ""),
        (("127.0.0.1", 1), ""),
        (("::1", 1, 0, 0), ""),
        (("::ffff:127.0.0.1", 1, 0, 0), ""),
        (("192.0.2.1", 1), "192.0.2.1"),
        (("::ffff:192.0.2.1", 1, 0, 0), "192.0.2.1"),
        (("2001:db8:1:2:3::4", 1, 0, 0), "2001:db8:1:2::"),
        (("fe80::1%eth0", 1, 0, 2), "fe80::"),
    ],
)
def test_whose_room_is_taken_is_told_by_the_address(peer, source):
    assert posted.source_of(peer) == source


def test_one_address_has_only_so_many_connections(monkeypatch):
    monkeypatch.setattr(posted, "source_of", lambda peer: f"{peer[0]}")
    with serving(Bounds(each=2)) as web, web.connect(), web.connect():
        web.wait(lambda: len(web.posts.connections) == 2)
        with web.connect() as third:
            assert third.recv(1) == b""


def test_a_certificate_that_cannot_be_used_is_named(files, tmp_path):
    certificate, key = files("one.example")
    for broken in ((tmp_path / "none.pem", key), (key, certificate)):
        with pytest.raises(NoCertificate, match=str(broken[0])):
            context(*broken)


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_or_left(running, data):
    for said in (data, POST + data, POST + b"Transfer-Encoding: chunked\r\n\r\n" + data):
        assert running.say(said, end=True)[0] in (0, 200, 201, 400, 405, 413, 415, 431, 501)

"""Links: handed over only when they are what was asked for, and then good for everything."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.conftest import SERVER, Pki
from tests.io.hostile import PATIENCE, Peer, honest, serving
from tests.protocols.each import each_way
from tests.protocols.specimens import SPECIMENS
from unstrip.io import asyncio as aio
from unstrip.io.asyncio import BACKLOG
from unstrip.io.link import (
    BlockingLink,
    Link,
    Requirement,
    Unprotected,
    connect,
    connect_blocking,
)
from unstrip.io.store import Store, open_store
from unstrip.policy import Level
from unstrip.protocols import REGISTRY
from unstrip.target import BadTarget
from unstrip.transcript import Layer, Side, said
from unstrip.upgrade import Manner, Outcome
from unstrip.verdict import Code

MEGABYTES = 5 * 1024 * 1024
UNHEARD = 0.3  # seconds, until the dialog listens no more behind the last answer

# -- both colours ----------------------------------------------------------------------


class Awaited:
    """A blocking link with the face of the other one, so that one body serves both."""

    def __init__(self, link: BlockingLink) -> None:
        self.link = link
        self.secure, self.evidence, self.verdict = link.secure, link.evidence, link.verdict
        self.endpoint = link.endpoint

    async def send(self, data: bytes) -> None:
        self.link.send(data, PATIENCE)

    async def receive(self, limit: int = 65536) -> bytes:
        return self.link.receive(limit, PATIENCE)


Body = Callable[[Any], Coroutine[Any, Any, Any]]


def use_blocking(url: str, requirement: Requirement, body: Body) -> object:
    with connect_blocking(url, requirement) as link:
        coroutine = body(Awaited(link))
        try:
            coroutine.send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError("a body may only wait for the link")


async def use(url: str, requirement: Requirement, body: Body) -> object:
    async with asyncio.timeout(PATIENCE), connect(url, requirement) as link:
        return await body(link)


def use_asyncio(url: str, requirement: Requirement, body: Body) -> object:
    return asyncio.run(use(url, requirement, body))


def use_uvloop(url: str, requirement: Requirement, body: Body) -> object:
    return aio.run(partial(use, url, requirement, body))


COLOURS = {"blocking": use_blocking, "asyncio": use_asyncio, "uvloop": use_uvloop}
LOOPS = {"asyncio": asyncio.run, "uvloop": lambda main: aio.run(lambda: main)}

every_colour = pytest.mark.parametrize("opened", COLOURS.values(), ids=COLOURS)
every_loop = pytest.mark.parametrize("looped", LOOPS.values(), ids=LOOPS)


async def whole(link: Any, size: int) -> bytes:
    """Receive exactly so many bytes, or what came before the peer hung up."""
    data = bytearray()
    while len(data) < size and (more := await link.receive()):
        data += more
    return bytes(data)


async def nothing(link: Any) -> None:
    """The link is not used."""


async def look(link: Any) -> Any:
    return link


def need(pki: Pki, server: Any, level: Level = Level.AUTHENTICATED, **others: Any) -> Requirement:
    others.setdefault("timeout", 5.0)
    return Requirement(level, connect_to=server.host, ca_file=pki.ca_file, **others)


def url(server: Any, scheme: str = "smtp", host: str = SERVER) -> str:
    return f"{scheme}://{host}:{server.port}"


# -- servers ---------------------------------------------------------------------------

ALLOWED = re.compile(rb"(EHLO localhost|STARTTLS|NOOP|RSET|QUIT)\r\n")  # what SMTP may say in clear


def expect(peer: Peer, verb: bytes) -> None:
    """Hear a line that begins so; a client who hung up instead ends the script."""
    line = peer.line()
    if not line:
        raise ConnectionResetError("the client has gone")
    assert line.startswith(verb)


def offers(peer: Peer, *, offer: bool = True) -> None:
    """SMTP up to the request for TLS."""
    peer.say(b"220 mx ESMTP\r\n")
    expect(peer, b"EHLO")
    peer.say(b"250-mx\r\n250-STARTTLS\r\n250 SIZE\r\n" if offer else b"250-mx\r\n250 SIZE\r\n")


def upgrades(peer: Peer, context: ssl.SSLContext) -> None:
    """SMTP up to the list inside TLS."""
    offers(peer)
    expect(peer, b"STARTTLS")
    peer.say(b"220 go\r\n")
    peer.secure(context)
    expect(peer, b"EHLO")
    peer.say(b"250-mx\r\n250 SIZE\r\n")


def in_clear(peer: Peer) -> None:
    """SMTP without TLS: it refuses what it did not offer, and answers NOOP."""
    offers(peer, offer=False)
    while line := peer.line():
        peer.say(b"250 fine\r\n" if line == b"NOOP\r\n" else b"502 unknown\r\n")


def narrow(peer: Peer) -> None:
    """Take little from the network while nobody reads."""
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)


def echoes(peer: Peer, context: ssl.SSLContext) -> None:
    upgrades(peer, context)
    while data := peer.sock.recv(65536):
        peer.sock.sendall(data)


# -- good links ------------------------------------------------------------------------


def to_say(specimen, implicit):
    """What our server answers inside TLS: three times, where it does not hang up upon that."""
    again = specimen.again
    times = 1 if again and again.closes else 3
    if specimen.smalltalk is not None:
        return [specimen.smalltalk] * times
    return again.said[:1] if again and not implicit else ()


@every_colour
@each_way
def test_a_good_link_reads_and_writes(opened, name, implicit, pki):
    async def body(link: Any) -> Any:
        for words in to_say(SPECIMENS[name], implicit):
            await link.send(words)
            assert await link.receive()
        return link

    protocol = REGISTRY[name]
    scheme = next(iter(protocol.IMPLICIT_PORTS if implicit else protocol.PORTS))
    with serving(partial(honest, pki, name, implicit=implicit)) as server:
        link = opened(url(server, scheme), need(pki, server), body)
        assert str(link.endpoint) == f"{SERVER}:{server.port}"
    assert link.secure
    assert link.verdict.meets
    assert link.verdict.code is Code.TLS_OK_AUTHENTICATED
    assert link.evidence.upgrade.outcome is (Outcome.IMPLICIT if implicit else Outcome.UPGRADED)
    assert link.evidence.manner is Manner.PLAIN


@every_colour
def test_what_goes_through_the_link_goes_through_tls(opened, pki):
    async def body(link: Any) -> None:
        await link.send(b"secret")
        assert await whole(link, 6) == b"secret"

    with serving(partial(echoes, context=pki.server)) as server:
        opened(url(server), need(pki, server), body)
    assert server.heard == [b"EHLO localhost\r\nSTARTTLS\r\n"]


@every_colour
def test_five_megabytes_go_each_way(opened, pki):
    block = bytes(range(256)) * 4096

    def swallow_and_return(peer: Peer) -> None:
        upgrades(peer, pki.server)
        heard = bytearray()
        while len(heard) < MEGABYTES:
            heard += peer.sock.recv(65536)
        peer.sock.sendall(heard)

    async def body(link: Any) -> None:
        for _ in range(5):
            await link.send(block)
        assert await whole(link, MEGABYTES) == block * 5

    with serving(swallow_and_return) as server:
        opened(url(server), need(pki, server), body)


@every_loop
def test_a_writer_is_held_up_by_a_reader_who_does_not_read(looped, pki):
    may_read = threading.Event()

    def reads_late(peer: Peer) -> None:
        narrow(peer)
        upgrades(peer, pki.server)
        may_read.wait(PATIENCE)
        heard = 0
        while heard < 2 * MEGABYTES:
            heard += len(peer.sock.recv(65536))
        peer.sock.sendall(b"all")

    async def main() -> None:
        async with connect(url(server), need(pki, server)) as link:
            sending = asyncio.create_task(link.send(b"x" * 2 * MEGABYTES))
            await asyncio.sleep(0.3)
            assert not sending.done()
            may_read.set()
            await sending
            assert await whole(link, 3) == b"all"

    with serving(reads_late) as server:
        looped(main())


@every_loop
def test_a_writer_is_held_up_by_a_link_that_is_not_read(looped, pki):
    data = bytes(range(256)) * (4 * MEGABYTES // 256)

    def talks_much(peer: Peer) -> None:
        upgrades(peer, pki.server)
        time.sleep(UNHEARD)
        peer.sock.sendall(data)

    async def main() -> None:
        async with connect(url(server), need(pki, server)) as link:
            await asyncio.sleep(2 * UNHEARD)
            assert link._exchange.talk.wire.waiting < 4 * BACKLOG
            assert await whole(link, len(data)) == data

    with serving(talks_much) as server:
        looped(main())


@every_colour
def test_no_more_is_received_than_asked_for(opened, pki):
    async def body(link: Any) -> list[bytes]:
        await link.send(b"abcdef")
        first = await link.receive(1)
        return [first, await link.receive(2), await whole(link, 3)]

    with serving(partial(echoes, context=pki.server)) as server:
        parts = opened(url(server), need(pki, server), body)
    assert parts[0] == b"a"
    assert len(parts[1]) <= 2
    assert b"".join(parts)[:3] == b"abc"


@every_loop
def test_two_links_at_once_do_not_mix(looped, pki):
    async def talk(port_of: Any, word: bytes) -> bytes:
        async with connect(url(port_of), need(pki, port_of)) as link:
            await link.send(word)
            await asyncio.sleep(0.05)
            return await whole(link, len(word))

    async def main() -> list[bytes]:
        return await asyncio.gather(talk(one, b"first"), talk(two, b"second"))

    echo = partial(echoes, context=pki.server)
    with serving(echo) as one, serving(echo) as two:
        assert looped(main()) == [b"first", b"second"]


# -- the peer hangs up -----------------------------------------------------------------


def says_goodbye(peer: Peer, context: ssl.SSLContext) -> None:
    upgrades(peer, context)
    time.sleep(UNHEARD)
    peer.say(b"421 bye\r\n")
    peer.hang_up()


async def pause(link: Any) -> None:
    """Give a link under asyncio the time to hear that its peer is gone."""
    if isinstance(link, Link):
        await asyncio.sleep(2 * UNHEARD)
    else:
        time.sleep(2 * UNHEARD)  # noqa: ASYNC251  # there is no loop


@every_colour
def test_the_last_words_of_a_peer_are_received_and_then_nothing(opened, pki):
    async def body(link: Any) -> list[bytes]:
        return [await whole(link, 9), await link.receive(), await link.receive()]

    with serving(partial(says_goodbye, context=pki.server)) as server:
        assert opened(url(server), need(pki, server), body) == [b"421 bye\r\n", b"", b""]


@every_colour
def test_they_are_received_though_the_peer_is_long_gone(opened, pki):
    async def body(link: Any) -> list[bytes]:
        await pause(link)
        return [await whole(link, 9), await link.receive()]

    with serving(partial(says_goodbye, context=pki.server)) as server:
        assert opened(url(server), need(pki, server), body) == [b"421 bye\r\n", b""]


@every_colour
def test_nothing_can_be_sent_to_a_peer_who_is_gone(opened, pki):
    async def body(link: Any) -> None:
        await pause(link)
        for _ in range(5):
            await link.send(b"x" * 65536)
            await pause(link)

    with (
        serving(partial(says_goodbye, context=pki.server)) as server,
        pytest.raises(ConnectionError),
    ):
        opened(url(server), need(pki, server), body)


@every_colour
def test_a_connection_that_is_torn_down_is_an_error_for_whoever_reads(opened, pki):
    def tears(peer: Peer) -> None:
        upgrades(peer, pki.server)
        peer.sock.recv(1)
        peer.reset()

    async def body(link: Any) -> None:
        await link.send(b"x")
        await link.receive()

    with serving(tears) as server, pytest.raises(ConnectionResetError):
        opened(url(server), need(pki, server), body)


@every_colour
def test_a_link_whose_peer_is_gone_is_left_in_peace(opened, pki):
    with serving(partial(says_goodbye, context=pki.server)) as server:
        opened(url(server), need(pki, server), pause)


@every_colour
def test_the_peer_sees_the_end_of_a_link_that_is_left(opened, pki):
    ended = threading.Event()

    def waits(peer: Peer) -> None:
        upgrades(peer, pki.server)
        peer.wait()
        ended.set()

    with serving(waits) as server:
        opened(url(server), need(pki, server), nothing)
        assert ended.wait(PATIENCE)


@pytest.mark.parametrize(
    "opened",
    [use_blocking, use_asyncio, use_uvloop],
    ids=COLOURS,
)
def test_a_link_that_is_left_closes_its_tls_so_that_no_cut_can_pass_for_its_end(opened, pki):
    ends: list[bytes | ssl.SSLError] = []
    over = threading.Event()

    def minds(peer: Peer) -> None:
        upgrades(peer, pki.server)
        peer.sock.suppress_ragged_eofs = False
        try:
            ends.append(peer.sock.recv(1))
        except ssl.SSLError as error:
            ends.append(error)
        over.set()

    with serving(minds) as server:
        opened(url(server), need(pki, server), nothing)
        assert over.wait(PATIENCE)
    assert ends == [b""]


@every_colour
def test_an_error_of_the_caller_closes_the_link_and_is_theirs(opened, pki):
    async def body(link: Any) -> None:
        raise KeyError("mine")

    with (
        serving(partial(echoes, context=pki.server)) as server,
        pytest.raises(KeyError, match="mine"),
    ):
        opened(url(server), need(pki, server), body)


# -- certificates that prove nothing ---------------------------------------------------


def context_of(ca: trustme.CA, *names: str, **validity: datetime) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names, **validity).configure_cert(context)
    return context


@pytest.fixture(
    params=["wrong name", "expired", "not valid yet", "untrusted"], ids=lambda name: name
)
def impostor(request, pki) -> ssl.SSLContext:
    day, now = timedelta(days=1), datetime.now(UTC)
    match request.param:
        case "wrong name":
            return context_of(pki.ca, "mx.example.net")
        case "expired":
            return context_of(pki.ca, SERVER, not_before=now - 9 * day, not_after=now - day)
        case "not valid yet":
            return context_of(pki.ca, SERVER, not_before=now + day, not_after=now + 9 * day)
    return context_of(trustme.CA(), SERVER)


class Eavesdropper:
    """A server that keeps what it hears inside TLS."""

    def __init__(self, context: ssl.SSLContext, *, implicit: bool = False) -> None:
        self.context, self.implicit = context, implicit
        self.inside = b""
        self.over = threading.Event()

    def __call__(self, peer: Peer) -> None:
        try:
            if not self.implicit:
                offers(peer)
                peer.line()
                peer.say(b"220 go\r\n")
            peer.secure(self.context)
            if self.implicit:
                peer.say(b"220 mx ESMTP\r\n")
            while data := peer.sock.recv(65536):
                self.inside += data
        finally:
            self.over.set()


@every_colour
@pytest.mark.parametrize("implicit", [False, True], ids=["upgraded", "implicit"])
def test_not_one_byte_is_said_to_who_does_not_prove_to_be_the_server(
    opened, implicit, impostor, pki
):
    listener = Eavesdropper(impostor, implicit=implicit)
    with serving(listener) as server:
        with pytest.raises(Unprotected) as caught:
            opened(url(server, "smtps" if implicit else "smtp"), need(pki, server), nothing)
        assert listener.over.wait(PATIENCE)
    assert listener.inside == b""
    assert server.heard == [b"" if implicit else b"EHLO localhost\r\nSTARTTLS\r\n"]
    assert not caught.value.verdict.meets
    assert Code.CERTIFICATE_INVALID in {one.code for one in caught.value.verdict.findings}
    assert said(caught.value.evidence.transcript, Side.CLIENT, Layer.SECURE) == b""


@pytest.mark.parametrize("scheme", ["smtp", "smtps"], ids=["upgraded", "implicit"])
def test_the_verdict_on_who_does_not_prove_to_be_the_server_names_the_certificate(
    scheme, impostor, pki
):
    listener = Eavesdropper(impostor, implicit=scheme == "smtps")
    with serving(listener) as server, pytest.raises(Unprotected) as caught:
        use_blocking(url(server, scheme), need(pki, server), nothing)
    assert caught.value.verdict.code is Code.CERTIFICATE_INVALID


@every_colour
@pytest.mark.parametrize("level", [Level.MAY, Level.ENCRYPT])
def test_who_asks_for_no_proof_gets_a_link_all_the_same(opened, level, impostor, pki):
    with serving(partial(echoes, context=impostor)) as server:
        link = opened(url(server), need(pki, server, level), look)
    assert link.secure
    assert link.verdict.code is Code.TLS_OK_UNAUTHENTICATED


@every_colour
def test_the_certificate_must_carry_the_name_that_was_asked_for(opened, pki):
    context = pki.server_context("other.example.org")
    with serving(partial(echoes, context=context)) as server:
        required = need(pki, server, server_name="other.example.org")
        assert opened(url(server), required, look).secure
        with pytest.raises(Unprotected):
            opened(url(server), need(pki, server), nothing)


@every_colour
def test_an_address_is_a_name_too(opened, pki):
    with serving(partial(echoes, context=pki.server)) as server:
        required = Requirement(ca_file=pki.ca_file, timeout=5.0)
        assert opened(url(server, host="127.0.0.1"), required, look).secure


# -- stripped --------------------------------------------------------------------------


@every_colour
@pytest.mark.parametrize("level", [Level.ENCRYPT, Level.AUTHENTICATED])
def test_a_stripped_server_gets_no_word_but_those_allowed_in_clear(opened, level, pki):
    with serving(in_clear) as server:
        with pytest.raises(Unprotected) as caught:
            opened(url(server), need(pki, server, level), nothing)
        (heard,) = wait_for_end(server)
    assert all(ALLOWED.fullmatch(line) for line in heard.splitlines(keepends=True))
    assert b"STARTTLS\r\n" in heard  # it was asked for, though not offered
    assert caught.value.verdict.code is Code.OFFER_ABSENT_UNEXPLAINED
    assert caught.value.evidence.upgrade.outcome is Outcome.REFUSED


def wait_for_end(server: Any) -> list[bytes]:
    """What the server heard, once the client has hung up."""
    until = time.monotonic() + PATIENCE
    while server.peers[-1].sock.fileno() >= 0 and time.monotonic() < until:
        time.sleep(0.01)
    return server.heard


@every_colour
def test_who_asks_for_nothing_gets_a_link_in_clear_and_is_told(opened, pki):
    async def body(link: Any) -> Any:
        await link.send(b"NOOP\r\n")
        assert await whole(link, 10) == b"250 fine\r\n"
        return link

    with serving(in_clear) as server:
        link = opened(url(server), need(pki, server, Level.MAY), body)
    assert link.secure is False
    assert link.verdict.meets
    assert link.verdict.code is Code.OFFER_ABSENT_UNEXPLAINED
    assert server.heard == [b"EHLO localhost\r\nNOOP\r\n"]


@every_colour
def test_who_asks_for_nothing_is_still_not_led_into_injected_plaintext(opened, pki):
    def injects(peer: Peer) -> None:
        offers(peer)
        peer.line()
        peer.say(b"220 go\r\n250 injected\r\n")
        peer.wait()

    with serving(injects) as server:
        with pytest.raises(Unprotected) as caught:
            opened(url(server), need(pki, server, Level.MAY), nothing)
        assert wait_for_end(server) == [b"EHLO localhost\r\nSTARTTLS\r\n"]
    assert caught.value.verdict.code is Code.PLAINTEXT_INJECTED
    assert caught.value.evidence.residue == b"250 injected\r\n"


# -- history ---------------------------------------------------------------------------


@pytest.fixture
def past(tmp_path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "store.sqlite3")) as store:
        yield store


@every_colour
def test_an_earlier_visit_in_tls_raises_what_is_asked_for(opened, pki, past):
    with serving(partial(echoes, context=pki.server)) as server:
        required = need(pki, server, Level.MAY, past=past)
        assert opened(url(server), required, look).secure
        server.script = in_clear
        with pytest.raises(Unprotected) as caught:
            opened(url(server), required, nothing)
        heard = wait_for_end(server)[-1]
    assert all(ALLOWED.fullmatch(line) for line in heard.splitlines(keepends=True))
    verdict = caught.value.verdict
    assert verdict.code is Code.OFFER_REMOVED
    assert verdict.decision.level is Level.ENCRYPT
    assert verdict.decision.why() == "history"
    assert len(past.visits(caught.value.evidence.endpoint)) == 2


@every_colour
def test_earlier_visits_in_clear_raise_nothing(opened, pki, past):
    with serving(in_clear) as server:
        required = need(pki, server, Level.MAY, past=past)
        for _ in range(2):
            assert opened(url(server), required, look).secure is False


# -- never there, never over -----------------------------------------------------------


def silent(peer: Peer) -> None:
    peer.wait()


def drips(peer: Peer) -> None:
    peer.say(*[bytes([byte]) for byte in b"220 mx.example.org and so on and on"] * 9, gap=0.05)


@every_colour
@pytest.mark.parametrize("script", [silent, drips])
def test_a_link_that_does_not_stand_in_time_is_given_up(opened, script, pki):
    with serving(script) as server:
        started = time.monotonic()
        with pytest.raises(Unprotected) as caught:
            opened(url(server), need(pki, server, Level.MAY, timeout=0.3), nothing)
        assert 0.3 <= time.monotonic() - started < 1.5
    assert caught.value.verdict.code is Code.DEADLINE_PASSED


@every_colour
def test_a_link_that_stands_has_no_deadline_any_more(opened, pki):
    async def body(link: Any) -> bytes:
        if isinstance(link, Link):
            await asyncio.sleep(0.5)
        else:
            time.sleep(0.5)  # noqa: ASYNC251  # there is no loop
        await link.send(b"late")
        return await whole(link, 4)

    with serving(partial(echoes, context=pki.server)) as server:
        assert opened(url(server), need(pki, server, timeout=0.4), body) == b"late"


@every_colour
def test_a_closed_port_is_unprotected_with_a_name_for_it(opened, pki):
    with serving(silent) as server:
        closed, required = url(server), need(pki, server)
    with pytest.raises(Unprotected) as caught:
        opened(closed, required, nothing)
    assert caught.value.verdict.code is Code.UNREACHABLE
    assert isinstance(caught.value, ConnectionError)
    assert caught.value.evidence.transcript == ()


@every_colour
def test_a_name_without_address_is_unprotected_with_a_name_for_it(opened, pki):
    required = Requirement(ca_file=pki.ca_file, timeout=5.0)
    with pytest.raises(Unprotected) as caught:
        opened("imap://name.invalid", required, nothing)
    assert caught.value.verdict.code is Code.NAME_UNRESOLVED


@every_colour
@pytest.mark.parametrize("bad", ["mx.example.org", "gopher://x", "smtp://", "smtp://a b"])
def test_a_url_that_cannot_be_understood_is_a_bad_target(opened, bad):
    with pytest.raises(BadTarget):
        opened(bad, Requirement(), nothing)


def test_a_blocking_reader_may_set_itself_a_limit(pki):
    with (
        serving(partial(echoes, context=pki.server)) as server,
        connect_blocking(url(server), need(pki, server)) as link,
        pytest.raises(TimeoutError),
    ):
        link.receive(timeout=0.05)


# -- cancelled -------------------------------------------------------------------------


@contextmanager
def watched(script: Callable[[Peer], None]) -> Iterator[Any]:
    """A server that tells when a connection has come, and when it is gone."""
    came, gone = threading.Event(), threading.Event()

    def watch(peer: Peer) -> None:
        came.set()
        try:
            script(peer)
        finally:
            gone.set()

    with serving(watch) as server:
        server.came, server.gone = came, gone
        yield server


async def cancelled_when(awaited: Awaitable[object], happened: threading.Event) -> None:
    task = asyncio.ensure_future(awaited)
    assert await asyncio.to_thread(happened.wait, PATIENCE)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def stops_in_handshake(peer: Peer) -> None:
    offers(peer)
    peer.line()
    peer.say(b"220 go\r\n")
    peer.hello()
    peer.wait()


@every_loop
@pytest.mark.parametrize("script", [silent, offers, stops_in_handshake])
def test_an_attempt_that_is_cancelled_leaves_no_connection(looped, script, pki):
    def go_on(peer: Peer) -> None:
        script(peer)
        peer.wait()

    with watched(go_on) as server:
        looped(cancelled_when(use(url(server), need(pki, server), nothing), server.came))
        assert server.gone.wait(1.0)


@every_loop
def test_a_link_that_is_cancelled_in_use_leaves_no_connection(looped, pki):
    async def forever(link: Any) -> None:
        await link.receive()

    with watched(partial(echoes, context=pki.server)) as server:
        looped(cancelled_when(use(url(server), need(pki, server), forever), server.came))
        assert server.gone.wait(1.0)


def open_sockets() -> int:
    links = Path("/proc/self/fd").iterdir()
    return sum(str(link.readlink()).startswith("socket:") for link in links if link.is_symlink())


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc")
@every_loop
def test_a_link_that_is_cancelled_while_its_peer_does_not_read_leaves_none_either(looped, pki):
    over = threading.Event()

    def does_not_read(peer: Peer) -> None:
        narrow(peer)
        upgrades(peer, pki.server)
        over.wait(PATIENCE)

    async def sends_much(link: Any) -> None:
        await link.send(b"x" * 2 * MEGABYTES)

    async def main() -> int:
        before = open_sockets()
        await cancelled_when(use(url(server), need(pki, server), sends_much), server.came)
        await asyncio.sleep(0.1)
        left = open_sockets() - before - 1  # the server's own
        over.set()
        await asyncio.sleep(0.1)
        return left

    with watched(does_not_read) as server:
        assert looped(main()) == 0

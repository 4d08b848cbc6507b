"""The asyncio driver: beyond what every driver does."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from contextlib import asynccontextmanager
from functools import partial

import pytest
import uvloop

from tests.conftest import SERVER
from tests.io.hostile import PATIENCE, serving
from unstrip.evidence import Endpoint
from unstrip.io.asyncio import BACKLOG, attend, dial, run
from unstrip.io.session import Session, Terms
from unstrip.trouble import Trouble
from unstrip.tunnel import HandshakeFailed
from unstrip.upgrade import Outcome

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
each_loop = pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)


def play(loop, main):
    """Run a coroutine function in this kind of loop, and let nothing go unheard."""
    complaints = []

    async def watched():
        asyncio.get_running_loop().set_exception_handler(lambda _, c: complaints.append(c))
        async with asyncio.timeout(PATIENCE):
            await main()
        await asyncio.sleep(0.01)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(watched())
    gc.collect()
    assert not complaints


def echo(pki, peer):
    """A POP3 server that upgrades, and then says what it is told."""
    peer.say(b"+OK ready\r\n")
    for answer in (b"+OK\r\nSTLS\r\n.\r\n", b"+OK go\r\n"):
        peer.line()
        peer.say(answer)
    peer.secure(pki.server)
    peer.line()
    peer.say(b"+OK\r\n.\r\n")
    while line := peer.line():
        if line == b"HANG UP\r\n":
            return
        peer.say(line)


@asynccontextmanager
async def linked(pki, script=None, **terms):
    """An exchange whose dialog is over, with whoever follows the script."""
    with serving(script or partial(echo, pki)) as server:
        endpoint = Endpoint("127.0.0.1", server.port, "pop3", server_name=SERVER)
        exchange = await dial(Session(endpoint, Terms(leave=False, roots=pki.roots, **terms)))
        try:
            await exchange.finished
            yield exchange
        finally:
            exchange.close()
            await asyncio.sleep(0)


# When the dialog is over


@each_loop
def test_one_goes_on_talking_through_tls(pki, loop):
    async def main():
        async with linked(pki) as exchange:
            assert exchange.finished.result().outcome is Outcome.UPGRADED
            await exchange.send(b"hello\r\n")
            assert await exchange.receive(3) == b"hel"
            assert await exchange.receive(100) == b"lo\r\n"
            await exchange.send(b"HANG UP\r\n")
            assert await exchange.receive(100) == b""

    play(loop, main)


@each_loop
def test_one_who_waits_is_woken_by_words(pki, loop):
    async def main():
        async with linked(pki) as exchange:
            waiting = asyncio.ensure_future(exchange.receive(100))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            await exchange.send(b"hello\r\n")
            assert await waiting == b"hello\r\n"

    play(loop, main)


@each_loop
def test_one_who_waits_is_woken_when_the_connection_is_dropped(pki, loop):
    async def main():
        async with linked(pki) as exchange:
            waiting = asyncio.ensure_future(exchange.receive(100))
            await asyncio.sleep(0.01)
            exchange.abort()
            assert await waiting == b""

    play(loop, main)


@each_loop
def test_a_connection_torn_down_is_an_error_for_who_waits(pki, loop):
    def script(peer):
        echo_once(pki, peer)
        peer.reset()

    async def main():
        async with linked(pki, script) as exchange:
            await exchange.send(b"go\r\n")
            with pytest.raises(ConnectionError):
                await exchange.receive(100)
            with pytest.raises(ConnectionError):
                await exchange.send(b"x")

    play(loop, main)


def echo_once(pki, peer):
    """Upgrade, and hear one line more."""
    peer.say(b"+OK ready\r\n")
    for answer in (b"+OK\r\nSTLS\r\n.\r\n", b"+OK go\r\n"):
        peer.line()
        peer.say(answer)
    peer.secure(pki.server)
    peer.line()
    peer.say(b"+OK\r\n.\r\n")
    peer.line()


@each_loop
def test_a_broken_record_is_an_error_for_who_waits(pki, loop):
    def script(peer):
        echo_once(pki, peer)
        bare = socket.socket(fileno=peer.sock.detach())
        bare.sendall(b"250 plain\r\n")
        bare.close()

    async def main():
        async with linked(pki, script) as exchange:
            await exchange.send(b"go\r\n")
            with pytest.raises(HandshakeFailed):
                await exchange.receive(100)

    play(loop, main)


@each_loop
def test_nothing_is_sent_on_a_connection_that_was_closed(pki, loop):
    async def main():
        async with linked(pki) as exchange:
            exchange.close()
            with pytest.raises(ConnectionError):
                await exchange.send(b"x")
            exchange.close()  # and closing again is harmless

    play(loop, main)


@each_loop
def test_a_flood_is_held_up_until_somebody_reads(pki, loop):
    flood = 40 * BACKLOG

    def script(peer):
        echo_once(pki, peer)
        peer.say(bytes(flood))

    async def main():
        async with linked(pki, script) as exchange:
            await exchange.send(b"go\r\n")
            await asyncio.sleep(0.3)
            assert exchange.talk.wire.waiting < 8 * BACKLOG
            got = 0
            while chunk := await exchange.receive(65536):
                got += len(chunk)
            assert got == flood

    play(loop, main)


@each_loop
def test_a_slow_reader_at_the_other_end_holds_the_writer_up(pki, loop):
    def script(peer):
        echo_once(pki, peer)
        while peer.sock.recv(65536):
            pass

    async def main():
        async with linked(pki, script) as exchange:
            for _ in range(8):
                await exchange.send(bytes(BACKLOG))

    play(loop, main)


# Whoever waits gives up


@each_loop
def test_a_session_that_is_cancelled_closes_its_connection(pki, loop):
    with serving(lambda peer: peer.wait()) as server:

        async def main():
            endpoint = Endpoint("127.0.0.1", server.port, "smtp")
            task = asyncio.ensure_future(attend(endpoint, Terms(roots=pki.roots)))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        play(loop, main)


@each_loop
def test_many_sessions_are_held_at_once(pki, loop):
    async def main():
        with serving(lambda peer: peer.say(b"554 no\r\n")) as server:
            endpoint = Endpoint("127.0.0.1", server.port, "smtp")
            seen = await asyncio.gather(
                *(attend(endpoint, Terms(roots=pki.roots)) for _ in range(20))
            )
        assert {evidence.upgrade.outcome for evidence in seen} == {Outcome.UNAVAILABLE}

    play(loop, main)


@each_loop
def test_a_deadline_leaves_nothing_behind(pki, loop):
    async def main():
        with serving(lambda peer: peer.wait()) as server:
            endpoint = Endpoint("127.0.0.1", server.port, "smtp")
            evidence = await attend(endpoint, Terms(timeout=0.1, roots=pki.roots))
        assert evidence.failure.trouble is Trouble.DEADLINE
        assert evidence.failure.words == "0.1 seconds are over"
        assert len(asyncio.all_tasks()) == 1

    play(loop, main)


# Loops


async def kind_of_loop():
    return type(asyncio.get_running_loop())


@pytest.fixture
def thawed():
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_uvloop_is_used_where_it_is_present():
    assert run(kind_of_loop) is uvloop.Loop


@pytest.mark.usefixtures("thawed")
def test_asyncio_is_used_where_uvloop_is_not(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert issubclass(run(kind_of_loop), asyncio.SelectorEventLoop)

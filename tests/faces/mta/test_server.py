"""Connections: replies in order and in good time, whatever clients do."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import pytest
import uvloop

from tests.faces.mta.world import (
    NOTHING,
    PLAIN,
    STRICT,
    TOLD,
    ask,
    connected,
    domain,
    served,
    world,
)
from tests.policy.answering import page, text
from unstrip.faces.mta.desk import Desk
from unstrip.faces.mta.server import Limits
from unstrip.io.store import open_store
from unstrip.mta.readsocket import ReadSocket
from unstrip.mta.socketmap import Socketmap
from unstrip.mta.tcp_table import TcpTable
from unstrip.policy.mta_sts import PATH

PATIENCE = 10.0  # seconds; no test waits for that long if all is well


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request):
    """Run a test in each kind of event loop; nothing there takes long, and nothing goes wrong."""

    def runs(main):
        shouted = []

        async def within():
            asyncio.get_running_loop().set_exception_handler(lambda _, told: shouted.append(told))
            async with asyncio.timeout(PATIENCE):
                return await main

        with asyncio.Runner(loop_factory=request.param) as runner:
            result = runner.run(within())
        assert shouted == []
        return result

    return runs


def desk(there=None, tongue=None, **settings):
    return Desk(tongue or Socketmap(), (there or world()).inquiry(), **settings)


async def until(condition):
    while not condition():  # noqa: ASYNC110  # nobody tells when
        await asyncio.sleep(0.005)


async def talk(place, *said: bytes, replies: int) -> bytes:
    """Say this, and hear so many bytes."""
    reader, writer = await connected(*place)
    for each in said:
        writer.write(each)
        await writer.drain()
    heard = await reader.readexactly(replies)
    writer.close()
    return heard


async def left(reader) -> bytes:
    """What comes until the other side is gone."""
    heard = b""
    with suppress(ConnectionResetError):
        while more := await reader.read(65536):
            heard += more
    return heard


# -- asked and told ----------------------------------------------------------------------------


@pytest.mark.parametrize("at_path", [False, True], ids=["tcp", "unix"])
def test_requests_are_answered_in_order_though_some_take_longer(run, tmp_path, at_path):
    there = world()
    names = [PLAIN, STRICT, ".example", STRICT, PLAIN] * 10

    async def main():
        path = tmp_path / "socket" if at_path else None
        async with served(desk(there), path=path) as (_, *place):
            for _ in range(2):  # the second time all of them are ready
                expected = b"".join(TOLD if name == STRICT else NOTHING for name in names)
                said = b"".join(map(ask, names))
                assert await talk(place, said, replies=len(expected)) == expected

    run(main())


def test_a_store_is_asked_and_kept(run, tmp_path):
    store = open_store(tmp_path / "store.sqlite3")

    async def main():
        for _ in range(2):
            kept = Desk(Socketmap(), there.inquiry(memory=store))
            async with served(kept) as (_, *place):
                assert await talk(place, ask(STRICT), replies=len(TOLD)) == TOLD

    there = world()
    run(main())
    assert store.known(STRICT).policy.mx == (f"mx.{STRICT}",)
    store.close()


def test_one_who_waits_holds_up_nobody_else(run):
    there = world()

    async def main():
        waiting = desk(there)
        async with served(waiting) as (_, *place):
            await talk(place, ask(STRICT), replies=len(TOLD))
            there.hold_up()
            reader, writer = await connected(*place)
            writer.write(ask(PLAIN) + ask(STRICT))
            await until(lambda: waiting.looks == 2)
            assert await talk(place, ask(STRICT), replies=len(TOLD)) == TOLD
            there.go_on()
            assert await reader.readexactly(len(NOTHING + TOLD)) == NOTHING + TOLD
            writer.close()

    run(main())


def test_a_request_may_come_byte_by_byte(run):
    async def main():
        async with served(desk()) as (service, *place):
            pieces = [bytes([byte]) for byte in ask(STRICT) + ask(PLAIN)]
            heard = await talk(place, *pieces, replies=len(TOLD + NOTHING))
            assert heard == TOLD + NOTHING
            assert service.cut_off == service.garbled == 0

    run(main())


def test_what_was_asked_before_hanging_up_is_answered(run):
    there = world()

    async def main():
        async with served(desk(there)) as (_, *place):
            reader, writer = await connected(*place)
            there.hold_up()
            writer.write(ask(STRICT) * 300 + b"20:QUERY and half a")
            writer.write_eof()
            await asyncio.sleep(0.02)
            there.go_on()
            assert await left(reader) == TOLD * 300
            writer.close()

    run(main())


def test_a_line_protocol_is_served_as_well(run):
    async def main():
        async with served(desk(tongue=TcpTable())) as (_, *place):
            told = b"200 secure%20match=mx.strict.example%20servername=hostname\n"
            assert await talk(place, b"get strict.example\n", replies=len(told)) == told

    run(main())


@pytest.mark.parametrize("more", [b"", b"options plain.example\n"])
def test_exim_gets_one_line_and_the_end(run, more):
    async def main():
        async with served(desk(tongue=ReadSocket())) as (service, *place):
            for _ in range(2):
                reader, writer = await connected(*place)
                writer.write(b"options strict.example\n" + more)
                if not more:
                    writer.write_eof()
                heard = await left(reader)
                assert heard.count(b"\n") == 1
                assert rb'tls_verify_hosts="^mx\\.strict\\.example$"' in heard
                writer.close()
            await until(lambda: not service.connections)

    run(main())


# -- what clients do ---------------------------------------------------------------------------


@pytest.mark.parametrize("said", [b"007:QUERY x,", b"10001:", b"GET / HTTP/1.1\r\n\r\n"])
def test_one_who_cannot_be_understood_has_the_rest_answered_and_is_left(run, said):
    there = world()

    async def main():
        async with served(desk(there)) as (service, *place):
            reader, writer = await connected(*place)
            there.hold_up()
            writer.write(ask(STRICT) + ask(PLAIN) + said + ask(STRICT))
            await until(lambda: service.garbled)
            there.go_on()
            assert await left(reader) == TOLD + NOTHING
            writer.close()

    run(main())


@pytest.mark.parametrize("said", [b"", ask(PLAIN)])
def test_one_who_is_silent_for_too_long_is_left(run, said):
    async def main():
        async with served(desk(), Limits(idle=0.1)) as (service, *place):
            reader, writer = await connected(*place)
            writer.write(said)
            assert await left(reader) == (NOTHING if said else b"")
            assert service.cut_off == 1
            writer.close()

    run(main())


def test_half_a_request_is_not_waited_for_as_long_as_a_whole_one(run):
    async def main():
        async with served(desk(), Limits(half=0.1)) as (service, *place):
            silent = await connected(*place)
            reader, writer = await connected(*place)
            writer.write(ask(PLAIN) + ask(STRICT)[:-4])
            assert await left(reader) == NOTHING
            assert service.cut_off == len(service.connections) == 1
            for each in (writer, silent[1]):
                each.close()

    run(main())


def test_a_request_that_trickles_in_is_not_waited_for_any_longer(run):
    async def main():
        async with served(desk(), Limits(half=0.2)) as (service, *place):
            reader, writer = await connected(*place)
            trickle = asyncio.create_task(_trickle(writer))
            assert await left(reader) == b""
            trickle.cancel()
            assert service.cut_off == 1
            writer.close()

    run(main())


async def _trickle(writer):
    for byte in ask("a" * 500):
        writer.write(bytes([byte]))
        await asyncio.sleep(0.05)


def test_one_who_waits_for_us_is_not_called_idle(run):
    there = world()

    async def main():
        async with served(desk(there), Limits(idle=0.1)) as (service, *place):
            there.hold_up()
            reader, writer = await connected(*place)
            writer.write(ask(STRICT))
            await asyncio.sleep(0.35)
            there.go_on()
            assert await reader.readexactly(len(TOLD)) == TOLD
            assert service.cut_off == 0
            writer.close()

    run(main())


def test_a_client_that_never_reads_is_held_up_and_left(run):
    """It sends what would make thousands of times as much; no more than a little of it is heard."""
    there = world()
    there.say(*domain("big.example"))
    there.say(*_many_hosts("big.example"))

    async def main():
        async with served(desk(there), Limits(unread=0.3)) as (service, *place):
            loop = asyncio.get_running_loop()
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.setblocking(False)
                await loop.sock_connect(client, tuple(place))
                with suppress(OSError):
                    async with asyncio.timeout(1):
                        while True:
                            await loop.sock_sendall(client, ask("big.example") * 1000)
                await until(lambda: service.cut_off)
            answered = service.desk.answers["secure"]
            assert 0 < answered < 5000
            await until(lambda: not service.connections)

    run(main())


def _many_hosts(name):
    mx = "".join(f"mx: {'x' * 50}{number}.{name}\n" for number in range(45))
    body = f"version: STSv1\nmode: enforce\nmax_age: 604800\nmx: mx.{name}\n{mx}".encode()
    return [text(f"_mta-sts.{name}", b"v=STSv1; id=1"), page(f"mta-sts.{name}", PATH, body)]


def test_a_client_that_asks_for_thousands_and_reads_gets_them_all(run):
    async def main():
        async with served(desk()) as (_, *place):
            reader, writer = await connected(*place)
            writer.write(ask(STRICT) * 20_000)
            writer.write_eof()
            assert await left(reader) == TOLD * 20_000
            writer.close()

    run(main())


def test_one_who_asks_for_a_lot_that_takes_long_is_not_heard_meanwhile(run):
    there = world()
    names = [f"d{number}.example" for number in range(200)]
    there.say(*(each for name in names for each in domain(name)))

    async def main():
        waiting = desk(there)
        async with served(waiting, Limits(waiting=50)) as (_, *place):
            there.hold_up()
            reader, writer = await connected(*place)
            writer.write(b"".join(map(ask, names)))
            await until(lambda: waiting.looks == 50)
            await asyncio.sleep(0.05)
            assert waiting.looks == 50
            there.go_on()
            assert await reader.readexactly(200 * len(NOTHING)) == NOTHING * 200
            writer.close()

    run(main())


def test_there_are_so_many_connections_and_no_more(run):
    async def main():
        async with served(desk(), Limits(connections=3)) as (service, *place):
            welcome = [await connected(*place) for _ in range(3)]
            await until(lambda: len(service.connections) == 3)
            reader, writer = await connected(*place)
            assert await left(reader) == b""
            assert service.turned_away == 1
            writer.close()
            welcome[0][1].close()
            await until(lambda: len(service.connections) == 2)
            assert await talk(place, ask(PLAIN), replies=len(NOTHING)) == NOTHING
            for _, each in welcome:
                each.close()

    run(main())


def test_hundreds_of_clients_at_a_time_are_answered(run, tmp_path):
    async def main():
        async with served(desk(), path=tmp_path / "socket") as (service, *place):
            clients = [await connected(*place) for _ in range(400)]
            for _, writer in clients:
                writer.write(ask(STRICT))
            for reader, _ in clients:
                assert await reader.readexactly(len(TOLD)) == TOLD
            assert service.desk.looks == 1
            for _, writer in clients:
                writer.close()

    run(main())


# -- the end -----------------------------------------------------------------------------------


def test_at_the_end_what_was_asked_is_answered_first(run):
    there = world()

    async def main():
        async with served(desk(there)) as (service, *place):
            idle, _idle = await connected(*place)
            reader, writer = await connected(*place)
            there.hold_up()
            writer.write(ask(STRICT))
            await until(lambda: service.desk.looks)
            closing = asyncio.create_task(service.close(5))
            assert await left(idle) == b""
            there.go_on()
            assert await left(reader) == TOLD
            await closing
            assert not service.connections
            writer.close()
            _idle.close()

    run(main())


def test_at_the_end_nobody_is_waited_for_for_ever(run):
    there = world()

    async def main():
        async with served(desk(there)) as (service, *place):
            there.hold_up()
            reader, writer = await connected(*place)
            writer.write(ask(STRICT))
            await until(lambda: service.desk.looks)
            await service.close(0.05)
            assert await left(reader) == b""
            writer.close()

    run(main())


def test_a_client_that_is_gone_before_its_reply_troubles_nobody(run):
    there = world()

    async def main():
        async with served(desk(there)) as (service, *place):
            there.hold_up()
            _, writer = await connected(*place)
            writer.write(ask(STRICT))
            await until(lambda: service.desk.looks)
            writer.transport.abort()
            await asyncio.sleep(0.02)
            there.go_on()
            await until(lambda: not service.connections)
            assert await talk(place, ask(STRICT), replies=len(TOLD)) == TOLD

    run(main())

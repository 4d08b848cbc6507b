import asyncio
import ssl

import pytest

from tests.lab.stage import run
from unstrip.lab.authority import self_signed
from unstrip.lab.crossings import Crossings, Leg
from unstrip.lab.interception import Secured, careless_context, intercept
from unstrip.protocols import smtp
from unstrip.tunnel import HandshakeFailed, Tunnel


class Pipe:
    """A connection without a network: two of them are the two ends."""

    def __init__(self):
        self._inbox, self.other = asyncio.Queue(), None

    async def read(self):
        return await self._inbox.get()

    async def write(self, data):
        if data:
            await self.other._inbox.put(data)

    def hang_up(self):
        self.other._inbox.put_nowait(b"")


def pipe():
    one, other = Pipe(), Pipe()
    one.other, other.other = other, one
    return one, other


async def shake(line, tunnel):
    while not tunnel.shake():
        await line.write(tunnel.outgoing())
        tunnel.hear(await line.read())
    await line.write(tunnel.outgoing())


async def hear(line, tunnel, expected):
    heard = b""
    while len(heard) < expected and not tunnel.closed:
        heard += tunnel.open()
        if len(heard) < expected:
            tunnel.hear(await line.read())
    return heard


def test_what_is_said_inside_passes_both_ways_and_is_read():
    record = Crossings()

    async def main():
        client, near = pipe()
        far, server = pipe()

        def note(leg, data, *, inside):
            record.note(1, leg, data, inside=inside)

        box = asyncio.create_task(
            intercept(
                Secured(near, Tunnel(self_signed("localhost"), None, server_side=True)),
                Secured(far, Tunnel(careless_context(smtp), "localhost")),
                note,
            )
        )
        visitor = Tunnel(careless_context(smtp), "localhost")
        host = Tunnel(self_signed("localhost"), None, server_side=True)
        await shake(client, visitor)
        await shake(server, host)
        await client.write(visitor.seal(b"EHLO secret\r\n"))
        assert await hear(server, host, 13) == b"EHLO secret\r\n"
        await server.write(host.seal(b"250 hello\r\n") + host.close())
        assert await hear(client, visitor, 11) == b"250 hello\r\n"
        await box

    run(main)
    assert record.said(Leg.FROM_CLIENT, inside=True) == b"EHLO secret\r\n"
    assert record.said(Leg.FROM_SERVER, inside=True) == b"250 hello\r\n"


def test_a_client_that_cannot_be_agreed_with_gets_an_alert():
    posing, asking = self_signed("localhost"), careless_context(smtp)
    posing.minimum_version = ssl.TLSVersion.TLSv1_3
    asking.maximum_version = ssl.TLSVersion.TLSv1_2

    async def main():
        client, near = pipe()
        far, _ = pipe()
        visitor = Tunnel(asking, "localhost")
        visitor.shake()
        await client.write(visitor.outgoing())
        with pytest.raises(HandshakeFailed):
            await intercept(
                Secured(near, Tunnel(posing, None, server_side=True)),
                Secured(far, Tunnel(careless_context(smtp), "localhost")),
                lambda leg, data, *, inside: None,
            )
        assert (await client.read())[0] == 0x15  # RFC 8446, 5.1: alert

    run(main)


def test_who_is_left_in_clear_is_passed_on_and_heard_out():
    record = Crossings()

    async def main():
        client, near = pipe()
        far, server = pipe()

        def note(leg, data, *, inside):
            record.note(1, leg, data, inside=inside)

        box = asyncio.create_task(
            intercept(
                Secured(near, None),
                Secured(far, Tunnel(careless_context(smtp), "localhost")),
                note,
                b"EHLO box\r\n",
            )
        )
        host = Tunnel(self_signed("localhost"), None, server_side=True)
        await shake(server, host)
        assert await hear(server, host, 10) == b"EHLO box\r\n"
        await server.write(host.seal(b"250 hello\r\n") + host.close())
        assert await client.read() == b"250 hello\r\n"
        assert await client.read() == b""
        await client.write(b"QUIT\r\n")
        assert await hear(server, host, 6) == b"QUIT\r\n"
        assert not box.done()
        client.hang_up()
        await box

    run(main)
    assert record.said(Leg.FROM_SERVER, inside=True) == b"250 hello\r\n"
    assert record.said(Leg.FROM_CLIENT, inside=True) == b""  # it was in clear


def test_a_server_left_in_clear_hears_that_the_client_has_finished():
    async def main():
        client, near = pipe()
        far, server = pipe()
        box = asyncio.create_task(
            intercept(
                Secured(near, Tunnel(self_signed("localhost"), None, server_side=True)),
                Secured(far, None),
                lambda leg, data, *, inside: None,
            )
        )
        visitor = Tunnel(careless_context(smtp), "localhost")
        await shake(client, visitor)
        await client.write(visitor.seal(b"EHLO secret\r\n") + visitor.close())
        assert await server.read() == b"EHLO secret\r\n"
        assert await server.read() == b""
        server.hang_up()
        await box

    run(main)

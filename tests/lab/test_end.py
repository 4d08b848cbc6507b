import asyncio

import pytest

from tests.lab.stage import LOCALHOST, RUNNERS, run
from unstrip.lab.dialects.smtp import Smtp
from unstrip.lab.ear import Ear
from unstrip.lab.end import End
from unstrip.lab.loopback import dial, listen


class Peer(asyncio.Protocol):
    """Whoever is at the other end."""

    def __init__(self):
        self.heard, self.made = [], asyncio.Event()
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        self.made.set()

    def data_received(self, data):
        self.heard.append(data)

    def eof_received(self):
        self.heard.append(b"")
        return True

    def connection_lost(self, exc):
        self.lost.set_result(exc)


def with_peer(scene, runner):
    """Run `scene(end, peer, noted)` over a connection of its own."""

    async def main():
        peer = Peer()
        server = await listen(lambda: peer, LOCALHOST, 0)
        heard, sent = [], []
        streams = await dial(LOCALHOST, server.sockets[0].getsockname()[1])
        end = End(streams, Ear(Smtp().begins_tls), heard.append, sent.append)
        await peer.made.wait()
        await scene(end, peer, (heard, sent))
        await end.close()
        peer.transport.close()
        await peer.lost
        server.close()
        await server.wait_closed()

    run(main, runner)


@pytest.fixture(params=RUNNERS.values(), ids=RUNNERS)
def runner(request):
    return request.param


def test_each_write_is_a_segment_of_its_own(runner):
    async def scene(end, peer, noted):
        for part in (b"one", b"two", b""):
            await end.write(part)
            await asyncio.sleep(0.02)
        assert peer.heard == [b"one", b"two"]
        assert noted == ([], [b"one", b"two"])

    with_peer(scene, runner)


def test_what_was_heard_in_part_is_read_before_what_comes_next(runner):
    async def scene(end, peer, noted):
        peer.transport.write(b"220 whole\r\n220 par")
        await end.listen()
        end.catch()
        assert end.ear.next(Smtp().command_end) == b"220 whole\r\n"
        assert await end.read() == b"220 par"
        peer.transport.write(b"tial\r\n")
        assert await end.read() == b"tial\r\n"
        peer.transport.write_eof()
        assert await end.read() == b""
        assert end.ended
        assert await end.read() == b""
        assert b"".join(noted[0]) == b"220 whole\r\n220 partial\r\n"

    with_peer(scene, runner)


def test_hanging_up_still_listens(runner):
    async def scene(end, peer, noted):
        end.hang_up()
        peer.transport.write(b"221 bye\r\n")
        assert await end.read() == b"221 bye\r\n"
        assert peer.heard == [b""]

    with_peer(scene, runner)


def test_a_reset_is_one(runner):
    async def scene(end, peer, noted):
        end.reset()
        assert isinstance(await peer.lost, ConnectionResetError)
        assert not peer.heard

    with_peer(scene, runner)


def test_being_reset_is_the_end(runner):
    async def scene(end, peer, noted):
        peer.transport.abort()
        assert await end.read() == b""
        assert end.ended
        end.hang_up()

    with_peer(scene, runner)

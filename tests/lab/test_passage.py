import asyncio

import pytest

from tests.lab.stage import LOCALHOST, RUNNERS, run
from unstrip.lab.crossings import Leg
from unstrip.lab.loopback import listen
from unstrip.lab.middlebox import middlebox
from unstrip.lab.trick import Close, Pause, Reset, ToClient, ToServer, Trick

HELLO = b"\x16\x03\x01\x00\x05hello"


class Script(asyncio.Protocol):
    """A server that says what it was told to, and notes what it hears."""

    def __init__(self, *lines):
        self.lines, self.heard = list(lines), b""
        self.met, self.parted = asyncio.Event(), asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport
        self.met.set()
        self.speak()

    def connection_lost(self, exc):
        self.parted.set()

    def speak(self):
        if self.lines:
            self.transport.write(self.lines.pop(0))

    def data_received(self, data):
        self.heard += data
        self.speak()

    def eof_received(self):
        self.heard += b"<eof>"


def through(trick, scene, *lines, runner=RUNNERS["asyncio"], **settings):
    """Run `scene(reader, writer, server)` against a script, through `trick`; return the box."""

    async def main():
        script = Script(*lines)
        server = await listen(lambda: script, LOCALHOST, 0)
        address = server.sockets[0].getsockname()[:2]
        try:
            async with middlebox(trick, "smtp", upstream=address, **settings) as box:
                reader, writer = await asyncio.open_connection(box.host, box.port)
                try:
                    await asyncio.wait_for(script.met.wait(), 1)
                    await scene(reader, writer, script)
                finally:
                    writer.transport.abort()
                    await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            return box
        finally:
            server.close()
            script.transport.abort()
            await script.parted.wait()
            await server.wait_closed()

    return run(main, runner)


@pytest.fixture(params=RUNNERS.values(), ids=RUNNERS)
def runner(request):
    return request.param


def test_words_and_tls_pass_and_all_of_it_is_noted(runner):
    async def scene(reader, writer, server):
        assert await reader.readline() == b"220 hi\r\n"
        writer.write(b"START")
        await asyncio.sleep(0.02)
        writer.write(b"TLS\r\n")
        assert await reader.readline() == b"220 go\r\n"
        writer.write(HELLO)
        assert await reader.readexactly(5) == b"\x16\x03\x03\x00\x00"
        writer.write(b"\x17\x03\x03\x00\x01x")
        assert await reader.readexactly(3) == b"\x17\x03\x03"
        writer.write_eof()
        assert await reader.read() == b""
        assert server.heard == b"STARTTLS\r\n" + HELLO + b"\x17\x03\x03\x00\x01x<eof>"

    said = b"220 hi\r\n", b"220 go\r\n", b"\x16\x03\x03\x00\x00", b"\x17\x03\x03"
    box = through("pass", scene, *said, runner=runner)
    assert box.crossings.in_clear(Leg.FROM_CLIENT) == b"STARTTLS\r\n"
    assert box.crossings.said(Leg.FROM_CLIENT) == box.crossings.said(Leg.TO_SERVER)
    assert (
        box.crossings.said(Leg.TO_CLIENT) == box.crossings.said(Leg.FROM_SERVER) == b"".join(said)
    )
    assert not box.troubles


def test_a_hasty_client_hello_passes_with_the_request(runner):
    async def scene(reader, writer, server):
        await reader.readline()
        writer.write(b"STARTTLS\r\n" + HELLO)
        writer.write_eof()
        assert await reader.read() == b"220 go\r\n"
        assert server.heard == b"STARTTLS\r\n" + HELLO + b"<eof>"

    box = through("pass", scene, b"220 hi\r\n", b"220 go\r\n", runner=runner)
    assert box.crossings.in_clear(Leg.TO_SERVER) == b"STARTTLS\r\n"


@pytest.mark.parametrize("trick", ["refuse", "refuse-temporary", "bogus-success", "silence"])
def test_what_is_kept_from_the_server_is_kept_with_a_hasty_client_hello(trick, runner):
    async def scene(reader, writer, server):
        await reader.readline()
        writer.write(b"NOOP\r\nSTARTTLS\r\n" + HELLO)
        writer.write_eof()
        await reader.read()
        assert server.heard == b"NOOP\r\n<eof>"

    box = through(trick, scene, b"220 hi\r\n", runner=runner)
    assert HELLO in box.crossings.said(Leg.FROM_CLIENT)


def test_what_never_ended_passes_when_its_speaker_hangs_up(runner):
    async def scene(reader, writer, server):
        await reader.readline()
        writer.write(b"HALF A LINE")
        writer.write_eof()
        await reader.read()
        assert server.heard == b"HALF A LINE<eof>"

    through("pass", scene, b"220 hi\r\n", runner=runner)


def test_a_client_that_hangs_up_still_hears_the_answer(runner):
    class Slow(Script):
        def eof_received(self):
            self.transport.write(b"221 bye\r\n")
            asyncio.get_running_loop().call_later(0.01, self.transport.close)
            return True

    async def scene(reader, writer, server):
        server.__class__ = Slow
        await reader.readline()
        writer.write(b"QUIT\r\n")
        writer.write_eof()
        assert await reader.read() == b"221 bye\r\n"

    through("pass", scene, b"220 hi\r\n", runner=runner)


def test_nothing_else_crosses_while_a_trick_pauses(runner):
    class Holding(Trick):
        NAME = "holding"

        def server_says(self, reply):
            yield ToClient(reply.data)
            if reply.go_ahead:
                yield Pause(0.05)
                yield ToClient(b"first\r\n")

    async def scene(reader, writer, server):
        await reader.readline()
        writer.write(b"STARTTLS\r\n")
        await reader.readline()
        writer.write(HELLO)
        assert await reader.readline() == b"first\r\n"
        assert await reader.readline() == b"second\r\n"

    box = through(Holding, scene, b"220 hi\r\n", b"220 go\r\n", b"second\r\n", runner=runner)
    sent = [crossing.data for crossing in box.crossings if crossing.leg is Leg.TO_CLIENT]
    assert sent == [b"220 hi\r\n", b"220 go\r\n", b"first\r\n", b"second\r\n"]


@pytest.mark.parametrize("ending", [Close, Reset])
def test_a_trick_can_end_it_for_both(ending, runner):
    class Ending(Trick):
        NAME = "ending"

        def client_says(self, command):
            yield ToServer(b"NOOP\r\n")
            yield ToClient(b"421 over\r\n") if ending is Close else Pause(0.01)
            yield ending()

    async def scene(reader, writer, server):
        await reader.readline()
        writer.write(b"EHLO a\r\n")
        if ending is Reset:
            with pytest.raises(ConnectionResetError):
                await reader.read()
        else:
            assert await reader.read() == b"421 over\r\n"

    box = through(Ending, scene, b"220 hi\r\n", runner=runner)
    assert box.crossings.said(Leg.TO_SERVER) == b"NOOP\r\n"
    assert not box.troubles


def test_an_endless_banner_passes_in_pieces_and_nothing_piles_up(runner):
    async def scene(reader, writer, server):
        server.transport.write(b"x" * 1_000_000)
        assert len(await reader.readexactly(900_000)) == 900_000

    through("pass", scene, b"220-", runner=runner)


def test_a_client_that_never_reads_is_dropped_when_time_is_up(runner):
    async def scene(reader, writer, server):
        reader._transport.pause_reading()
        server.transport.write(b"220 x\r\n" * 2_000_000)
        await asyncio.sleep(0.3)

    box = through("pass", scene, b"", runner=runner, deadline=0.1)
    assert [type(trouble) for trouble in box.troubles] == [TimeoutError]

"""A web server on loopback, for policies: real TLS, and as hostile as its script says.

    with policy_host(says(ok(POLICY)), pki.server_context("mta-sts.example.org")) as web:
        ...  # web.address, web.port, web.requests

A script is a coroutine function that is given each caller as soon as TLS stands, several at a
time; without a context there is no TLS, and it has the bare connection. When it returns, the
connection is closed, and TLS before it. It runs in a thread and a loop of its own.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PATIENCE = 10.0  # seconds after which a test is stuck


@dataclass(frozen=True, slots=True)
class Caller:
    """The server's end of one connection, for a script."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: list[bytes]

    async def head(self) -> bytes:
        """Hear the head of a request."""
        request = await self.reader.readuntil(b"\r\n\r\n")
        self.requests.append(request)
        return request

    async def say(self, *parts: bytes, gap: float = 0.0) -> None:
        """Send these, one after the other."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            await asyncio.sleep(gap)

    async def wait(self) -> None:
        """Say nothing until the caller is gone."""
        while await self.reader.read(65536):
            pass

    async def hang_up(self) -> None:
        """End the connection, and TLS not before it."""
        self._socket.shutdown(socket.SHUT_WR)
        await self.wait()

    def reset(self) -> None:
        """Tear the connection down."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    @property
    def _socket(self) -> asyncio.trsock.TransportSocket:
        return self.writer.get_extra_info("socket")


Script = Callable[[Caller], Awaitable[None]]


@dataclass
class PolicyHost:
    """A server that is running.

    Attributes: requests: the heads that were heard, of all callers; callers: how many came.
    """

    script: Script
    context: ssl.SSLContext | None
    address: str
    port: int
    requests: list[bytes] = field(default_factory=list)
    callers: int = 0

    async def serve(self, up: threading.Event) -> None:
        """Attend to callers, several at a time, until this is cancelled."""
        server = await asyncio.start_server(
            self._attend, self.address, self.port, ssl=self.context, backlog=512
        )
        self.port = server.sockets[0].getsockname()[1]
        up.set()
        async with server:
            await server.serve_forever()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers += 1
        # whatever a caller does is no error of the server's; and at the end nobody is waited for
        with suppress(OSError, EOFError, asyncio.CancelledError):
            await self.script(Caller(reader, writer, self.requests))
            writer.close()
            await writer.wait_closed()
        writer.transport.abort()


@contextmanager
def policy_host(
    script: Script, context: ssl.SSLContext | None, address: str = "127.0.0.1", port: int = 0
) -> Iterator[PolicyHost]:
    """Serve until the block is left; without a port, at one that is free."""
    host, up = PolicyHost(script, context, address, port), threading.Event()
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        serving = loop.create_task(host.serve(up))
        thread = threading.Thread(target=loop.run_until_complete, args=(_over(serving),))
        thread.start()
        try:
            assert up.wait(PATIENCE), "the server does not start"
            yield host
        finally:
            loop.call_soon_threadsafe(serving.cancel)
            thread.join(PATIENCE)
        assert not thread.is_alive(), "the server's script hangs"


async def _over(serving: asyncio.Task[None]) -> None:
    await asyncio.wait({serving})
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)  # connections that were aborted are closed by the loop


# What a server may say


def answer(status: str, *fields: str, body: bytes = b"") -> bytes:
    """An answer of HTTP/1.1, with these fields and no others."""
    return "\r\n".join((f"HTTP/1.1 {status}", *fields, "", "")).encode("latin-1") + body


def ok(body: bytes, *fields: str) -> bytes:
    """An answer with a policy in it."""
    length = f"Content-Length: {len(body)}"
    return answer("200 OK", "Content-Type: text/plain", length, *fields, body=body)


def chunked(*parts: bytes) -> bytes:
    """An answer whose body comes in chunks (RFC 9112, 7.1)."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))
    return answer("200 OK", "Transfer-Encoding: chunked", body=chunks)


# Scripts


def says(*parts: bytes, gap: float = 0.0) -> Script:
    """Answer every request with these."""

    async def script(caller: Caller) -> None:
        await caller.head()
        await caller.say(*parts, gap=gap)

    return script


def serves(policies: Mapping[str, bytes]) -> Script:
    """Be the policy host of these domains, as RFC 8461 has it."""

    async def script(caller: Caller) -> None:
        lines = (await caller.head()).decode("latin-1").split("\r\n")
        host = next(line[6:] for line in lines if line.lower().startswith("host: "))
        domain = host.partition(":")[0].removeprefix("mta-sts.")
        known = lines[0] == "GET /.well-known/mta-sts.txt HTTP/1.1" and domain in policies
        missing = answer("404 Not Found", "Content-Length: 0")
        await caller.say(ok(policies[domain]) if known else missing)

    return script


async def mute(caller: Caller) -> None:
    """Say nothing at all."""
    await caller.wait()


async def hangs_up(caller: Caller) -> None:
    """Hang up at once."""
    await caller.hang_up()


async def resets(caller: Caller) -> None:
    """Tear the connection down at once."""
    caller.reset()

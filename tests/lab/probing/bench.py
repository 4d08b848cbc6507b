"""Servers to be tested: our own, our own made gullible, and small ones that remember."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from tests.lab.stage import run_asyncio
from unstrip.conversation import Conversation
from unstrip.io.asyncio import Exchange
from unstrip.lab.authority import Authority
from unstrip.lab.probing import Result, Trial, examine
from unstrip.lab.servers import serve
from unstrip.transcript import Side
from unstrip.trouble import Ended
from unstrip.tunnel import Tunnel
from unstrip.upgrade import Outcome, Upgrade
from unstrip.wire import Dialog, Envelope, StartTLS, Wire

K = TypeVar("K", bound=Hashable)
LOCALHOST = "127.0.0.1"
OVERALL = 30.0  # seconds for one test
HELLO = b"\x16\x03"  # RFC 8446, 5.1: how a ClientHello begins
Answers = Callable[[str, list[str]], str]  # to a command, with the words that are remembered


def tried(protocol: str, port: int, **options: object) -> list[Trial]:
    """Test the server at `port`, in a loop of its own."""
    return run_asyncio(lambda: collected(protocol, port, **options))


async def collected(protocol: str, port: int, **options: object) -> list[Trial]:
    async with asyncio.timeout(OVERALL):
        return [trial async for trial in examine(protocol, LOCALHOST, port, **options)]


def tried_at_once(tries: dict[K, Callable[[], Awaitable[list[Trial]]]]) -> dict[K, list[Trial]]:
    """What came of each: most of the time they only listen for what must not come."""

    async def main() -> list[list[Trial]]:
        return await asyncio.gather(*(tried() for tried in tries.values()))

    return dict(zip(tries, run_asyncio(main), strict=True))


async def tried_on_ours(authority: Authority, protocol: str, **options: object) -> list[Trial]:
    """Test our own server side."""
    async with serve(protocol, authority.context("localhost"), **options) as server:
        return await collected(protocol, server.port)


def results(trials: list[Trial]) -> dict[str, set[Result]]:
    """What was found, by number."""
    found: dict[str, set[Result]] = {}
    for trial in trials:
        found.setdefault(trial.number, set()).add(trial.result)
    return found


def gullibly(
    wire: Wire, go_ahead: bytes, _refusal: bytes, envelope: Envelope | None = None
) -> Dialog[None]:
    """In place of `Wire.accept_tls`: keep what came early, for inside (CVE-2011-0411)."""
    came = wire.take(wire.waiting)
    kept, record, hello = came.partition(HELLO)  # a hasty client's, behind it (MySQL)
    wire.send(go_ahead)
    yield from wire.flush()
    yield StartTLS(record + hello, envelope)
    wire.secure = True
    if early := kept + wire.take(wire.waiting):
        wire.hear(early)


def remembering(answers: Answers, greeting: str, *, keeps: bool, wire: Wire) -> Dialog[Upgrade]:
    """A server of lines that remembers words, and forgets them at TLS unless it `keeps` them."""
    memory: list[str] = []
    wire.send(greeting.encode())
    while True:
        try:
            while (line := wire.through(b"\n")) is None:
                yield from wire.more(1000)
        except Ended:
            return Upgrade(Outcome.NOT_ASKED)
        said = line.decode().strip()
        wire.send(answers(said, memory).encode())
        if said.endswith(("STARTTLS", "STLS", "AUTH TLS")):
            yield from wire.flush()
            yield StartTLS()
            wire.secure = True
            memory = memory if keeps else []
        elif said.endswith(("QUIT", "LOGOUT")):
            yield from wire.flush()
            return Upgrade(Outcome.NOT_ASKED)
        memory += said.split()


@asynccontextmanager
async def listening(
    dialog: Callable[[Wire], Dialog[Upgrade]], context: ssl.SSLContext
) -> AsyncIterator[int]:
    """Serve a dialog on loopback, and say at which port."""

    def begin() -> Exchange[Upgrade]:
        tunnel = partial(Tunnel, context, None, server_side=True)
        exchange = Exchange(Conversation(dialog, tunnel, side=Side.SERVER), leave=True)
        exchange.finished.add_done_callback(lambda end: end.exception() and exchange.abort())
        return exchange

    server = await asyncio.get_running_loop().create_server(begin, LOCALHOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]

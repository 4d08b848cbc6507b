"""The middlebox: it sits between a client and a server on this machine, and plays one trick.

    async with middlebox("mask-offer", "smtp", upstream=("127.0.0.1", 25)) as box:
        ...  # try a client against box.port; box.crossings has what crossed

Everything is bounded: a deadline for each client, the number of clients at once, the bytes that
may wait for the end of a message or for a slow reader, and the bytes kept of what crossed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from unstrip.escaping import printable
from unstrip.lab.crossings import Crossing, Crossings
from unstrip.lab.dialect import Dialect
from unstrip.lab.dialects import DIALECTS
from unstrip.lab.loopback import WAITING, loopback_addresses
from unstrip.lab.loopback import listen as listen_on
from unstrip.lab.passage import Address, Passage, Route
from unstrip.lab.trick import Trick
from unstrip.lab.tricks import trick_named

DEADLINE = 60.0  # seconds for one client, from its first byte to its last
MOST = 64  # clients at once; one more is turned away
_KEPT = 1000  # troubles kept for inspection


class Unstageable(ValueError):
    """The trick cannot be played here: wrong protocol, or something it needs is missing."""


class Middlebox:
    """A middlebox that listens.

    Attributes:
        host, port: where.
        trick: what it plays.
        crossings: what crossed.
        troubles: what broke the latest passages off; none of it is printed.
        clients: how many there have been.
    """

    def __init__(
        self,
        trick: type[Trick],
        dialect: type[Dialect],
        route: Route,
        *,
        naive: bool = False,
        code: str = "",
        deadline: float = DEADLINE,
        most: int = MOST,
        watch: Callable[[Crossing], None] | None = None,
    ) -> None:
        self.trick = trick
        self._dialect, self._route = dialect, route
        self._naive, self._code = naive, code
        self._deadline, self._most = deadline, most
        self._passages: set[asyncio.Task[None]] = set()
        self._closing = asyncio.get_running_loop().create_future()
        self.host, self.port = "", 0
        self.clients = 0
        self.crossings = Crossings(watch, dialect.unwrapped)
        self.troubles: deque[Exception] = deque(maxlen=_KEPT)

    async def open(self, host: str, port: int) -> None:
        """Begin to listen.

        Raises: NotLoopback; Unresolved; OSError.
        """
        self._server = await listen_on(self._protocol, host, port)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]

    async def alone(self) -> None:
        """Wait until every passage there is by now has ended."""
        await asyncio.gather(*self._passages)

    async def close(self) -> None:
        """Stop listening, and close every connection."""
        self._server.close()
        self._closing.set_result(None)
        await asyncio.gather(*self._passages)
        await self._server.wait_closed()

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(limit=WAITING), self._welcome)

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._passages) >= self._most or self._closing.done():
            writer.transport.abort()
            return
        self.clients += 1
        dialect = self._dialect(naive=self._naive)  # its own: some remember what was said
        trick = self.trick(dialect, self.clients, self._code)
        passage = Passage((reader, writer), self._route, trick, self.crossings)
        task = asyncio.get_running_loop().create_task(self._attend(passage))
        self._passages.add(task)
        task.add_done_callback(self._passages.discard)

    async def _attend(self, passage: Passage) -> None:
        """Let it run until it ends, its time is over, or the middlebox closes."""
        run = asyncio.get_running_loop().create_task(passage.run())
        ends: list[asyncio.Future[None]] = [run, self._closing]
        await asyncio.wait(ends, timeout=self._deadline, return_when=asyncio.FIRST_COMPLETED)
        if not (run.done() or self._closing.done()):
            self.troubles.append(TimeoutError(f"{self._deadline:g} seconds are over"))
        run.cancel()
        (error,) = await asyncio.gather(run, return_exceptions=True)
        if isinstance(error, Exception):  # whatever a peer does, the box goes on
            self.troubles.append(error)
        await passage.close()


@asynccontextmanager
async def middlebox(
    trick: str | type[Trick],
    protocol: str,
    *,
    upstream: Address,
    listen: Address = ("127.0.0.1", 0),
    naive: bool = False,
    reply: str = "",
    implicit_upstream: Address | None = None,
    deadline: float = DEADLINE,
    most: int = MOST,
    watch: Callable[[Crossing], None] | None = None,
) -> AsyncIterator[Middlebox]:
    """Play `trick` on every client, while the block lasts.

    Args:
        trick: its name, or a trick of one's own.
        upstream: the server's host and port.
        listen: where clients come; port 0 is any that is free.
        naive: match per segment and in capitals only, as real boxes do.
        reply: the code of the refusal to give; else the protocol's usual one.
        implicit_upstream: the same server's port for TLS from the start; some tricks need it.
        deadline: seconds for one client.
        most: clients at once.
        watch: told of everything that crosses, at once.
    Raises: Unstageable; NotLoopback; Unresolved; OSError.
    """
    kind = trick_named(trick) if isinstance(trick, str) else trick
    speech = DIALECTS.get(protocol)
    if speech is None or not kind.suits(speech):
        raise Unstageable(f"{kind.NAME} is not a trick on {printable(protocol)}")
    if reply and reply not in speech.WORDS.refusals:
        known = ", ".join(speech.WORDS.refusals)
        raise Unstageable(f"{protocol} has no refusal {printable(reply)}, but these: {known}")
    if kind.SPLICES and implicit_upstream is None:
        raise Unstageable(f"{kind.NAME} needs the server's implicit-TLS port as well")
    for address in (upstream, implicit_upstream):
        if address is not None:
            await loopback_addresses(address[0])  # and once more whenever it is dialled
    route = Route(upstream, implicit_upstream)
    box = Middlebox(
        kind, speech, route, naive=naive, code=reply, deadline=deadline, most=most, watch=watch
    )
    await box.open(*listen)
    try:
        yield box
    finally:
        await box.close()

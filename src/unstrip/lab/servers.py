"""Our own servers on loopback: the honest end of every experiment.

They run the very server dialogs that ship, with the driver and the TLS that ship; they take no
mail and let nobody log in.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from unstrip.conversation import Conversation
from unstrip.io.asyncio import Exchange
from unstrip.lab.loopback import listen
from unstrip.protocols import REGISTRY
from unstrip.transcript import Side
from unstrip.tunnel import ServerTunnel
from unstrip.upgrade import Serving, Upgrade

MOST = 64  # visits at once; one more is turned away
DEADLINE = 60.0  # seconds for one visit, from its first byte to its last
_KEPT = 1000  # endings kept for inspection


class Visit(Exchange[Upgrade]):
    """One client at a server of ours.

    Args: begun: told of the visit as soon as there is a connection.
    Attributes: gone: done when there is none any more.
    """

    def __init__(self, talk: Conversation[Upgrade], begun: Callable[[Visit], None]) -> None:
        super().__init__(talk)
        self._begun = begun
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, and say so."""
        super().connection_made(transport)
        self._begun(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and say so."""
        super().connection_lost(exc)
        self.gone.set()


class Server:
    """A server that listens.

    Attributes:
        host, port: where.
        endings: how the latest visits ended.
        troubles: what broke the latest visits off: a client may do what it likes, nothing of it
            is printed.
    """

    def __init__(self, talk: Callable[[], Conversation[Upgrade]], deadline: float) -> None:
        self._talk, self._deadline = talk, deadline
        self._visits: dict[asyncio.Task[None], Visit] = {}
        self._closing = False
        self.host, self.port = "", 0
        self.endings: deque[Upgrade] = deque(maxlen=_KEPT)
        self.troubles: deque[Exception] = deque(maxlen=_KEPT)

    async def open(self, host: str, port: int) -> None:
        """Begin to listen.

        Raises: NotLoopback; Unresolved; OSError.
        """
        self._server = await listen(lambda: Visit(self._talk(), self._welcome), host, port)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]

    async def alone(self) -> None:
        """Wait until every visit there is by now has ended."""
        await asyncio.gather(*self._visits)

    async def close(self) -> None:
        """Stop listening, and close every connection."""
        self._closing = True
        self._server.close()
        for visit in self._visits.values():
            visit.abort()
        await asyncio.gather(*self._visits)
        await self._server.wait_closed()

    def _welcome(self, visit: Visit) -> None:
        task = asyncio.get_running_loop().create_task(self._attend(visit))
        self._visits[task] = visit
        task.add_done_callback(self._visits.pop)
        if self._closing or len(self._visits) > MOST:
            visit.abort()

    async def _attend(self, visit: Visit) -> None:
        try:
            async with asyncio.timeout(self._deadline):
                self.endings.append(await visit.finished)
                visit.close()
                await visit.gone.wait()
        except Exception as error:  # noqa: BLE001  # whatever a client does, the server goes on
            self.troubles.append(error)
        finally:
            visit.abort()
            await visit.gone.wait()


@asynccontextmanager
async def serve(
    protocol: str,
    context: ssl.SSLContext,
    *,
    implicit: bool = False,
    offer: bool = True,
    host: str = "127.0.0.1",
    port: int = 0,
    deadline: float = DEADLINE,
) -> AsyncIterator[Server]:
    """Serve `protocol` while the block lasts.

    Args:
        context: this server's TLS, and no other's: what the protocol asks of it is set here.
        implicit: TLS comes before the first word.
        offer: offer TLS, and grant it; without, the request is refused.
        port: 0 is any that is free.
    Raises: NotLoopback; Unresolved; OSError.
    """
    spoken, serving = REGISTRY[protocol], Serving(offer=offer)
    legacy = spoken.LEGACY and not implicit
    alpn = None if legacy else spoken.ALPN
    if legacy:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if alpn is not None:
        context.set_alpn_protocols([alpn])

    def talk() -> Conversation[Upgrade]:
        return Conversation(
            lambda wire: spoken.server(wire, serving),
            lambda: ServerTunnel(context, alpn, due=implicit and spoken.ALPN_DUE),
            side=Side.SERVER,
            implicit=implicit,
        )

    server = Server(talk, deadline)
    await server.open(host, port)
    try:
        yield server
    finally:
        await server.close()

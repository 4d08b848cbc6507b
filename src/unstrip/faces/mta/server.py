"""Serving at the desk: connections over which requests come and replies go, by callbacks.

- Replies go in the order of the requests. What came in one read is answered in one write.
- What usually comes is one whole request whose reply is ready: that takes the short way.
- A client that does not read is not read from either, nor one that has asked for a lot.
- Silence, half a request, and replies that nobody fetches are each borne with for a while.
- One who cannot be understood has what was asked before answered, and is left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import cast

from unstrip.faces.mta.desk import Desk
from unstrip.io.clients import let_go
from unstrip.mta.tongue import Garbled, Told

_CHUNK = 64 * 1024  # bytes of replies in one write


@dataclass(frozen=True, slots=True)
class Limits:
    """What is borne with.

    Attributes: idle: seconds of silence; Postfix itself hangs up after 10; half: seconds that a
        request may take to come; unread: seconds that replies may wait to be fetched; waiting:
        requests of one client that wait for replies; connections: at a time.
    """

    idle: float = 120.0
    half: float = 10.0
    unread: float = 30.0
    waiting: int = 50
    connections: int = 2000


class Service:
    """A desk that is open to clients.

    Attributes: desk; limits; connections: those there are; turned_away: how many came when there
        were too many; garbled: how many could not be understood; cut_off: how many were left since
        they had done nothing for too long.
    """

    def __init__(self, desk: Desk, limits: Limits = Limits()) -> None:
        self.desk, self.limits = desk, limits
        self.connections: set[Connection] = set()
        self.turned_away = self.garbled = self.cut_off = 0

    def connection(self) -> Connection:
        """Return a protocol for a connection, for `create_server` and `create_unix_server`."""
        return Connection(self)

    async def close(self, patience: float) -> None:
        """Let all clients go; what they have asked is answered, if it takes no longer than that.

        Nobody may be listening for new ones any more.
        """
        await let_go(self.connections, patience)


class Connection(asyncio.Protocol):
    """One client.

    Attributes: gone: has a result when the connection is over.
    """

    def __init__(self, service: Service) -> None:
        self._service, self._desk, self._limits = service, service.desk, service.limits
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._transport = cast("asyncio.Transport", None)
        self._said = bytearray()  # beyond the requests that were taken
        self._due: deque[bytes | asyncio.Future[Told]] = deque()  # replies, in order
        self._held = False  # the client does not read
        self._deaf = False  # nor do we
        self._ended = False  # nothing more will come, or be heard
        self._since = monotonic()  # since when the client might have gone on
        self._timer: asyncio.TimerHandle | None = None

    # Callbacks of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Welcome a client, if there are not too many."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(_CHUNK)
        if len(self._service.connections) >= self._limits.connections:
            self._service.turned_away += 1
            self._transport.abort()
            return
        self._service.connections.add(self)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Answer what is asked."""
        now = monotonic()
        if not (self._said or self._due or self._held or self._ended):
            self._since = now
            reply = self._desk.ready(data, now)
            if reply is not None:
                self._transport.write(reply)
                if self._desk.tongue.once:
                    self._close()
                return
        if not self._ended:
            self._said += data
            self._turn()

    def eof_received(self) -> bool:
        """Answer what was asked; Exim hangs up its side as soon as it has asked."""
        self.leave()
        return True

    def pause_writing(self) -> None:
        """Wait for a client that does not read."""
        self._held, self._since = True, monotonic()
        self._listen(heed=False)
        self._watch()

    def resume_writing(self) -> None:
        """Go on."""
        self._held, self._since = False, monotonic()
        self._turn()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget the client."""
        self._service.connections.discard(self)
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
        if not self.gone.done():
            self.gone.set_result(None)

    # What the service does

    def leave(self) -> None:
        """Hear nothing more, and close the connection when all is answered."""
        self._ended = True
        self._turn()

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    # Inside

    def _turn(self, _told: object = None) -> None:
        """Say what can be said by now, up to where something has to be waited for."""
        if self._transport.is_closing():
            return
        said: list[bytes] = []
        size = 0
        while not self._held and size < _CHUNK and (reply := self._next()) is not None:
            said.append(reply)
            size += len(reply)
        if said:
            self._since = monotonic()
            self._transport.write(b"".join(said))
        self._settle(spent=size >= _CHUNK)

    def _next(self) -> bytes | None:
        """Return the reply that is to go out now, None if there is none yet."""
        while len(self._due) < self._limits.waiting and (request := self._request()):
            reply = self._desk.ready(request, self._since)
            self._due.append(self._asked(request) if reply is None else reply)
        if not self._due:
            return None
        first = self._due[0]
        if isinstance(first, bytes):
            self._due.popleft()
            return first
        if not first.done():
            return None
        self._due.popleft()
        if first.cancelled():  # we are closing
            self.abort()
            return None
        return first.result().data

    def _asked(self, request: bytes) -> asyncio.Future[Told]:
        told = self._desk.ask(request)
        told.add_done_callback(self._turn)
        return told

    def _request(self) -> bytes:
        """Take one whole request, b"" if there is none."""
        tongue = self._desk.tongue
        try:
            length = tongue.whole(self._said)
        except Garbled:
            self._service.garbled += 1
            length = 0
            self._end()
        if not length:
            return b""
        self._since = monotonic()
        request = bytes(self._said[:length])
        del self._said[:length]
        if tongue.once:
            self._end()
        return request

    def _end(self) -> None:
        """Take nothing more of what was or will be said."""
        self._ended = True
        self._said.clear()

    def _close(self) -> None:
        """Leave as soon as the client has fetched its replies."""
        self._ended, self._since = True, monotonic()
        self._transport.close()
        self._watch()

    def _settle(self, *, spent: bool) -> None:
        """See to what comes next: another turn, the end, or listening."""
        if spent and not self._held:
            self._loop.call_soon(self._turn)
        elif self._ended and not self._due and not self._held:
            self._close()
            return
        crowded = len(self._due) >= self._limits.waiting
        self._listen(heed=not (self._held or spent or crowded))
        self._watch()

    def _listen(self, *, heed: bool) -> None:
        if heed is self._deaf and not self._transport.is_closing():
            self._deaf = not heed
            (self._transport.resume_reading if heed else self._transport.pause_reading)()

    def _watch(self) -> None:
        """Look again when the client will have done nothing for too long."""
        at = self._since + self._allowed()
        if self._timer is not None:
            if self._timer.when() <= at:  # it looks when it is due, or before that
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        """Leave a client that has done nothing for too long."""
        self._timer = None
        now = monotonic()
        if self._due and not self._held:
            self._since = now  # it is us who are waited for
        if now < self._since + self._allowed():
            self._watch()
            return
        self._service.cut_off += 1
        self.abort()

    def _allowed(self) -> float:
        if self._held or self._transport.is_closing():
            return self._limits.unread
        return self._limits.half if self._said else self._limits.idle

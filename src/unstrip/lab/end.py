"""One end of a passage: a connection, with what crosses it noted, and its words cut out."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from unstrip.lab.ear import Ear
from unstrip.lab.loopback import WAITING

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_PARTING = 1.0  # seconds for what was written last to leave
_RST_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time at all


class End:
    """One end of a passage: the connection to the client, or the one to the server.

    Args: heard, sent: told of each segment that crosses.
    Attributes: ear: cuts what is heard; ended: nothing more will be.
    """

    def __init__(
        self,
        streams: Streams,
        ear: Ear,
        heard: Callable[[bytes], None],
        sent: Callable[[bytes], None],
    ) -> None:
        self._reader, self._writer = streams
        self.ear = ear
        self._heard, self._sent = heard, sent
        self._next: asyncio.Task[bytes] | None = None
        self.ended = False

    def listen(self) -> asyncio.Task[bytes]:
        """Return the task that is done when there is more to catch."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._read())
        return self._next

    def catch(self) -> None:
        """Put what has come, if anything has, into the ear."""
        if self._next is not None and self._next.done():
            data = self._next.result()
            self._next = None
            self.ended = not data
            self._heard(data)
            self.ear.hear(data)

    async def read(self) -> bytes:
        """Return what comes next, whatever it is; b"" when the peer hung up."""
        if not (rest := self.ear.rest()) and not self.ended:
            await asyncio.wait([self.listen()])
            self.catch()
        return rest or self.ear.rest()

    async def write(self, data: bytes) -> None:
        """Send one segment.

        Raises: ConnectionError: there is nobody to hear it.
        """
        if data:
            if self._writer.is_closing():  # uvloop would call it a mistake of ours
                raise ConnectionResetError("connection reset")
            self._sent(data)
            self._writer.write(data)
            await self._writer.drain()
            await asyncio.sleep(0)  # uvloop joins what is written in one turn of the loop

    def hang_up(self) -> None:
        """Say that nothing more will be said, and go on listening."""
        if not self._writer.is_closing():
            with suppress(OSError):  # it may be gone, and not have said so yet
                self._writer.write_eof()

    def reset(self) -> None:
        """Tear the connection down, with RST."""
        if not self._writer.is_closing():
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close the connection; what was written last may still leave, if it does so soon."""
        if self._next is not None:
            self._next.cancel()
        self._writer.close()
        with suppress(OSError):
            async with asyncio.timeout(_PARTING):
                await self._writer.wait_closed()
        self._writer.transport.abort()

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(WAITING)
        except ConnectionError:
            return b""  # torn down or hung up: nothing more will come

"""TLS with one side or with both, and what is inside passed on: the box that poses as the server.

Both ends of TLS are our own `Tunnel`: bytes in, bytes out, no stream is ever swapped (C-01). With
one end only, the other side stays in clear and does not know it (S-12, S-13).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from typing import Protocol

from unstrip.lab.crossings import Leg
from unstrip.protocols import Protocol as Spoken
from unstrip.tunnel import HandshakeFailed, Tunnel
from unstrip.wire import Envelope


class Line(Protocol):
    """A connection, as far as is needed here."""

    async def read(self) -> bytes:
        """Return what comes next; b"" when the peer hung up."""

    async def write(self, data: bytes) -> None:
        """Send one segment."""

    def hang_up(self) -> None:
        """Say that nothing more will be said."""


class Note(Protocol):
    """Keeps what crosses."""

    def __call__(self, leg: Leg, data: bytes, *, inside: bool) -> None:
        """Keep it."""


class Secured:
    """A connection with our end of TLS on it.

    Args:
        line: the connection.
        tunnel: our end; None stays in clear.
        envelope: what the handshake is wrapped in.
        heard: what the peer has said of TLS already.
    Attributes: inside: what the peer says is inside TLS.
    """

    def __init__(
        self,
        line: Line,
        tunnel: Tunnel | None,
        envelope: Envelope | None = None,
        heard: bytes = b"",
    ) -> None:
        self._line, self._tunnel, self._envelope = line, tunnel, envelope
        self._heard = heard
        self.inside = tunnel is not None

    async def shake(self) -> None:
        """Shake hands, if there is TLS to begin.

        Raises: HandshakeFailed: the peer would not have it.
        """
        tunnel = self._tunnel
        if tunnel is None:
            return
        while True:
            self._feed(tunnel)
            try:
                finished = tunnel.shake()
            except HandshakeFailed:
                await self._line.write(self._wrapped(tunnel.outgoing()))  # the alert
                raise
            await self._line.write(self._wrapped(tunnel.outgoing()))
            if finished:
                return
            self._heard = await self._line.read()
            if not self._heard:
                tunnel.hear(b"")

    async def read(self) -> bytes:
        """Return what the peer says next; b"" when it has finished."""
        tunnel = self._tunnel
        if tunnel is None:
            heard, self._heard = self._heard, b""
            return heard or await self._line.read()
        while not tunnel.closed:
            if plaintext := tunnel.open():
                return plaintext
            if not tunnel.closed:
                tunnel.hear(await self._line.read())
        return b""

    async def write(self, data: bytes) -> None:
        """Say it to the peer."""
        await self._line.write(data if self._tunnel is None else self._tunnel.seal(data))

    async def finish(self) -> None:
        """Say that nothing more will be said: in clear, only hanging up says so."""
        if self._tunnel is None:
            self._line.hang_up()
        else:
            await self._line.write(self._tunnel.close())

    def _feed(self, tunnel: Tunnel) -> None:
        heard, self._heard = self._heard, b""
        if heard and self._envelope is not None:
            heard = self._envelope.unwrap(heard)
        if heard:
            tunnel.hear(heard)

    def _wrapped(self, records: bytes) -> bytes:
        if not records or self._envelope is None:
            return records
        return self._envelope.wrap(records)


def careless_context(spoken: Spoken) -> ssl.SSLContext:
    """Return a client's context that takes any certificate: the box has nothing to lose."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if spoken.LEGACY:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    elif spoken.ALPN is not None:
        context.set_alpn_protocols([spoken.ALPN])
    return context


async def intercept(client: Secured, server: Secured, note: Note, opening: bytes = b"") -> None:
    """Shake hands with both, then pass on what each says, and note what of it is inside TLS.

    Args: opening: what the server hears first.
    Raises: HandshakeFailed: one of them would not have it; ConnectionError.
    """
    await client.shake()
    await server.shake()
    if opening:
        await server.write(opening)
    upwards = asyncio.create_task(_carry(client, server, partial(note, Leg.FROM_CLIENT)))
    try:
        await _carry(server, client, partial(note, Leg.FROM_SERVER))
        if not client.inside:  # what it still says in clear is what such a trick is about
            await asyncio.wait([upwards])
    finally:
        upwards.cancel()
        await asyncio.gather(upwards, return_exceptions=True)


async def _carry(source: Secured, sink: Secured, note: Callable[..., None]) -> None:
    """Pass on what `source` says, until it has finished; what is in clear the line has noted."""
    while plaintext := await source.read():
        if source.inside:
            note(plaintext, inside=True)
        await sink.write(plaintext)
    await sink.finish()

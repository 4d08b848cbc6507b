"""TLS with each side, and what is inside passed on: the box that poses as the server (C-01).

Both ends of TLS are our own `Tunnel`: bytes in, bytes out, no stream is ever swapped.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol, TypeAlias

from unstrip.lab.crossings import Leg
from unstrip.tunnel import HandshakeFailed, Tunnel


class Line(Protocol):
    """A connection, as far as is needed here."""

    async def read(self) -> bytes:
        """Return what comes next; b"" when the peer hung up."""

    async def write(self, data: bytes) -> None:
        """Send one segment."""


Secured: TypeAlias = tuple[Line, Tunnel]


class Note(Protocol):
    """Keeps what crosses."""

    def __call__(self, leg: Leg, data: bytes, *, inside: bool) -> None:
        """Keep it."""


def careless_context(alpn: str | None = None) -> ssl.SSLContext:
    """Return a client's context that takes any certificate: the box has nothing to lose."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    return context


async def intercept(client: Secured, server: Secured, note: Note) -> None:
    """Shake hands with both, then pass on what each says inside, and note it.

    Raises: HandshakeFailed: one of them would not have it; ConnectionError.
    """
    await _shake(*client)
    await _shake(*server)
    upwards = asyncio.create_task(
        _carry(client, server, lambda data: note(Leg.FROM_CLIENT, data, inside=True))
    )
    try:
        await _carry(server, client, lambda data: note(Leg.FROM_SERVER, data, inside=True))
    finally:
        upwards.cancel()
        await asyncio.gather(upwards, return_exceptions=True)


async def _shake(line: Line, tunnel: Tunnel) -> None:
    while True:
        try:
            finished = tunnel.shake()
        except HandshakeFailed:
            await line.write(tunnel.outgoing())  # the alert
            raise
        await line.write(tunnel.outgoing())
        if finished:
            return
        tunnel.hear(await line.read())


async def _carry(source: Secured, sink: Secured, read: Callable[[bytes], None]) -> None:
    """Pass on what `source` says inside TLS, until it has finished."""
    while not source[1].closed:
        if plaintext := source[1].open():
            read(plaintext)
            await sink[0].write(sink[1].seal(plaintext))
        elif not source[1].closed:
            source[1].hear(await source[0].read())
    await sink[0].write(sink[1].close())

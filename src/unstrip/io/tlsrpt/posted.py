"""Reports that are posted (RFC 8460, 5.4): a web server that takes them, and does nothing else.

- One request a connection, POST, at any path. h11 parses; what it cannot parse is garbled.
- A body has a size and a time. It is not asked for (Expect) if it says itself that it is too long.
- All bodies that are coming in together have a size, too: more have to come later.
- Who is still in the handshake of TLS is a connection like any other, and each address has few.
- Taking one in takes time and a disk, so it is done elsewhere, one after another.
- What is said in answer has nothing in it but our own words, and what was escaped.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import cast

import h11

from unstrip.escaping import brief
from unstrip.io.clients import let_go
from unstrip.io.tlsrpt.intake import Fate, Outcome
from unstrip.tlsrpt.reading import PACKED
from unstrip.tunnel import HandshakeFailed, Tunnel

HANDSHAKE = 10.0  # seconds for TLS
_HEAD = 16 * 1024  # bytes of a request before its body
_STATUS = {  # of a refusal; all others are the report's own fault
    "alien": HTTPStatus.FORBIDDEN,
    "crowded": HTTPStatus.SERVICE_UNAVAILABLE,
    "size": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}
_LATER = "Retry-After: 600"

Take = Callable[[bytes, str], Awaitable[Outcome]]
Refuse = Callable[[str, str], Awaitable[object]]


class NoCertificate(ValueError):
    """There is nothing to prove a name with."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is borne with.

    Attributes: seconds: that a whole request may take, and its answer to be fetched; linger: that
        one who is refused has to stop talking, and hear why; connections: at a time; each: of
        them, from one address, unless it is this machine's own; room: bytes of all bodies that are
        coming in.
    """

    seconds: float = 60.0
    linger: float = 2.0
    connections: int = 200
    each: int = 10
    room: int = 64 * 1024 * 1024


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what our side of TLS is made of. Raises: NoCertificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    renew(made, certificate, key)
    return made


def renew(made: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Use what is in the files from now on, for new connections. Raises: NoCertificate."""
    try:
        made.load_cert_chain(certificate, key, password="")  # nobody is asked for one
    except (OSError, ValueError) as error:  # ssl's own is an OSError
        words = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise NoCertificate(f"{certificate} with {key}: {brief(str(words).lower())}") from error


class Posts:
    """A web server that is open to those who report.

    Args: take: takes a report in, from an address, "" from this machine's, and raises OSError where
        that may be tried again; refuse: counts what did not come to that, by its kind, with words.

    Attributes: connections: those there are; held: bytes of bodies that are coming in; answers: how
        many there were, by status.
    """

    def __init__(self, take: Take, refuse: Refuse, bounds: Bounds = Bounds()) -> None:
        self.take, self.refuse, self.bounds = take, refuse, bounds
        self.connections: set[_Post] = set()
        self.held = 0
        self.answers: Counter[int] = Counter()

    def connection(self, tls: ssl.SSLContext | None = None) -> asyncio.Protocol:
        """Return a protocol for a connection, for `create_server` and `create_unix_server`.

        Args: tls: spoken from the first byte on, if it is given here and not to them: whom they
            shake hands with is not counted here before that is over.
        """
        return _Post(self, tls)

    async def close(self, patience: float) -> None:
        """Let those go whose report is being taken in, if it takes no longer than that.

        Nobody may be listening for new ones any more.
        """
        await let_go(self.connections, patience)


class _Post(asyncio.Protocol):
    """One connection.

    Attributes: gone: has a result when it is over; source: the address that it is from.
    """

    def __init__(self, service: Posts, tls: ssl.SSLContext | None) -> None:
        self.source = ""
        self._tunnel = None if tls is None else Tunnel(tls, None, server_side=True)
        self._service, self._bounds = service, service.bounds
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._transport = cast("asyncio.Transport", None)
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD)
        self._body = bytearray()
        self._answer: asyncio.Task[None] | None = None
        self._said = self._ended = False  # we, and they
        self._timer: asyncio.TimerHandle | None = None

    # Callbacks of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Welcome a client, if there are not too many."""
        self._transport = cast("asyncio.Transport", transport)
        self.source = source_of(transport.get_extra_info("peername"))
        if self._is_one_too_many():
            self.abort()
            return
        self._service.connections.add(self)
        if self._tunnel is None:
            self._timer = self._loop.call_later(self._bounds.seconds, self._late)
        else:
            self._timer = self._loop.call_later(HANDSHAKE, self.abort)

    def data_received(self, data: bytes) -> None:
        """Hear a part of the request."""
        inside = data if self._tunnel is None else self._opened(self._tunnel, data)
        if inside and self._answer is None:
            self._hear(inside)

    def eof_received(self) -> bool:
        """Know that nothing more will come; the answer may be waited for all the same."""
        self._ended = True
        if self._answer is None:
            self._hear(b"")
        return self._tunnel is None and not self._said  # TLS has no half of an end

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget the client, once what it sent is taken in: else there might be any number."""
        self._drop()
        if self._timer is not None:
            self._timer.cancel()
        if self._answer is None:
            self._forget()
        else:
            self._answer.add_done_callback(self._forget)

    def _is_one_too_many(self) -> bool:
        others = self._service.connections
        own = sum(other.source == self.source for other in others) if self.source else 0
        return len(others) >= self._bounds.connections or own >= self._bounds.each

    def _opened(self, tunnel: Tunnel, data: bytes) -> bytes:
        """Return what was said inside TLS."""
        before, inside = tunnel.ready, b""
        try:
            tunnel.hear(data)
            if before or tunnel.shake():
                inside = tunnel.open()
        except HandshakeFailed:
            self._transport.write(tunnel.outgoing())
            self._transport.close()
            return b""
        self._transport.write(tunnel.outgoing())
        if tunnel.ready and not before and self._timer is not None:
            self._timer.cancel()
            self._timer = self._loop.call_later(self._bounds.seconds, self._late)
        self._ended |= tunnel.closed
        return inside

    def _write(self, data: bytes) -> None:
        with suppress(HandshakeFailed):  # who has broken it off misses it
            self._transport.write(data if self._tunnel is None else self._tunnel.seal(data))

    def _close(self) -> None:
        if self._tunnel is not None and not self._transport.is_closing():
            self._transport.write(self._tunnel.close())
        self._transport.close()

    # What the service does

    def leave(self) -> None:
        """Close the connection unless it is being answered."""
        if self._answer is None:
            self.abort()

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    # Inside

    def _forget(self, _answered: object = None) -> None:
        self._service.connections.discard(self)
        if not self.gone.done():
            self.gone.set_result(None)

    def _hear(self, data: bytes) -> None:
        try:
            self._http.receive_data(data)
            while self._answer is None:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    return
                if isinstance(event, h11.ConnectionClosed):  # nothing was asked
                    self.abort()
                    return
                self._heed(event)
        except h11.RemoteProtocolError as error:
            self._refuse(HTTPStatus(error.error_status_hint), "http", str(error))

    def _heed(self, event: object) -> None:
        if isinstance(event, h11.Request):
            self._begin(event)
        elif isinstance(event, h11.Data):
            self._add(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            body = bytes(self._body)
            self._drop()
            self._answer = self._loop.create_task(self._take(body))

    def _begin(self, request: h11.Request) -> None:
        fields = {bytes(name): bytes(value) for name, value in request.headers}
        if request.method != b"POST":
            words = "reports are posted here"
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "http", words, "Allow: POST")
        elif fields.get(b"content-encoding", b"identity").lower() not in (b"identity", b"gzip"):
            words = "gzip is all there is, as a type or as an encoding"
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "http", words)
        elif int(fields.get(b"content-length", b"0")) > PACKED:
            self._too_long()
        elif self._http.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            self._write(self._http.send(go_on) or b"")

    def _add(self, data: bytes) -> None:
        if len(self._body) + len(data) > PACKED:
            self._too_long()
        elif self._service.held + len(data) > self._bounds.room:
            words = "too many reports are coming in"
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "busy", words, _LATER)
        else:
            self._body += data
            self._service.held += len(data)

    def _too_long(self) -> None:
        words = f"a report has at most {PACKED} bytes"
        self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "size", words)

    def _drop(self) -> None:
        """Let go of what has come in."""
        self._service.held -= len(self._body)
        self._body.clear()

    async def _take(self, body: bytes) -> None:
        try:
            outcome = await self._service.take(body, self.source)
        except OSError:  # the store's; it is logged where it happened, and nobody's business here
            words = "it cannot be kept now"
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, {"error": words}, _LATER)
            return
        if outcome.fate is Fate.REFUSED:
            status = _STATUS.get(outcome.kind, HTTPStatus.BAD_REQUEST)
            told = {"error": outcome.words, "kind": outcome.kind}
            later = (_LATER,) if status is HTTPStatus.SERVICE_UNAVAILABLE else ()
            self._say(status, told, *later)
            return
        taken = outcome.fate is Fate.TAKEN
        status = HTTPStatus.CREATED if taken else HTTPStatus.OK
        self._say(status, {"status": outcome.fate.value})

    def _refuse(self, status: HTTPStatus, kind: str, words: str, *more: str) -> None:
        """Answer before the request is whole, or where it makes no sense."""
        self._drop()
        self._answer = self._loop.create_task(self._turn_away(status, kind, words, *more))

    async def _turn_away(self, status: HTTPStatus, kind: str, words: str, *more: str) -> None:
        with suppress(OSError):  # it is refused all the same
            await self._service.refuse(kind, brief(words))
        self._say(status, {"error": brief(words), "kind": kind}, *more)

    def _say(self, status: HTTPStatus, told: dict[str, str], *more: str) -> None:
        """Write the answer (RFC 9112, 4); who has hung up misses it."""
        self._said = True
        self._service.answers[status.value] += 1
        body = json.dumps(told).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}",
            f"Date: {formatdate(usegmt=True)}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
            *more,
        )
        self._write("\r\n".join((*head, "", "")).encode() + body)
        if self._ended or self._http.their_state in (h11.DONE, h11.MUST_CLOSE):
            self._close()
        else:  # to close on one who talks would take the answer away again
            self._loop.call_later(self._bounds.linger, self._close)

    def _late(self) -> None:
        """Leave a client that has taken too long, or does not fetch its answer."""
        if self._answer is None:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "slow", "that took too long")
        self._timer = self._loop.call_later(self._bounds.seconds, self.abort)


def source_of(peer: object) -> str:
    """Return whose room a connection takes: an address, "" of this machine's; a /64 is one."""
    if not isinstance(peer, tuple):  # a UNIX socket's
        return ""
    address = ip_address(str(peer[0]).partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_loopback:
        return ""
    if address.version == 4:
        return f"{address}"
    return f"{ip_network((address, 64), strict=False).network_address}"

"""Asking a policy daemon that runs what it believes: one GET, over TCP or a UNIX socket.

It is on this machine, unless the user has named another: nothing but the daemon's word vouches for
what it says. Who answers may be another program, so all of it is looked at before it is believed.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

import h11
import msgspec

from unstrip.derivation import MAIL
from unstrip.escaping import brief, printable
from unstrip.evidence import from_json
from unstrip.mta.decision import DECISION, MailDecision
from unstrip.mta.nexthop import NextHop

TIMEOUT = 60.0  # seconds for everything; the daemon itself says after 20 that it needs longer
LIMIT = 8 * 1024 * 1024  # bytes of an answer: more than 50 servers with 100 records each
_PIECE = 64 * 1024
_UNIX = "unix:"
_URL = re.compile(
    r"http://(?:\[(?P<six>[^][/@]+)\]|(?P<name>[^][/@:]+))(?::(?P<port>[0-9]{1,5}))?/?"
)
_LAST_PORT = 65535
_START = "is `unstrip serve` running, and does it speak http there?"


class BadPlace(ValueError):
    """It does not say where a daemon could be."""


class NoAnswer(Exception):
    """The daemon did not say what it believes; the message says why.

    Attributes: hint: what could be done.
    """

    def __init__(self, words: str, hint: str = _START) -> None:
        super().__init__(words)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Place:
    """Where a daemon is.

    Attributes: url: as it was named; host, port: of TCP; path: of a UNIX socket, "" for TCP.
    """

    url: str
    host: str = "localhost"
    port: int = 80
    path: str = ""


class _Stranger(ValueError):
    """Who answers is no policy daemon."""


def place(url: str) -> Place:
    """Return where a URL leads: http://ADDRESS:PORT, or unix: and a path, as the daemon logs it.

    Raises: BadPlace.
    """
    if url.startswith(f"{_UNIX}/") and "\0" not in url:
        return Place(url, path=url.removeprefix(_UNIX))
    found = _URL.fullmatch(url)
    port = int(found["port"] or 80) if found else 0
    if found is None or not url.isascii() or not url.isprintable() or not 0 < port <= _LAST_PORT:
        raise BadPlace(f"'{brief(url)}' is neither http://ADDRESS:PORT nor unix:/PATH")
    return Place(url, found["six"] or found["name"], port)


async def ask(where: Place, hop: NextHop, timeout: float = TIMEOUT) -> MailDecision:
    """Return what the daemon believes of a domain, or of a server that mail goes through.

    Raises: NoAnswer.
    """
    try:
        async with asyncio.timeout(timeout):
            status, body = await _get(where, DECISION + quote(hop.key, safe=""))
        return _decision(status, body, hop)
    except TimeoutError as error:
        words = f"no answer from {printable(where.url)} in {timeout:g} seconds"
        raise NoAnswer(words) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NoAnswer(f"{printable(where.url)} cannot be asked: {brief(reason)}") from error
    except (_Stranger, h11.RemoteProtocolError) as error:
        words = f"who answers at {printable(where.url)} is no policy daemon of this version"
        raise NoAnswer(f"{words}: {brief(str(error))}") from error


async def _get(where: Place, target: str) -> tuple[int, bytes]:
    """Return status and body."""
    reader, writer = await _connected(where)
    try:
        http = h11.Connection(h11.CLIENT)
        fields = [("Host", _host(where)), ("Connection", "close")]
        request = h11.Request(method="GET", target=target, headers=fields)
        writer.write((http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b""))
        return await _response(http, reader)
    finally:
        writer.transport.abort()  # all there was to hear has been heard
        with suppress(OSError):
            await writer.wait_closed()


async def _connected(where: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if where.path:
        return await asyncio.open_unix_connection(where.path)
    return await asyncio.open_connection(where.host, where.port)


def _host(where: Place) -> str:
    """Return the Host field; by a UNIX socket there is no name but our own."""
    if where.path:
        return "localhost"
    host = f"[{where.host}]" if ":" in where.host else where.host
    return f"{host}:{where.port}"


async def _response(http: h11.Connection, reader: asyncio.StreamReader) -> tuple[int, bytes]:
    status, body = 0, bytearray()
    while not isinstance(event := http.next_event(), h11.EndOfMessage | h11.ConnectionClosed):
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(_PIECE))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
        if len(body) > LIMIT:
            raise _Stranger(f"more than {LIMIT} bytes")
    return status, bytes(body)


class _Refusal(msgspec.Struct, frozen=True):
    error: str


def _decision(status: int, body: bytes, hop: NextHop) -> MailDecision:
    """Return what was said, if it is about what was asked.

    Raises: NoAnswer: it says that it does not know; _Stranger.
    """
    try:
        if status != 200:
            said = from_json(_Refusal, body).error
            raise NoAnswer(f"the daemon says: {brief(said, 300)}", "its log may say more")
        found = from_json(MailDecision, body)
    except (ValueError, RecursionError) as error:
        raise _Stranger(f"status {status}, {error}") from error
    derivation = found.derivation
    if {found.domain, derivation.domain} != {hop.host} or derivation.sought.name != MAIL:
        raise _Stranger(f"it speaks of '{found.domain}'")
    return found

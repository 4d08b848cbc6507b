"""HTTP/1.1: Upgrade to TLS (RFC 2817), the only in-band TLS there is for IPP (CUPS).

The client asks with `OPTIONS *`, which says nothing of what it came for (RFC 2817, 3.2), and the
server answers that inside TLS: so it is the server who speaks first there. One answer too many
and the conversation is one message behind for good, which is all that the Opossum attack needs
(X-02); so the client listens a while where nothing more may come.

It listens no longer than about a round trip. Who splices our implicit TLS onto such an upgrade
and holds the first answer back until our request is out, and ours back for longer than that, is
not found out here, nor by any client of HTTP/1.1: its answers name no request. What stops
Opossum for certain is a server that does not upgrade in-band.

Heads are read here rather than by h11: that takes all that has arrived, and who is to find what
waits behind the go-ahead may take nothing but the head.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from unstrip.escaping import excerpt
from unstrip.framing import LINES_LIMIT, exactly, line
from unstrip.trouble import Ended, ProtocolError, TooLong, Unsolicited
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade
from unstrip.wire import Dialog, Settle, Wire

NAME = "http"
DEFINED_BY = "RFC 2817"
ALIASES = ()
LISTING = Listing.NONE  # a server may advertise it in any answer, and need not (RFC 2817, 4.1)
OFFER = "TLS/1.0"  # the token that RFC 2817 registered; it stands for every version of TLS
VERB = "Upgrade: TLS/1.0"
PORTS = {"http": 80, "ipp": 631}
IMPLICIT_PORTS = {"https": 443, "ipps": 631}
SERVICES: dict[str, bool] = {}
ALPN = "http/1.1"
# no CANARY: an unknown token in Upgrade is passed over in silence (RFC 9110, 7.8)
MANNERS = (Manner.PLAIN, Manner.LOWER_CASE, Manner.SPLIT)
LEGACY = False
GREETS = False
ALPN_DUE = False

REQUEST = re.compile(rb"^Upgrade: TLS/1\.0\r\n", re.IGNORECASE | re.MULTILINE)
_HOST = rb"(?:[0-9a-z._-]+|\[[0-9a-f:.]+\])\r\n"
IN_CLEAR = re.compile(  # all that a client may say before TLS (R2)
    rb"OPTIONS \* HTTP/1\.1\r\n(?:"
    rb"Host: %bUpgrade: TLS/1\.0\r\nConnection: Upgrade|"
    rb"host: %bupgrade: TLS/1\.0\r\nconnection: upgrade)\r\n\r\n" % (_HOST, _HOST)
)
_STATUS = re.compile(r"HTTP/1\.[01] ([1-5][0-9][0-9])(?: .*)?")
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # RFC 9110, 5.6.2
_COMMAND = re.compile(rf"({_TOKEN}) [!-~]+ HTTP/1\.([01])")
_FIELD = re.compile(rf"({_TOKEN}):(.*)")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;.*)?")  # RFC 9112, 7.1
INTERIM_LIMIT = 8  # answers before the answer; no RFC bounds them
BODY_LIMIT = 64 * 1024  # bytes; nothing in it matters, but what follows is to be found
_PATIENCE = 50  # requests on either side of TLS (R27)
_ADVERTISED = ("Upgrade: TLS/1.0, HTTP/1.1", "Connection: Upgrade")  # RFC 2817, 3.3 and 4


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a message: its first line, and its fields by name in lower case."""

    start: str
    fields: tuple[tuple[str, str], ...]

    def listed(self, name: str) -> tuple[str, ...]:
        """Return the members of a field that is a list (RFC 9110, 5.6.1), in lower case."""
        values = ",".join(value for field, value in self.fields if field == name)
        return tuple(word for part in values.lower().split(",") if (word := part.strip(" \t")))

    @property
    def code(self) -> int:
        """The status code of an answer, 0 in what is none."""
        found = _STATUS.fullmatch(self.start)
        return int(found[1]) if found else 0

    @property
    def request(self) -> tuple[str, str]:
        """The method and minor version of a request; ("", "0") for what is none."""
        found = _COMMAND.fullmatch(self.start)
        if not found or (found[2] == "1" and len(self.listed("host")) != 1):  # RFC 9112, 3.2
            return "", "0"
        return found[1], found[2]

    @property
    def stack(self) -> tuple[str, ...]:
        """The protocols in Upgrade, without their versions: lowest first (RFC 2817, 3.3)."""
        return tuple(token.partition("/")[0] for token in self.listed("upgrade"))


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The browsing side: OPTIONS with Upgrade, and the answer to OPTIONS inside TLS."""
    wire.confine(IN_CLEAR)
    if wire.secure:
        yield Settle()  # the answer to a request that is not ours would come first
        wire.ask(_options(ask, "Host: {}"))
        return Upgrade(Outcome.IMPLICIT, inside=(yield from _methods(wire)))
    fields = ("Host: {}", "Upgrade: TLS/1.0", "Connection: Upgrade")
    if ask.manner is Manner.LOWER_CASE:  # RFC 9110, 5.1: names have no case; CUPS minds the token's
        fields = ("host: {}", "upgrade: TLS/1.0", "connection: upgrade")
    yield from wire.petition(_options(ask, *fields), ask.manner)
    first = yield from answer(wire)
    if first.code != 101:  # it is the answer to OPTIONS; after 426 too, no handshake may follow
        later = first.code in (429, 503) and "close" in first.listed("connection")
        outcome = Outcome.BUSY if later else Outcome.REFUSED
        return Upgrade(outcome, "tls" in first.stack, said=first.start)
    check_switch(first)
    wire.so_far = Upgrade(Outcome.BROKEN_OFF, advertised=True)
    yield from wire.start_tls(server_first=True)
    return Upgrade(Outcome.UPGRADED, advertised=True, inside=(yield from _methods(wire)))


def farewell(wire: Wire) -> Dialog[None]:
    """Say nothing: who leaves HTTP closes the connection (RFC 9112, 9.6)."""
    yield from wire.flush()


def _options(ask: Asking, *fields: str) -> bytes:
    host = ask.host.partition("%")[0]  # a scope is nobody else's business (RFC 6874, 4)
    lines = ("OPTIONS * HTTP/1.1", *fields, "", "")
    return "\r\n".join(lines).format(f"[{host}]" if ":" in host else host).encode()


def _methods(wire: Wire) -> Dialog[tuple[str, ...]]:
    """Receive the answer to OPTIONS inside TLS, and nothing after it; return what it allows.

    Raises: Unsolicited: more came than was asked for, or another switch of protocols.
    """
    said = yield from answer(wire)
    if said.code == 101:
        raise Unsolicited(f"a switch of protocols inside TLS: {excerpt(said.start.encode())}")
    yield from body(wire, said)
    yield from wire.conclude()  # a second answer takes up to one round trip to arrive
    return tuple(method.upper() for method in said.listed("allow"))


def check_switch(said: Head) -> None:
    """Let a 101 pass if it switches to TLS, and to nothing that has a body.

    CUPS says `Connection: Keep-Alive` and `Content-Length: 0` in it, against RFC 9110, 7.8 and
    8.6; neither moves the boundary.

    Raises: ProtocolError: it switches to what was not asked for (RFC 9110, 7.8), or goes on.
    """
    if said.stack[:1] != ("tls",):
        tokens = ", ".join(said.listed("upgrade"))
        raise ProtocolError(f"a switch of protocols, but not to TLS: {excerpt(tokens.encode())}")
    if said.listed("transfer-encoding") or set(said.listed("content-length")) - {"0"}:
        raise ProtocolError("a switch of protocols with a body (RFC 9110, 15.2)")


def answer(wire: Wire) -> Dialog[Head]:
    """Receive the head of the final answer, or of a 101; others in between are passed over.

    Raises: ProtocolError: it is none; TooLong: too many in between.
    """
    for _ in range(INTERIM_LIMIT):
        said = yield from head(wire)
        if not said.code:
            raise ProtocolError(f"not an answer of HTTP/1.1: {excerpt(said.start.encode())}")
        if said.code == 101 or said.code >= 200:  # RFC 9110, 15.2: any number of 1xx before it
            return said
    raise TooLong(f"more than {INTERIM_LIMIT} answers before the answer")


def head(wire: Wire) -> Dialog[Head]:
    """Receive the head of a message (RFC 9112, 2.1), up to and with its empty line."""
    start = (yield from line(wire)).decode("utf-8", "replace")
    return Head(start, (yield from _fields(wire)))


def _fields(wire: Wire) -> Dialog[tuple[tuple[str, str], ...]]:
    """Raises: ProtocolError: not a field; a folded line too is none (RFC 9112, 5.2)."""
    fields: list[tuple[str, str]] = []
    while text := (yield from line(wire)).decode("utf-8", "replace"):
        found = _FIELD.fullmatch(text)
        if found is None:
            raise ProtocolError(f"not a header field: {excerpt(text.encode())}")
        if len(fields) >= LINES_LIMIT:
            raise TooLong(f"a head of more than {LINES_LIMIT} fields")
        fields.append((found[1].lower(), found[2].strip(" \t")))
    return tuple(fields)


def body(wire: Wire, of: Head) -> Dialog[None]:
    """Receive a message's body, and throw it away (RFC 9112, 6.3).

    Raises: TooLong: it is longer than `BODY_LIMIT`; ProtocolError: nobody can tell how long.
    """
    lengths, coding = set(of.listed("content-length")), of.listed("transfer-encoding")
    if (lengths and coding) or len(lengths) > 1:  # request smuggling's way in (RFC 9112, 11.2)
        raise ProtocolError("a body of two lengths")
    if of.code in (204, 304):
        return
    if coding:
        yield from _chunks(wire, coding)
    elif lengths:
        yield from exactly(wire, _length(lengths.pop()))
    elif of.code:  # an answer without a length goes on until the connection ends; a request ends
        while not wire.ended:
            yield from wire.more(BODY_LIMIT)
        wire.take(wire.waiting)


def _length(said: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", said):
        raise ProtocolError(f"not a length: {excerpt(said.encode())}")
    if int(said) > BODY_LIMIT:
        raise TooLong(f"a body of {int(said)} bytes")
    return int(said)


def _chunks(wire: Wire, coding: tuple[str, ...]) -> Dialog[None]:
    if coding != ("chunked",):
        raise ProtocolError(f"not to be decoded: {excerpt(', '.join(coding).encode())}")
    room = BODY_LIMIT
    while True:
        said = yield from line(wire)
        found = _CHUNK.fullmatch(said)
        if found is None:
            raise ProtocolError(f"not the size of a chunk: {excerpt(said)}")
        size = int(found[1], 16)
        room -= size
        if room < 0:
            raise TooLong(f"a body of more than {BODY_LIMIT} bytes")
        if not size:
            yield from _fields(wire)
            return
        yield from exactly(wire, size)
        if (yield from line(wire)):
            raise ProtocolError("a chunk that does not end where it says")


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The serving side: it upgrades any correct client and has nothing but OPTIONS."""
    if wire.secure:
        yield from _attend(wire, serve)
        return Upgrade(Outcome.IMPLICIT)
    asked = yield from _attend(wire, serve)
    if asked is None:
        return Upgrade(Outcome.NOT_ASKED, serve.offer)
    yield from wire.accept_tls(
        _message("101 Switching Protocols", *_ADVERTISED),
        _final("400 Bad Request", "Connection: close"),
    )
    wire.send(_answer_to(asked, wire, serve))  # RFC 2817, 3.3: to the request that asked for it
    yield from _attend(wire, serve)
    return Upgrade(Outcome.UPGRADED, serve.offer)


def _attend(wire: Wire, serve: Serving) -> Dialog[Head | None]:
    """Answer requests until one for TLS is to be granted, or the client is gone (None)."""
    for _ in range(_PATIENCE):
        asked = yield from _request(wire)
        if asked is None:
            break
        upgrades = "tls" in asked.stack and "upgrade" in asked.listed("connection")
        old = asked.request[1] == "0"  # RFC 9110, 7.8: where Upgrade is to be passed over
        if upgrades and not old and serve.offer and not wire.secure:
            return asked
        wire.send(_answer_to(asked, wire, serve))
        if old or "close" in asked.listed("connection"):
            break
    yield from wire.flush()
    return None


def _request(wire: Wire) -> Dialog[Head | None]:
    """Receive a request; None from a client that hung up."""
    try:
        asked = yield from head(wire)
        if "100-continue" in asked.listed("expect"):
            wire.send(_message("100 Continue"))
        yield from body(wire, asked)
    except Ended:
        return None
    return asked


def _answer_to(asked: Head, wire: Wire, serve: Serving) -> bytes:
    offering = _ADVERTISED if serve.offer and not wire.secure else ()
    match asked.request[0]:
        case "":
            return _final("400 Bad Request", "Connection: close")
        case "OPTIONS":
            return _final("200 OK", "Allow: OPTIONS", *offering)
        case _ if offering:
            return _final("426 Upgrade Required", *offering)  # RFC 2817, 4.2
        case _ if not wire.secure:
            return _final("403 Forbidden")
        case _:
            return _final("405 Method Not Allowed", "Allow: OPTIONS")


def _final(status: str, *fields: str) -> bytes:
    return _message(status, *fields, "Content-Length: 0")


def _message(status: str, *fields: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *fields, "", "")).encode()

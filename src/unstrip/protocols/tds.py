"""TDS, Microsoft SQL Server's protocol: PRELOGIN (MS-TDS, 2.2.6.5); TLS from the start in TDS 8.0.

TDS 7 wraps the handshake, and nothing after it, into its own packets; so TLS 1.2 is the newest
that fits, since 1.3 goes on with its handshake when it is over. PRELOGIN can also agree on TLS
for the login alone, which is here what it is to whoever sends a query afterwards: a refusal.
Inside TLS the client is silent: the first word there, LOGIN7, has the user's name in it.
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from enum import IntEnum

from unstrip.escaping import excerpt
from unstrip.framing import exactly
from unstrip.trouble import Ended, ProtocolError, TooLong
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade
from unstrip.wire import Dialog, Wire

NAME = "ms-sql-s"
DEFINED_BY = "MS-TDS, 2.2.6.5"
ALIASES = ("mssql", "tds")
LISTING = Listing.NONE
OFFER = "ENCRYPTION"
VERB = "PRELOGIN"
PORTS = {"ms-sql-s": 1433}
IMPLICIT_PORTS = {"tds8": 1433}  # the same port; the name is ours, IANA has none
SERVICES: dict[str, bool] = {}
ALPN = "tds/8.0"
MANNERS = (Manner.PLAIN, Manner.SPLIT)
LEGACY = True
GREETS = False
ALPN_DUE = True  # MS-TDS, 3.2.5.1: where TLS comes first

_PRELOGIN, _LOGIN, _ANSWER = 0x12, 0x10, 0x04  # types of packets (MS-TDS, 2.2.3.1.1)
_HEADER = struct.Struct(">BBHHBB")  # type, status, length, process, number, window (2.2.3.1)
_LAST = 0x01  # status: the message ends here (2.2.3.1.2)
_PACKET = 4096  # bytes at most, header included, until a login agrees on more (2.2.3.1.3)
MESSAGE_LIMIT = 4096  # bytes in all packets; a message before the login has some 100
_OPTION = struct.Struct(">BHH")  # token, offset, length (2.2.6.5)
_VERSION_TOKEN, _ENCRYPTION_TOKEN, _TERMINATOR = 0x00, 0x01, 0xFF
_VERSION = struct.Struct(">BBHH")  # major, minor, build, and the build's own (2.2.6.5)
_TLS_DATA = 0x17  # RFC 8446, 5.1: ContentType application_data


class Encryption(IntEnum):
    """What PRELOGIN says about TLS (MS-TDS, 2.2.6.5)."""

    OFF = 0  # for the login alone
    ON = 1
    NOT_SUP = 2
    REQ = 3


_NO = {
    Encryption.OFF: "ENCRYPT_OFF 0: only the login would be encrypted",
    Encryption.NOT_SUP: "ENCRYPT_NOT_SUP 2: no TLS here",
    None: "no word about encryption",
}

_ERROR = b"\xaa"
_ERROR_HEAD = struct.Struct("<BHIBBH")  # token, length, number, state, class, letters of its words
_FULL = 17809  # SQL Server: the maximum number of connections has been reached


def packets(kind: int, message: bytes) -> bytes:
    """Return a message in as many packets as it takes."""
    room = _PACKET - _HEADER.size
    pieces = [message[start : start + room] for start in range(0, len(message), room)]
    statuses = [0] * (len(pieces) - 1) + [_LAST]
    return b"".join(
        _HEADER.pack(kind, status, _HEADER.size + len(piece), 0, number % 256, 0) + piece
        for number, (status, piece) in enumerate(zip(statuses, pieces, strict=True), start=1)
    )


def prelogin(encryption: Encryption, version: bytes) -> bytes:
    """Return the message that says no more than it has to."""
    data = 2 * _OPTION.size + 1
    return (
        _OPTION.pack(_VERSION_TOKEN, data, 6)
        + _OPTION.pack(_ENCRYPTION_TOKEN, data + 6, 1)
        + bytes((_TERMINATOR,))
        + version.ljust(6, b"\0")
        + bytes((encryption,))
    )


PRELOGIN = packets(_PRELOGIN, prelogin(Encryption.ON, b"\x09"))
REQUEST = re.compile(re.escape(PRELOGIN))
IN_CLEAR = REQUEST  # all that a client may say before TLS (R2)


class Envelope:
    """The handshake in PRELOGIN packets, which are cut without regard to TLS's records."""

    opens = _PRELOGIN

    def __init__(self) -> None:
        self._waiting = bytearray()

    @property
    def waiting(self) -> bytes:
        """What is not whole yet; once TLS stands, nobody honest has left anything here."""
        return bytes(self._waiting)

    def wrap(self, records: bytes) -> bytes:
        """Return TLS records in packets."""
        return packets(_PRELOGIN, records)

    def unwrap(self, heard: bytes) -> bytes:
        """Return what whole packets carry, and any data that is bare: the handshake is over.

        Raises: ProtocolError, TooLong: it is no packet of a handshake.
        """
        waiting, records = self._waiting, bytearray()
        waiting += heard
        while waiting and waiting[0] != _TLS_DATA:
            if waiting[0] != _PRELOGIN:
                raise ProtocolError(f"no handshake in TDS: {excerpt(waiting)}")
            whole = _HEADER.size
            if len(waiting) >= whole:
                _, _, whole = header(bytes(waiting[:whole]))
            if len(waiting) < whole:
                return bytes(records)
            records += waiting[_HEADER.size : whole]
            del waiting[:whole]
        records += waiting
        waiting.clear()
        return bytes(records)


def header(data: bytes) -> tuple[int, bool, int]:
    """Read a packet's header: its type, whether the message ends there, its length.

    Raises:
        TooLong: it says that it is longer than any is before the login.
        ProtocolError: it is none.
    """
    kind, status, length, *_ = _HEADER.unpack(data)
    if length > _PACKET:
        raise TooLong(f"a packet of {length} bytes: {excerpt(data)}")
    if length < _HEADER.size or status not in (0, _LAST):
        raise ProtocolError(f"not a TDS packet: {excerpt(data)}")
    return kind, status == _LAST, length


def receive(wire: Wire) -> Dialog[tuple[int, bytes]]:
    """Receive one message, as its type and what its packets carry.

    Raises:
        TooLong: as `header`, or the packets are too many.
        ProtocolError: as `header`, or packets of two types.
    """
    message, taken, kinds, last = bytearray(), 0, set[int](), False
    while not last:
        kind, last, length = header((yield from exactly(wire, _HEADER.size)))
        kinds.add(kind)
        taken += length
        if taken > MESSAGE_LIMIT:
            raise TooLong(f"a message of more than {MESSAGE_LIMIT} bytes: {excerpt(message)}")
        message += yield from exactly(wire, length - _HEADER.size)
    if len(kinds) > 1:
        raise ProtocolError(f"a message of packets of several types: {excerpt(message)}")
    return kinds.pop(), bytes(message)


def options(message: bytes) -> dict[int, bytes]:
    """Read PRELOGIN's table of options, and what each has to say.

    Raises: ProtocolError: no end, an option twice, or one that lies elsewhere than behind it.
    """
    found: dict[int, bytes] = {}
    end = next((at for at in range(0, len(message), 5) if message[at] == _TERMINATOR), None)
    if end is None:
        raise ProtocolError(f"PRELOGIN without an end of its options: {excerpt(message)}")
    for token, start, length in _OPTION.iter_unpack(message[:end]):
        if token in found:
            raise ProtocolError(f"option {token} twice: {excerpt(message)}")
        if start <= end or start + length > len(message):
            raise ProtocolError(f"option {token} out of bounds: {excerpt(message)}")
        found[token] = message[start : start + length]
    return found


def encryption(message: bytes) -> Encryption | None:
    """Return what PRELOGIN says about TLS; None if it says nothing.

    Raises: ProtocolError: as `options`, or a word that nobody knows.
    """
    said = options(message).get(_ENCRYPTION_TOKEN)
    if said is None:
        return None
    if len(said) != 1 or said[0] not in set(Encryption):
        raise ProtocolError(f"an unknown word about encryption: {excerpt(said)}")
    return Encryption(said[0])


def version(message: bytes) -> str:
    """Return the server's version, which PRELOGIN tells everybody; "" if it has none.

    Raises: ProtocolError: as `options`.
    """
    said = options(message).get(_VERSION_TOKEN, b"")
    if len(said) != _VERSION.size:
        return ""
    major, minor, build, _ = _VERSION.unpack(said)
    return f"{major}.{minor}.{build}"


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The connecting side: PRELOGIN, TLS, and not a word inside."""
    wire.confine(IN_CLEAR)
    if wire.secure:
        return Upgrade(Outcome.IMPLICIT)
    yield from wire.petition(PRELOGIN, ask.manner)
    kind, message = yield from receive(wire)
    if kind != _ANSWER:
        raise ProtocolError(f"not an answer to PRELOGIN: {excerpt(message)}")
    if message[:1] == _ERROR:
        number, said = refusal(message)
        busy = number == _FULL
        return Upgrade(Outcome.BUSY if busy else Outcome.UNAVAILABLE, said=said)
    answer, greeting = encryption(message), version(message)
    if answer not in (Encryption.ON, Encryption.REQ):
        return Upgrade(Outcome.REFUSED, greeting=greeting, said=_NO[answer])
    upgraded = Upgrade(Outcome.UPGRADED, advertised=True, greeting=greeting, offered=(OFFER,))
    wire.so_far = replace(upgraded, outcome=Outcome.BROKEN_OFF)
    yield from wire.start_tls(envelope=Envelope())
    return upgraded


def refusal(message: bytes) -> tuple[int, str]:
    """Read an ERROR in PRELOGIN's place: its number, and its words (MS-TDS, 2.2.7.10).

    Raises: ProtocolError: it is cut short.
    """
    if len(message) < _ERROR_HEAD.size:
        raise ProtocolError(f"an error that is cut short: {excerpt(message)}")
    _, _, number, _, _, length = _ERROR_HEAD.unpack_from(message)
    words = message[_ERROR_HEAD.size : _ERROR_HEAD.size + 2 * length]
    return number, f"error {number}: {words.decode('utf-16-le', 'replace')}"


def farewell(wire: Wire) -> Dialog[None]:
    """Say nothing: TDS has no word for it."""
    yield from wire.flush()


_SERVER_VERSION = b"\x10\0\x10\0"  # 16.0.4096: SQL Server 2022's number
_STRUCTURE = 17828, "The PRELOGIN used to open the connection is not valid"
_REQUIRED = 17835, "Encryption is required here"
_NOBODY = 18456, "Nobody has an account here"
_AGREED: dict[Encryption | None, Encryption] = {  # a server that insists on TLS (2.2.6.5)
    Encryption.OFF: Encryption.REQ,
    Encryption.ON: Encryption.ON,
    Encryption.REQ: Encryption.ON,
}


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The accepting side: it upgrades any correct client and lets nobody log in."""
    if wire.secure:
        yield from _refuse(wire, _answer(Encryption.NOT_SUP))  # TDS 8.0: there is TLS already
        return Upgrade(Outcome.IMPLICIT)
    offered = (OFFER,) if serve.offer else ()
    agreed = yield from _wants_tls(wire, serve)
    if agreed is None:
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(_answer(agreed), error(*_STRUCTURE), Envelope())
    yield from _refuse(wire)
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _wants_tls(wire: Wire, serve: Serving) -> Dialog[Encryption | None]:
    """Receive PRELOGIN; return what to grant, or refuse and return None."""
    try:
        kind, message = yield from receive(wire)
    except Ended:
        return None
    if kind != _PRELOGIN:
        wire.send(error(*(_REQUIRED if serve.offer else _NOBODY)))
    elif not serve.offer:
        wire.send(_answer(Encryption.NOT_SUP))
        yield from _refuse(wire)
    elif agreed := _AGREED.get(encryption(message)):
        return agreed
    else:  # without TLS there is nothing for it here
        wire.send(_answer(Encryption.REQ))
    yield from wire.flush()
    return None


def _refuse(wire: Wire, again: bytes = b"") -> Dialog[None]:
    """Refuse what comes next, for good; `again` is the answer to PRELOGIN, where that may come."""
    try:
        kind, _ = yield from receive(wire)
        if kind == _PRELOGIN and again:
            wire.send(again)
            kind, _ = yield from receive(wire)
    except Ended:
        return
    wire.send(error(*(_STRUCTURE if kind == _PRELOGIN else _NOBODY)))
    yield from wire.flush()


def _answer(granted: Encryption) -> bytes:
    return packets(_ANSWER, prelogin(granted, _SERVER_VERSION))


def error(number: int, text: str) -> bytes:
    """Return an ERROR and the DONE that ends it (MS-TDS, 2.2.7.10 and 2.2.7.6)."""
    words = text.encode("utf-16-le")
    body = struct.pack("<IBBH", number, 1, 20, len(text)) + words + b"\0\0" + bytes(4)
    done = struct.pack("<BHHQ", 0xFD, 2, 0, 0)
    return packets(_ANSWER, _ERROR + struct.pack("<H", len(body)) + body + done)

"""MySQL and MariaDB: a flag in the greeting offers TLS, a short packet asks for it.

The one protocol here without a go-ahead: the ClientHello follows the request at once. So the
boundary lies behind the greeting, and a server that refuses can only be heard where TLS is asked
for without being offered. Inside TLS the client is silent: the first word there, the rest of the
handshake response, has the user's name in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from unstrip.escaping import excerpt
from unstrip.framing import exactly
from unstrip.trouble import Ended, Injected, ProtocolError, Spoofed, TooLong
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade, lists
from unstrip.wire import Dialog, Settle, Wire

NAME = "mysql"
DEFINED_BY = "MySQL's documentation, Connection Phase"
ALIASES = ("mariadb",)
LISTING = Listing.DUE  # the greeting has to say what the server can do
OFFER = "CLIENT_SSL"
VERB = "SSLRequest"
PORTS = {"mysql": 3306}
IMPLICIT_PORTS: dict[str, int] = {}
SERVICES: dict[str, bool] = {}
ALPN = None  # none is registered for MySQL
MANNERS = (Manner.PLAIN, Manner.SPLIT)
LEGACY = False
GREETS = True
ALPN_DUE = False

_FLAGS = (  # what the bits of the capabilities mean, from the lowest
    *("CLIENT_LONG_PASSWORD", "CLIENT_FOUND_ROWS", "CLIENT_LONG_FLAG", "CLIENT_CONNECT_WITH_DB"),
    *("CLIENT_NO_SCHEMA", "CLIENT_COMPRESS", "CLIENT_ODBC", "CLIENT_LOCAL_FILES"),
    *("CLIENT_IGNORE_SPACE", "CLIENT_PROTOCOL_41", "CLIENT_INTERACTIVE", "CLIENT_SSL"),
    *("CLIENT_IGNORE_SIGPIPE", "CLIENT_TRANSACTIONS", "CLIENT_RESERVED"),
    *("CLIENT_SECURE_CONNECTION", "CLIENT_MULTI_STATEMENTS", "CLIENT_MULTI_RESULTS"),
    *("CLIENT_PS_MULTI_RESULTS", "CLIENT_PLUGIN_AUTH", "CLIENT_CONNECT_ATTRS"),
    *("CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA", "CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS"),
    *("CLIENT_SESSION_TRACK", "CLIENT_DEPRECATE_EOF", "CLIENT_OPTIONAL_RESULTSET_METADATA"),
    *("CLIENT_ZSTD_COMPRESSION_ALGORITHM", "CLIENT_QUERY_ATTRIBUTES"),
    *("MULTI_FACTOR_AUTHENTICATION", "CLIENT_CAPABILITY_EXTENSION"),
    *("CLIENT_SSL_VERIFY_SERVER_CERT", "CLIENT_REMEMBER_OPTIONS"),
)
_SSL = 1 << _FLAGS.index(OFFER)
_REQUEST_SIZE = 32  # bytes of SSLRequest: a handshake response up to the user's name, which is not


def packet(sequence: int, payload: bytes) -> bytes:
    """Return a packet: its payload's length, its place in the exchange, its payload."""
    return len(payload).to_bytes(3, "little") + bytes((sequence,)) + payload


SSL_REQUEST = packet(
    1,
    0x0008AA05.to_bytes(4, "little")  # CLIENT_SSL among what every client has
    + (1 << 24).to_bytes(4, "little")  # the longest packet it takes
    + b"\x2d"  # utf8mb4
    + bytes(23),
)
REQUEST = re.compile(re.escape(SSL_REQUEST))
IN_CLEAR = REQUEST  # all that a client may say before TLS (R2)
PACKET_LIMIT = 4096  # bytes; a packet may have 16 MB, a greeting or a login has some 100
_PROTOCOL = b"\x0a"  # the version of the protocol, since 1998
_OK, _ERR = b"\0", b"\xff"
_LATER = frozenset(  # errors that are for now
    {
        1040,  # too many connections
        1041,  # out of memory
        1053,  # shutting down
        1129,  # too many connections broken off: ours count as such, since nobody logs in
        1135,  # no thread
        1203,  # too many connections of one user
    }
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An ERR packet, which may come in place of any answer."""

    code: int
    said: str

    @property
    def busy(self) -> bool:
        """Tell whether another time will do."""
        return self.code in _LATER


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the server says first (HandshakeV10)."""

    version: str
    capabilities: int

    @property
    def flags(self) -> tuple[str, ...]:
        """The capabilities by their names."""
        return tuple(flag for bit, flag in enumerate(_FLAGS) if self.capabilities >> bit & 1)


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The connecting side: greeting, SSLRequest, TLS, and not a word inside."""
    wire.confine(IN_CLEAR)
    sequence, payload = yield from receive(wire)
    if payload.startswith(_ERR):
        error = refusal(payload)
        outcome = Outcome.BUSY if error.busy else Outcome.UNAVAILABLE
        return Upgrade(outcome, greeting=error.said, said=error.said)
    greeting = greeted(sequence, payload)
    advertised = lists(greeting.flags, OFFER)

    def ended(outcome: Outcome, said: str = "") -> Upgrade:
        return Upgrade(outcome, advertised, greeting.version, (), greeting.flags, said=said)

    wire.so_far = ended(Outcome.BROKEN_OFF)
    if not advertised and not ask.insist:
        return ended(Outcome.NOT_OFFERED)
    if wire.waiting:  # nothing comes between greeting and TLS, so the boundary is here already
        raise Injected(wire.take(wire.waiting))
    yield from wire.petition(SSL_REQUEST, ask.manner)
    if not advertised and (refused := (yield from _refused(wire))):
        return ended(Outcome.REFUSED, refused)
    yield from wire.start_tls()
    return ended(Outcome.UPGRADED)


def _refused(wire: Wire) -> Dialog[str]:
    """Listen for an answer in clear, which only a refusal is; return what it says, if it comes."""
    yield Settle()
    if not wire.waiting and not wire.ended:
        return ""
    _, payload = yield from receive(wire)
    if payload.startswith(_OK):
        raise Spoofed("a login is accepted that nobody made")
    if not payload.startswith(_ERR):
        raise ProtocolError(f"neither TLS nor an error: {excerpt(payload)}")
    return refusal(payload).said


def farewell(wire: Wire) -> Dialog[None]:
    """Say nothing: COM_QUIT is for who has logged in."""
    yield from wire.flush()


def receive(wire: Wire) -> Dialog[tuple[int, bytes]]:
    """Receive one packet, as its place in the exchange and its payload.

    Raises:
        TooLong: it says that it is longer than any is, before TLS and the login.
        ProtocolError: it is empty.
    """
    header = yield from exactly(wire, 4)
    length = int.from_bytes(header[:3], "little")
    if length > PACKET_LIMIT:
        raise TooLong(f"a packet of {length} bytes")
    if not length:
        raise ProtocolError("a packet with nothing in it")
    return header[3], (yield from exactly(wire, length))


def refusal(payload: bytes) -> Refusal:
    """Read an ERR packet; before the login it may be without a SQLSTATE.

    Raises: ProtocolError: it has no code.
    """
    if len(payload) < 3:
        raise ProtocolError(f"an error without its code: {excerpt(payload)}")
    code, text = int.from_bytes(payload[1:3], "little"), payload[3:].decode("utf-8", "replace")
    state = f"{text[1:6]} " if text.startswith("#") else ""
    return Refusal(code, f"{code} {state}{text[6:] if state else text}".rstrip())


def greeted(sequence: int, payload: bytes) -> Greeting:
    """Read the greeting, as far as it matters: the challenge and its plugin are for a login.

    Raises: ProtocolError: it is none.
    """
    version, end, rest = payload[1:].partition(b"\0")
    if sequence or not payload.startswith(_PROTOCOL) or not end:
        raise ProtocolError(f"not a MySQL greeting: {excerpt(payload)}")
    if len(rest) < 15:  # thread, challenge, a zero, and the lower half of the capabilities
        raise ProtocolError(f"a greeting without capabilities: {excerpt(payload)}")
    capabilities = rest[13:15] + rest[18:20]  # between the halves: a character set and a status
    return Greeting(version.decode("utf-8", "replace"), int.from_bytes(capabilities, "little"))


_CAPABILITIES = 0xDFFFFFFF  # MySQL 8.0's
_HANDSHAKE_ERROR, _ACCESS_DENIED, _INSECURE_TRANSPORT = 1043, 1045, 3159


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The accepting side: it upgrades any correct client and lets nobody log in."""
    wire.send(_greeting(_CAPABILITIES if serve.offer else _CAPABILITIES & ~_SSL))
    offered = (OFFER,) if serve.offer else ()
    if not (yield from _wants_tls(wire, serve)):
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    refused = _error(2, _HANDSHAKE_ERROR, "08S01", "Bad handshake")
    yield from wire.accept_tls(b"", refused)  # there is no go-ahead, only TLS
    if request := (yield from _request(wire, 2)):
        wire.send(
            _error(3, _HANDSHAKE_ERROR, "08S01", "TLS is active already")
            if _asks_for_tls(request)
            else _error(3, _ACCESS_DENIED, "28000", "Nobody has an account here")
        )
        yield from wire.flush()
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _wants_tls(wire: Wire, serve: Serving) -> Dialog[bool]:
    """Receive the answer to the greeting; refuse what it asks for, unless it is TLS (True)."""
    request = yield from _request(wire, 1)
    if not request:
        return False
    if _asks_for_tls(request) and serve.offer:
        return True
    if _asks_for_tls(request):
        wire.send(_error(2, _HANDSHAKE_ERROR, "08S01", "Bad handshake"))
    elif serve.offer:
        wire.send(_error(2, _INSECURE_TRANSPORT, "HY000", "Insecure transport is prohibited"))
    else:
        wire.send(_error(2, _ACCESS_DENIED, "28000", "Nobody has an account here"))
    yield from wire.flush()
    return False


def _request(wire: Wire, expected: int) -> Dialog[bytes]:
    """Receive the client's packet of that place in the exchange; nothing if it hung up.

    Raises: ProtocolError: it has another place.
    """
    try:
        sequence, payload = yield from receive(wire)
    except Ended:
        return b""
    if sequence != expected:
        raise ProtocolError(f"packet {sequence} where {expected} is due: {excerpt(payload)}")
    return payload


def _asks_for_tls(request: bytes) -> bool:
    """Tell SSLRequest from a login, which may have the same flags and is longer (R20)."""
    return len(request) == _REQUEST_SIZE and bool(int.from_bytes(request[:4], "little") & _SSL)


def _greeting(capabilities: int) -> bytes:
    """Greet as MySQL 8 does; since nobody logs in, any challenge will do."""
    halves = capabilities.to_bytes(4, "little")
    return packet(
        0,
        _PROTOCOL
        + b"8.0.36-unstrip\0"
        + b"\x01\0\0\0"  # a thread
        + b"unstrip.\0"  # the challenge's first 8 bytes
        + halves[:2]
        + b"\xff\x02\0"  # utf8mb4, autocommit
        + halves[2:]
        + b"\x15"  # the challenge's length
        + bytes(10)
        + b"no-login-yet\0"  # its other bytes
        + b"caching_sha2_password\0",
    )


def _error(sequence: int, code: int, state: str, text: str) -> bytes:
    return packet(sequence, _ERR + code.to_bytes(2, "little") + f"#{state}{text}".encode())

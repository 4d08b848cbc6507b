"""PostgreSQL: SSLRequest, answered by one byte; TLS from the first byte since version 17.

The byte is all there is: whoever changes the `S` into an `N` has stripped TLS, and whatever comes
in one segment with it is an attack (CVE-2021-23222 at the client, CVE-2021-23214 at the server).
Inside TLS the client is silent: the first word there, StartupMessage, has the user's name in it.
"""

from __future__ import annotations

import re

from unstrip.escaping import excerpt
from unstrip.framing import exactly
from unstrip.trouble import Ended, ProtocolError, Spoofed, TooLong
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade
from unstrip.wire import Dialog, Wire

NAME = "postgresql"
DEFINED_BY = "PostgreSQL's documentation, SSL Session Encryption"
ALIASES = ("postgres", "pgsql")
LISTING = Listing.NONE
OFFER = "SSL"
VERB = "SSLRequest"
PORTS = {"postgresql": 5432}
IMPLICIT_PORTS = {"postgresqls": 5432}  # the same port; the name is ours, IANA has none
SERVICES: dict[str, bool] = {}
ALPN = "postgresql"
MANNERS = (Manner.PLAIN, Manner.SPLIT)
LEGACY = False
GREETS = False
ALPN_DUE = True  # version 17 wants it where TLS comes first

# Messages without a type: their length, these four bytes included, and a code
_CANCEL_CODE, _SSL_CODE, _GSSENC_CODE = 80877102, 80877103, 80877104
SSL_REQUEST = b"\0\0\0\x08" + _SSL_CODE.to_bytes(4, "big")
REQUEST = re.compile(re.escape(SSL_REQUEST))
IN_CLEAR = REQUEST  # all that a client may say before TLS (R2)
STARTUP_LIMIT = 10_000  # bytes; PostgreSQL's own limit, MAX_STARTUP_PACKET_LENGTH
_PATIENCE = 10  # messages on either side of TLS (R27)


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The connecting side: SSLRequest, one byte, TLS, and not a word inside."""
    wire.confine(IN_CLEAR)
    if wire.secure:
        return Upgrade(Outcome.IMPLICIT)
    yield from wire.petition(SSL_REQUEST, ask.manner)
    answer = yield from exactly(wire, 1)  # and not one more: what follows is for nobody to read
    match answer:
        case b"S":
            wire.so_far = Upgrade(Outcome.BROKEN_OFF, advertised=True, offered=(OFFER,))
            yield from wire.start_tls()
            return Upgrade(Outcome.UPGRADED, advertised=True, offered=(OFFER,))
        case b"N":
            return Upgrade(Outcome.REFUSED, said="N (no TLS here)")
        case b"E":  # and a text, for which nobody vouches: it is not read (CVE-2024-10977), nor
            # left to whoever would go on in clear, as a refusal is
            return Upgrade(Outcome.UNAVAILABLE, said="E (an error in place of an answer)")
        case b"R":  # Authentication, the answer to a StartupMessage
            raise Spoofed("a login is under way that nobody began")
        case _:
            raise ProtocolError(f"neither S nor N nor E: {excerpt(answer)}")


def farewell(wire: Wire) -> Dialog[None]:
    """Say nothing: Terminate is for sessions, and none was started."""
    yield from wire.flush()


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The accepting side: it upgrades any correct client and lets nobody log in."""
    if wire.secure:
        yield from _refuse_inside(wire)
        return Upgrade(Outcome.IMPLICIT)
    offered = (OFFER,) if serve.offer else ()
    if not (yield from _wants_tls(wire, serve)):
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(b"S", error("08P01", "received unencrypted data after SSL request"))
    yield from _refuse_inside(wire)
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _wants_tls(wire: Wire, serve: Serving) -> Dialog[bool]:
    """Answer requests until TLS is to be granted (True) or the client is gone (False)."""
    for _ in range(_PATIENCE):
        code = yield from startup(wire)
        if code == _SSL_CODE and serve.offer:
            return True
        if code in (_SSL_CODE, _GSSENC_CODE):
            wire.send(b"N")
            continue
        wire.send(_refusal(code, "TLS is required here" if serve.offer else _NOBODY))
        break
    yield from wire.flush()
    return False


def _refuse_inside(wire: Wire) -> Dialog[None]:
    """Answer the one message that comes inside TLS; every answer to it is the last."""
    wire.send(_refusal((yield from startup(wire)), _NOBODY))
    yield from wire.flush()


_NOBODY = "nobody has an account here"


def _refusal(code: int | None, reason: str) -> bytes:
    """Refuse a startup message; a request to cancel is never answered, nor is who hung up."""
    if code is None or code == _CANCEL_CODE:
        return b""
    major, minor = divmod(code, 1 << 16)
    if major != 3:  # SSLRequest and GSSENCRequest among them, inside TLS
        return error("0A000", f"unsupported frontend protocol {major}.{minor}")
    return error("28000", reason)


def startup(wire: Wire) -> Dialog[int | None]:
    """Receive a message without a type and return its code; None from a client that hung up.

    Raises:
        TooLong: it says that it is longer than any is.
        ProtocolError: it says that it is shorter than any is.
    """
    try:
        length = int.from_bytes((yield from exactly(wire, 4)), "big")
        if length > STARTUP_LIMIT:
            raise TooLong(f"a startup message of {length} bytes")
        if length < 8:
            raise ProtocolError(f"a startup message of {length} bytes")
        message = yield from exactly(wire, length - 4)
    except Ended:
        return None
    return int.from_bytes(message[:4], "big")


def error(code: str, text: str) -> bytes:
    """Return ErrorResponse: the end of the connection, with its SQLSTATE and a sentence."""
    fields = f"SFATAL\0VFATAL\0C{code}\0M{text}\0\0".encode()
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields

"""VNC: VeNCrypt 0.2, a security type of the RFB protocol (rfbproto; RFC 6143 has no TLS).

Only its X509 subtypes are taken: those called TLS have no certificate, so that anybody can be in
between, and Plain has no TLS at all. Inside TLS the client is silent: it is there that a viewer
proves who it is, and the server may have a word of its own before that.
"""

from __future__ import annotations

import re
import struct
from typing import TypeAlias

from unstrip.escaping import excerpt
from unstrip.framing import exactly
from unstrip.trouble import Ended, ProtocolError, Spoofed, TooLong
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade, lists
from unstrip.wire import Dialog, Wire

NAME = "rfb"
DEFINED_BY = "rfbproto, VeNCrypt"
ALIASES = ("vnc",)
LISTING = Listing.DUE  # RFC 6143, 7.1.2: the server lists its security types
OFFER = VERB = "VENCRYPT"
PORTS = {"rfb": 5900, "vnc": 5900}
IMPLICIT_PORTS: dict[str, int] = {}
SERVICES: dict[str, bool] = {}
ALPN = None  # none is registered for RFB
MANNERS = (Manner.PLAIN,)  # the request is one byte
LEGACY = False
GREETS = True
ALPN_DUE = False

Version: TypeAlias = tuple[int, int]

_NONE, _VENCRYPT, _X509_NONE = 1, 19, 260
_TYPES = {  # IANA's registry of RFB security types, and VeNCrypt's own, which are numbered apart
    _NONE: "NONE",
    2: "VNCAUTH",
    5: "RA2",
    6: "RA2NE",
    16: "TIGHT",
    17: "ULTRA",
    18: "TLS",
    _VENCRYPT: OFFER,
    20: "SASL",
    21: "MD5",
    22: "XVP",
    30: "DIFFIE-HELLMAN",
    129: "RA2-256",
    130: "RA2NE-256",
    256: "PLAIN",
    257: "TLSNONE",
    258: "TLSVNC",
    259: "TLSPLAIN",
    _X509_NONE: "X509NONE",
    261: "X509VNC",
    262: "X509PLAIN",
    263: "TLSSASL",
    264: "X509SASL",
}
# None first: it alone ends well for who has no secret, while a server may count the silence that
# follows any other as an attempt to log in, and shut us out. Then those that wait for us to begin.
_WANTED = (_X509_NONE, 262, 264, 261)
_ANONYMOUS = frozenset({257, 258, 259, 263})
_ANONYMOUS_ONLY = "only anonymous TLS is offered, which proves nothing"
_WITHOUT_CERTIFICATE = "VeNCrypt without a subtype that has a certificate"
_VERSION = re.compile(rb"RFB ([0-9]{3})\.([0-9]{3})\n")  # RFC 6143, 7.1.1
_V3_3, _V3_7, _V3_8 = (3, 3), (3, 7), (3, 8)  # there are no others; Apple's 3.889 means 3.8
_VERSIONS = {known: b"RFB %03d.%03d\n" % known for known in (_V3_3, _V3_7, _V3_8)}
_VENCRYPT_VERSION = b"\x00\x02"
_LATER = re.compile(r"too many|try again|later|busy", re.IGNORECASE)
REASON_LIMIT = 4096  # bytes of a reason, whose length is a number of 32 bits

REQUEST = re.compile(rb"^RFB 003\.00[78]\n\x13")
IN_CLEAR = re.compile(  # all that a client may say before TLS (R2)
    rb"RFB 003\.00[378]\n|\x13|\x00\x02|\x00\x00\x01[\x04-\x06\x08]"
)


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The viewer's side: version, security type, VeNCrypt's version, subtype; silence inside."""
    wire.confine(IN_CLEAR)
    theirs = yield from version(wire)
    ours = max(known for known in _VERSIONS if known <= theirs)
    greeting = f"RFB {theirs[0]}.{theirs[1]}"
    wire.so_far = Upgrade(Outcome.BROKEN_OFF, greeting=greeting)
    if ours != _V3_3 or not wire.waiting:  # TigerVNC turns away at once whom it has locked out
        wire.ask(_VERSIONS[ours])
    types = yield from security_types(wire, ours)
    if not types:
        said = yield from reason(wire)
        outcome = Outcome.BUSY if _LATER.search(said) else Outcome.UNAVAILABLE
        return Upgrade(outcome, greeting=greeting, said=said)
    return (yield from _upgrade(wire, ask, ours, greeting, _named(types)))


def _upgrade(
    wire: Wire, ask: Asking, ours: Version, greeting: str, offered: tuple[str, ...]
) -> Dialog[Upgrade]:
    advertised = lists(offered, OFFER)
    listed = list(offered)

    def ended(outcome: Outcome, said: str = "") -> Upgrade:
        return Upgrade(outcome, advertised, greeting, offered=tuple(listed), said=said)

    wire.so_far = ended(Outcome.BROKEN_OFF)
    if not advertised and not ask.insist:
        return ended(Outcome.NOT_OFFERED)
    if ours == _V3_3:
        return ended(Outcome.REFUSED, "in RFB 3.3 no viewer chooses its security type")
    if refusal := (yield from _choose(wire, ours, advertised=advertised)):
        return ended(Outcome.REFUSED, refusal)
    subtypes = yield from _subtypes(wire)
    listed += (f"{OFFER} {name}" for name in _named(subtypes))
    subtype = next((wanted for wanted in _WANTED if wanted in subtypes), None)
    if subtype is None:  # then VeNCrypt offers nothing to ask for: nobody refuses anything
        advertised, listed = False, [name for name in listed if name != OFFER]
        said = _ANONYMOUS_ONLY if _ANONYMOUS & {*subtypes} else _WITHOUT_CERTIFICATE
        return ended(Outcome.REFUSED if ask.insist else Outcome.NOT_OFFERED, said)
    wire.so_far = ended(Outcome.BROKEN_OFF)
    wire.ask(subtype.to_bytes(4, "big"))
    if (yield from exactly(wire, 1)) != b"\x01":  # here 1 is yes; for the version it is 0
        return ended(Outcome.REFUSED, f"{_TYPES[subtype]} is listed, and refused")
    yield from wire.start_tls(server_first=True)
    return ended(Outcome.UPGRADED)


def _choose(wire: Wire, ours: Version, *, advertised: bool) -> Dialog[str]:
    """Choose VeNCrypt and agree on its version; return what was said against it, if anything."""
    yield from wire.petition(bytes([_VENCRYPT]), Manner.PLAIN)
    try:
        highest = yield from exactly(wire, 2)
    except Ended:
        if advertised or wire.waiting:
            raise
        return "connection closed"  # as TigerVNC says no to a type that it has not listed
    if highest == b"\0\0":
        return (yield from _failed(wire, ours))
    if highest < _VENCRYPT_VERSION:
        return f"VeNCrypt {highest[0]}.{highest[1]}, whose messages are others"
    wire.ask(_VENCRYPT_VERSION)
    acknowledged = yield from exactly(wire, 1)
    return "" if acknowledged == b"\0" else f"VeNCrypt 0.2 is refused: {acknowledged[0]}"


def _failed(wire: Wire, ours: Version) -> Dialog[str]:
    """Receive the rest of a SecurityResult, whose first half came where a version was due.

    Raises: Spoofed: it says that all is well.
    """
    code = int.from_bytes((yield from exactly(wire, 2)), "big")
    if code == 0:
        raise Spoofed("a session began without TLS and without a login")
    why = f": {(yield from reason(wire))}" if ours == _V3_8 else ""
    return f"SecurityResult {code}{why}"


def farewell(wire: Wire) -> Dialog[None]:
    """Say nothing: there is no session to leave."""
    yield from wire.flush()


def version(wire: Wire) -> Dialog[Version]:
    """Receive a ProtocolVersion message.

    Raises: ProtocolError: it is none, or older than the first that was published.
    """
    said = yield from exactly(wire, 12)
    match = _VERSION.fullmatch(said)
    found = (int(match[1]), int(match[2])) if match else (0, 0)
    if found < _V3_3:
        raise ProtocolError(f"no version of RFB: {excerpt(said)}")
    return found


def security_types(wire: Wire, ours: Version) -> Dialog[tuple[int, ...]]:
    """Receive the list of security types; none where a reason follows instead."""
    if ours != _V3_3:
        (count,) = yield from exactly(wire, 1)
        return tuple((yield from exactly(wire, count)))
    decided = int.from_bytes((yield from exactly(wire, 4)), "big")
    if decided > 2:  # RFC 6143, 7.1.2 knows no more in this version
        raise ProtocolError(f"security type {decided} in RFB 3.3")
    return (decided,) if decided else ()


def reason(wire: Wire) -> Dialog[str]:
    """Receive why a server has no service: the last it says (RFC 6143, 7.1.2).

    Raises: TooLong: it is no sentence.
    """
    length = int.from_bytes((yield from exactly(wire, 4)), "big")
    if length > REASON_LIMIT:
        raise TooLong(f"a reason of {length} bytes")
    return (yield from exactly(wire, length)).decode("utf-8", "replace")


def _subtypes(wire: Wire) -> Dialog[tuple[int, ...]]:
    (count,) = yield from exactly(wire, 1)
    return struct.unpack(f">{count}I", (yield from exactly(wire, 4 * count)))


def _named(types: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(_TYPES.get(kind, f"TYPE-{kind}") for kind in types)


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The serving side: it upgrades any correct viewer and shows nobody anything."""
    offered = (OFFER,) if serve.offer else ()
    if not (yield from _wants_tls(wire, serve)):
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(b"\x01", b"\x00")
    wire.send(_failure("Nobody is let in here"))
    yield from wire.flush()
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _wants_tls(wire: Wire, serve: Serving) -> Dialog[bool]:
    """Go on to where TLS is to be granted (True), or to where the viewer goes wrong (False)."""
    wire.send(_VERSIONS[_V3_8])
    try:
        answer = yield from _negotiate(wire, serve)
    except Ended:
        return False
    wire.send(answer)
    yield from wire.flush()
    return not answer


def _negotiate(wire: Wire, serve: Serving) -> Dialog[bytes]:
    """Return the refusal; nothing where TLS is to begin, with a subtype that wants no password."""
    if (yield from version(wire)) < _V3_7:  # where a server has only None and VncAuth to name
        return _failure("RFB 3.7 is needed for TLS", code=0)  # 7.1.2: no security type
    wire.send(bytes([1, _VENCRYPT if serve.offer else _NONE]))
    (chosen,) = yield from exactly(wire, 1)
    if not serve.offer:
        return _failure("Nobody is let in here")
    if chosen != _VENCRYPT:
        return _failure("Nothing is shown without TLS")
    wire.send(_VENCRYPT_VERSION)
    if (yield from exactly(wire, 2)) != _VENCRYPT_VERSION:
        return b"\xff"
    subtype = _X509_NONE.to_bytes(4, "big")
    wire.send(b"\0\x01" + subtype)
    return b"" if (yield from exactly(wire, 4)) == subtype else b"\0"


def _failure(why: str, code: int = 1) -> bytes:
    """Return a failed SecurityResult (RFC 6143, 7.1.3), which is a server's last word."""
    return struct.pack(">II", code, len(why)) + why.encode()

"""RDP: the security negotiation in X.224's connection request (MS-RDPBCGR, 5.4.2.1).

One packet asks, one answers, and TLS begins; with CredSSP it is the same TLS, and the user's
credentials are for later. The request carries no cookie, which would have the user's name in it.
Inside TLS the client is silent: every first word there begins a session.
"""

from __future__ import annotations

import re
import struct

from unstrip.escaping import excerpt
from unstrip.framing import exactly
from unstrip.trouble import Ended, ProtocolError, TooLong, Unsolicited
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade
from unstrip.wire import Dialog, Wire

NAME = "ms-wbt-server"
DEFINED_BY = "MS-RDPBCGR, 2.2.1.1"
ALIASES = ("rdp",)
LISTING = Listing.NONE
OFFER = "TLS"
VERB = "RDP_NEG_REQ"
PORTS = {"ms-wbt-server": 3389, "rdp": 3389}  # the second is in use, and none of IANA's
IMPLICIT_PORTS: dict[str, int] = {}
SERVICES: dict[str, bool] = {}
ALPN = None  # none is registered for RDP
MANNERS = (Manner.PLAIN, Manner.SPLIT)
LEGACY = False
GREETS = False
ALPN_DUE = False

# MS-RDPBCGR, 2.2.1.1.1: protocols, one bit each
_RDP, _SSL, _HYBRID = 0, 1, 2
_PROTOCOLS = {
    _RDP: "PROTOCOL_RDP",
    _SSL: "PROTOCOL_SSL",
    _HYBRID: "PROTOCOL_HYBRID",
    4: "PROTOCOL_RDSTLS",
    8: "PROTOCOL_HYBRID_EX",
    16: "PROTOCOL_RDSAAD",
}
_FLAGS = {  # 2.2.1.2.1: what a server can do besides
    1: "EXTENDED_CLIENT_DATA_SUPPORTED",
    2: "DYNVC_GFX_PROTOCOL_SUPPORTED",
    8: "RESTRICTED_ADMIN_MODE_SUPPORTED",
    16: "REDIRECTED_AUTHENTICATION_MODE_SUPPORTED",
}
_REQUIRED, _NOT_ALLOWED, _INCONSISTENT = 1, 2, 4
_FAILURES = {  # 2.2.1.2.2
    _REQUIRED: "SSL_REQUIRED_BY_SERVER",
    _NOT_ALLOWED: "SSL_NOT_ALLOWED_BY_SERVER",
    3: "SSL_CERT_NOT_ON_SERVER",
    _INCONSISTENT: "INCONSISTENT_FLAGS",
    5: "HYBRID_REQUIRED_BY_SERVER",
    6: "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER",
}
_NEG_REQ, _NEG_RSP, _NEG_FAILURE = 1, 2, 3
_NEGOTIATION = struct.Struct("<BBHI")  # type, flags, length, value; these alone little-endian

_REQUEST, _CONFIRM, _DISCONNECT = 0xE0, 0xD0, 0x80  # X.224, 13: codes of TPDUs
PACKET_LIMIT = 1024  # bytes; a connection request with a cookie has some eighty


def packet(code: int, variable: bytes = b"") -> bytes:
    """Return a TPDU of class 0 (X.224, 13.3) in its TPKT (RFC 1006, 6)."""
    tpdu = struct.pack(">BBHHB", 6 + len(variable), code, 0, 0, 0) + variable
    return struct.pack(">BBH", 3, 0, 4 + len(tpdu)) + tpdu


def negotiation(kind: int, value: int) -> bytes:
    """Return a negotiation structure without flags."""
    return _NEGOTIATION.pack(kind, 0, _NEGOTIATION.size, value)


# CredSSP too is asked for, since many a server takes nothing less: it is TLS all the same
CONNECTION_REQUEST = packet(_REQUEST, negotiation(_NEG_REQ, _SSL | _HYBRID))
REQUEST = re.compile(re.escape(CONNECTION_REQUEST))
IN_CLEAR = REQUEST  # all that a client may say before TLS (R2)


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The user's side: one packet, its answer, TLS, and not a word inside."""
    wire.confine(IN_CLEAR)
    yield from wire.petition(CONNECTION_REQUEST, ask.manner)
    code, answer = yield from receive(wire)
    if code == _DISCONNECT:
        return Upgrade(Outcome.UNAVAILABLE, said="X.224 Disconnect Request")
    if code != _CONFIRM:
        raise ProtocolError(f"no answer to a connection request: TPDU {code:#x}")
    if not answer:  # 2.2.1.2: the negotiation is optional
        return Upgrade(Outcome.REFUSED, said="confirmed without a negotiation: an old server")
    kind, flags, value = parsed(answer)
    if kind == _NEG_FAILURE:
        said = f"failureCode {value} {_FAILURES.get(value, 'of no meaning')}"
        return Upgrade(Outcome.REFUSED, said=said)
    if kind != _NEG_RSP:
        raise ProtocolError(f"neither RDP_NEG_RSP nor RDP_NEG_FAILURE: {excerpt(answer)}")
    return (yield from _upgrade(wire, flags, value))


def _upgrade(wire: Wire, flags: int, selected: int) -> Dialog[Upgrade]:
    said = f"selectedProtocol {selected} {_PROTOCOLS.get(selected, 'of no meaning')}"
    if selected not in (_RDP, _SSL, _HYBRID):
        raise Unsolicited(f"{said}, which was not asked for")
    listed = (_PROTOCOLS[selected], *(name for bit, name in _FLAGS.items() if flags & bit))
    if selected == _RDP:  # RC4, and a key that anybody can sign (5.3.3.1)
        return Upgrade(Outcome.REFUSED, offered=listed, said=said)
    offered = (OFFER, *listed)
    wire.so_far = Upgrade(Outcome.BROKEN_OFF, advertised=True, offered=offered)
    yield from wire.start_tls()
    return Upgrade(Outcome.UPGRADED, advertised=True, offered=offered)


def farewell(wire: Wire) -> Dialog[None]:
    """Say nothing: there is no session to leave."""
    yield from wire.flush()


def receive(wire: Wire) -> Dialog[tuple[int, bytes]]:
    """Receive one TPKT, and return the code of its TPDU and the variable part of its header.

    Raises:
        TooLong: it says that it is longer than any that we answer.
        ProtocolError: it is none, or its lengths disagree.
    """
    version, _, length = struct.unpack(">BBH", (yield from exactly(wire, 4)))
    if version != 3:
        raise ProtocolError(f"no TPKT: version {version}")
    if length > PACKET_LIMIT:
        raise TooLong(f"a TPKT of {length} bytes")
    if length < 7:
        raise ProtocolError(f"a TPKT of {length} bytes")
    tpdu = yield from exactly(wire, length - 4)
    code = tpdu[1] & 0xF0
    if code in (_REQUEST, _CONFIRM) and not 7 <= tpdu[0] + 1 == len(tpdu):
        raise ProtocolError(f"the lengths of TPKT and TPDU disagree: {excerpt(tpdu)}")
    return code, tpdu[7:]


def parsed(structure: bytes) -> tuple[int, int, int]:
    """Read a negotiation structure: its type, its flags, and the value.

    Raises: ProtocolError: it is none.
    """
    if len(structure) != _NEGOTIATION.size or structure[2:4] != b"\x08\0":
        raise ProtocolError(f"no negotiation: {excerpt(structure)}")
    kind, flags, _, value = _NEGOTIATION.unpack(structure)
    return kind, flags, value


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The serving side: it upgrades any correct client and begins no session."""
    offered = (OFFER,) if serve.offer else ()
    if not (yield from _answer(wire, serve)):
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(packet(_CONFIRM, negotiation(_NEG_RSP, _SSL)), packet(_DISCONNECT))
    yield from _answer(wire, serve)
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _answer(wire: Wire, serve: Serving) -> Dialog[bool]:
    """Receive one packet: it is to be granted (True), or refused, and that is the end (False)."""
    try:
        code, variable = yield from receive(wire)
    except Ended:
        return False
    if code != _REQUEST:
        wire.send(packet(_DISCONNECT))
    elif wire.secure:
        wire.send(packet(_CONFIRM, negotiation(_NEG_FAILURE, _INCONSISTENT)))
    elif not serve.offer:
        wire.send(packet(_CONFIRM, negotiation(_NEG_FAILURE, _NOT_ALLOWED)))
    elif requested(variable) & _SSL:
        return True
    else:
        wire.send(packet(_CONFIRM, negotiation(_NEG_FAILURE, _REQUIRED)))
    yield from wire.flush()
    return False


def requested(variable: bytes) -> int:
    """Return what a connection request asks for, which is nothing where it does not negotiate.

    Raises: ProtocolError: it is no request.
    """
    bare = variable.startswith(b"\x01")  # 2.2.1.1: no cookie and no routing token comes first
    structures = variable if bare else variable.partition(b"\r\n")[2]
    if not structures:
        return _RDP
    kind, flags, protocols = parsed(structures[: _NEGOTIATION.size])
    correlation = 36 if flags & 8 else 0  # 2.2.1.1.2
    if kind != _NEG_REQ or len(structures) != _NEGOTIATION.size + correlation:
        raise ProtocolError(f"no request to negotiate: {excerpt(structures)}")
    return protocols

"""NUT, the protocol of Network UPS Tools: STARTTLS to upsd (its developer guide, "STARTTLS").

There is no greeting and no list: the client speaks first, and one line answers it. Lines end in
LF. Inside TLS the client asks for the version, which leaves no doubt who is speaking there: a
server that ran a command smuggled in before the handshake has spoken already (B-01).
"""

from __future__ import annotations

import re

from unstrip.escaping import excerpt, printable
from unstrip.trouble import Ended, ProtocolError, TooLong, Unsolicited
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade
from unstrip.wire import Dialog, Wire

NAME = "nut"
DEFINED_BY = "NUT's network protocol, STARTTLS"
ALIASES = ()
LISTING = Listing.NONE
OFFER = VERB = "STARTTLS"
PORTS = {"nut": 3493}
IMPLICIT_PORTS: dict[str, int] = {}
SERVICES: dict[str, bool] = {}
ALPN = None  # none is registered for NUT
MANNERS = tuple(Manner)
LEGACY = False
GREETS = False
ALPN_DUE = False

REQUEST = re.compile(rb"^STARTTLS\n", re.IGNORECASE | re.MULTILINE)
IN_CLEAR = re.compile(rb"(?:STARTTLS|starttls|QSTARTTLSQ|LOGOUT)\n")  # all before TLS (R2)
GO_AHEAD = b"OK STARTTLS"
LINE_LIMIT = 1024  # bytes; upsd's own limit for a line is 512
_PATIENCE = 50  # commands on either side of TLS (R27)


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The monitoring side: STARTTLS, one line, and VER inside."""
    wire.confine(IN_CLEAR)
    if wire.secure:
        return Upgrade(Outcome.IMPLICIT, inside=(yield from version(wire)))
    yield from wire.request(VERB, ask.manner, ending="\n")
    said = yield from line(wire)
    text = said.decode("utf-8", "replace")
    if ask.manner is Manner.CANARY:
        return Upgrade(Outcome.NOT_ASKED, said=text)
    if re.match(rb"ERR(?: |$)", said):  # whatever the excuse
        return Upgrade(Outcome.REFUSED, said=text)
    if said != GO_AHEAD:
        raise ProtocolError(f"neither {GO_AHEAD.decode()} nor ERR: {excerpt(said)}")
    wire.so_far = Upgrade(Outcome.BROKEN_OFF, advertised=True, offered=(OFFER,))
    yield from wire.start_tls()
    inside = yield from version(wire)
    return Upgrade(Outcome.UPGRADED, advertised=True, offered=(OFFER,), inside=inside)


def farewell(wire: Wire) -> Dialog[None]:
    """Take leave without waiting for an answer."""
    wire.send(b"LOGOUT\n")
    yield from wire.flush()


def line(wire: Wire) -> Dialog[bytes]:
    """Receive one line, without its LF, and without the CR that may stand before it.

    The guide has LF alone; with CR LF the line still ends at the same byte, for every reader.

    Raises:
        TooLong, Ended: as `Wire.more`.
        ProtocolError: a NUL, or a CR that does not end it: readers would disagree on the line.
    """
    while (text := wire.through(b"\n")) is None:
        yield from wire.more(LINE_LIMIT)
    if len(text) > LINE_LIMIT:
        raise TooLong(f"more than {LINE_LIMIT} bytes: {excerpt(text)}")
    if b"\0" in text or b"\r" in text[:-2]:
        raise ProtocolError(f"a bare CR or NUL in a line: {excerpt(text)}")
    return text[:-1].removesuffix(b"\r")


def version(wire: Wire) -> Dialog[tuple[str, ...]]:
    """Say VER, and receive the server's name and version; nothing from one that has none.

    Raises: Unsolicited: an answer that VER cannot have: it is one message behind.
    """
    wire.ask(b"VER\n")
    said = yield from line(wire)
    if re.match(rb"(?:OK|BEGIN|END|VAR|UPS)(?: |$)", said):
        raise Unsolicited(f"no answer to VER, inside TLS: {excerpt(said)}")
    known = not re.match(rb"ERR(?: |$)", said)
    return (said.decode("utf-8", "replace"),) if known else ()


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The side with the UPS: it upgrades any correct client and lets nobody log in."""
    if wire.secure:
        yield from _answer(wire, serve)
        return Upgrade(Outcome.IMPLICIT)
    offered = (OFFER,) if serve.offer else ()
    if not (yield from _answer(wire, serve)):
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(
        GO_AHEAD + b"\n", b'ERR INVALID-ARGUMENT "Nothing may follow STARTTLS"\n'
    )
    yield from _answer(wire, serve)
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _answer(wire: Wire, serve: Serving) -> Dialog[bool]:
    """Answer commands until STARTTLS is to be granted (True) or the client is gone (False)."""
    for _ in range(_PATIENCE):
        verb, argument = yield from _command(wire)
        if verb == VERB and serve.offer and not wire.secure and not argument:
            return True
        wire.send(f"{_answer_to(verb, argument, wire, serve)}\n".encode())
        if verb == "LOGOUT":
            break
    yield from wire.flush()
    return False


def _answer_to(verb: str, argument: str, wire: Wire, serve: Serving) -> str:
    match verb:
        case "VER":
            return f"Network UPS Tools upsd, played by unstrip on {serve.name}"
        case "NETVER" | "PROTVER":
            return "1.3"
        case "HELP":
            return "Commands: HELP VER NETVER STARTTLS LOGOUT"
        case "LOGOUT":
            return "OK Goodbye"
        case "STARTTLS" if wire.secure:
            return "ERR ALREADY-SSL-MODE"
        case "STARTTLS" if argument:
            return "ERR INVALID-ARGUMENT"
        case "STARTTLS":
            return "ERR FEATURE-NOT-CONFIGURED"
        case "USERNAME" | "PASSWORD" | "LOGIN" | "LIST" | "GET" if not wire.secure:
            return 'ERR ACCESS-DENIED "Not before TLS"'
        case "USERNAME" | "PASSWORD" | "LOGIN" | "LIST" | "GET":
            return 'ERR ACCESS-DENIED "Nobody has an account here"'
        case _:  # what follows the message is for whoever is curious
            return f'ERR UNKNOWN-COMMAND "{printable(verb)}"'


def _command(wire: Wire) -> Dialog[tuple[str, str]]:
    """Receive a command as verb and argument; a client that hung up has said LOGOUT."""
    try:
        text = (yield from line(wire)).decode("utf-8", "replace")
    except Ended:
        return "LOGOUT", ""
    verb, _, argument = text.strip().partition(" ")  # upsd minds neither CR nor blanks
    return verb.upper(), argument

"""Telnet: the START_TLS option (draft-altman-telnet-starttls-02) over RFC 854; implicit TLS.

The server says DO, the client WILL; each then says FOLLOWS, which is its last word in clear. The
client says nothing else, and answers no other option: all are negotiated anew inside TLS, where
either side may begin, and where nothing that was said in clear counts.
"""

from __future__ import annotations

import re

from unstrip.escaping import excerpt
from unstrip.framing import exactly
from unstrip.trouble import Ended, ProtocolError, TooLong, Unsolicited
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade, lists
from unstrip.wire import Dialog, Settle, Wire

NAME = "telnet"
DEFINED_BY = "draft-altman-telnet-starttls"
ALIASES = ()
LISTING = Listing.OPTIONAL  # RFC 854: either side may begin, so a server may wait to be asked
OFFER = "DO START_TLS"
VERB = "WILL START_TLS"
PORTS = {"telnet": 23}
IMPLICIT_PORTS = {"telnets": 992}
SERVICES: dict[str, bool] = {}
ALPN = None  # none is registered for Telnet
MANNERS = (Manner.PLAIN,)  # half of the request is a whole command, which may be answered
LEGACY = False
GREETS = False
ALPN_DUE = False

IAC, SE, SB = b"\xff", b"\xf0", b"\xfa"  # RFC 854
WILL, WONT, DO, DONT = b"\xfb", b"\xfc", b"\xfd", b"\xfe"
START_TLS = b"\x2e"  # option 46 of IANA's registry
FOLLOWS = IAC + SB + START_TLS + b"\x01" + IAC + SE

_ASKED = IAC + WILL + START_TLS + FOLLOWS  # without waiting for DO: refused, it means nothing
REQUEST = re.compile(re.escape(_ASKED))
IN_CLEAR = REQUEST  # all that a client may say before TLS (R2)
COMMANDS_LIMIT = 256  # commands on either side of the request; there are some fifty options
SUBNEGOTIATION_LIMIT = 1024  # bytes; RFC 855 has no limit, and no option before login needs one
BANNER_LIMIT = 16 * 1024  # bytes of text before a command; some hosts greet with a picture
LINE_LIMIT = 1024  # bytes that a client types
OVERTURE_SECONDS = 1.5  # for a first word; a server that waits to be asked never says one
_PATIENCE = 50  # lines and commands on either side of TLS (R27)

_COMMANDS = range(0xEC, 0x100)  # from EOF (RFC 1184, 2.5) to IAC
_VERBS = {WILL: "WILL", WONT: "WONT", DO: "DO", DONT: "DONT", SB: "SB"}
_OPTIONS = {  # the names that IANA gives to those which servers ask about
    0: "BINARY",
    1: "ECHO",
    3: "SUPPRESS-GO-AHEAD",
    5: "STATUS",
    6: "TIMING-MARK",
    24: "TERMINAL-TYPE",
    25: "END-OF-RECORD",
    31: "NAWS",
    32: "TERMINAL-SPEED",
    33: "REMOTE-FLOW-CONTROL",
    34: "LINEMODE",
    35: "X-DISPLAY-LOCATION",
    36: "ENVIRON",
    37: "AUTHENTICATION",
    38: "ENCRYPT",
    39: "NEW-ENVIRON",
    40: "TN3270E",
    42: "CHARSET",
    44: "COM-PORT-OPTION",
    46: "START_TLS",
}


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The user's side: DO, WILL and FOLLOWS, FOLLOWS, and not a word inside."""
    wire.confine(IN_CLEAR)
    if wire.secure:
        return Upgrade(Outcome.IMPLICIT)
    offered, greeting = yield from overture(wire)

    def ended(outcome: Outcome, said: str = "") -> Upgrade:
        return Upgrade(outcome, lists(offered, OFFER), greeting, offered=offered, said=said)

    wire.so_far = ended(Outcome.BROKEN_OFF)
    if not lists(offered, OFFER) and not ask.insist:
        return ended(Outcome.NOT_OFFERED)
    yield from wire.petition(_ASKED, Manner.PLAIN)
    answer = yield from _answer(wire)
    if word(answer) == OFFER:  # who waits to be asked offers by this (RFC 854)
        offered = tuple(dict.fromkeys((*offered, OFFER)))
        wire.so_far = ended(Outcome.BROKEN_OFF)
        answer = yield from _answer(wire, agreed=True)
    if answer != FOLLOWS:
        return ended(Outcome.REFUSED, word(answer))
    yield from wire.start_tls(server_first=True)
    return ended(Outcome.UPGRADED)


def farewell(wire: Wire) -> Dialog[None]:
    """Say nothing: Telnet has no word for it (RFC 854)."""
    yield from wire.flush()


def overture(wire: Wire) -> Dialog[tuple[tuple[str, ...], str]]:
    """Receive what a server says unasked, until it offers TLS or falls silent: options, and text.

    It may be silent from the beginning, either because it waits to be asked or because its offer,
    which is all that some say, was taken out.

    Raises:
        Unsolicited: it says FOLLOWS to nobody.
        TooLong: a storm of options, or a flood of text.
    """
    offered, greeting = list[str](), bytearray()
    yield Settle(OVERTURE_SECONDS)
    if not wire.waiting and not wire.ended:
        return (), ""
    while True:
        said = yield from message(wire)
        if word(said) == "SB START_TLS":
            raise Unsolicited(f"TLS was to follow before it was asked for: {excerpt(said)}")
        if said[:1] != IAC:
            greeting += said
        elif named := word(said):
            offered.append(named)
        if len(offered) > COMMANDS_LIMIT or len(greeting) > BANNER_LIMIT:
            raise TooLong(f"{len(offered)} options and {len(greeting)} bytes before any offer")
        if wire.waiting:
            continue
        if OFFER not in offered:
            yield Settle()  # there is no last option: only silence tells
        if not wire.waiting and not wire.ended:
            return tuple(offered), greeting.decode("utf-8", "replace").strip()


def _answer(wire: Wire, *, agreed: bool = False) -> Dialog[bytes]:
    """Receive FOLLOWS, DO or a refusal; text and other options may stand before either.

    Args: agreed: DO was received before: now it is another option.
    Raises: TooLong: too many do.
    """
    for _ in range(COMMANDS_LIMIT):
        said = yield from command(wire)
        if word(said) == OFFER and not agreed:
            return said
        if said == FOLLOWS or word(said) in ("DONT START_TLS", "WONT START_TLS"):
            return said  # WONT answers no WILL; who says it means no
        if word(said) == "SB START_TLS":
            raise ProtocolError(f"START_TLS, but not FOLLOWS: {excerpt(said)}")
    raise TooLong(f"more than {COMMANDS_LIMIT} commands in place of an answer")


def command(wire: Wire) -> Dialog[bytes]:
    """Receive the next command; the text before it is nobody's to read.

    Raises: TooLong: it does not end.
    """
    for _ in range(BANNER_LIMIT):
        said = yield from message(wire)
        if said[:1] == IAC:
            return said
    raise TooLong(f"more than {BANNER_LIMIT} bytes of text before a command")


def message(wire: Wire) -> Dialog[bytes]:
    """Receive one byte of text, or one command with all that belongs to it (RFC 854).

    Raises:
        ProtocolError: what follows IAC is no command, or one that cannot stand there.
        TooLong: a subnegotiation that does not end.
    """
    first = yield from exactly(wire, 1)
    if first != IAC:
        return first
    verb = yield from exactly(wire, 1)
    if verb[0] not in _COMMANDS or verb == SE:
        raise ProtocolError(f"no Telnet command: {excerpt(first + verb)}")
    if verb not in _VERBS:
        return first + verb
    option = yield from exactly(wire, 1)
    rest = (yield from _parameters(wire)) if verb == SB else b""
    return first + verb + option + rest


def _parameters(wire: Wire) -> Dialog[bytes]:
    """Receive the rest of a subnegotiation, up to IAC SE; IAC IAC is one byte of it (RFC 855)."""
    received = b""
    while len(received) < SUBNEGOTIATION_LIMIT:
        part = yield from exactly(wire, 1)
        if part == IAC:
            part += yield from exactly(wire, 1)
            if part not in (IAC + IAC, IAC + SE):
                raise ProtocolError(f"a command inside a subnegotiation: {excerpt(part)}")
        received += part
        if part == IAC + SE:
            return received
    raise TooLong(f"a subnegotiation of more than {SUBNEGOTIATION_LIMIT} bytes")


def word(said: bytes) -> str:
    """Name a negotiation, as "DO ECHO"; a command that negotiates nothing has no name."""
    if (verb := _VERBS.get(said[1:2])) is None:
        return ""
    return f"{verb} {_OPTIONS.get(said[2], f'OPTION-{said[2]}')}"


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The serving side: it upgrades any correct client and lets nobody log in."""
    if wire.secure:
        yield from _negotiate(wire, serve)
        return Upgrade(Outcome.IMPLICIT)
    offered = (OFFER,) if serve.offer else ()
    hello = IAC + DO + START_TLS if serve.offer else f"{serve.name} unstrip\r\n".encode()
    wire.send(hello)  # and no word more: s_client takes no offer that has company
    if not (yield from _negotiate(wire, serve)):
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(FOLLOWS, IAC + DONT + START_TLS)
    yield from _negotiate(wire, serve)
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _negotiate(wire: Wire, serve: Serving) -> Dialog[bool]:
    """Answer until TLS is to be granted (True) or the client is gone (False)."""
    grants, willing = serve.offer and not wire.secure, False
    for _ in range(_PATIENCE):
        said = yield from _command_or_line(wire)
        if not said or (willing and said == FOLLOWS):
            return bool(said)
        if grants and word(said) == VERB:
            willing = True  # and not answered: DO was said at the beginning (RFC 854)
        else:
            wire.send(_answer_to(said, grants=grants))
    wire.send(b"Too many commands\r\n")
    yield from wire.flush()
    return False


def _answer_to(said: bytes, *, grants: bool) -> bytes:
    if word(said) == "WONT START_TLS" or said[:1] != IAC:  # R24: no login in clear
        return b"Nobody logs in without TLS\r\n" if grants else b"Nobody logs in here\r\n"
    refusal = {WILL: DONT, DO: WONT}.get(said[1:2])  # RFC 1123, 3.2.1: every other option
    return IAC + refusal + said[2:] if refusal else b""


def _command_or_line(wire: Wire) -> Dialog[bytes]:
    """Receive one command, or what is typed up to a line's end; nothing from who hung up.

    Raises: TooLong: more is typed than anybody's name and password.
    """
    typed = b""
    try:
        while not typed.endswith(b"\n"):
            said = yield from message(wire)
            if said[:1] == IAC:
                return said
            typed += said
            if len(typed) > LINE_LIMIT:
                raise TooLong(f"a line of more than {LINE_LIMIT} bytes: {excerpt(typed)}")
    except Ended:
        return b""
    return typed

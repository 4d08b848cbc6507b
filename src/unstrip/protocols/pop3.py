"""POP3: STLS (RFC 2595, 4) with CAPA (RFC 2449, 5); implicit TLS (RFC 8314).

The shortest protocol here, and the one that a spliced conversation fools most easily, since any
`+OK` looks like the answer to anything: hence the rules on lists (X-02b).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from unstrip.escaping import excerpt, printable
from unstrip.framing import dotted, line
from unstrip.trouble import Ended, ProtocolError, Unsolicited
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade, lists
from unstrip.wire import Dialog, Wire

NAME = "pop3"
DEFINED_BY = "RFC 2595, 4"
ALIASES = ()
LISTING = Listing.OPTIONAL  # RFC 2449, 5: CAPA is optional
OFFER = VERB = "STLS"
PORTS = {"pop3": 110}
IMPLICIT_PORTS = {"pop3s": 995}
SERVICES = {"_pop3._tcp": False, "_pop3s._tcp": True}  # RFC 6186, 3.3
ALPN = "pop3"  # RFC 2595
MANNERS = tuple(Manner)
LEGACY = False
GREETS = True
ALPN_DUE = False

REQUEST = re.compile(rb"^STLS\r\n", re.IGNORECASE | re.MULTILINE)
IN_CLEAR = re.compile(rb"(?:CAPA|QUIT|STLS|stls|QSTARTTLSQ)\r\n")  # all before TLS (R2)
_LATER = re.compile(
    r"\[(?:SYS/TEMP|LOGIN-DELAY|IN-USE)\]|too many|try again later|quota", re.IGNORECASE
)
COMMAND_LIMIT = 255  # bytes (RFC 2449, 4)
_PATIENCE = 50  # commands on either side of TLS (R27)


@dataclass(frozen=True, slots=True)
class Status:
    """The first line of a response (RFC 1939, 3)."""

    ok: bool
    text: str

    @property
    def outcome(self) -> Outcome:
        """What it means where it is not +OK."""
        return Outcome.BUSY if _LATER.search(self.text) else Outcome.REFUSED


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The reading side: greeting, CAPA, STLS, and CAPA again inside."""
    wire.confine(IN_CLEAR)
    greeting = yield from status(wire)
    if not greeting.ok:
        busy = greeting.outcome is Outcome.BUSY
        outcome = Outcome.BUSY if busy else Outcome.UNAVAILABLE
        return Upgrade(outcome, greeting=greeting.text, said=greeting.text)
    listed, offered = yield from capabilities(wire)
    if wire.secure:
        yield from wire.conclude()
        return Upgrade(Outcome.IMPLICIT, greeting=greeting.text, inside=offered)
    advertised = lists(offered, OFFER)
    unlisted = "" if listed.ok else listed.text

    def ended(outcome: Outcome, said: str = "", inside: tuple[str, ...] = ()) -> Upgrade:
        return Upgrade(outcome, advertised, greeting.text, (), offered, unlisted, said, inside)

    wire.so_far = ended(Outcome.BROKEN_OFF)
    if unlisted and listed.outcome is Outcome.BUSY:
        return ended(Outcome.BUSY, listed.text)
    if not advertised and not ask.insist and ask.manner is not Manner.CANARY:
        return ended(Outcome.NOT_OFFERED, unlisted)
    yield from wire.request(VERB, ask.manner)
    answer = yield from status(wire)
    if ask.manner is Manner.CANARY:
        return ended(Outcome.NOT_ASKED, answer.text)
    if not answer.ok:  # whatever the excuse, it is a refusal: the offer stood (J-02)
        return ended(Outcome.REFUSED, answer.text)
    yield from wire.start_tls()
    _, inside = yield from capabilities(wire)  # RFC 2595, 4: discard, ask again
    yield from wire.conclude()
    return ended(Outcome.UPGRADED, inside=inside)


def farewell(wire: Wire) -> Dialog[None]:
    """Take leave without waiting for an answer."""
    wire.send_line("QUIT")
    yield from wire.flush()


def status(wire: Wire) -> Dialog[Status]:
    """Receive the first line of a response.

    Raises: ProtocolError: neither +OK nor -ERR (RFC 1939, 3: in upper case).
    """
    text = yield from line(wire)
    if not re.match(rb"(?:\+OK|-ERR)(?: |$)", text):
        raise ProtocolError(f"not a POP3 response: {excerpt(text)}")
    return Status(text[:1] == b"+", text.decode("utf-8", "replace"))


def capabilities(wire: Wire) -> Dialog[tuple[Status, tuple[str, ...]]]:
    """Say CAPA and receive the list; none from a server that does not know it (RFC 2449, 5).

    Raises: Unsolicited: a status line in the list: what answers is one message behind.
    """
    wire.command("CAPA")
    first = yield from status(wire)
    if not first.ok:
        return first, ()
    listed = yield from dotted(wire)
    for text in listed:
        if text.startswith((b"+OK", b"-ERR")):
            raise Unsolicited(f"a response inside a list: {excerpt(text)}")
    return first, tuple(text.decode("utf-8", "replace").strip(" \t") for text in listed)


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The serving side: it upgrades any correct client and lets nobody log in."""
    wire.send_line(f"+OK {serve.name} unstrip ready")
    if wire.secure:
        yield from _answer(wire, serve)
        return Upgrade(Outcome.IMPLICIT)
    offered = (OFFER,) if serve.offer else ()
    if not (yield from _answer(wire, serve)):
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(b"+OK Begin TLS now\r\n", b"-ERR Nothing may follow STLS\r\n")
    yield from _answer(wire, serve)
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _answer(wire: Wire, serve: Serving) -> Dialog[bool]:
    """Answer commands until STLS is to be granted (True) or the client is gone (False)."""
    for _ in range(_PATIENCE):
        verb, argument = yield from _command(wire)
        if verb == VERB and serve.offer and not wire.secure and not argument:
            return True
        wire.send_line(_answer_to(verb, wire, serve))
        if verb == "QUIT":
            break
    yield from wire.flush()
    return False


def _answer_to(verb: str, wire: Wire, serve: Serving) -> str:
    match verb:
        case "CAPA":
            tls = f"{OFFER}\r\n" if serve.offer and not wire.secure else ""
            login = "SASL PLAIN\r\n" if wire.secure else ""  # R24: no login in clear
            return f"+OK Capability list follows\r\nTOP\r\n{tls}{login}UIDL\r\nRESP-CODES\r\n."
        case "QUIT":
            return "+OK Bye"
        case "STLS" if wire.secure:
            return "-ERR Command not permitted when TLS active"  # RFC 2595, 4
        case "STLS" if serve.offer:
            return "-ERR STLS takes no argument"  # RFC 2595, 4
        case "USER" | "PASS" | "APOP" | "AUTH" if not wire.secure:
            return "-ERR [AUTH] Not before TLS"
        case "USER" | "PASS" | "APOP" | "AUTH":
            return "-ERR [AUTH] Nobody has an account here"
        case _:
            return f'-ERR Command not recognized: "{printable(verb)}"'


def _command(wire: Wire) -> Dialog[tuple[str, str]]:
    """Receive a command as verb and argument; a client that hung up has said QUIT."""
    try:
        text = yield from line(wire, COMMAND_LIMIT)
    except Ended:
        return "QUIT", ""
    verb, _, argument = text.decode("utf-8", "replace").partition(" ")
    return verb.upper(), argument

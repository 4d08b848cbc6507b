"""FERRY, which is made up: SEAL (a notice on a harbour wall, 3) with DECKS (2); implicit TLS (4).

A reply is a code of two digits, a blank and a text: 1x greets, 20 is the head of a list that ends
as POP3's do, 30 the go-ahead, 40 asks to come back later and closes, 5x says no, 90 is a farewell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from unstrip.escaping import excerpt, printable
from unstrip.framing import dotted, line
from unstrip.trouble import Ended, ProtocolError, Spoofed, Unsolicited
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade, lists
from unstrip.wire import Dialog, Wire

NAME = "ferry"  # nothing is registered for it
DEFINED_BY = "a notice on a harbour wall, 3"
ALIASES = ()
LISTING = Listing.DUE
OFFER = VERB = "SEAL"
PORTS = {"ferry": 4707}
IMPLICIT_PORTS = {"ferrys": 4708}
SERVICES = {"_ferry._tcp": False, "_ferrys._tcp": True}
ALPN = None  # none is registered
MANNERS = tuple(Manner)
LEGACY = False
GREETS = True
ALPN_DUE = False

REQUEST = re.compile(rb"^SEAL\r\n", re.IGNORECASE | re.MULTILINE)
IN_CLEAR = re.compile(rb"(?:DECKS|LEAVE|SEAL|seal|QSTARTTLSQ)\r\n")  # all before TLS (R2)
_PATIENCE = 50  # commands on either side of TLS (R27)


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, or the head of a list (1)."""

    code: str
    text: str

    @property
    def outcome(self) -> Outcome:
        """What it means where it is not the answer hoped for."""
        return Outcome.BUSY if self.code == "40" else Outcome.REFUSED


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The passenger's side: greeting, DECKS, SEAL, and DECKS again inside."""
    wire.confine(IN_CLEAR)
    greeting = yield from reply(wire)
    if greeting.code == "11":
        raise Spoofed(f"nobody is aboard before TLS: {excerpt(greeting.text.encode())}")
    if greeting.code != "10":
        busy = greeting.outcome is Outcome.BUSY
        outcome = Outcome.BUSY if busy else Outcome.UNAVAILABLE
        return Upgrade(outcome, greeting=greeting.text, said=greeting.text)
    listed, offered = yield from decks(wire)
    if wire.secure:
        return Upgrade(Outcome.IMPLICIT, greeting=greeting.text, inside=offered)
    advertised = lists(offered, OFFER)
    unlisted = "" if listed.code == "20" else listed.text

    def ended(outcome: Outcome, said: str = "", inside: tuple[str, ...] = ()) -> Upgrade:
        return Upgrade(outcome, advertised, greeting.text, (), offered, unlisted, said, inside)

    wire.so_far = ended(Outcome.BROKEN_OFF)
    if unlisted and listed.outcome is Outcome.BUSY:
        return ended(Outcome.BUSY, unlisted)
    if not advertised and not ask.insist and ask.manner is not Manner.CANARY:
        return ended(Outcome.NOT_OFFERED, unlisted)
    yield from wire.request(VERB, ask.manner)
    answer = yield from reply(wire)
    if ask.manner is Manner.CANARY:
        return ended(Outcome.NOT_ASKED, answer.text)
    if answer.code != "30":  # 3: no other code will do
        return ended(answer.outcome, answer.text)
    yield from wire.start_tls()
    _, inside = yield from decks(wire)  # 3: forget the list, ask again
    return ended(Outcome.UPGRADED, inside=inside)


def farewell(wire: Wire) -> Dialog[None]:
    """Take leave without waiting for an answer."""
    wire.send_line("LEAVE")
    yield from wire.flush()


def reply(wire: Wire) -> Dialog[Reply]:
    """Receive one reply.

    Raises: ProtocolError: there is no code (1).
    """
    text = yield from line(wire)
    if not re.match(rb"[0-9]{2} ", text):
        raise ProtocolError(f"not a FERRY reply: {excerpt(text)}")
    return Reply(text[:2].decode(), text.decode("utf-8", "replace"))


def decks(wire: Wire) -> Dialog[tuple[Reply, tuple[str, ...]]]:
    """Say DECKS and receive the list; none with a refusal (2).

    Raises: Unsolicited: what answers is no answer to DECKS.
    """
    wire.command("DECKS")
    head = yield from reply(wire)
    if head.code in ("40", "50"):
        return head, ()
    if head.code != "20":
        raise Unsolicited(f"no answer to DECKS: {excerpt(head.text.encode())}")
    listed = yield from dotted(wire)
    return head, tuple(text.decode("utf-8", "replace") for text in listed)


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The harbour's side: it upgrades any correct client, and takes nobody aboard."""
    wire.send_line(f"10 {serve.name} FERRY")
    if wire.secure:
        yield from _answer(wire, serve)
        return Upgrade(Outcome.IMPLICIT)
    offered = (OFFER,) if serve.offer else ()
    if not (yield from _answer(wire, serve)):
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(b"30 Seal now\r\n", b"51 Nothing may follow SEAL\r\n")
    yield from _answer(wire, serve)
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _answer(wire: Wire, serve: Serving) -> Dialog[bool]:
    """Answer commands until SEAL is to be granted (True) or the client is gone (False)."""
    for _ in range(_PATIENCE):
        command = yield from _command(wire)
        if command == VERB and serve.offer and not wire.secure:
            return True
        wire.send_line(_answer_to(command, wire, serve))
        if command == "LEAVE":
            break
    yield from wire.flush()
    return False


def _answer_to(command: str, wire: Wire, serve: Serving) -> str:
    match command.partition(" ")[0]:
        case "DECKS":
            seal = f"{OFFER}\r\n" if serve.offer and not wire.secure else ""
            return f"20 Decks follow\r\nCARS\r\n{seal}."
        case "LEAVE":
            return "90 Farewell"
        case "SEAL" if wire.secure:
            return "51 Sealed already"
        case "BOARD":
            return "51 Nobody has a ticket" if wire.secure else "51 Not before SEAL"
        case _:
            return f"50 Not understood: {printable(command)}"


def _command(wire: Wire) -> Dialog[str]:
    """Receive a command, whose letters have no case; a client that hung up has said LEAVE."""
    try:
        text = yield from line(wire)
    except Ended:
        return "LEAVE"
    return text.decode("utf-8", "replace").upper()

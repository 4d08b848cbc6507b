"""NNTP: STARTTLS (RFC 4642, RFC 8143) over RFC 3977; implicit TLS on a port of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from unstrip.escaping import excerpt, printable
from unstrip.framing import conclude, dotted, line
from unstrip.trouble import Ended, ProtocolError, Spoofed, Unsolicited
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade, lists
from unstrip.wire import Dialog, Wire

NAME = "nntp"
DEFINED_BY = "RFC 4642"
ALIASES = ()
LISTING = Listing.OPTIONAL  # servers older than RFC 3977 do not know CAPABILITIES
OFFER = VERB = "STARTTLS"
PORTS = {"nntp": 119, "nnsp": 433}
IMPLICIT_PORTS = {"nntps": 563}
SERVICES: dict[str, bool] = {}
ALPN = "nntp"  # for readers; IANA has "nnsp" for transit
MANNERS = tuple(Manner)
LEGACY = False
GREETS = True
ALPN_DUE = False

REQUEST = re.compile(rb"^STARTTLS\r\n", re.IGNORECASE | re.MULTILINE)
IN_CLEAR = re.compile(  # all that a client may say before TLS (R2)
    rb"(?:CAPABILITIES|QUIT|STARTTLS|starttls|QSTARTTLSQ)\r\n"
)
_LATER = re.compile(r"too many|try (?:again )?later|quota|throttl", re.IGNORECASE)
_RESPONSE = re.compile(rb"[1-5][0-9][0-9](?: |$)")  # RFC 3977, 3.2
_LOGGED_IN = (250, 281, 283)  # RFC 2980, 3.1.2; RFC 4643, 2.3.2 and 2.4.2
COMMAND_LIMIT = 512  # bytes (RFC 3977, 3.1)
_PATIENCE = 50  # commands on either side of TLS (R27)


@dataclass(frozen=True, slots=True)
class Response:
    """The first line of a response (RFC 3977, 3.2)."""

    code: int
    text: str

    @property
    def outcome(self) -> Outcome:
        """What it means where it is not the response hoped for."""
        busy = self.code == 400 or (self.code > 400 and _LATER.search(self.text))
        return Outcome.BUSY if busy else Outcome.REFUSED


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The reading side: greeting, CAPABILITIES, STARTTLS, and CAPABILITIES again inside."""
    wire.confine(IN_CLEAR)
    greeting = yield from response(wire)
    if greeting.code not in (200, 201):  # RFC 3977, 5.1: else 400 for now, 502 for good
        busy = greeting.outcome is Outcome.BUSY
        outcome = Outcome.BUSY if busy else Outcome.UNAVAILABLE
        return Upgrade(outcome, greeting=greeting.text, said=greeting.text)
    listed, offered = yield from capabilities(wire)
    if wire.secure:
        yield from conclude(wire, b"400")
        return Upgrade(Outcome.IMPLICIT, greeting=greeting.text, inside=offered)
    advertised = lists(offered, OFFER)
    unlisted = "" if listed.code == 101 else listed.text

    def ended(outcome: Outcome, said: str = "", inside: tuple[str, ...] = ()) -> Upgrade:
        return Upgrade(outcome, advertised, greeting.text, (), offered, unlisted, said, inside)

    wire.so_far = ended(Outcome.BROKEN_OFF)
    if unlisted and listed.outcome is Outcome.BUSY:
        return ended(Outcome.BUSY, listed.text)
    if not advertised and not ask.insist and ask.manner is not Manner.CANARY:
        return ended(Outcome.NOT_OFFERED, unlisted)
    if closing := (yield from closing_early(wire)):
        return ended(Outcome.BUSY, closing.text)
    yield from wire.request(VERB, ask.manner)
    answer = yield from response(wire)
    if ask.manner is Manner.CANARY:
        return ended(Outcome.NOT_ASKED, answer.text)
    if answer.code != 382:  # RFC 4642, 2.2: 502 or 580; 480 and 483 it forbids, and they are no
        busy = answer.code == 400  # it closes; any other excuse is a refusal (J-02)
        return ended(Outcome.BUSY if busy else Outcome.REFUSED, answer.text)
    yield from wire.start_tls()
    _, inside = yield from capabilities(wire)  # RFC 4642, 2.2.2: discard, ask again
    yield from conclude(wire, b"400")
    return ended(Outcome.UPGRADED, inside=inside)


def farewell(wire: Wire) -> Dialog[None]:
    """Take leave without waiting for an answer."""
    wire.send_line("QUIT")
    yield from wire.flush()


def response(wire: Wire) -> Dialog[Response]:
    """Receive the first line of a response.

    Raises:
        Spoofed: it accepts a login, before TLS, where nobody logged in (F-05).
        ProtocolError: no response (RFC 3977, 3.2).
    """
    text = yield from line(wire)
    if not _RESPONSE.match(text):
        raise ProtocolError(f"not an NNTP response: {excerpt(text)}")
    code = int(text[:3])
    if code in _LOGGED_IN and not wire.secure:
        raise Spoofed(f"logged in before anyone logged in: {excerpt(text)}")
    return Response(code, text.decode("utf-8", "replace"))


def closing_early(wire: Wire) -> Dialog[Response | None]:
    """Return a 400, with which a server closes unasked (RFC 3977, 3.2.1), if one waits.

    Raises: Spoofed: as `response`; Unsolicited: any other response that nobody has asked for.
    """
    if not wire.waiting:
        return None
    early = yield from response(wire)
    if early.code != 400:
        raise Unsolicited(f"said before it was asked: {excerpt(early.text.encode())}")
    return early


def capabilities(wire: Wire) -> Dialog[tuple[Response, tuple[str, ...]]]:
    """Say CAPABILITIES and receive the list; none from a server that does not know it.

    Raises: Unsolicited: a greeting, the success of another command, or a response inside the
        list: what answers is one message behind (X-02b).
    """
    if closing := (yield from closing_early(wire)):
        return closing, ()
    wire.command("CAPABILITIES")
    first = yield from response(wire)
    if first.code != 101 and first.code < 400:
        quoted = excerpt(first.text.encode())
        raise Unsolicited(f"no answer to CAPABILITIES: {quoted}")
    if first.code != 101:
        return first, ()
    listed = yield from dotted(wire)
    for text in listed:
        if _RESPONSE.match(text):  # RFC 3977, 9.5: a label begins with a letter
            raise Unsolicited(f"a response inside a list: {excerpt(text)}")
    return first, tuple(_capability(text) for text in listed)


def _capability(text: bytes) -> str:
    """Return a line of the list; the offer without arguments, which take nothing from it.

    A capability is known by its label, the first word (RFC 3977, 9.5), and STARTTLS's has no
    arguments to understand (RFC 4642, 2.1).
    """
    said = text.decode("utf-8", "replace").strip(" \t")
    label = re.split(r"[ \t]", said, maxsplit=1)[0]
    return label if lists((label,), OFFER) else said


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The serving side: it upgrades any correct client, has no articles and takes none."""
    wire.send_line(f"200 {serve.name} unstrip ready")  # not 201: gnutls-cli waits for this
    if wire.secure:
        yield from _answer(wire, serve)
        return Upgrade(Outcome.IMPLICIT)
    offered = (OFFER,) if serve.offer else ()
    if not (yield from _answer(wire, serve)):
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(
        b"382 Begin TLS negotiation now\r\n", b"501 Nothing may follow STARTTLS\r\n"
    )
    yield from _answer(wire, serve)  # RFC 4642, 2.2.2: there is no second greeting
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _answer(wire: Wire, serve: Serving) -> Dialog[bool]:
    """Answer commands until STARTTLS is to be granted (True) or the client is gone (False)."""
    for _ in range(_PATIENCE):
        verb, argument = yield from _command(wire)
        if verb == VERB and serve.offer and not wire.secure and not argument:
            return True
        wire.send_line(_answer_to(verb, wire, serve))
        if verb == "QUIT":
            break
    else:
        wire.send_line("400 Too many commands")
    yield from wire.flush()
    return False


def _answer_to(verb: str, wire: Wire, serve: Serving) -> str:
    match verb:
        case "CAPABILITIES":
            tls = f"{OFFER}\r\n" if serve.offer and not wire.secure else ""
            login = "AUTHINFO USER\r\n" if wire.secure else ""  # R24: no login in clear
            return f"101 Capability list:\r\nVERSION 2\r\nIMPLEMENTATION unstrip\r\n{tls}{login}."
        case "QUIT":
            return "205 Bye"
        case "STARTTLS" if wire.secure:
            return "502 TLS is active already"  # RFC 4642, 2.2.2
        case "STARTTLS" if serve.offer:
            return "501 STARTTLS takes no argument"
        case "AUTHINFO" if not wire.secure:
            return "483 Not before TLS"  # RFC 4643, 2.3.2
        case "AUTHINFO":
            return "481 Nobody has an account here"
        case "ARTICLE" | "GROUP" | "IHAVE" | "LIST" | "POST":
            return "480 Nothing to read or to post without an account"
        case _:
            return f'500 Command not recognized: "{printable(verb)}"'


def _command(wire: Wire) -> Dialog[tuple[str, str]]:
    """Receive a command as verb and argument; a client that hung up has said QUIT."""
    try:
        text = (yield from line(wire, COMMAND_LIMIT)).decode("utf-8", "replace")
    except Ended:
        return "QUIT", ""
    verb, _, argument = text.partition(" ")
    return verb.upper(), argument.strip()

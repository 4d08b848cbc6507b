"""IRC: STARTTLS (IRCv3's `tls`, given up for `sts`) with CAP (IRCv3); implicit TLS (RFC 7194).

The client speaks first, and a server may say things at any time: it looks up where its client
comes from, and tells. Such asides are passed over, but none may come behind the go-ahead.
A server that wants its clients elsewhere lists `sts`, which stands in `offered` as it was said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from unstrip.escaping import excerpt, printable
from unstrip.framing import LINES_LIMIT, line
from unstrip.trouble import Ended, ProtocolError, Spoofed, TooLong, Unsolicited
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade, lists
from unstrip.wire import Dialog, Settle, Wire

NAME = "irc"
DEFINED_BY = "IRCv3, tls"
ALIASES = ()
LISTING = Listing.OPTIONAL  # servers older than IRCv3 do not know CAP
OFFER = "TLS"
VERB = "STARTTLS"
PORTS = {"irc": 6667}  # where all servers are; IANA's "irc" is 194, and no server is there
IMPLICIT_PORTS = {"ircs": 6697}  # RFC 7194
SERVICES: dict[str, bool] = {}
ALPN = "irc"
MANNERS = tuple(Manner)
LEGACY = False
GREETS = False
ALPN_DUE = False

REQUEST = re.compile(rb"^STARTTLS\r\n", re.IGNORECASE | re.MULTILINE)
IN_CLEAR = re.compile(  # all that a client may say before TLS (R2)
    rb"(?:CAP LS 302|QUIT|STARTTLS|starttls|QSTARTTLSQ)\r\n"
)
_LATER = re.compile(
    r"too many|too fast|throttl|try again later|no more connections|is full", re.IGNORECASE
)
_MESSAGE = re.compile(  # RFC 2812, 2.3.1, and IRCv3's tags; numerics come with who says them
    rb"(?:@[^ ]+ +)?(?:(?::[^ ]+ +)?([A-Za-z]+)|:[^ ]+ +([0-9]{3}))((?: .*)?)"
)
_ASIDES = frozenset({"", "NOTICE", "PING", "020", "439"})  # the numerics say: wait a moment
_ASIDE_LINES = re.compile(rb"(?:(?::[^ \r\n]+ )?(?:NOTICE|PING) [^\r\n]*\r?\n)+")
_CHANGES = (("NEW",), ("DEL",))  # IRCv3, CAP: these come unasked once 302 was said
_IN_SESSION = frozenset({"JOIN", "MODE", "PRIVMSG", "TOPIC", "900", "903"})
MESSAGE_LIMIT = 8191 + 512  # bytes: tags (IRCv3), and the rest (RFC 2812, 2.3)
COMMAND_LIMIT = 512  # bytes (RFC 2812, 2.3): our server takes no tags
_PATIENCE = 50  # commands on either side of TLS (R27)


@dataclass(frozen=True, slots=True)
class Message:
    """One message (RFC 2812, 2.3.1); an empty line is one without a command."""

    command: str
    parameters: tuple[str, ...] = ()
    text: str = ""

    @property
    def aside(self) -> bool:
        """It may come at any time, and answers nothing."""
        changes = self.command == "CAP" and self.parameters[1:2] in _CHANGES
        return changes or self.command in _ASIDES

    @property
    def refuses(self) -> bool:
        """It is a numeric that says no (RFC 2812, 5.2; IRCv3, tls), or ERROR, which closes."""
        return self.command in ("ERROR", "691") or "400" <= self.command <= "599"

    @property
    def outcome(self) -> Outcome:
        """What it means where it is not the answer hoped for."""
        if _LATER.search(self.text):
            return Outcome.BUSY
        return Outcome.UNAVAILABLE if self.command == "ERROR" else Outcome.REFUSED


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The user's side: CAP LS, STARTTLS, and CAP LS again inside; nobody greets."""
    wire.confine(IN_CLEAR)
    listed, offered = yield from capabilities(wire)
    if listed.command == "ERROR":
        return Upgrade(listed.outcome, said=listed.text)
    if wire.secure:
        return Upgrade(Outcome.IMPLICIT, inside=offered)
    advertised = lists(offered, OFFER)
    unlisted = "" if listed.command == "CAP" else listed.text

    def ended(outcome: Outcome, said: str = "", inside: tuple[str, ...] = ()) -> Upgrade:
        return Upgrade(outcome, advertised, "", (), offered, unlisted, said, inside)

    wire.so_far = ended(Outcome.BROKEN_OFF)
    if unlisted and listed.outcome is Outcome.BUSY:
        return ended(Outcome.BUSY, listed.text)
    if not advertised and not ask.insist and ask.manner is not Manner.CANARY:
        return ended(Outcome.NOT_OFFERED, unlisted)
    if closing := (yield from asides(wire)):
        return ended(closing.outcome, closing.text)
    yield from wire.request(VERB, ask.manner)
    answer = yield from answer_to(wire, VERB, "670")
    if ask.manner is Manner.CANARY:
        return ended(Outcome.NOT_ASKED, answer.text)
    if answer.command != "670":  # IRCv3, tls: else 691; 421 where it is unknown
        closes = answer.command == "ERROR"  # any other excuse is a refusal (J-02)
        return ended(answer.outcome if closes else Outcome.REFUSED, answer.text)
    yield from wire.start_tls(
        server_first=True, asides=_ASIDE_LINES
    )  # an aside may come inside before we speak,
    yield Settle()  # but no answer: it would be to what somebody else had asked
    _, inside = yield from capabilities(wire)
    return ended(Outcome.UPGRADED, inside=inside)


def farewell(wire: Wire) -> Dialog[None]:
    """Take leave without waiting for an answer."""
    wire.send_line("QUIT")
    yield from wire.flush()


def capabilities(wire: Wire) -> Dialog[tuple[Message, tuple[str, ...]]]:
    """Say CAP LS 302 and receive the list, in all its parts; none with a refusal.

    Raises: Unsolicited: the answer to another CAP; TooLong: a list of too many parts.
    """
    if closing := (yield from asides(wire)):
        return closing, ()
    wire.command("CAP LS 302")
    words: list[str] = []
    for _ in range(LINES_LIMIT):
        answer = yield from answer_to(wire, "CAP LS", "CAP")
        if answer.refuses:
            return answer, ()
        subcommand, listed = answer.parameters[1:2], answer.parameters[2:]
        if subcommand != ("LS",):
            raise Unsolicited(f"no answer to CAP LS: {excerpt(answer.text.encode())}")
        continued = len(listed) > 1 and listed[0] == "*"  # IRCv3, CAP: more is to come
        words += _split(" ".join(listed[continued:]))
        if not continued:
            return answer, tuple(words)
    raise TooLong(f"a list of more than {LINES_LIMIT} lines")


def asides(wire: Wire) -> Dialog[Message | None]:
    """Pass over what a server may say at any time; return its ERROR, if it says so.

    Raises: Spoofed, Unsolicited: as `answer_to`.
    """
    for _ in range(LINES_LIMIT):
        if not wire.waiting:
            return None
        said = yield from message(wire)
        if said.command == "ERROR":
            return said
        if not said.aside:
            raise _impossible(said, wire, "said before it was asked")
    raise TooLong(f"more than {LINES_LIMIT} lines that nobody asked for")


def answer_to(wire: Wire, asked: str, wanted: str) -> Dialog[Message]:
    """Receive up to a message with the command that is wanted, or one that refuses.

    Raises:
        Spoofed: before TLS, what only a client hears that has logged in.
        Unsolicited: the answer to something else.
    """
    for _ in range(LINES_LIMIT):
        said = yield from message(wire)
        if said.aside:
            continue
        if said.refuses or said.command == wanted:
            return said
        raise _impossible(said, wire, f"no answer to {asked}")
    raise TooLong(f"more than {LINES_LIMIT} lines that nobody asked for")


def _impossible(said: Message, wire: Wire, why: str) -> ProtocolError:
    quoted = excerpt(said.text.encode())
    if not wire.secure and (said.command in _IN_SESSION or "001" <= said.command <= "399"):
        return Spoofed(f"said as if to a client that has logged in: {quoted}")
    return Unsolicited(f"{why}: {quoted}")


def message(wire: Wire) -> Dialog[Message]:
    """Receive one message, whose line may end by LF alone, as in older servers.

    Raises:
        TooLong, Ended: as `Wire.more`.
        ProtocolError: no message; a bare CR or a NUL, which no part of one may have.
    """
    while (text := wire.through(b"\n")) is None:
        yield from wire.more(MESSAGE_LIMIT)
    if len(text) > MESSAGE_LIMIT:
        raise TooLong(f"more than {MESSAGE_LIMIT} bytes: {excerpt(text)}")
    text = text[:-1].removesuffix(b"\r")
    if b"\r" in text or b"\0" in text:
        raise ProtocolError(f"a bare CR or NUL in a line: {excerpt(text)}")
    if (found := parsed(text)) is None:
        raise ProtocolError(f"not an IRC message: {excerpt(text)}")
    return found


def parsed(text: bytes) -> Message | None:
    """Return the message that a line is; None if it is no message."""
    if not text:
        return Message("")
    if not (found := _MESSAGE.fullmatch(text)):
        return None
    middle, colon, trailing = found[3].decode("utf-8", "replace").partition(" :")
    parameters = (*_split(middle), *((trailing,) if colon else ()))
    command = (found[1] or found[2]).decode().upper()
    return Message(command, parameters, text.decode("utf-8", "replace"))


def _split(text: str) -> list[str]:
    """Split at blanks, which are ASCII's alone (RFC 2812, 2.3.1); Unicode's belong to words."""
    return [word for word in text.split(" ") if word]


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The serving side: it upgrades any correct client and lets nobody log in."""
    if wire.secure:
        yield from _answer(wire, serve)
        return Upgrade(Outcome.IMPLICIT)
    offered = (OFFER,) if serve.offer else ()
    if not (yield from _answer(wire, serve)):
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(
        f":{serve.name} 670 * :Begin TLS now\r\n".encode(),
        f":{serve.name} 691 * :Nothing may follow STARTTLS\r\n".encode(),
    )
    yield from _answer(wire, serve)
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _answer(wire: Wire, serve: Serving) -> Dialog[bool]:
    """Answer commands until STARTTLS is to be granted (True) or the client is gone (False)."""
    for _ in range(_PATIENCE):
        said = yield from _command(wire)
        if said.command == VERB and serve.offer and not wire.secure and not said.parameters:
            return True
        if answer := _answer_to(said, wire, serve):
            wire.send_line(answer)
        if said.command == "QUIT":
            break
    else:
        wire.send_line("ERROR :Too many commands")
    yield from wire.flush()
    return False


def _answer_to(said: Message, wire: Wire, serve: Serving) -> str:
    match said.command:
        case "" | "PONG":
            return ""
        case "CAP":
            return _answer_to_cap(said, wire, serve)
        case "PING":
            return f":{serve.name} PONG {serve.name}"
        case "QUIT":
            return "ERROR :Bye"
        case "STARTTLS" if wire.secure:
            return f":{serve.name} 691 * :TLS is active already"
        case "STARTTLS" if serve.offer:
            return f":{serve.name} 691 * :STARTTLS takes no parameter"
        case "NICK" | "USER" | "PASS" if not wire.secure:
            return f":{serve.name} 463 * :Not before TLS"  # RFC 2812, 5.2: no leave to register
        case "NICK" | "USER" | "PASS":
            return f":{serve.name} 463 * :Nobody has an account here"
        case command:
            return f":{serve.name} 421 * {printable(command)} :Unknown command"


def _answer_to_cap(said: Message, wire: Wire, serve: Serving) -> str:
    """IRCv3, CAP: nothing that is listed can be turned on, and so nothing is to be forgotten."""
    subcommand = "".join(said.parameters[:1]).upper()
    listed = "sasl" if wire.secure else OFFER.lower() if serve.offer else ""
    match subcommand:
        case "LS":
            return f":{serve.name} CAP * LS :{listed}"
        case "LIST":
            return f":{serve.name} CAP * LIST :"
        case "REQ":
            return f":{serve.name} CAP * NAK :{printable(said.parameters[-1])}"
        case "END":
            return ""
        case _:
            return f":{serve.name} 410 * {printable(subcommand) or '*'} :Unknown subcommand"


def _command(wire: Wire) -> Dialog[Message]:
    """Receive a command; a client that hung up has said QUIT."""
    try:
        text = yield from line(wire, COMMAND_LIMIT)
    except Ended:
        return Message("QUIT")
    return parsed(text) or Message(text.decode("utf-8", "replace").split(" ")[0])

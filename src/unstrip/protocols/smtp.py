"""SMTP: STARTTLS (RFC 3207) over ESMTP (RFC 5321); implicit TLS for submission (RFC 8314).

LMTP (RFC 2033) is the same with another hello: what differs is a `Dialect`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import Pattern

from unstrip.escaping import excerpt, printable
from unstrip.framing import LINES_LIMIT, line
from unstrip.trouble import Ended, ProtocolError, TooLong, Unsolicited
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade, lists
from unstrip.wire import Dialog, Settle, Wire

NAME = "smtp"
DEFINED_BY = "RFC 3207, 4"
ALIASES = ()
LISTING = Listing.DUE  # RFC 3207, 3: STARTTLS is an extension, and EHLO lists those
OFFER = VERB = "STARTTLS"
PORTS = {"smtp": 25, "submission": 587}
IMPLICIT_PORTS = {"smtps": 465, "submissions": 465}
SERVICES = {"_submission._tcp": False, "_submissions._tcp": True}  # RFC 6186, 3.1; 8314, 5.1
ALPN = None  # none is registered for SMTP
MANNERS = tuple(Manner)
LEGACY = False
GREETS = True
ALPN_DUE = False

REQUEST = re.compile(rb"^STARTTLS\r\n", re.IGNORECASE | re.MULTILINE)
_LATER = re.compile(r"too many|rate.?limit|throttl|try again later|quota|too busy", re.IGNORECASE)
_ENHANCED = re.compile(r"2\.[0-9]{1,3}\.[0-9]{1,3}(?: |$)")  # RFC 2034, 4: a status, not a name
_REPLY = re.compile(rb"[2-5][0-9][0-9](?:[ -]|$)")  # RFC 5321, 4.2
COMMAND_LIMIT = 2048  # bytes; RFC 5321, 4.5.3.1.4 says 512, more with extensions
_PATIENCE = 50  # commands on either side of TLS (R27)
_WEB_VERBS = ("GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT")  # no peer of ours


@dataclass(frozen=True, slots=True)
class Dialect:
    """What tells SMTP from LMTP.

    Attributes:
        hello: the verb that asks for the extensions.
        service: what a server calls it.
        extensions: what our server lists beside SIZE and STARTTLS.
    """

    hello: str
    service: str
    extensions: tuple[str, ...]

    @property
    def in_clear(self) -> Pattern[bytes]:
        """Match all that a client may say before TLS (R2)."""
        verbs = rf"{self.hello} [!-~]+|NOOP|RSET|QUIT|STARTTLS|starttls|QSTARTTLSQ"
        return re.compile(rf"(?:{verbs})\r\n".encode())


ESMTP = Dialect("EHLO", "ESMTP", ("ENHANCEDSTATUSCODES", "8BITMIME"))
IN_CLEAR = ESMTP.in_clear


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply (RFC 5321, 4.2)."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The reply as one line, for people."""
        return f"{self.code} " + " / ".join(self.lines)

    @property
    def outcome(self) -> Outcome:
        """What it means where it is not the reply hoped for."""
        busy = self.code == 421 or (self.code >= 400 and _LATER.search(self.text))
        return Outcome.BUSY if busy else Outcome.REFUSED


def client(wire: Wire, ask: Asking = Asking(), dialect: Dialect = ESMTP) -> Dialog[Upgrade]:
    """The sending side: greeting, EHLO, STARTTLS, and EHLO again inside."""
    wire.confine(dialect.in_clear)
    greeting = yield from reply(wire)
    if greeting.code != 220:  # RFC 5321, 4.3.2; 554, 421 and RFC 7504's 521 are no service
        busy = greeting.outcome is Outcome.BUSY
        outcome = Outcome.BUSY if busy else Outcome.UNAVAILABLE
        return Upgrade(outcome, greeting=greeting.text, said=greeting.text)
    hello = yield from ehlo(wire, ask, dialect)
    if wire.secure:
        inside, goodbye = yield from inside_hello(wire, hello)
        return Upgrade(Outcome.IMPLICIT, greeting=greeting.text, said=goodbye, inside=inside)
    return (yield from _upgrade(wire, ask, dialect, greeting, hello))


def _upgrade(
    wire: Wire, ask: Asking, dialect: Dialect, greeting: Reply, hello: Reply
) -> Dialog[Upgrade]:
    offered = keywords(hello)
    advertised = lists(offered, OFFER)
    unlisted = "" if hello.code == 250 else hello.text

    def ended(outcome: Outcome, said: str = "", inside: tuple[str, ...] = ()) -> Upgrade:
        return Upgrade(outcome, advertised, greeting.text, (), offered, unlisted, said, inside)

    wire.so_far = ended(Outcome.BROKEN_OFF)
    if hello.code != 250 and hello.outcome is Outcome.BUSY:
        return ended(Outcome.BUSY, hello.text)
    if not advertised and not ask.insist and ask.manner is not Manner.CANARY:
        return ended(Outcome.NOT_OFFERED, unlisted)
    if closing := (yield from closing_early(wire)):
        return ended(Outcome.BUSY, closing.text)
    yield from wire.request(VERB, ask.manner)
    answer = yield from reply(wire)
    if ask.manner is Manner.CANARY:
        return ended(Outcome.NOT_ASKED, answer.text)
    if answer.code != 220:  # RFC 3207, 4: 220, 501 or 454; nothing but 220 is a go-ahead (R4)
        busy = answer.code == 421  # any other excuse is a refusal: the offer stood (J-02)
        return ended(Outcome.BUSY if busy else Outcome.REFUSED, answer.text)
    yield from wire.start_tls()
    # RFC 3207, 4.2: forget all, ask again
    again = yield from ehlo(wire, ask, dialect)
    inside, goodbye = yield from inside_hello(wire, again)
    return ended(Outcome.UPGRADED, goodbye, inside)


def farewell(wire: Wire) -> Dialog[None]:
    """Take leave without waiting for an answer."""
    wire.send_line("QUIT")
    yield from wire.flush()


def server(wire: Wire, serve: Serving = Serving(), dialect: Dialect = ESMTP) -> Dialog[Upgrade]:
    """The receiving side: it upgrades any correct client and takes no mail from anyone."""
    wire.send_line(f"220 {serve.name} {dialect.service} unstrip")
    if wire.secure:
        yield from _answer(wire, serve, dialect)
        return Upgrade(Outcome.IMPLICIT)
    offered = (OFFER,) if serve.offer else ()
    if not (yield from _answer(wire, serve, dialect)):
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(
        b"220 2.0.0 Ready to start TLS\r\n", b"501 5.5.1 Nothing may follow STARTTLS\r\n"
    )
    # RFC 3207, 4.2: as after the greeting, which is not repeated
    yield from _answer(wire, serve, dialect)
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _answer(wire: Wire, serve: Serving, dialect: Dialect) -> Dialog[bool]:
    """Answer commands until STARTTLS is to be granted (True) or the client is gone (False)."""
    for _ in range(_PATIENCE):
        verb, argument = yield from _command(wire)
        if verb == VERB and serve.offer and not wire.secure and not argument:
            return True
        wire.send_line(_answer_to(verb, argument, wire, serve, dialect))
        if verb == "QUIT" or verb in _WEB_VERBS:
            yield from wire.flush()
            return False
    wire.send_line("421 4.7.0 Too many commands")
    yield from wire.flush()
    return False


def _answer_to(verb: str, argument: str, wire: Wire, serve: Serving, dialect: Dialect) -> str:
    match verb:
        case dialect.hello:
            tls = [OFFER] if serve.offer and not wire.secure else []
            *listed, last = [serve.name, "SIZE 10240000", *tls, *dialect.extensions]
            return "".join(f"250-{text}\r\n" for text in listed) + f"250 {last}"
        case "HELO" if dialect is ESMTP:  # RFC 2033, 4.1: LMTP has none
            return f"250 {serve.name}"
        case "NOOP" | "RSET":
            return "250 2.0.0 Ok"
        case "QUIT":
            return "221 2.0.0 Bye"
        case "STARTTLS" if wire.secure:
            return "503 5.5.1 TLS is active already"  # RFC 3207, 4.2
        case "STARTTLS" if serve.offer and argument:
            return "501 5.5.4 STARTTLS takes no argument"  # RFC 3207, 4
        case "MAIL" | "RCPT" | "DATA" | "AUTH" | "VRFY" if not wire.secure and serve.offer:
            return "530 5.7.0 Must issue a STARTTLS command first"  # RFC 3207, 4
        case "MAIL" | "RCPT" | "DATA" | "AUTH" | "VRFY":
            return "550 5.7.1 No mail is taken here"
        case _ if verb in _WEB_VERBS:
            return "421 4.7.0 This is not a web server"
        case _:
            return f'500 5.5.2 Command not recognized: "{printable(verb)}"'


def _command(wire: Wire) -> Dialog[tuple[str, str]]:
    """Receive one command as verb and argument; a client that hung up has said QUIT."""
    try:
        text = (yield from line(wire, COMMAND_LIMIT)).decode("utf-8", "replace")
    except Ended:
        return "QUIT", ""
    verb, _, argument = text.partition(" ")
    return verb.upper(), argument.strip()


def reply(wire: Wire) -> Dialog[Reply]:
    """Receive one reply, however many lines it has (RFC 5321, 4.2.1).

    Raises: ProtocolError: no reply, or one whose lines disagree on the code.
    """
    code, lines = b"", list[str]()
    while True:
        text = yield from line(wire)
        if not _REPLY.match(text):
            raise ProtocolError(f"not an SMTP reply: {excerpt(text)}")
        if lines and text[:3] != code:
            raise ProtocolError(f"a reply that changes its code: {excerpt(text)}")
        code = text[:3]
        lines.append(text[4:].decode("utf-8", "replace"))
        if text[3:4] != b"-":
            return Reply(int(code), tuple(lines))
        if len(lines) >= LINES_LIMIT:
            raise TooLong(f"a reply of more than {LINES_LIMIT} lines")


def ehlo(wire: Wire, ask: Asking, dialect: Dialect) -> Dialog[Reply]:
    """Say EHLO and receive the answer; never HELO, which knows no STARTTLS (S-04)."""
    if closing := (yield from closing_early(wire)):
        return closing
    wire.command(f"{dialect.hello} {ask.helo}")
    return (yield from reply(wire))


def closing_early(wire: Wire) -> Dialog[Reply | None]:
    """Return a 421, which a server may say at any time (RFC 5321, 3.8), if one waits.

    Raises: Unsolicited: any other reply that nobody has asked for.
    """
    if not wire.waiting:
        return None
    early = yield from reply(wire)
    if early.code != 421:
        raise Unsolicited(f"said before it was asked: {excerpt(early.text.encode())}")
    return early


def keywords(hello: Reply) -> tuple[str, ...]:
    """Return the extensions listed; the first line is the server's name, never a keyword."""
    return tuple(word.strip(" \t") for word in hello.lines[1:]) if hello.code == 250 else ()


def inside_hello(wire: Wire, hello: Reply) -> Dialog[tuple[tuple[str, ...], str]]:
    """Return what the answer to EHLO inside TLS lists, and the 421 that it is or is followed by.

    Raises: Unsolicited: a greeting, or a success of another verb, stands in its place, or
        anything but 421 behind it: the conversation is one message behind (X-02b, R17).
    """
    if (hello.code != 250 and hello.code < 400) or (
        hello.code == 250 and _ENHANCED.match(hello.lines[0])  # RFC 5321, 4.1.1.1: a domain
    ):
        quoted = excerpt(hello.text.encode())
        raise Unsolicited(f"no answer to EHLO, inside TLS: {quoted}")
    closing: Reply | None = hello
    if hello.code != 421:
        yield Settle()  # an answer that was held back is behind somebody else's
        closing = yield from closing_early(wire)
    if closing is None:
        return keywords(hello), ""
    yield from wire.conclude()
    return keywords(hello), closing.text

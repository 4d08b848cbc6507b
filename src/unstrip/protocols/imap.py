"""IMAP: STARTTLS (RFC 9051, 6.2.1; RFC 3501, 6.2.1); implicit TLS (RFC 8314).

Tags carry a prefix that nobody on the path can guess, and a tagged answer to a command that has
not been sent ends the dialog: a client that takes one upgrades to nothing (F-01).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from unstrip.escaping import excerpt, printable
from unstrip.framing import LINES_LIMIT, line
from unstrip.trouble import Ended, ProtocolError, Spoofed, TooLong, Unsolicited
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade, lists
from unstrip.wire import Dialog, Settle, Wire

NAME = "imap"
DEFINED_BY = "RFC 9051, 6.2.1"
ALIASES = ()
LISTING = Listing.DUE  # RFC 9051, 6.1.1
OFFER = VERB = "STARTTLS"
PORTS = {"imap": 143}
IMPLICIT_PORTS = {"imaps": 993}
SERVICES = {"_imap._tcp": False, "_imaps._tcp": True}  # RFC 6186, 3.2
ALPN = "imap"  # RFC 2595
MANNERS = tuple(Manner)
LEGACY = False
GREETS = True
ALPN_DUE = False

REQUEST = re.compile(rb"^[0-9A-Za-z]+ STARTTLS\r\n", re.IGNORECASE | re.MULTILINE)
IN_CLEAR = re.compile(  # all that a client may say before TLS (R2)
    rb"[0-9A-Za-z]+ (?:CAPABILITY|NOOP|LOGOUT|STARTTLS|starttls|QSTARTTLSQ)\r\n"
)
_LATER = re.compile(
    r"\[(?:UNAVAILABLE|INUSE|LIMIT|OVERQUOTA)\]|too many|try again later|quota", re.IGNORECASE
)
_LISTED = re.compile(rb"\[CAPABILITY ([^\]]*)\]", re.IGNORECASE)
_LITERAL = re.compile(rb"\{[0-9]+\+?\}$")
_BEFORE_LOGIN = frozenset({b"OK", b"NO", b"BAD", b"BYE", b"CAPABILITY"})  # RFC 9051, 7
_PATIENCE = 50  # commands on either side of TLS (R27)
COMMAND_LIMIT = 8192  # bytes (RFC 7162, 4)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one command: the tagged line, and the capabilities listed before it."""

    status: str
    text: str
    capabilities: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """What it means where it is not OK."""
        if self.status == "BYE":  # RFC 9051, 7.1.5: it is about to close the connection
            return Outcome.BUSY if _LATER.search(self.text) else Outcome.UNAVAILABLE
        return Outcome.BUSY if _LATER.search(self.text) else Outcome.REFUSED


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The reading side: greeting, CAPABILITY, STARTTLS, and CAPABILITY again inside."""
    wire.confine(IN_CLEAR)
    said = yield from greeting(wire)
    text = said.decode("utf-8", "replace")
    if said[2:5].upper() == b"BYE":  # RFC 9051, 7.1.5
        outcome = Outcome.BUSY if _LATER.search(text) else Outcome.UNAVAILABLE
        return Upgrade(outcome, greeting=text, said=text)
    listed = yield from command(wire, f"{ask.tag}1", "CAPABILITY")
    if wire.secure:
        goodbye = yield from behind(wire, f"{ask.tag}1", listed)
        inside = listed.capabilities
        return Upgrade(Outcome.IMPLICIT, greeting=text, said=goodbye, inside=inside)
    return (yield from _upgrade(wire, ask, text, listed))


def _upgrade(wire: Wire, ask: Asking, text: str, listed: Answer) -> Dialog[Upgrade]:
    greeted = _capability_code(text.encode())
    offered = listed.capabilities
    advertised = lists(offered, OFFER)
    unlisted = "" if listed.status == "OK" else listed.text

    def ended(outcome: Outcome, said: str = "", inside: tuple[str, ...] = ()) -> Upgrade:
        return Upgrade(outcome, advertised, text, greeted, offered, unlisted, said, inside)

    wire.so_far = ended(Outcome.BROKEN_OFF)
    if listed.status == "BYE" or (unlisted and listed.outcome is Outcome.BUSY):
        return ended(listed.outcome, listed.text)
    if not advertised and not ask.insist and ask.manner is not Manner.CANARY:
        return ended(Outcome.NOT_OFFERED, unlisted)
    tag = f"{ask.tag}2"
    if early := (yield from between_commands(wire)):
        return ended(early.outcome, early.text)
    yield from wire.request(VERB, ask.manner, f"{tag} ")
    answer = yield from completion(wire, tag)
    if ask.manner is Manner.CANARY:
        return ended(Outcome.NOT_ASKED, answer.text)
    if answer.status != "OK":  # RFC 9051, 6.2.1: NO or BAD
        closing = answer.status == "BYE"  # any other excuse is a refusal: the offer stood (J-02)
        return ended(answer.outcome if closing else Outcome.REFUSED, answer.text)
    yield from wire.start_tls()
    # RFC 9051, 6.2.1: discard what was listed, and ask again; there is no second greeting
    again = yield from command(wire, f"{ask.tag}3", "CAPABILITY", upgraded=True)
    goodbye = yield from behind(wire, f"{ask.tag}3", again)
    return ended(Outcome.UPGRADED, goodbye, again.capabilities)


def farewell(wire: Wire) -> Dialog[None]:
    """Take leave without waiting for an answer."""
    wire.send_line("u0 LOGOUT")
    yield from wire.flush()


def greeting(wire: Wire) -> Dialog[bytes]:
    """Receive the greeting.

    Raises:
        Spoofed: PREAUTH before TLS, where STARTTLS would be illegal (R9, F-03).
        ProtocolError: no greeting (RFC 9051, 7.1).
    """
    text = yield from line(wire)
    status = text[2:].split(b" ", 1)[0].upper()
    if text[:2] != b"* " or status not in (b"OK", b"PREAUTH", b"BYE"):
        raise ProtocolError(f"not an IMAP greeting: {excerpt(text)}")
    if status == b"PREAUTH" and not wire.secure:
        raise Spoofed(f"logged in before anyone logged in: {excerpt(text)}")
    return text


def command(wire: Wire, tag: str, verb: str, *, upgraded: bool = False) -> Dialog[Answer]:
    """Send a command and receive the answer to it, as `completion`."""
    if goodbye := (yield from between_commands(wire)):
        return goodbye
    wire.command(f"{tag} {verb}")
    return (yield from completion(wire, tag, upgraded=upgraded))


def between_commands(wire: Wire) -> Dialog[Answer | None]:
    """Pass over what a server may say at any time (RFC 9051, 7); return its BYE, if it says so.

    Raises: Unsolicited: an answer to what was not asked; Spoofed: mailbox data before login.
    """
    for _ in range(LINES_LIMIT):
        if not wire.waiting:
            return None
        text = yield from line(wire)
        if text[:2] != b"* ":
            raise Unsolicited(f"said before it was asked: {excerpt(text)}")
        status = text[2:].partition(b" ")[0].upper()
        _check_untagged(text, status, upgraded=True)  # a second greeting is none of it
        if status == b"BYE":
            return Answer("BYE", text.decode("utf-8", "replace"))
    raise TooLong(f"more than {LINES_LIMIT} lines that nobody asked for")


def behind(wire: Wire, tag: str, answer: Answer) -> Dialog[str]:
    """Listen for what is behind the last answer inside TLS; return the server's BYE, if any.

    Args: tag: the one that `answer` carries, unless it is a BYE, which it may follow yet.
    Raises: Unsolicited, Spoofed: as `between_commands`; Unsolicited too for what follows a BYE:
        both together are the answer to a LOGOUT, and it was not ours.
    """
    goodbye = answer if answer.status == "BYE" else None
    while goodbye is None:
        yield Settle()  # an answer that was held back is behind somebody else's
        if not wire.waiting:
            return ""
        goodbye = yield from between_commands(wire)
    yield Settle()
    if wire.waiting:
        text = yield from line(wire)
        if text.partition(b" ")[0] not in (b"*", tag.encode()):
            raise Unsolicited(f"said inside TLS behind the last answer: {excerpt(text)}")
    return goodbye.text


def completion(wire: Wire, tag: str, *, upgraded: bool = False) -> Dialog[Answer]:
    """Receive up to the line that carries our tag, or up to BYE.

    Args: upgraded: it is the first answer after STARTTLS, where no greeting may stand.
    Raises:
        Spoofed: mailbox data before login (T-01).
        Unsolicited: a tag that no command carried, or a greeting inside TLS (X-02b).
        ProtocolError: anything else that is no answer; a literal, which none may have here.
    """
    capabilities: tuple[str, ...] = ()
    for _ in range(LINES_LIMIT):
        text = yield from line(wire)
        if _LITERAL.search(text):
            raise ProtocolError(f"a literal where none may be: {excerpt(text)}")
        if text[:2] != b"* ":
            return _tagged(text, tag, capabilities)
        status, _, rest = text[2:].partition(b" ")
        _check_untagged(text, status.upper(), upgraded=upgraded)
        if status.upper() == b"CAPABILITY":
            capabilities = _words(rest)
        elif status.upper() == b"BYE":
            return Answer("BYE", text.decode("utf-8", "replace"), capabilities)
    raise TooLong(f"an answer of more than {LINES_LIMIT} lines")


def _tagged(text: bytes, tag: str, capabilities: tuple[str, ...]) -> Answer:
    answered, _, rest = text.partition(b" ")
    status = rest.split(b" ", 1)[0].upper()
    if answered != tag.encode():
        kind = ProtocolError if answered == b"+" or not rest else Unsolicited
        raise kind(f"not the answer to {tag}: {excerpt(text)}")
    if status not in (b"OK", b"NO", b"BAD"):
        raise ProtocolError(f"neither OK, NO nor BAD: {excerpt(text)}")
    return Answer(status.decode(), text.decode("utf-8", "replace"), capabilities)


def _check_untagged(text: bytes, status: bytes, *, upgraded: bool) -> None:
    """RFC 9051, 7: what may be said untagged before login, in clear and inside."""
    if status not in _BEFORE_LOGIN:
        raise Spoofed(f"mailbox data before login: {excerpt(text)}")
    alert = text[5:].lstrip().upper().startswith(b"[ALERT]")  # RFC 9051, 7.1: at any time
    if upgraded and status == b"OK" and not alert:
        raise Unsolicited(f"a greeting inside TLS in an answer's place: {excerpt(text)}")


def _words(listed: bytes) -> tuple[str, ...]:
    return tuple(word.decode("utf-8", "replace") for word in listed.split())


def _capability_code(text: bytes) -> tuple[str, ...]:
    """Return the capabilities in a response code (RFC 9051, 7.1), for comparison only."""
    found = _LISTED.search(text)
    return _words(found[1]) if found else ()


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The serving side: it upgrades any correct client and lets nobody log in."""
    wire.send_line(f"* OK [CAPABILITY {_capabilities(wire, serve)}] {serve.name} unstrip ready")
    if wire.secure:
        yield from _answer(wire, serve)
        return Upgrade(Outcome.IMPLICIT)
    offered = (OFFER,) if serve.offer else ()
    tag = yield from _answer(wire, serve)
    if not tag:
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(
        f"{tag} OK Begin TLS negotiation now\r\n".encode(),
        f"{tag} BAD Nothing may follow STARTTLS\r\n".encode(),
    )
    yield from _answer(wire, serve)
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _answer(wire: Wire, serve: Serving) -> Dialog[str]:
    """Answer commands until STARTTLS is to be granted (its tag) or the client is gone ("")."""
    for _ in range(_PATIENCE):
        tag, verb, argument = yield from _command(wire)
        if verb == VERB and serve.offer and not wire.secure and not argument:
            return tag
        wire.send_line(_answer_to(tag, verb, wire, serve))
        if verb == "LOGOUT":
            break
    else:
        wire.send_line("* BYE Too many commands")
    yield from wire.flush()
    return ""


def _answer_to(tag: str, verb: str, wire: Wire, serve: Serving) -> str:
    match verb:
        case "":
            return "* BAD A command has a tag and a verb"
        case "CAPABILITY":
            return f"* CAPABILITY {_capabilities(wire, serve)}\r\n{tag} OK done"
        case "NOOP":
            return f"{tag} OK done"
        case "LOGOUT":
            return f"* BYE Bye\r\n{tag} OK done"
        case "STARTTLS" if wire.secure:
            return f"{tag} BAD TLS is active already"  # RFC 9051, 6.2.1
        case "STARTTLS" if serve.offer:
            return f"{tag} BAD STARTTLS takes no argument"  # RFC 9051, 6.2.1
        case "LOGIN" | "AUTHENTICATE" if not wire.secure:
            return f"{tag} NO [PRIVACYREQUIRED] Not before TLS"  # RFC 5530, 3
        case "LOGIN" | "AUTHENTICATE":
            return f"{tag} NO [AUTHENTICATIONFAILED] Nobody has an account here"
        case _:
            return f'{tag} BAD Command not recognized: "{printable(verb)}"'


def _capabilities(wire: Wire, serve: Serving) -> str:
    if wire.secure:
        return "IMAP4rev1 IMAP4rev2 AUTH=PLAIN"
    return f"IMAP4rev1 IMAP4rev2{f' {OFFER}' if serve.offer else ''} LOGINDISABLED"


def _command(wire: Wire) -> Dialog[tuple[str, str, str]]:
    """Receive a command as tag, verb and argument; a client that hung up has said LOGOUT."""
    try:
        text = (yield from line(wire, COMMAND_LIMIT)).decode("utf-8", "replace")
    except Ended:
        return "*", "LOGOUT", ""
    tag, _, rest = text.partition(" ")
    if not re.fullmatch(r"[!-~]{1,64}", tag) or re.search(r'[(){%*"\\+]', tag):
        return "*", "", ""
    verb, _, argument = rest.strip().partition(" ")
    return tag, verb.upper(), argument

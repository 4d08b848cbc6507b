"""ACAP: STARTTLS (RFC 2595, 5) in the Application Configuration Access Protocol (RFC 2244).

IMAP's tags, ManageSieve's strings: the tags carry a prefix that nobody on the path can guess
(F-01), and the server lists what it can do unasked, as its greeting and again inside TLS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from unstrip.escaping import excerpt, printable
from unstrip.framing import LINES_LIMIT
from unstrip.literals import PUSHED, STRING, quoted, sentence, unquoted
from unstrip.trouble import Ended, ProtocolError, Spoofed, TooLong, Unsolicited
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade, lists
from unstrip.wire import Dialog, Settle, Wire

NAME = "acap"
DEFINED_BY = "RFC 2595, 5"
ALIASES = ()
LISTING = Listing.DUE  # RFC 2244, 6.1.1: the greeting is the list
OFFER = VERB = "STARTTLS"
PORTS = {"acap": 674}
IMPLICIT_PORTS: dict[str, int] = {}
SERVICES: dict[str, bool] = {}
ALPN = None  # none is registered for ACAP
MANNERS = tuple(Manner)
LEGACY = False
GREETS = True
ALPN_DUE = False

REQUEST = re.compile(rb"^[0-9A-Za-z]+ STARTTLS\r\n", re.IGNORECASE | re.MULTILINE)
IN_CLEAR = re.compile(  # all that a client may say before TLS (R2)
    rb"[0-9A-Za-z]{1,32} (?:LOGOUT|STARTTLS|starttls|QSTARTTLSQ)\r\n"
)
_CAPABILITY = rb' \(([A-Z][^ "(){}]*)((?: %b)*)\)' % STRING
_CAPABILITIES = re.compile(_CAPABILITY, re.IGNORECASE | re.DOTALL)
_GREETING = re.compile(rb"\* ACAP((?:%b)*)" % _CAPABILITY, re.IGNORECASE | re.DOTALL)
_STRINGS = re.compile(STRING, re.DOTALL)
_LATER = re.compile(r"\(TRYLATER\b|too many|try again later", re.IGNORECASE)
_BEFORE_LOGIN = frozenset({b"OK", b"NO", b"BAD", b"BYE", b"ALERT"})  # RFC 2244, 6.2
_PATIENCE = 50  # commands on either side of TLS (R27)


@dataclass(frozen=True, slots=True)
class Answer:
    """The line that ends an answer, or the connection (RFC 2244, 2.2.2)."""

    status: str
    text: str

    @property
    def outcome(self) -> Outcome:
        """What it means where it is not OK."""
        if _LATER.search(self.text):
            return Outcome.BUSY
        return Outcome.UNAVAILABLE if self.status == "BYE" else Outcome.REFUSED


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The configured side: greeting, STARTTLS, and the greeting again inside."""
    wire.confine(IN_CLEAR)
    offered, hello = yield from greeting(wire)
    if hello.status == "BYE":  # RFC 2244, 6.2.8
        return Upgrade(hello.outcome, greeting=hello.text, said=hello.text)
    if wire.secure:
        goodbye = yield from behind(wire, hello)
        return Upgrade(Outcome.IMPLICIT, greeting=hello.text, said=goodbye, inside=offered)
    advertised = lists(offered, OFFER)

    def ended(outcome: Outcome, said: str = "", inside: tuple[str, ...] = ()) -> Upgrade:
        return Upgrade(outcome, advertised, hello.text, (), offered, "", said, inside)

    wire.so_far = ended(Outcome.BROKEN_OFF)
    if not advertised and not ask.insist and ask.manner is not Manner.CANARY:
        return ended(Outcome.NOT_OFFERED)
    tag = f"{ask.tag}1"
    if early := (yield from between_commands(wire)):
        return ended(early.outcome, early.text)
    yield from wire.request(VERB, ask.manner, f"{tag} ")
    answer = yield from completion(wire, tag)
    if ask.manner is Manner.CANARY:
        return ended(Outcome.NOT_ASKED, answer.text)
    if answer.status != "OK":
        closing = answer.status == "BYE"  # any other excuse is a refusal: the offer stood (J-02)
        return ended(answer.outcome if closing else Outcome.REFUSED, answer.text)
    yield from wire.start_tls(server_first=True)
    inside, again = yield from greeting(wire)  # RFC 2595, 5: and it replaces the first
    goodbye = yield from behind(wire, again)
    return ended(Outcome.UPGRADED, goodbye, inside)


def farewell(wire: Wire) -> Dialog[None]:
    """Take leave without waiting for an answer."""
    wire.send_line("u0 LOGOUT")
    yield from wire.flush()


def greeting(wire: Wire) -> Dialog[tuple[tuple[str, ...], Answer]]:
    """Receive the greeting and what it lists; nothing where it is a refusal.

    Raises:
        Unsolicited: an answer in its place, inside TLS: to what was asked before (X-02b).
        ProtocolError: no greeting (RFC 2244, 6.1).
    """
    said = yield from sentence(wire)
    text = said.decode("utf-8", "replace")
    if re.match(rb"\* BYE(?: |\Z)", said, re.IGNORECASE):
        return (), Answer("BYE", text)
    found = _GREETING.fullmatch(said)
    if found is None:
        kind = Unsolicited if wire.secure and said[:2] != b"* " else ProtocolError
        raise kind(f"not an ACAP greeting: {excerpt(said)}")
    return tuple(map(_capability, _CAPABILITIES.finditer(found[1]))), Answer("OK", text)


def _capability(found: re.Match[bytes]) -> str:
    return " ".join((found[1].decode(errors="replace"), *map(unquoted, _STRINGS.findall(found[2]))))


def between_commands(wire: Wire) -> Dialog[Answer | None]:
    """Pass over what a server may say at any time (RFC 2244, 2.4.1); return its BYE, if any.

    Raises: Unsolicited: an answer to what was not asked; Spoofed: data before login.
    """
    for _ in range(LINES_LIMIT):
        if not wire.waiting:
            return None
        said = yield from sentence(wire)
        if said[:2] != b"* ":
            raise Unsolicited(f"said before it was asked: {excerpt(said)}")
        if goodbye := _untagged(said):
            return goodbye
    raise TooLong(f"more than {LINES_LIMIT} lines that nobody asked for")


def behind(wire: Wire, hello: Answer) -> Dialog[str]:
    """Listen for what is behind the greeting inside TLS; return the server's BYE, if any.

    Raises: Unsolicited, Spoofed: as `between_commands`; Unsolicited too for what follows a BYE:
        both together are the answer to a LOGOUT, and it was not ours.
    """
    goodbye = hello if hello.status == "BYE" else None
    while goodbye is None:
        yield Settle()  # the answer to what was smuggled in takes up to one round trip to arrive
        if not wire.waiting:
            return ""
        goodbye = yield from between_commands(wire)
    yield from wire.conclude()
    return goodbye.text


def completion(wire: Wire, tag: str) -> Dialog[Answer]:
    """Receive up to the line that carries our tag, or up to BYE.

    Raises:
        Unsolicited: a tag that no command carried, or a second greeting.
        Spoofed: data before login.
        ProtocolError: anything else that is no answer.
    """
    for _ in range(LINES_LIMIT):
        said = yield from sentence(wire)
        if said[:2] != b"* ":
            return _tagged(said, tag)
        if goodbye := _untagged(said):
            return goodbye
    raise TooLong(f"an answer of more than {LINES_LIMIT} lines")


def _tagged(said: bytes, tag: str) -> Answer:
    answered, _, rest = said.partition(b" ")
    status = rest.partition(b" ")[0].upper()
    if answered != tag.encode():
        kind = ProtocolError if answered == b"+" or not rest else Unsolicited
        raise kind(f"not the answer to {tag}: {excerpt(said)}")
    if status not in (b"OK", b"NO", b"BAD"):
        raise ProtocolError(f"neither OK, NO nor BAD: {excerpt(said)}")
    return Answer(status.decode(), said.decode("utf-8", "replace"))


def _untagged(said: bytes) -> Answer | None:
    """RFC 2244, 6.2: what may be said untagged before login; return it if it is BYE."""
    word = said[2:].partition(b" ")[0].upper()
    if word == b"ACAP":
        raise Unsolicited(f"a second greeting: {excerpt(said)}")
    if word not in _BEFORE_LOGIN:
        raise Spoofed(f"data before login: {excerpt(said)}")
    return Answer("BYE", said.decode("utf-8", "replace")) if word == b"BYE" else None


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The configuring side: it upgrades any correct client and lets nobody log in."""
    wire.send_line(_greeting(wire, serve))
    if wire.secure:
        yield from _answer(wire, serve)
        return Upgrade(Outcome.IMPLICIT)
    offered = (OFFER,) if serve.offer else ()
    tag = yield from _answer(wire, serve)
    if not tag:
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(
        f'{tag} OK "Begin TLS now"\r\n'.encode(),
        f'{tag} BAD "Nothing may follow STARTTLS"\r\n'.encode(),
    )
    wire.send_line(_greeting(wire, serve))  # RFC 2595, 5: without being asked
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
        wire.send_line('* BYE "Too many commands"')
    yield from wire.flush()
    return ""


def _answer_to(tag: str, verb: str, wire: Wire, serve: Serving) -> str:
    match verb:
        case "":
            return '* BAD "A command has a tag and a verb"'
        case "NOOP":
            return f'{tag} OK "done"'
        case "LOGOUT":
            return f'* BYE "Bye"\r\n{tag} OK "done"'
        case "STARTTLS" if wire.secure:
            return f'{tag} BAD "TLS is active already"'
        case "STARTTLS" if serve.offer:
            return f'{tag} BAD "STARTTLS takes no argument"'  # RFC 2595, 5
        case "AUTHENTICATE" if not wire.secure:
            return f'{tag} NO (ENCRYPT-NEEDED) "Not before TLS"'  # RFC 2244, 8: resp-code
        case "AUTHENTICATE":
            return f'{tag} NO "Nobody has an account here"'
        case _:
            said = printable(f"Command not recognized: {verb}")
            return f"{tag} BAD {quoted(said.encode()).decode()}"


def _greeting(wire: Wire, serve: Serving) -> str:
    tls = f"({OFFER})" if serve.offer else ""
    listed = '(SASL "PLAIN")' if wire.secure else tls  # R24: no login in clear
    return f'* ACAP (IMPLEMENTATION "unstrip on {serve.name}") {listed}'.strip()


def _command(wire: Wire) -> Dialog[tuple[str, str, str]]:
    """Receive a command as tag, verb and argument; a client that hung up has said LOGOUT."""
    try:
        said = (yield from sentence(wire, PUSHED)).decode("utf-8", "replace")
    except Ended:
        return "*", "LOGOUT", ""
    tag, _, rest = said.partition(" ")
    if not re.fullmatch(r"[!-~]{1,32}", tag) or re.search(r'[(){%*"\\+]', tag):
        return "*", "", ""
    verb, _, argument = rest.strip().partition(" ")
    return tag, verb.upper(), argument

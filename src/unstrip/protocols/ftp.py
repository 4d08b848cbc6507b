"""FTP: AUTH TLS (RFC 4217) with FEAT (RFC 2389); implicit TLS on a port of its own.

TLS on the control connection leaves the data connections in clear until PROT P is granted, so
that is asked for too; if it is not granted, the upgrade says what stays exposed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from unstrip.escaping import excerpt, printable
from unstrip.framing import LINES_LIMIT, conclude, line
from unstrip.trouble import Ended, ProtocolError, Spoofed, TooLong, Unsolicited
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade, lists
from unstrip.wire import Dialog, Wire

NAME = "ftp"
DEFINED_BY = "RFC 4217"
ALIASES = ()
LISTING = Listing.OPTIONAL  # RFC 2389, 3: servers without extensions need not know FEAT
OFFER = VERB = "AUTH TLS"
PORTS = {"ftp": 21}
IMPLICIT_PORTS = {"ftps": 990}
SERVICES: dict[str, bool] = {}
ALPN = "ftp"
MANNERS = tuple(Manner)
LEGACY = False
GREETS = True
ALPN_DUE = False

REQUEST = re.compile(rb"^AUTH TLS\r\n", re.IGNORECASE | re.MULTILINE)
IN_CLEAR = re.compile(  # all that a client may say before TLS (R2)
    rb"(?:FEAT|QUIT|AUTH TLS|auth tls|QSTARTTLSQ)\r\n"
)
_LATER = re.compile(r"too many|try again later|quota|maximum number|throttl", re.IGNORECASE)
_REPLY = re.compile(rb"[1-5][0-9][0-9](?:[ -]|$)")  # RFC 959, 4.2
_LOGGED_IN = (230, 232)  # RFC 959, 5.4; RFC 2228, 5.1
_TLS = ("TLS", "TLS-C")  # RFC 4217, 6: one mechanism, two names
_OLDER = ("SSL", "TLS-P")  # the same mechanism as its drafts had it, with private data at once
COMMAND_LIMIT = 4096  # bytes: a path; no RFC bounds it
_PATIENCE = 50  # commands on either side of TLS (R27)
_WEB_VERBS = ("GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT")  # no peer of ours


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply (RFC 959, 4.2)."""

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


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The user's side: greeting, FEAT, AUTH TLS, and inside PBSZ, PROT and FEAT again."""
    wire.confine(IN_CLEAR)
    greeting = yield from reply(wire)
    while greeting.code == 120:  # RFC 959, 5.4: ready in so many minutes
        greeting = yield from reply(wire)
    if greeting.code not in (220, 230):
        busy = greeting.outcome is Outcome.BUSY
        outcome = Outcome.BUSY if busy else Outcome.UNAVAILABLE
        return Upgrade(outcome, greeting=greeting.text, said=greeting.text)
    if wire.secure:
        exposed, said, inside = yield from protect_data(wire)
        return Upgrade(
            Outcome.IMPLICIT, greeting=greeting.text, said=said, inside=inside, exposed=exposed
        )
    listed = yield from command(wire, "FEAT")
    return (yield from _upgrade(wire, ask, greeting, listed))


def _upgrade(wire: Wire, ask: Asking, greeting: Reply, listed: Reply) -> Dialog[Upgrade]:
    offered = features(listed)
    advertised = lists(offered, OFFER)
    unlisted = "" if listed.code == 211 else listed.text

    def ended(
        outcome: Outcome, said: str = "", inside: tuple[str, ...] = (), exposed: str = ""
    ) -> Upgrade:
        return Upgrade(
            outcome, advertised, greeting.text, (), offered, unlisted, said, inside, exposed
        )

    wire.so_far = ended(Outcome.BROKEN_OFF)
    if unlisted and listed.outcome is Outcome.BUSY:
        return ended(Outcome.BUSY, listed.text)
    if not advertised and not ask.insist and ask.manner is not Manner.CANARY:
        return ended(Outcome.NOT_OFFERED, unlisted)
    if closing := (yield from closing_early(wire)):
        return ended(Outcome.BUSY, closing.text)
    yield from wire.request(VERB, ask.manner)
    answer = yield from reply(wire)
    if ask.manner is Manner.CANARY:
        return ended(Outcome.NOT_ASKED, answer.text)
    if answer.code != 234:  # RFC 4217, 4.1: 334 would ask for an exchange that TLS has none of
        busy = answer.code == 421  # it closes; any other excuse is a refusal (J-02)
        return ended(Outcome.BUSY if busy else Outcome.REFUSED, answer.text)
    yield from wire.start_tls()
    exposed, said, inside = yield from protect_data(wire)
    return ended(Outcome.UPGRADED, said, inside, exposed)


def farewell(wire: Wire) -> Dialog[None]:
    """Take leave without waiting for an answer."""
    wire.send_line("QUIT")
    yield from wire.flush()


def protect_data(wire: Wire) -> Dialog[tuple[str, str, tuple[str, ...]]]:
    """Put the data connections under TLS, too; then ask again what the server can do.

    The protection comes first, as nothing is safe to do without it, and since only one success
    can answer PBSZ: a greeting in its place shows at once (X-02b).

    Returns: the refusal, if the data stays in clear; the answer, if it leaves that open; and
        the features.
    """
    answer = yield from command(wire, "PBSZ 0", 200)  # RFC 4217, 9: in this order; no other size
    if answer.code == 200:
        answer = yield from command(wire, "PROT P", 200)
    if answer.code == 421:  # it closes
        return "", answer.text, ()
    listed = yield from command(wire, "FEAT")
    yield from conclude(wire, b"421")
    said = "" if answer.code == 200 else answer.text
    if answer.code == 530:  # log in first: not yet, since RFC 4217 leaves the order free
        return "", said, features(listed)
    return said, "", features(listed)


def command(wire: Wire, verb: str, success: int = 211) -> Dialog[Reply]:
    """Send a command and receive its reply.

    Raises: Unsolicited: the success of another command: what answers is one message behind.
    """
    if closing := (yield from closing_early(wire)):
        return closing
    wire.command(verb)
    answer = yield from reply(wire)
    if answer.code != success and answer.code < 400:
        raise Unsolicited(f"no answer to {verb}: {excerpt(answer.text.encode())}")
    return answer


def closing_early(wire: Wire) -> Dialog[Reply | None]:
    """Return a 421, with which a server closes unasked (RFC 959, 5.4), if one waits.

    Raises: Spoofed: as `reply`; Unsolicited: any other reply that nobody has asked for.
    """
    if not wire.waiting:
        return None
    early = yield from reply(wire)
    if early.code != 421:
        raise Unsolicited(f"said before it was asked: {excerpt(early.text.encode())}")
    return early


def reply(wire: Wire) -> Dialog[Reply]:
    """Receive one reply; what stands between its first and last line is free text (RFC 959, 4.2).

    Raises:
        Spoofed: a login is accepted, before TLS, where nobody logged in (R9, F-04).
        ProtocolError: no reply, or one with Telnet's commands in it.
    """
    text = yield from _line(wire)
    if not _REPLY.match(text):
        raise ProtocolError(f"not an FTP reply: {excerpt(text)}")
    code, lines = text[:3], [text[4:]]
    if int(code) in _LOGGED_IN and not wire.secure:
        raise Spoofed(f"logged in before anyone logged in: {excerpt(text)}")
    last = (code, code + b" ") if text[3:4] == b"-" else ()
    while last and text[:4] not in last:
        if len(lines) >= LINES_LIMIT:
            raise TooLong(f"a reply of more than {LINES_LIMIT} lines")
        text = yield from _line(wire)
        lines.append(text[4:] if text[:4] in last else text)
    return Reply(int(code), tuple(said.decode("utf-8", "replace") for said in lines))


def _line(wire: Wire) -> Dialog[bytes]:
    text = yield from line(wire)
    if b"\xff" in text:  # RFC 854: IAC, which may be here (RFC 959, 2.3), and never is
        raise ProtocolError(f"Telnet's commands in a line: {excerpt(text)}")
    return text


def features(listed: Reply) -> tuple[str, ...]:
    """Return the features (RFC 2389, 3.2), with AUTH once for each mechanism it is listed with.

    Servers put several into one line, which no RFC describes: "AUTH TLS;SSL;TLS-C;TLS-P;". Some
    put the code before each feature, as before every line of theirs: "211-AUTH TLS". Who has TLS
    by an older name has it, so the offer stands beside that name.
    """
    if listed.code != 211:
        return ()
    found: list[str] = []
    for feature in (text.removeprefix("211-").strip(" \t") for text in listed.lines[1:-1]):
        name, _, mechanisms = feature.partition(" ")
        if name.upper() == "AUTH":
            names = re.findall(r"[^ ;]+", mechanisms)
            found += [OFFER] if {n.upper() for n in names} & {*_TLS, *_OLDER} else []
            found += [f"{name} {n}" for n in names if n.upper() not in _TLS]
        else:
            found.append(feature)
    return tuple(dict.fromkeys(found))


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The serving side: it upgrades any correct client and lets nobody log in."""
    wire.send_line(f"220 {serve.name} unstrip ready")
    if wire.secure:
        yield from _answer(wire, serve)
        return Upgrade(Outcome.IMPLICIT)
    offered = (OFFER,) if serve.offer else ()
    if not (yield from _answer(wire, serve)):
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(b"234 Begin TLS now\r\n", b"503 Nothing may follow AUTH\r\n")
    yield from _answer(wire, serve)
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _answer(wire: Wire, serve: Serving) -> Dialog[bool]:
    """Answer commands until AUTH TLS is to be granted (True) or the client is gone (False)."""
    sized = False
    for _ in range(_PATIENCE):
        verb, argument = yield from _command(wire)
        if verb == "AUTH" and argument in _TLS and serve.offer and not wire.secure:
            return True
        if verb in _WEB_VERBS:
            wire.send_line("421 This is not a web server")
            break
        if verb in ("PBSZ", "PROT", "CCC"):
            wire.send_line(_answer_to_protection(verb, argument, wire, sized=sized))
            sized = sized or verb == "PBSZ"
        else:
            wire.send_line(_answer_to(verb, wire, serve))
        if verb == "QUIT":
            break
    else:
        wire.send_line("421 Too many commands")
    yield from wire.flush()
    return False


def _answer_to(verb: str, wire: Wire, serve: Serving) -> str:
    match verb:
        case "FEAT":
            tls = f" {OFFER}\r\n" if serve.offer and not wire.secure else ""
            data = " PBSZ\r\n PROT\r\n" if serve.offer or wire.secure else ""  # RFC 4217, 6
            return f"211-Features\r\n{tls}{data} UTF8\r\n211 End"
        case "NOOP":
            return "200 Ok"
        case "QUIT":
            return "221 Bye"
        case "AUTH" if wire.secure:
            return "503 TLS is active already"
        case "AUTH" if serve.offer:
            return "504 There is AUTH TLS and no other"  # RFC 2228, 3
        case "USER" | "PASS" | "ACCT" if not wire.secure:
            return "530 Not before TLS"
        case "USER" | "PASS" | "ACCT" | "CWD" | "LIST" | "PASV" | "RETR" | "STOR":
            return "530 Nobody has an account here"
        case _:
            return f'500 Command not recognized: "{printable(verb)}"'


def _answer_to_protection(verb: str, argument: str, wire: Wire, *, sized: bool) -> str:
    """RFC 2228, 3: AUTH comes before PBSZ and PBSZ before PROT; 534 is no for policy's sake."""
    match verb, argument:
        case _ if not wire.secure or (verb == "PROT" and not sized):
            return "503 Not yet"
        case "PBSZ", _:
            return "200 PBSZ=0"  # RFC 4217, 9: whatever was asked for
        case "PROT", "P":
            return "200 Data is private"
        case _:
            return "534 All is private here"


def _command(wire: Wire) -> Dialog[tuple[str, str]]:
    """Receive a command as verb and argument; a client that hung up has said QUIT."""
    try:
        text = (yield from line(wire, COMMAND_LIMIT)).decode("utf-8", "replace")
    except Ended:
        return "QUIT", ""
    verb, _, argument = text.upper().partition(" ")
    return verb, argument.strip()

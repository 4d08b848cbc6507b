"""ManageSieve: STARTTLS (RFC 5804, 2.2).

The server lists what it can do without being asked: as its greeting, and again inside TLS, where
the client waits for it. A string in what it says may be a literal, whose bytes may be anything:
only who counts them knows where the go-ahead ends.
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

NAME = "sieve"
DEFINED_BY = "RFC 5804, 2.2"
ALIASES = ("managesieve",)
LISTING = Listing.DUE  # RFC 5804, 1.7: sent upon connection
OFFER = VERB = "STARTTLS"
PORTS = {"sieve": 4190}
IMPLICIT_PORTS: dict[str, int] = {}
SERVICES = {"_sieve._tcp": False}  # RFC 5804, 1.8
ALPN = "managesieve"  # in IANA's list of ALPN's identifiers
MANNERS = tuple(Manner)
LEGACY = False
GREETS = True
ALPN_DUE = False

REQUEST = re.compile(rb"^STARTTLS\r\n", re.IGNORECASE | re.MULTILINE)
IN_CLEAR = re.compile(rb"(?:LOGOUT|STARTTLS|starttls|QSTARTTLSQ)\r\n")  # all before TLS (R2)
_CAPABILITY = re.compile(rb"(%b)(?: (%b))?" % (STRING, STRING), re.DOTALL)
_CODE = rb' \((?:[^"()]|%b|\((?:[^"()]|%b)*\))*\)' % (STRING, STRING)  # RFC 5804, 4: resp-code
_RESPONSE = re.compile(rb"(OK|NO|BYE)(?:%b)?(?: %b)?" % (_CODE, STRING), re.IGNORECASE | re.DOTALL)
_LATER = re.compile(r"\(TRYLATER\b|too many|try again later", re.IGNORECASE)
_PATIENCE = 50  # commands on either side of TLS (R27)


@dataclass(frozen=True, slots=True)
class Response:
    """The end of an answer (RFC 5804, 1.2)."""

    status: str
    text: str

    @property
    def outcome(self) -> Outcome:
        """What it means where it is not OK."""
        if _LATER.search(self.text):
            return Outcome.BUSY
        return Outcome.UNAVAILABLE if self.status == "BYE" else Outcome.REFUSED


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The managing side: the list, STARTTLS, and the list again inside."""
    wire.confine(IN_CLEAR)
    offered, greeting = yield from listing(wire)
    if greeting.status != "OK":
        busy = greeting.outcome is Outcome.BUSY
        outcome = Outcome.BUSY if busy else Outcome.UNAVAILABLE
        return Upgrade(outcome, greeting=greeting.text, said=greeting.text)
    if wire.secure:
        goodbye = yield from behind(wire, greeting)
        return Upgrade(Outcome.IMPLICIT, greeting=greeting.text, said=goodbye, inside=offered)
    advertised = lists(offered, OFFER)

    def ended(outcome: Outcome, said: str = "", inside: tuple[str, ...] = ()) -> Upgrade:
        return Upgrade(outcome, advertised, greeting.text, (), offered, "", said, inside)

    wire.so_far = ended(Outcome.BROKEN_OFF)
    if not advertised and not ask.insist and ask.manner is not Manner.CANARY:
        return ended(Outcome.NOT_OFFERED)
    if closing := (yield from closing_early(wire)):
        return ended(closing.outcome, closing.text)
    yield from wire.request(VERB, ask.manner)
    answer = yield from response(wire)
    if ask.manner is Manner.CANARY:
        return ended(Outcome.NOT_ASKED, answer.text)
    if answer.status != "OK":  # any excuse but a closing one is a refusal: the offer stood (J-02)
        closed = answer.status == "BYE"
        return ended(answer.outcome if closed else Outcome.REFUSED, answer.text)
    yield from wire.start_tls(server_first=True)
    inside, goodbye = yield from listing_inside(wire)
    return ended(Outcome.UPGRADED, goodbye, inside)


def farewell(wire: Wire) -> Dialog[None]:
    """Take leave without waiting for an answer."""
    wire.send_line("LOGOUT")
    yield from wire.flush()


def listing(wire: Wire) -> Dialog[tuple[tuple[str, ...], Response]]:
    """Receive capabilities, and the response that ends them (RFC 5804, 1.7).

    Raises:
        Spoofed: someone is logged in before TLS.
        Unsolicited: inside TLS, a line of another list (RFC 5804, 2.7).
        TooLong, ProtocolError: as `sentence`; ProtocolError too for a line that is neither.
    """
    capabilities: list[str] = []
    while len(capabilities) < LINES_LIMIT:
        said = yield from sentence(wire)
        if _RESPONSE.fullmatch(said):
            return tuple(capabilities), _response(said)
        found = _CAPABILITY.fullmatch(said)
        if found is None:
            kind = Unsolicited if wire.secure and said[:1] == b'"' else ProtocolError
            raise kind(f"neither a capability nor a response: {excerpt(said)}")
        capabilities.append(" ".join(unquoted(part) for part in found.groups(b'""')).strip())
        if capabilities[-1].upper().startswith("OWNER ") and not wire.secure:
            raise Spoofed(f"logged in before anyone logged in: {excerpt(said)}")
    raise TooLong(f"a list of more than {LINES_LIMIT} capabilities")


def listing_inside(wire: Wire) -> Dialog[tuple[tuple[str, ...], str]]:
    """Receive the list that comes unasked inside TLS (RFC 5804, 2.2), and the server's BYE, if any.

    Raises: Unsolicited: another answer comes in its place, or behind it (X-02b).
    """
    inside, end = yield from listing(wire)
    if end.status == "NO" or (end.status == "OK" and not inside):  # it cannot say no to nothing
        raise Unsolicited(f"no list, inside TLS: {excerpt(end.text.encode())}")
    return inside, (yield from behind(wire, end))


def behind(wire: Wire, end: Response) -> Dialog[str]:
    """Listen for what is behind the list inside TLS; return the server's BYE, if any.

    Raises: Unsolicited: anything else is behind it, or anything at all behind its BYE.
    """
    closing: Response | None = end
    if end.status != "BYE":
        yield Settle()  # the answer to what was smuggled in takes up to one round trip to arrive
        closing = yield from closing_early(wire)
    if closing is None:
        return ""
    yield from wire.conclude()
    return closing.text


def response(wire: Wire) -> Dialog[Response]:
    """Receive a response without a list.

    Raises: ProtocolError: it is none.
    """
    return _response((yield from sentence(wire)))


def _response(said: bytes) -> Response:
    found = _RESPONSE.fullmatch(said)
    if found is None:
        raise ProtocolError(f"neither OK, NO nor BYE: {excerpt(said)}")
    return Response(found[1].decode().upper(), said.decode("utf-8", "replace"))


def closing_early(wire: Wire) -> Dialog[Response | None]:
    """Return a BYE, which a server may say at any time (RFC 5804, 1.2), if one waits.

    Raises: Unsolicited: anything else that nobody has asked for, a line of a list included.
    """
    if not wire.waiting:
        return None
    said = yield from sentence(wire)
    if not _RESPONSE.fullmatch(said) or (early := _response(said)).status != "BYE":
        raise Unsolicited(f"said before it was asked: {excerpt(said)}")
    return early


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The serving side: it upgrades any correct client and lets nobody log in."""
    wire.send_line(_listing(wire, serve, f"{serve.name} unstrip ready"))
    if wire.secure:
        yield from _answer(wire, serve)
        return Upgrade(Outcome.IMPLICIT)
    offered = (OFFER,) if serve.offer else ()
    if not (yield from _answer(wire, serve)):
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(b'OK "Begin TLS now"\r\n', b'BYE "Nothing may follow STARTTLS"\r\n')
    wire.send_line(_listing(wire, serve, "TLS stands"))  # RFC 5804, 2.2: without being asked
    yield from _answer(wire, serve)
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _answer(wire: Wire, serve: Serving) -> Dialog[bool]:
    """Answer commands until STARTTLS is to be granted (True) or the client is gone (False)."""
    for _ in range(_PATIENCE):
        verb, argument = yield from _command(wire)
        if verb == VERB and serve.offer and not wire.secure and not argument:
            return True
        wire.send_line(_answer_to(verb, argument, wire, serve))
        if verb == "LOGOUT":
            break
    else:
        wire.send_line('BYE "Too many commands"')
    yield from wire.flush()
    return False


def _answer_to(verb: str, argument: str, wire: Wire, serve: Serving) -> str:
    match verb:
        case "CAPABILITY":
            return _listing(wire, serve, "done")
        case "NOOP" if re.fullmatch(STRING.decode(), argument, re.DOTALL):
            return f'OK (TAG {argument}) "done"'  # RFC 5804, 2.13
        case "NOOP" | "LOGOUT":
            return 'OK "done"'
        case "STARTTLS" if wire.secure:
            return 'NO "TLS is active already"'
        case "STARTTLS" if serve.offer:
            return 'NO "STARTTLS takes no argument"'  # RFC 5804, 2.2
        case "AUTHENTICATE" if not wire.secure:
            return 'NO (ENCRYPT-NEEDED) "Not before TLS"'  # RFC 5804, 1.3
        case "AUTHENTICATE":
            return 'NO "Nobody has an account here"'
        case _:
            said = printable(f"Command not recognized: {verb}")
            return f"NO {quoted(said.encode()).decode()}"


def _listing(wire: Wire, serve: Serving, text: str) -> str:
    lines = ['"IMPLEMENTATION" "unstrip"', '"SIEVE" ""', '"VERSION" "1.0"']  # RFC 5804, 1.7: due
    if wire.secure:
        lines.append('"SASL" "PLAIN"')
    elif serve.offer:
        lines += ['"SASL" ""', f'"{OFFER}"']  # RFC 5804, 1.7: it may be empty beside this
    return "\r\n".join((*lines, f'OK "{text}"'))


def _command(wire: Wire) -> Dialog[tuple[str, str]]:
    """Receive a command as verb and argument; a client that hung up has said LOGOUT."""
    try:
        said = yield from sentence(wire, PUSHED)
    except Ended:
        return "LOGOUT", ""
    verb, _, argument = said.decode("utf-8", "replace").partition(" ")
    return verb.upper(), argument

"""LDAP: StartTLS (RFC 4511, 4.14; RFC 4513, 3); implicit TLS by custom.

Messages are BER (X.690), of which RFC 4511, 5.1 leaves the definite lengths. Extensions are named
by OIDs, and listed as such; StartTLS's own, 1.3.6.1.4.1.1466.20037, stands as STARTTLS. The ids of
our messages begin at a number that nobody on the path can guess (B-15).
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

from unstrip.escaping import excerpt
from unstrip.framing import exactly
from unstrip.trouble import Ended, ProtocolError, Spoofed, TooLong, Unsolicited
from unstrip.upgrade import Asking, Listing, Manner, Outcome, Serving, Upgrade, lists
from unstrip.wire import Dialog, Settle, Wire

NAME = "ldap"
DEFINED_BY = "RFC 4511, 4.14"
ALIASES = ()
LISTING = Listing.OPTIONAL  # RFC 4512, 5.1: a root may be hidden from who has not logged in
OFFER = VERB = "STARTTLS"
PORTS = {"ldap": 389}
IMPLICIT_PORTS = {"ldaps": 636}
SERVICES = {"_ldap._tcp": False}  # RFC 2782 has it for its example
ALPN = None  # none is registered for LDAP
MANNERS = (Manner.PLAIN, Manner.SPLIT)  # there are no words to spell otherwise
LEGACY = False
GREETS = False
ALPN_DUE = False

# other tags stand as their numbers: 02 INTEGER, 04 OCTET STRING, 0a ENUMERATED, 30 SEQUENCE,
# 31 SET (X.690, 8), 80 the name in a request, 8a in a response (RFC 4511, 4.12)
BIND, BIND_RESPONSE, UNBIND, ABANDON = 0x60, 0x61, 0x42, 0x50  # RFC 4511, 4.2, 4.3 and 4.11
SEARCH, ENTRY, REFERENCE, DONE = 0x63, 0x64, 0x73, 0x65  # RFC 4511, 4.5
EXTENDED, EXTENDED_RESPONSE = 0x77, 0x78  # RFC 4511, 4.12
_REQUESTS = frozenset(  # the others write, or compare (RFC 4511, 4.6 to 4.10)
    {BIND, SEARCH, 0x66, 0x68, 0x4A, 0x6C, 0x6E, ABANDON, EXTENDED}
)
STARTTLS_OID = b"1.3.6.1.4.1.1466.20037"
NOTICE_OID = b"1.3.6.1.4.1.1466.20036"  # of disconnection (RFC 4511, 4.4.1)
_HIDDEN = "the root shows no supportedExtension"
_OID = re.compile(rb"[0-9]+(?:\.[0-9]+)+")
_NOT_IN_SEQUENCE, _TRIES, _MOMENT = 1, 3, 0.1  # seconds
_CODES = (  # RFC 4511, 4.1.9
    {1: "operationsError", 2: "protocolError", 8: "strongerAuthRequired", 10: "referral"}
    | {13: "confidentialityRequired", 50: "insufficientAccessRights", 51: "busy"}
    | {52: "unavailable", 53: "unwillingToPerform", 80: "other"}
)
RESPONSE_LIMIT = 4096  # bytes; the answer to StartTLS has some dozens
LISTING_LIMIT = 64 * 1024  # bytes; a root has some thousands
REQUEST_LIMIT = 16 * 1024  # bytes; OpenLDAP takes 256 KiB from strangers
_MESSAGES_LIMIT = 16  # in answer to one search, of which a root is one; and unasked
_PATIENCE = 50  # requests on either side of TLS (R27)


def encoded(tag: int, *parts: bytes) -> bytes:
    """Return an element; nothing that is said here is as long as 128 bytes."""
    content = b"".join(parts)
    return bytes((tag, len(content))) + content


def spoken(number: int, operation: bytes) -> bytes:
    """Return a message: an operation under its id."""
    identity = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return encoded(0x30, encoded(0x02, identity), operation)


STARTTLS = encoded(EXTENDED, encoded(0x80, STARTTLS_OID))  # RFC 4511, 4.14.1
_ROOT = encoded(  # base "", scope baseObject, no limits, (objectClass=*) (RFC 4512, 5.1)
    SEARCH,
    bytes.fromhex("0400 0a0100 0a0100 020100 020100 010100"),
    encoded(0x87, b"objectClass"),
    encoded(0x30, encoded(0x04, b"supportedExtension")),
)
_ID = rb"\x30[\x05-\x7f]\x02(?:\x01.|\x02..|\x03...|\x04....)"
REQUEST = re.compile(_ID + re.escape(STARTTLS), re.DOTALL)
IN_CLEAR = re.compile(  # all that a client may say before TLS (R2)
    _ID + b"(?:%s)" % b"|".join(map(re.escape, (_ROOT, STARTTLS, encoded(UNBIND)))), re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its id, and the tag and the content of its operation."""

    number: int
    operation: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """How an operation ended (RFC 4511, 4.1.9).

    Attributes:
        name: the OID of an extended response, where it has one.
        closing: it is a notice of disconnection.
    """

    code: int
    text: str
    name: bytes = b""
    closing: bool = False

    @property
    def said(self) -> str:
        """The result in words."""
        code = f"resultCode {self.code} {_CODES.get(self.code, '')}".rstrip()
        return f"{code}: {self.text}" if self.text else code

    @property
    def outcome(self) -> Outcome:
        """What it means where it is no success."""
        if self.code in (51, 52):
            return Outcome.BUSY
        return Outcome.UNAVAILABLE if self.closing else Outcome.REFUSED


def client(wire: Wire, ask: Asking = Asking()) -> Dialog[Upgrade]:
    """The asking side: the extensions of the root, StartTLS, and the extensions again inside."""
    wire.confine(IN_CLEAR)
    first = first_number(ask.tag)
    listed, offered = yield from extensions(wire, first)
    if wire.secure and listed.closing:
        return Upgrade(listed.outcome, said=listed.said)
    if wire.secure:
        return Upgrade(Outcome.IMPLICIT, inside=offered)
    advertised = lists(offered, OFFER)
    unlisted = listed.said if listed.code else "" if offered else _HIDDEN

    def ended(outcome: Outcome, said: str = "", inside: tuple[str, ...] = ()) -> Upgrade:
        return Upgrade(outcome, advertised, "", (), offered, unlisted, said, inside)

    wire.so_far = ended(Outcome.BROKEN_OFF)
    if listed.closing or (listed.outcome is Outcome.BUSY and not ask.insist):  # J-02: an excuse
        return ended(listed.outcome, listed.said)
    if not advertised and not ask.insist:
        return ended(Outcome.NOT_OFFERED, unlisted)
    number, answer = yield from _asked(wire, first + 1, ask.manner)
    if answer.code or answer.closing:  # any excuse that does not close is a refusal (J-02)
        return ended(answer.outcome if answer.closing else Outcome.REFUSED, answer.said)
    if answer.name not in (b"", STARTTLS_OID):  # RFC 4511, 4.14.2
        raise Unsolicited(f"an answer to another request: {excerpt(answer.name)}")
    yield from wire.start_tls(server_first=True)  # a notification may come before we ask again
    listed, inside = yield from extensions(wire, number + 1, listen=True)  # RFC 4513, 3.1.5
    if listed.closing:
        return ended(listed.outcome, listed.said)
    return ended(Outcome.UPGRADED, inside=inside)


def _asked(wire: Wire, first: int, manner: Manner) -> Dialog[tuple[int, Result]]:
    """Ask for TLS; receive the answer, and under which id.

    RFC 4511, A.2: operationsError may say that another operation is not complete. OpenLDAP says
    so of our search, whose end it has told us, while it has yet to put it away. That is no
    refusal: a moment later it grants the same, so it is asked again, a few times.
    """
    for number in range(first, first + _TRIES):
        if closing := (yield from notifications(wire)):
            return number, closing
        yield from wire.petition(spoken(number, STARTTLS), manner)
        answer = result((yield from response(wire, number, RESPONSE_LIMIT, EXTENDED_RESPONSE)))
        if answer.code != _NOT_IN_SEQUENCE or answer.closing:
            break
        yield Settle(_MOMENT)
    return number, answer


def first_number(tag: str) -> int:
    """Return the id of our first message: the tag's hexadecimal digits, as far as ids go."""
    digits = "".join(digit for digit in tag if digit in string.hexdigits)
    return int(digits or "0", 16) % 2**30 + 1  # RFC 4511, 4.1.1.1: above 0, below 2**31


def farewell(wire: Wire) -> Dialog[None]:
    """Take leave; nothing answers this (RFC 4511, 4.3)."""
    wire.send(spoken(1, encoded(UNBIND)))
    yield from wire.flush()


def extensions(
    wire: Wire, number: int, *, listen: bool = False
) -> Dialog[tuple[Result, tuple[str, ...]]]:
    """Ask for the extensions of the root, and receive all up to the end of the search.

    Args: listen: before that, in case somebody else has asked.
    Raises: Unsolicited: an answer before the question; inside TLS, one behind the last.
    """
    if closing := (yield from notifications(wire, listen=listen)):
        return closing, ()
    wire.ask(spoken(number, _ROOT))
    listed: list[str] = []
    for _ in range(_MESSAGES_LIMIT):
        found = yield from response(wire, number, LISTING_LIMIT, ENTRY, REFERENCE, DONE)
        if found.operation == ENTRY:
            # RFC 4512, 5.1: the root says what a server knows, not what it takes now; so inside
            # TLS the same OID offers nothing
            offer = STARTTLS_OID.decode() if wire.secure else OFFER
            listed += [
                offer if name == STARTTLS_OID else name.decode() for name in _listed(found.content)
            ]
        elif found.operation != REFERENCE:
            if wire.secure:
                yield from notifications(wire, listen=True)
            return result(found), tuple(listed)
    raise TooLong(f"more than {_MESSAGES_LIMIT} messages in answer to a search")


def _listed(entry: bytes) -> list[bytes]:
    """Read the extensions in the root's entry; what is no OID names none."""
    match parts(entry):
        case [(0x04, b""), (0x30, attributes)]:
            listed: list[bytes] = []
            for _, attribute in parts(attributes):
                match parts(attribute):
                    case [(0x04, kind), (0x31, values)] if kind.lower() == b"supportedextension":
                        listed += [name for _, name in parts(values) if _OID.fullmatch(name)]
            return listed
        case _:
            raise ProtocolError(f"not the root's entry: {excerpt(entry)}")


def notifications(wire: Wire, *, listen: bool = False) -> Dialog[Result | None]:
    """Pass over what a server may say at any time; return the notice that it closes, if it does.

    Args: listen: until nothing more comes for about a round trip.
    Raises: Spoofed, Unsolicited, TooLong: as `response`.
    """
    for _ in range(_MESSAGES_LIMIT):
        if listen:
            yield Settle()
        if not wire.waiting:
            return None
        said = _notification((yield from message(wire, RESPONSE_LIMIT)), wire)
        if said.closing:
            return said
    raise TooLong(f"more than {_MESSAGES_LIMIT} notifications")


def response(wire: Wire, number: int, limit: int, *expected: int) -> Dialog[Message]:
    """Receive an answer to the request of this id, or a notice of disconnection.

    Args: expected: the operations that answer it.
    Raises:
        Spoofed: the answer to a login, before TLS.
        Unsolicited: an answer to what was not asked (B-15).
    """
    for _ in range(_MESSAGES_LIMIT):
        found = yield from message(wire, limit)
        answers = found.number == number and found.operation in expected
        if answers or _notification(found, wire).closing:
            return found
    raise TooLong(f"more than {_MESSAGES_LIMIT} notifications")


def _notification(found: Message, wire: Wire) -> Result:
    """Read what may come at any time, and has a name of its own (RFC 4511, 4.4)."""
    if found.number == 0 and found.operation == EXTENDED_RESPONSE:
        said = result(found)
        if _OID.fullmatch(said.name) and said.name != STARTTLS_OID:
            return said
    shown = f"id {found.number}, operation {found.operation:#x}"
    if found.operation == BIND_RESPONSE and not wire.secure:
        raise Spoofed(f"the answer to a login that nobody made: {shown}")
    raise Unsolicited(f"an answer to what was not asked: {shown}")


def result(found: Message) -> Result:
    """Read the result of an operation; more may follow it, and is passed over (RFC 4511, 4).

    Raises: ProtocolError: it has none.
    """
    match parts(found.content):
        case [(0x0A, code), (0x04, _), (0x04, text), *rest] if 0 < len(code) <= 4:
            name = next((value for tag, value in rest if tag == 0x8A), b"")
            words = text.decode("utf-8", "replace")
            closing = found.number == 0 and name == NOTICE_OID
            return Result(int.from_bytes(code, "big"), words, name, closing)
        case _:
            raise ProtocolError(f"not an LDAP result: {excerpt(found.content)}")


def message(wire: Wire, limit: int) -> Dialog[Message]:
    """Receive one message.

    Args: limit: bytes; one that says that it is longer is not waited for.
    Raises: TooLong: it says so; ProtocolError: it is no message.
    """
    head = yield from exactly(wire, 2)
    if head[0] != 0x30:
        raise ProtocolError(f"not an LDAP message: {excerpt(head)}")
    long = yield from exactly(wire, _more_octets(head[1]))
    length = int.from_bytes(long or head[1:], "big")
    if length > limit:
        raise TooLong(f"a message of {length} bytes")
    content = yield from exactly(wire, length)
    match parts(content):
        case [(0x02, number), (operation, said), *_] if 0 < len(number) <= 4 and number[0] < 0x80:
            return Message(int.from_bytes(number, "big"), operation, said)
        case _:
            raise ProtocolError(f"not an LDAP message: {excerpt(content)}")


def parts(content: bytes) -> list[tuple[int, bytes]]:
    """Read what is in an element: the tag and the content of each part.

    Raises: ProtocolError: a part is cut, or none that LDAP has.
    """
    found, at = list[tuple[int, bytes]](), 0
    while at < len(content):
        tag, length = content[at], content[at + 1 : at + 2]
        start = at + 2 + (_more_octets(length[0]) if length else 0)
        end = start + int.from_bytes(content[at + 2 : start] or length, "big")
        if not length or end > len(content) or tag & 0x1F == 0x1F:  # LDAP has no longer tags
            raise ProtocolError(f"an element that is cut: {excerpt(content[at:])}")
        found.append((tag, content[start:end]))
        at = end
    return found


def _more_octets(first: int) -> int:
    """Return how many bytes of a length are behind its first (X.690, 8.1.3)."""
    if first == 0x80:
        raise ProtocolError("a length of the indefinite form")  # RFC 4511, 5.1
    if first > 0x84:
        raise TooLong(f"a length of {first - 0x80} bytes")
    return max(first - 0x80, 0)


def server(wire: Wire, serve: Serving = Serving()) -> Dialog[Upgrade]:
    """The answering side: it upgrades any correct client and lets nobody log in."""
    if wire.secure:
        yield from _answer(wire, serve)
        return Upgrade(Outcome.IMPLICIT)
    offered = (OFFER,) if serve.offer else ()
    if not (number := (yield from _answer(wire, serve))):
        return Upgrade(Outcome.NOT_ASKED, serve.offer, offered=offered)
    yield from wire.accept_tls(
        spoken(number, _ended(EXTENDED_RESPONSE, 0, encoded(0x8A, STARTTLS_OID))),
        spoken(number, _ended(EXTENDED_RESPONSE, 1)),  # RFC 4511, 4.14.1: out of sequence
    )
    yield from _answer(wire, serve)
    return Upgrade(Outcome.UPGRADED, serve.offer, offered=offered)


def _answer(wire: Wire, serve: Serving) -> Dialog[int]:
    """Answer requests until StartTLS is to be granted (its id) or the client is gone (0)."""
    code = 52
    for _ in range(_PATIENCE):
        try:
            request = yield from message(wire, REQUEST_LIMIT)
        except Ended:
            return 0
        if request.operation == UNBIND:
            return 0
        if request.operation not in _REQUESTS or not request.number:  # RFC 4511, 4.1.1
            code = 2
            break
        asked = parts(request.content) if request.operation & 0x20 else []  # constructed
        if asked == [(0x80, STARTTLS_OID)] and serve.offer and not wire.secure:
            return request.number
        for operation in _answers(request.operation, asked, wire, serve):
            wire.send(spoken(request.number, operation))
    wire.send(spoken(0, _ended(EXTENDED_RESPONSE, code, encoded(0x8A, NOTICE_OID))))
    yield from wire.flush()
    return 0


def _answers(
    operation: int, asked: list[tuple[int, bytes]], wire: Wire, serve: Serving
) -> list[bytes]:
    match operation, asked:
        case 0x50, _:
            return []  # nothing answers ABANDON
        case 0x63, [(0x04, b""), (0x0A, b"\0"), *_]:
            return [_root_entry(wire, serve), _ended(DONE, 0)]
        case 0x63, _:
            return [_ended(DONE, 32 if wire.secure else 13)]
        case 0x60, [_, (0x04, b""), (0x80, b"")] if wire.secure:
            return [_ended(BIND_RESPONSE, 0)]  # RFC 4513, 5.1.1: anonymous, so nobody's login
        case 0x77, _:  # RFC 4511, 4.14.1: not twice
            again = wire.secure and asked == [(0x80, STARTTLS_OID)]
            return [_ended(EXTENDED_RESPONSE, 1 if again else 2)]
        case _:
            refused = 49 if operation == BIND else 53
            return [_ended((operation | 0x20) + 1, refused if wire.secure else 13)]


def _root_entry(wire: Wire, serve: Serving) -> bytes:
    names = (NOTICE_OID,) if wire.secure or not serve.offer else (STARTTLS_OID, NOTICE_OID)
    values = encoded(0x31, *(encoded(0x04, name) for name in names))
    attribute = encoded(0x30, encoded(0x04, b"supportedExtension"), values)
    return encoded(ENTRY, encoded(0x04), encoded(0x30, attribute))


def _ended(operation: int, code: int, *more: bytes) -> bytes:
    return encoded(operation, encoded(0x0A, bytes([code])), encoded(0x04), encoded(0x04), *more)

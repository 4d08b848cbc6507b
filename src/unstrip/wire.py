"""What a dialog may do: send, receive, settle, start TLS. No sockets, no clocks, no threads.

A dialog is a generator. It yields an `Effect` when the outside world must act, and returns an
`Upgrade` when the conversation is over, so it reads like the RFC's example session, `await` is
a syntax error in it, and one text serves blocking and asyncio callers, tests and fuzzers.

Three rules live here, once, for every protocol and both sides:

* the byte boundary: nothing may wait unread when TLS starts (RFC 3207, 4.2; RFC 9051, 6.2.1);
* nothing unsolicited may come after it before our first command is answered;
* a confined client puts nothing on a clear wire but what its protocol's pattern allows.

Expected endings are values (`Outcome`); a peer that breaks the rules is a `ProtocolError`;
a dialog that breaks them is a programming mistake, an `AssertionError`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from enum import Enum
from re import Pattern
from typing import ClassVar, TypeAlias, TypeVar

from unstrip.escaping import excerpt

T = TypeVar("T")

CLEAR_BUDGET = 64 * 1024  # bytes a peer may say before TLS; no RFC bounds it, so we do
TLS_HANDSHAKE_RECORD = 0x16  # RFC 8446, 5.1: ContentType handshake


class Trouble(Enum):
    """Why an attempt broke off: the kinds of failure that evidence distinguishes."""

    UNRESOLVED = "unresolved"  # the name has no address
    UNREACHABLE = "unreachable"  # no connection
    DEADLINE = "deadline"  # the time allowed ran out
    RESET = "reset"  # the connection was torn down
    ENDED = "ended"  # the peer hung up in mid-sentence
    TOO_LONG = "too long"  # more than any honest peer says
    BROKEN = "broken"  # not the protocol
    INJECTED = "injected"  # plaintext waited where TLS was to start
    UNSOLICITED = "unsolicited"  # an answer nobody had asked for
    SPOOFED = "spoofed"  # a state that cannot be, before TLS
    TLS = "tls"  # the handshake or a record failed
    UNMET = "unmet"  # our own requirement was not met


class ProtocolError(Exception):
    """The peer broke its protocol's rules; the message shows the bytes, cut and escaped."""

    trouble: ClassVar[Trouble] = Trouble.BROKEN


class TooLong(ProtocolError):
    """The peer said more, without finishing, than any honest peer would."""

    trouble = Trouble.TOO_LONG


class Ended(ProtocolError):
    """The peer hung up in mid-sentence."""

    trouble = Trouble.ENDED


class Injected(ProtocolError):
    """Plaintext was already waiting when TLS was to start (CVE-2011-0411 and its kin).

    Attributes: residue: those bytes, whole: they are evidence, and never reach TLS or a parser.
    """

    trouble = Trouble.INJECTED

    def __init__(self, residue: bytes) -> None:
        super().__init__(f"plaintext waited where TLS was to start: {excerpt(residue)}")
        self.residue = residue


class Unsolicited(ProtocolError):
    """The peer answered what nobody had asked: a spliced or scripted conversation."""

    trouble = Trouble.UNSOLICITED


class Spoofed(ProtocolError):
    """The peer claims a state that cannot be before TLS, such as IMAP's PREAUTH."""

    trouble = Trouble.SPOOFED


@dataclass(frozen=True, slots=True)
class Send:
    """These bytes go out now, as one segment."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Receive:
    """The dialog cannot go on until the peer has said more."""


RECEIVE = Receive()


@dataclass(frozen=True, slots=True)
class Settle:
    """Listen for a while: go on as soon as the peer speaks, or when the time is over.

    Attributes: seconds: how long; None leaves it to the driver, about one round trip.
    """

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StartTLS:
    """Every byte after this one is inside TLS.

    Attributes: early: bytes of a hasty client's ClientHello, which belong to TLS.
    """

    early: bytes = b""


Effect: TypeAlias = Send | Receive | Settle | StartTLS
Dialog: TypeAlias = Generator[Effect, None, T]


class Outcome(Enum):
    """How a dialog ended."""

    UPGRADED = "upgraded"
    IMPLICIT = "implicit"  # TLS from the first byte: there was nothing to upgrade
    NOT_OFFERED = "not offered"  # and, not insisting, we did not ask
    NOT_ASKED = "not asked"  # we are the server and the client never tried, or a probe did not
    REFUSED = "refused"  # asked, and told no
    BUSY = "busy"  # come back later: 421, too many connections, over quota
    UNAVAILABLE = "unavailable"  # no service at all: the greeting was a refusal
    BROKEN_OFF = "broken off"  # no ending: the rules were broken, or the connection was


SECURE_OUTCOMES = frozenset({Outcome.UPGRADED, Outcome.IMPLICIT})


@dataclass(frozen=True, slots=True)
class Upgrade:
    """How the protocol's dialog ended, in its own words.

    Attributes:
        outcome: the ending.
        advertised: the offer was there, before TLS, in words that mean it.
        greeting: the greeting's text, as said.
        greeted: capabilities that came with the greeting (IMAP).
        offered: capabilities listed before TLS, in their order, where a middlebox can edit them.
        unlisted: the refusal, if the question for capabilities was refused.
        said: the last answer to the upgrade request, as said, wherever it was not the go-ahead.
        inside: capabilities listed inside TLS, where no middlebox can edit them.
    """

    outcome: Outcome
    advertised: bool = False
    greeting: str = ""
    greeted: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    unlisted: str = ""
    said: str = ""
    inside: tuple[str, ...] = ()


def lists(lines: Iterable[str], keyword: str) -> bool:
    """Tell whether a list of capabilities has `keyword`, in any case of ASCII's letters alone.

    Unicode has other letters that become these in upper case, and a server has none of them.
    """
    return any(line.isascii() and line.upper() == keyword for line in lines)


class Manner(Enum):
    """How the client side asks for the upgrade: plainly, or as a probe does."""

    PLAIN = "plain"
    LOWER_CASE = "lower case"  # verbs are case-insensitive: only a filter minds
    SPLIT = "split"  # two segments: only a per-segment matcher minds
    CANARY = "canary"  # an unknown verb in place of the request: who echoes what?


@dataclass(frozen=True, slots=True)
class Asking:
    """What the client side is told.

    Attributes:
        helo: the name to give where the protocol wants one; neutral by default (T-13).
        insist: ask for TLS even if it is not offered (R3), since offers are not authenticated.
        manner: how to spell the request.
        tag: a prefix for command tags that nobody else can guess (F-01).
    """

    helo: str = "localhost"
    insist: bool = False
    manner: Manner = Manner.PLAIN
    tag: str = "u"


@dataclass(frozen=True, slots=True)
class Serving:
    """What the server side is told.

    Attributes:
        name: how the server calls itself.
        offer: whether it offers TLS, and grants it, at all.
    """

    name: str = "localhost"
    offer: bool = True


CANARY = "QSTARTTLSQ"  # no server knows it; a box that rewrites unknown verbs does
_SPLIT_AT = 3  # bytes in the first segment: inside the verb of every protocol
_SPLIT_GAP = 0.03  # seconds, so that the halves cannot share a segment


class Wire:
    """One side of one connection, as its dialog sees it.

    Sending never waits, so it is a plain call. Receiving and starting TLS do, so they are
    generators: `yield from wire.start_tls()`.

    Args: secure: True where TLS was there from the first byte.
    Attributes: so_far: what the dialog has learnt, should it break off before it can return.
    """

    def __init__(self, *, secure: bool = False) -> None:
        self.secure = secure
        self.so_far: Upgrade | None = None
        self._inbox, self._outbox = bytearray(), bytearray()
        self._ended = False
        self._heard_in_clear = 0
        self._allowed: Pattern[bytes] | None = None

    # For dialogs

    def confine(self, allowed: Pattern[bytes]) -> None:
        """From now on, put nothing on the clear wire but what `allowed` matches whole (R2)."""
        self._allowed = allowed

    def send(self, data: bytes) -> None:
        """Queue bytes; they leave with the next effect.

        Raises: AssertionError: the dialog broke its own confinement: a programming mistake.
        """
        if self._allowed is not None and not self.secure and not self._allowed.fullmatch(data):
            raise AssertionError(f"not to be said in clear: {excerpt(data)}")
        self._outbox += data

    def send_line(self, text: str) -> None:
        """Queue one line, with its line ending."""
        self.send(text.encode() + b"\r\n")

    def command(self, text: str) -> None:
        """Queue a client's command: it may only follow a peer who has finished speaking.

        Raises: Unsolicited: the peer had already answered before it was asked.
        """
        if self._inbox:
            raise Unsolicited(f"said before it was asked: {excerpt(self._inbox)}")
        self.send_line(text)

    def request(self, verb: str, manner: Manner, tag: str = "") -> Dialog[None]:
        """Send the upgrade request, spelt as `manner` says; `tag` is IMAP's, with its blank."""
        spelt = {Manner.LOWER_CASE: verb.lower(), Manner.CANARY: CANARY}.get(manner, verb)
        self.command(tag + spelt)
        if manner is Manner.SPLIT:
            whole, cut = bytes(self._outbox), len(tag) + _SPLIT_AT
            self._outbox.clear()
            yield Send(whole[:cut])
            yield Settle(_SPLIT_GAP)
            if self._inbox:
                raise Unsolicited(f"an answer to half a request: {excerpt(self._inbox)}")
            self._outbox += whole[cut:]
        yield from self.flush()

    def start_tls(self, *, server_first: bool = False) -> Dialog[None]:
        """Turn the client's side secure: the one place where it happens.

        Args: server_first: the protocol lets the server speak first inside TLS (ManageSieve).
        Raises:
            Injected: a byte, of a partial line even, waited behind the go-ahead.
            Unsolicited: the peer spoke inside TLS before our first command.
        """
        yield from self.flush()
        if self._inbox:  # RFC 3207, 4.2: no await stands between this look and the switch
            raise Injected(self.take(len(self._inbox)))
        yield StartTLS()
        self.secure = True
        if server_first:
            return
        yield Settle()  # a greeting spliced in takes up to one round trip to arrive
        if self._inbox:
            raise Unsolicited(f"said inside TLS before our first command: {excerpt(self._inbox)}")

    def accept_tls(self, go_ahead: bytes, refusal: bytes) -> Dialog[None]:
        """Turn the server's side secure.

        A ClientHello that came with the request belongs to TLS; anything else that did is
        command injection and ends the connection (RFC 9051, 6.2.1; R20).

        Args:
            go_ahead: the reply that permits the ClientHello, the last bytes in clear.
            refusal: the reply to a client, or to whoever sits before it, that did not wait.
        Raises: Injected: plaintext had come behind the request.
        """
        if self._inbox and self._inbox[0] != TLS_HANDSHAKE_RECORD:
            self.send(refusal)
            yield from self.flush()
            raise Injected(self.take(len(self._inbox)))
        self.send(go_ahead)
        yield from self.flush()
        early = self.take(len(self._inbox))
        if early and early[0] != TLS_HANDSHAKE_RECORD:  # a driver may hear while it sends
            raise Injected(early)
        yield StartTLS(early)
        self.secure = True

    # For framing

    def through(self, ending: bytes) -> bytes | None:
        """Remove and return what waits up to and with `ending`, None if that has not come."""
        end = self._inbox.find(ending) + len(ending)
        if end < len(ending):
            return None
        taken = bytes(self._inbox[:end])
        del self._inbox[:end]
        return taken

    def take(self, count: int) -> bytes:
        """Remove and return the first `count` bytes of what waits to be read."""
        taken = bytes(self._inbox[:count])
        del self._inbox[:count]
        return taken

    def more(self, limit: int) -> Dialog[None]:
        """Send what is queued and wait until the peer has said more.

        Args: limit: bytes that may wait unfinished.
        Raises:
            Ended: the peer hung up.
            TooLong: `limit` is reached, or the budget for everything said in clear is.
        """
        yield from self.flush()
        if self._ended:
            last = f" after {excerpt(self._inbox)}" if self._inbox else ""
            raise Ended(f"connection closed{last}")
        if len(self._inbox) >= limit:
            raise TooLong(f"more than {limit} bytes: {excerpt(self._inbox)}")
        if self._heard_in_clear > CLEAR_BUDGET:
            raise TooLong(f"more than {CLEAR_BUDGET} bytes before TLS: {excerpt(self._inbox)}")
        yield RECEIVE

    # For conversations

    @property
    def ended(self) -> bool:
        """True once the peer has hung up."""
        return self._ended

    @property
    def waiting(self) -> int:
        """How many bytes wait to be read."""
        return len(self._inbox)

    def hear(self, data: bytes) -> None:
        """Take bytes from the peer, or b"" when it hung up."""
        self._inbox += data
        self._ended = self._ended or not data
        if not self.secure:
            self._heard_in_clear += len(data)

    def flush(self) -> Dialog[None]:
        """Send what is queued, as one segment."""
        if self._outbox:
            data = bytes(self._outbox)
            self._outbox.clear()
            yield Send(data)

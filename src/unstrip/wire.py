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

from collections.abc import Generator
from dataclasses import dataclass
from re import Pattern
from typing import Protocol, TypeAlias, TypeVar

from unstrip.escaping import excerpt
from unstrip.trouble import Ended, Injected, TooLong, Unsolicited
from unstrip.upgrade import CANARY, Manner, Upgrade

T = TypeVar("T")

CLEAR_BUDGET = 64 * 1024  # bytes a peer may say before TLS; no RFC bounds it, so we do
TLS_HANDSHAKE_RECORD = 0x16  # RFC 8446, 5.1: ContentType handshake


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


class Envelope(Protocol):
    """What a protocol wraps TLS's handshake in; what follows the handshake is bare (TDS).

    Attributes: opens: the byte that the peer's first envelope begins with.
    """

    opens: int

    @property
    def waiting(self) -> bytes:
        """What is not whole yet."""

    def wrap(self, records: bytes) -> bytes:
        """Return TLS records as they are to be sent."""

    def unwrap(self, heard: bytes) -> bytes:
        """Return the TLS records in what was heard, and keep what is not whole yet.

        Raises: ProtocolError: it is no envelope.
        """


@dataclass(frozen=True, slots=True)
class StartTLS:
    """Every byte after this one is inside TLS.

    Attributes:
        early: bytes of a hasty client's ClientHello, which belong to TLS.
        envelope: what the handshake is wrapped in, where it is.
    """

    early: bytes = b""
    envelope: Envelope | None = None


Effect: TypeAlias = Send | Receive | Settle | StartTLS
Dialog: TypeAlias = Generator[Effect, None, T]

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
        """Queue a client's command: a line, as `ask`."""
        self.ask(text.encode() + b"\r\n")

    def ask(self, data: bytes) -> None:
        """Queue what asks for an answer: it may only follow a peer who has finished speaking.

        Raises: Unsolicited: the peer had already answered before it was asked.
        """
        if self._inbox:
            raise Unsolicited(f"said before it was asked: {excerpt(self._inbox)}")
        self.send(data)

    def request(
        self, verb: str, manner: Manner, tag: str = "", ending: str = "\r\n"
    ) -> Dialog[None]:
        """Send the upgrade request, spelt as `manner` says; `tag` is IMAP's, with its blank."""
        spelt = {Manner.LOWER_CASE: verb.lower(), Manner.CANARY: CANARY}.get(manner, verb)
        yield from self.petition(f"{tag}{spelt}{ending}".encode(), manner, len(tag))

    def petition(self, data: bytes, manner: Manner, before: int = 0) -> Dialog[None]:
        """Send the upgrade request as these bytes; in two segments, if `manner` is to split it.

        Args: before: bytes in front of the verb, which the cut goes through.
        """
        self.ask(data)
        if manner is Manner.SPLIT:
            whole, cut = bytes(self._outbox), before + _SPLIT_AT
            self._outbox.clear()
            yield Send(whole[:cut])
            yield Settle(_SPLIT_GAP)
            if self._inbox:
                raise Unsolicited(f"an answer to half a request: {excerpt(self._inbox)}")
            self._outbox += whole[cut:]
        yield from self.flush()

    def start_tls(
        self,
        *,
        server_first: bool = False,
        envelope: Envelope | None = None,
        asides: Pattern[bytes] | None = None,
    ) -> Dialog[None]:
        """Turn the client's side secure: the one place where it happens.

        Args:
            server_first: the protocol lets the server speak first inside TLS (ManageSieve).
            envelope: what the handshake is wrapped in, where it is (TDS).
            asides: matches what a server may say at any time (IRC): it ends the dialog all the
                same, but is told from what would pass for an answer.

        Raises:
            Injected: a byte, of a partial line even, waited behind the go-ahead.
            Unsolicited: the peer spoke inside TLS before our first command.
        """
        yield from self.flush()
        if self._inbox:  # RFC 3207, 4.2: no await stands between this look and the switch
            residue = self.take(len(self._inbox))
            raise Injected(residue, aside=bool(asides and asides.fullmatch(residue)))
        yield StartTLS(envelope=envelope)
        self.secure = True
        if server_first:
            return
        yield Settle()  # a greeting spliced in takes up to one round trip to arrive
        if self._inbox:
            raise Unsolicited(f"said inside TLS before our first command: {excerpt(self._inbox)}")

    def conclude(self) -> Dialog[None]:
        """Listen once more, when the answer that was last asked for inside TLS has come.

        Whoever holds records back can put an answer of somebody else's asking in its place, and
        then ours is behind it. No more than a round trip is waited for, so one who holds ours
        back for ever is not found out.

        Raises: Unsolicited: something is behind the last answer.
        """
        yield Settle()
        if self._inbox:
            raise Unsolicited(f"said inside TLS behind the last answer: {excerpt(self._inbox)}")

    def accept_tls(
        self, go_ahead: bytes, refusal: bytes, envelope: Envelope | None = None
    ) -> Dialog[None]:
        """Turn the server's side secure.

        A ClientHello that came with the request belongs to TLS; anything else that did is
        command injection and ends the connection (RFC 9051, 6.2.1; R20).

        Args:
            go_ahead: the reply that permits the ClientHello, the last bytes in clear.
            refusal: the reply to a client, or to whoever sits before it, that did not wait.
            envelope: what the handshake is wrapped in, where it is (TDS).
        Raises: Injected: plaintext had come behind the request.
        """
        opens = TLS_HANDSHAKE_RECORD if envelope is None else envelope.opens
        if self._inbox and self._inbox[0] != opens:
            self.send(refusal)
            yield from self.flush()
            raise Injected(self.take(len(self._inbox)))
        self.send(go_ahead)
        yield from self.flush()
        early = self.take(len(self._inbox))
        if early and early[0] != opens:  # a driver may hear while it sends
            raise Injected(early)
        yield StartTLS(early, envelope)
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

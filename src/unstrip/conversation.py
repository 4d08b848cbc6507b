"""A dialog in progress: effects out, bytes in, the transcript, and where it stands.

    for effect in conversation: ...

is a whole driver: it sends what is to be sent, and on `Receive` or `Settle` it waits, tells
`hear` what came, and goes on; who owns an event loop may leave the loop there and come back to
it, since the effects go on where they stopped. No driver ever sees `StartTLS`: the conversation
makes the tunnel itself, at the very moment the dialog asks for it, and from then on every byte
passes through it. So no driver can get the switch wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import GeneratorType, TracebackType
from typing import Generic, TypeVar

from unstrip.handshake import Handshake
from unstrip.transcript import Layer, Side, Transcript, Utterance
from unstrip.trouble import Ended, Injected, ProtocolError, TooLong
from unstrip.tunnel import HandshakeFailed, Tunnel
from unstrip.upgrade import SECURE_OUTCOMES, Upgrade
from unstrip.wire import RECEIVE, Dialog, Effect, Envelope, Send, StartTLS, Wire

T = TypeVar("T")
TLS_BUDGET = 512 * 1024  # bytes a peer may send in TLS until the dialog is over (R27)


class Conversation(Generic[T]):
    """One dialog over one connection.

    Args:
        dialog: the protocol's side, a function of the wire.
        tunnel: makes our end of TLS when it is due.
        side: which side we are.
        implicit: TLS comes before the first word (RFC 8314, 3).
        inspect: sees the facts of the handshake before anything is said inside TLS, returns
            them (with what it adds), or raises to end it there.
        clock: seconds since the connection was dialled.
    """

    result: T

    def __init__(
        self,
        dialog: Callable[[Wire], Dialog[T]],
        tunnel: Callable[[], Tunnel],
        *,
        side: Side = Side.CLIENT,
        implicit: bool = False,
        inspect: Callable[[Handshake], Handshake] | None = None,
        clock: Callable[[], float] = float,
    ) -> None:
        self.wire = Wire(secure=implicit)
        self.tunnel: Tunnel | None = None
        self.handshake: Handshake | None = None
        self.done = False
        self._make_tunnel, self._inspect, self._clock = tunnel, inspect, clock
        self._side, self._implicit = side, implicit
        self._transcript: list[Utterance] = []
        self._hung_up, self._heard_in_tls = False, 0
        self._envelope: Envelope | None = None
        self._broke_at: tuple[str, ...] = ()
        self._dialog = self._whole(dialog(self.wire))
        self._effects = self._run()

    # For drivers

    def __iter__(self) -> Iterator[Effect]:
        """Yield what is to be done, until the dialog is over; each time from where it stopped.

        Raises: ProtocolError: the peer broke the rules; and whatever `inspect` raised.
        """
        return self._effects

    def hear(self, data: bytes) -> None:
        """Take bytes from the network, or b"" when the peer hung up.

        Raises: HandshakeFailed: a TLS record is broken.
        """
        self._hung_up = self._hung_up or not data
        if self.tunnel is None:
            self._note(self._side.other, Layer.CLEAR, data)
            self.wire.hear(data)
            return
        self._heard_in_tls += 0 if self.done else len(data)
        if self._heard_in_tls > TLS_BUDGET:
            raise TooLong(f"more than {TLS_BUDGET} bytes of TLS before the dialog was over")
        if self.tunnel.ready:
            self.tunnel.hear(data)
            self._open(self.tunnel)
        else:
            self._hear_records(self.tunnel, data)

    @property
    def spoken_to(self) -> bool:
        """The peer has said something to the dialog, or hung up; TLS's own records are neither."""
        return self.wire.waiting > 0 or self.wire.ended

    # For witnesses

    @property
    def transcript(self) -> Transcript:
        """Everything said so far."""
        return tuple(self._transcript)

    def where(self) -> str:
        """Name the state the dialog is in, innermost last: "client > ehlo > reply > line"."""
        names = list(self._broke_at)
        frame: object = self._dialog
        while isinstance(frame, GeneratorType) and not self._broke_at:
            names.append(frame.gi_code.co_name)
            frame = frame.gi_yieldfrom
        if self.tunnel is not None and not self.tunnel.ready:
            names.append("handshake")
        return " > ".join(name for name in names if not name.startswith("_"))

    # For whoever goes on talking when the dialog is over

    def seal(self, data: bytes, *, clear: bool = False) -> bytes:
        """Return what is to be sent so that the peer reads `data`.

        Args: clear: that it goes out in clear, where there is no TLS, is what the caller wants.
        Raises:
            AssertionError: there is no TLS, and the caller did not say so: a mistake (R2).
            Ended, HandshakeFailed: nothing more can be sent inside TLS.
        """
        if self.tunnel is None and not clear:
            raise AssertionError("there is no TLS to seal it in")
        if self.tunnel and self._hung_up:
            raise Ended("connection closed inside TLS")
        self._note(self._side, Layer.SECURE if self.tunnel else Layer.CLEAR, data)
        return self.tunnel.seal(data) if self.tunnel else data

    # Inside

    def _run(self) -> Iterator[Effect]:
        if self._implicit:
            yield from self._start_tls(StartTLS())
        while True:
            try:
                effect = next(self._dialog)
            except StopIteration as end:
                self._finish(end.value)
                return
            except ProtocolError as error:
                self._broke_at = tuple(_places(error.__traceback__))
                raise
            if type(effect) is Send:
                yield Send(self.seal(effect.data, clear=True))  # the wire confines what is clear
            elif type(effect) is StartTLS:
                yield from self._start_tls(effect)
            else:
                yield effect

    def _whole(self, dialog: Dialog[T]) -> Dialog[T]:
        result = yield from dialog
        yield from self.wire.flush()
        return result

    def _finish(self, result: T) -> None:
        claimed = isinstance(result, Upgrade) and result.outcome in SECURE_OUTCOMES
        if claimed and not (self.wire.secure and self.handshake):  # not to be optimised away
            raise AssertionError("a dialog said upgraded on a clear wire, or without a handshake")
        self.result, self.done = result, True

    def _start_tls(self, start: StartTLS) -> Iterator[Effect]:
        """Shake hands; nothing that the wire holds gets in, nothing it sends gets out."""
        tunnel = self.tunnel = self._make_tunnel()
        self._envelope = start.envelope
        if start.early:
            self._hear_records(tunnel, start.early)
        yield from self._shake(tunnel)
        if self._envelope is not None and (left := self._envelope.waiting):
            raise Injected(left)  # behind the last envelope there is TLS, or nothing
        facts = tunnel.facts()
        self.handshake = facts
        if self._inspect is not None:
            self.handshake = self._inspect(facts)
        self._open(tunnel)  # the last flight may carry first words

    def _shake(self, tunnel: Tunnel) -> Iterator[Effect]:
        while True:
            try:
                finished = tunnel.shake()
            except HandshakeFailed:
                yield from self._send_records(tunnel)  # the alert
                raise
            yield from self._send_records(tunnel)
            if finished:
                return
            if self._hung_up:
                raise Ended("connection closed in the TLS handshake")
            yield RECEIVE

    def _send_records(self, tunnel: Tunnel) -> Iterator[Effect]:
        if records := tunnel.outgoing():
            said = records if self._envelope is None else self._envelope.wrap(records)
            self._note(self._side, Layer.HANDSHAKE, said)
            yield Send(said)

    def _hear_records(self, tunnel: Tunnel, data: bytes) -> None:
        self._note(self._side.other, Layer.HANDSHAKE, data)
        if data and self._envelope is not None:
            data = self._envelope.unwrap(data)
            if not data:  # which TLS would take for the end
                return
        tunnel.hear(data)

    def _open(self, tunnel: Tunnel) -> None:
        if plaintext := tunnel.open():
            self._note(self._side.other, Layer.SECURE, plaintext)
            self.wire.hear(plaintext)
        if tunnel.closed:
            self.wire.hear(b"")

    def _note(self, speaker: Side, layer: Layer, data: bytes) -> None:
        if data and not self.done:  # what a link carries later is none of ours to keep
            self._transcript.append(Utterance(speaker, layer, data, self._clock()))


def _places(trace: TracebackType | None) -> Iterator[str]:
    """Name the functions that an error passed through, below the conversation's own."""
    while trace is not None and (trace := trace.tb_next) is not None:
        yield trace.tb_frame.f_code.co_name

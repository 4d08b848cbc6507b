"""An attempt as a dialog: the protocol's own client side, made to say what it must not.

Its effects pass through here. Where it asks for TLS, the attempt has its say; where it starts
TLS it is left behind, since it would begin to speak there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from re import Pattern
from typing import TypeVar

from unstrip.escaping import excerpt
from unstrip.lab.probing.attempt import HUSH, NAME, Injection, State, Step, Subject
from unstrip.protocols import REGISTRY
from unstrip.trouble import Ended, Injected, ProtocolError
from unstrip.upgrade import Asking, Outcome, Upgrade
from unstrip.wire import RECEIVE, Dialog, Effect, Send, Settle, StartTLS, Wire

E = TypeVar("E", Send, StartTLS)
_PARTING = 1.0  # seconds for the end to come, after the last word
_ALERT = bytes.fromhex("15 0301 0002 02 28")  # RFC 8446, 6: fatal, handshake_failure


@dataclass(frozen=True, slots=True)
class Pause(Settle):
    """Say nothing for that long, and hear nothing either."""

    seconds: float = 0.0


class Refused(ProtocolError):
    """TLS was not granted.

    Attributes: busy: not now, that is; it tells nothing.
    """

    def __init__(self, ended: Upgrade) -> None:
        super().__init__(f"{ended.outcome.value}: {excerpt(ended.said.encode())}")
        self.busy = ended.outcome is Outcome.BUSY


class Declined(ProtocolError):
    """What was to make a state made none."""


class Telling(Enum):
    """Where a session says what makes a state."""

    IN_CLEAR = "in clear"
    NEVER = "never"
    INSIDE = "inside TLS"


def inject(wire: Wire, subject: Subject, attempt: Injection, host: str) -> Dialog[None]:
    """Try an injection, or with one that injects nothing, what it is to be compared with.

    What comes of it is in the transcript.

    Raises: ProtocolError: no TLS came of it.
    """
    client = _client(wire, subject, host)
    request = yield from _until(client, _asks(subject))
    yield Send(attempt.respelt(request.data) + attempt.glued)
    if attempt.later and attempt.gap is not None:
        yield Pause(attempt.gap)
        yield Send(attempt.later)
    start = yield from _until(client, _starts)
    if attempt.later and attempt.gap is None:
        yield Send(attempt.later)
        yield Pause(HUSH)
    yield from _enter(wire, start)
    if attempt.rest:
        yield Send(attempt.rest)
    yield from _ask_inside(wire, subject)


def tell(wire: Wire, subject: Subject, state: State, host: str, where: Telling) -> Dialog[bytes]:
    """Return the answer that shows whether the server is in a state.

    Raises: Declined: it was not accepted; ProtocolError: no TLS came of it.
    """
    client = _client(wire, subject, host)
    if where is Telling.NEVER and state.withheld is not None:
        yield from _until(client, _says(state.withheld))
        yield Send(state.instead)
    request = yield from _until(client, _asks(subject))
    if where is Telling.IN_CLEAR:
        yield from _make(wire, state.told)
    yield request
    try:
        start = yield from _until(client, _starts)
    except Refused:  # some grant it only to whom they know; then they are asked in clear
        if where is not Telling.NEVER:
            raise
        answer = yield from _put(wire, state.shows)
        if state.demands is None or state.demands.match(answer):
            raise
        return answer
    yield from _enter(wire, start)
    if where is Telling.INSIDE:
        yield from _make(wire, state.anew or state.told)
    return (yield from _put(wire, state.shows))


def relapse(wire: Wire, subject: Subject, host: str) -> Dialog[bytes]:
    """Fail in the handshake, then say a command in clear; return what is answered in clear.

    Raises: ProtocolError: TLS was refused.
    """
    client = _client(wire, subject, host)
    yield (yield from _until(client, _asks(subject)))
    yield from _until(client, _starts)
    yield Send(_ALERT)
    said = yield from _listen(wire, HUSH)
    if not wire.ended:
        yield Send(subject.command)
        said += yield from _listen(wire, _PARTING)
    return said


def _client(wire: Wire, subject: Subject, host: str) -> Dialog[Upgrade]:
    return REGISTRY[subject.protocol].client(wire, Asking(helo=NAME, host=host, insist=True))


def _asks(subject: Subject) -> Callable[[Effect], Send | None]:
    return _says(subject.request or REGISTRY[subject.protocol].REQUEST)


def _says(words: Pattern[bytes]) -> Callable[[Effect], Send | None]:
    return lambda effect: effect if isinstance(effect, Send) and words.search(effect.data) else None


def _starts(effect: Effect) -> StartTLS | None:
    return effect if isinstance(effect, StartTLS) else None


def _until(client: Dialog[Upgrade], pick: Callable[[Effect], E | None]) -> Dialog[E]:
    """Let the client side go on up to the effect that is picked, and return that instead.

    Raises: Refused: it came to its end before.
    """
    while True:
        try:
            effect = next(client)
        except StopIteration as end:
            raise Refused(end.value) from None
        if (picked := pick(effect)) is not None:
            return picked
        yield effect


def _enter(wire: Wire, start: StartTLS) -> Dialog[None]:
    """Start TLS where the client side would have.

    Raises: Injected: the server has answered in clear, which is no harm.
    """
    if wire.waiting:
        raise Injected(wire.take(wire.waiting))
    yield start
    wire.secure = True


def _ask_inside(wire: Wire, subject: Subject) -> Dialog[None]:
    """Listen, ask what is to be asked, and take leave, so that no answer is still to come."""
    heard = b""
    while len(subject.answer.findall(heard)) < subject.owed and not wire.ended:
        yield RECEIVE
        heard += wire.take(wire.waiting)
    heard += yield from _listen(wire, subject.hush)
    if not subject.question:
        return
    yield Send(subject.question)
    while len(subject.answer.findall(heard)) <= subject.owed and not wire.ended:
        yield RECEIVE
        heard += wire.take(wire.waiting)
    yield from REGISTRY[subject.protocol].farewell(wire)
    yield from _listen(wire, max(_PARTING, subject.hush))


def _listen(wire: Wire, seconds: float) -> Dialog[bytes]:
    """Return what comes, up to the end, or to a silence that long."""
    heard = b""
    while not wire.ended:
        yield Settle(seconds)
        if not wire.waiting:
            break
        heard += wire.take(wire.waiting)
    return heard


def _make(wire: Wire, steps: Iterable[Step]) -> Dialog[None]:
    """Raises: Declined: a step was not accepted."""
    for step in steps:
        answer = yield from _put(wire, step)
        if not step.success.match(answer):
            raise Declined(f"not accepted: {excerpt(answer)}")  # what was said may be a secret


def _put(wire: Wire, step: Step) -> Dialog[bytes]:
    """Say something and return what matters in its answer."""
    yield Send(step.say)
    heard = b""
    while (found := step.answer.search(heard)) is None:
        if wire.ended:
            raise Ended("connection closed instead of an answer")
        yield RECEIVE
        heard += wire.take(wire.waiting)
    return found[1]

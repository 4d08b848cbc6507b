"""Runs every attempt against one server, on loopback only, each on connections of its own.

An honest upgrade comes first, and again at the end: a server that does not grant one, or no
longer does, has passed no test. Certificates are not verified: who is at the other end of
loopback is known, and how well it guards its boundary is the question.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from unstrip.conversation import Conversation
from unstrip.escaping import excerpt
from unstrip.lab.interception import careless_context
from unstrip.lab.loopback import WAITING, dial
from unstrip.lab.probing.attempt import (
    HUSH,
    Attempt,
    Injection,
    Relapse,
    Result,
    State,
    Subject,
    Trial,
)
from unstrip.lab.probing.dialog import Pause, Refused, Telling, inject, relapse, tell
from unstrip.lab.probing.judging import answered, answers_too_many, compared, slowest
from unstrip.protocols import REGISTRY
from unstrip.transcript import Layer, Side, said
from unstrip.trouble import Ended, ProtocolError
from unstrip.tunnel import Tunnel
from unstrip.wire import Dialog, Send, Settle, Wire

T = TypeVar("T")
HONEST = Injection(number="-", what="an honest upgrade")


class Untestable(Exception):
    """No honest upgrade: whatever else is tried would prove nothing."""


@dataclass(frozen=True, slots=True)
class Session(Generic[T]):
    """How one session ended.

    Attributes: result: the dialog's; error: what ended it before it had one.
    """

    talk: Conversation[T]
    result: T | None = None
    error: Exception | None = None

    @property
    def stood(self) -> bool:
        """TLS stood."""
        return self.talk.handshake is not None

    @property
    def hung_up(self) -> bool:
        """The server ended it, and not we."""
        return self.error is not None or self.talk.wire.ended


class Bench:
    """Where one server is tested.

    Args:
        subject: how servers of its kind are.
        name: what it is addressed by.
        address: where it listens.
        deadline: seconds for one session.
    """

    def __init__(
        self, subject: Subject, name: str, address: tuple[str, int], deadline: float
    ) -> None:
        self._subject, self._name = subject, name
        self._address, self._deadline = address, deadline
        self._context = careless_context(REGISTRY[subject.protocol])
        self._silence = ""  # why silence inside TLS tells nothing, if it does not
        self._usual = b""  # what is said inside TLS to whoever is honest

    async def run(self, attempts: Iterable[Attempt]) -> AsyncIterator[Trial]:
        """Try one after another, and yield what came of each.

        Raises: Untestable; NotLoopback; Unresolved; OSError: it cannot be reached.
        """
        self._learn(await self._control())
        for attempt in attempts:
            yield await self._try(attempt)
        await self._control()

    async def _control(self) -> Session[None]:
        session = await self._inject(HONEST)
        proof = answers_too_many(session.talk.transcript, self._subject)
        if session.error is None and not proof and answered(session.talk.transcript, self._subject):
            return session
        heard = said(session.talk.transcript, Side.SERVER, Layer.SECURE)
        why = _words(session.error) if session.error else f"inside TLS it said {excerpt(heard)}"
        raise Untestable(f"an honest upgrade goes wrong: {why}")

    def _learn(self, control: Session[None]) -> None:
        """Learn how long to listen for what must not come, and whether silence tells anything."""
        transcript, subject = control.talk.transcript, self._subject
        self._usual = said(transcript, Side.SERVER, Layer.SECURE)
        took = slowest(transcript, inside=bool(subject.question))
        hush = max(subject.hush, min(2 * took + HUSH, (self._deadline - took) / 3))
        self._subject = replace(subject, hush=hush)
        if subject.blind and subject.blind.search(said(transcript, Side.CLIENT, Layer.CLEAR)):
            self._silence = "a login comes first here, so its silence tells nothing"
        elif hush < 2 * took:
            self._silence = f"it takes {took:.1f} s to answer, so its silence tells nothing"

    async def _try(self, attempt: Attempt) -> Trial:
        match attempt:
            case Injection():
                result, why, proof = self._injected(attempt, await self._inject(attempt))
            case State():
                result, why, proof = await self._state(attempt)
            case Relapse():
                result, why, proof = self._relapsed(await self._relapse())
        return Trial(attempt.number, attempt.what, result, why, proof)

    async def _inject(self, attempt: Injection) -> Session[None]:
        return await self._hold(lambda wire: inject(wire, self._subject, attempt, self._name))

    def _injected(self, attempt: Injection, session: Session[None]) -> tuple[Result, str, bytes]:
        transcript = session.talk.transcript
        if proof := answers_too_many(transcript, self._subject):
            return Result.VULNERABLE, "it answers inside TLS what was said in clear", proof
        words = _words(session.error)
        sent = said(transcript, Side.CLIENT, Layer.CLEAR)
        if not _is_answer(session.error) or attempt.glued + attempt.later not in sent:
            return Result.UNKNOWN, words, b""
        if not session.stood:
            return Result.CLEAN, f"no TLS: {words}", b""
        if self._silence:
            return Result.UNKNOWN, self._silence, b""
        if not self._subject.question:  # whatever is not as usual, it may have read too much
            if session.hung_up:
                return Result.UNKNOWN, f"it hung up inside TLS: {words}", b""
            heard = said(transcript, Side.SERVER, Layer.SECURE)
            if heard != self._usual:
                return Result.UNKNOWN, f"inside TLS it said {excerpt(heard)}", b""
        if answered(transcript, self._subject):
            return Result.CLEAN, "dropped", b""
        return Result.CLEAN, f"no answer inside TLS: {words}", b""

    async def _state(self, state: State) -> tuple[Result, str, bytes]:
        sessions = {where: await self._tell(state, where) for where in Telling}
        refused = sessions[Telling.IN_CLEAR].error
        if refused is not None and _is_answer(refused):
            return Result.CLEAN, _words(refused), b""
        answers: list[bytes] = []
        for where, session in sessions.items():
            if session.result is None:
                return Result.UNKNOWN, f"said {where.value}: {_words(session.error)}", b""
            answers.append(session.result)
        result, why = compared(state, *answers)
        proof = answers[0] if result is Result.VULNERABLE else b""
        return result, why, proof

    async def _tell(self, state: State, where: Telling) -> Session[bytes]:
        return await self._hold(lambda wire: tell(wire, self._subject, state, self._name, where))

    async def _relapse(self) -> Session[bytes]:
        return await self._hold(lambda wire: relapse(wire, self._subject, self._name))

    def _relapsed(self, session: Session[bytes]) -> tuple[Result, str, bytes]:
        if session.result is None:
            closed = isinstance(session.error, Ended | ConnectionError)
            return Result.CLEAN if closed else Result.UNKNOWN, _words(session.error), b""
        if self._subject.answer.search(session.result):
            return Result.VULNERABLE, "it goes on in clear", session.result
        return Result.CLEAN, "it answers nothing in clear", b""

    async def _hold(self, dialog: Callable[[Wire], Dialog[T]]) -> Session[T]:
        """Hold one session; what goes wrong in it, once there is a connection, is its result."""
        reader, writer = await dial(*self._address)
        now = asyncio.get_running_loop().time
        began = now()
        talk = Conversation(
            dialog,
            lambda: Tunnel(self._context, self._name),
            clock=lambda: now() - began,
        )
        try:
            async with asyncio.timeout(self._deadline):
                await converse(talk, reader, writer)
        except (ProtocolError, OSError) as error:  # a deadline that passed is an OSError too
            return Session(talk, error=error)
        finally:
            writer.transport.abort()
        return Session(talk, talk.result)


async def converse(
    talk: Conversation[T], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Drive a conversation, each `Send` in a segment of its own.

    Raises: ProtocolError; ConnectionError.
    """
    loop = asyncio.get_running_loop()
    for effect in talk:
        match effect:
            case Send(data):
                if writer.is_closing():  # uvloop would call it a mistake of ours
                    raise ConnectionResetError("connection reset")
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(0)  # uvloop joins what is written in one turn of the loop
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Settle(seconds):
                until = loop.time() + (seconds or 0.0)
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(until):
                        while not talk.spoken_to:
                            talk.hear(await reader.read(WAITING))
            case _:
                talk.hear(await reader.read(WAITING))


def _is_answer(error: Exception | None) -> bool:
    """Tell whether a session ended as the server's answer to what was tried, or by chance."""
    return not (isinstance(error, TimeoutError) or (isinstance(error, Refused) and error.busy))


def _words(error: Exception | None) -> str:
    match error:
        case None:
            return "it closed the connection"
        case TimeoutError():
            return "no answer in time"
        case ConnectionError():
            return "connection reset"
    return str(error)

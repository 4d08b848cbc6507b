"""What the server tester tries, and what came of it, as values.

An attempt says nothing of sockets and does nothing by itself. How a protocol is begun, asked to
upgrade and understood is the business of its own client side, which every attempt runs: an
attempt is what it says too much, too early or too late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from re import Pattern
from typing import TypeAlias

HUSH, LONG_HUSH = 0.15, 0.5  # seconds
HOST = b"{host}"  # in what is said: stands for the name that the server is addressed by
NAME = (
    "unstrip.invalid"  # who we say we are: nobody (RFC 2606, 2), so no server takes us for itself
)


class Result(Enum):
    """What an attempt showed."""

    CLEAN = "clean"  # refused, dropped, or the end of the connection
    VULNERABLE = "vulnerable"
    UNKNOWN = "could not tell"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one attempt.

    Attributes:
        number: its number in the catalogue of threats.
        what: what was tried.
        why: what the result rests on.
        proof: where it is vulnerable, the server's bytes that prove it.
    """

    number: str
    what: str
    result: Result
    why: str
    proof: bytes = b""


@dataclass(frozen=True, slots=True)
class Step:
    """Something said, and how it is answered.

    Attributes:
        answer: matches one whole answer, whatever it says; its first group is the part that two
            servers in the same state have in common.
        success: matches, at its beginning, that part of an answer which says yes.
    """

    say: bytes
    answer: Pattern[bytes]
    success: Pattern[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """Plaintext where the client has to be silent (R20).

    Attributes:
        number, what: as in `Trial`.
        respelt: the request in other words.
        glued: in one segment with the request.
        later: in a segment of its own.
        gap: seconds between the two; None lets the go-ahead come first.
        rest: said inside TLS before anything else: the end of a line begun in clear.
    """

    number: str
    what: str
    respelt: Callable[[bytes], bytes] = bytes
    glued: bytes = b""
    later: bytes = b""
    gap: float | None = 0.0
    rest: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Something said in clear that a server has to have forgotten inside TLS (R22).

    It shows by comparison: one session is told in clear, one never, one inside TLS.

    Attributes:
        number, what: as in `Trial`.
        told: what makes the state.
        anew: what makes it inside TLS, where that takes more.
        shows: what is answered differently in that state.
        withheld: matches what the client side itself says to make the state; whoever is never to
            be told hears what stands in `instead`.
    """

    number: str
    what: str
    told: tuple[Step, ...] = ()
    anew: tuple[Step, ...] = ()
    shows: Step
    withheld: Pattern[bytes] | None = None
    instead: bytes = b""
    demands: Pattern[bytes] | None = None
    alike: Result = Result.CLEAN


@dataclass(frozen=True, slots=True)
class Relapse:
    """A handshake that fails, and a command in clear behind it (R25)."""

    number: str
    what: str = "a command in clear after a handshake that failed"


Attempt: TypeAlias = Injection | State | Relapse


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """How servers of one protocol are put to the test.

    Attributes:
        protocol: its name in the registry.
        command: harmless, wanting no login, and with an answer like no other.
        answer: matches that answer.
        question: the same, said inside TLS where it belongs; empty where all there is to say
            there begins a session, so that only silence is right.
        owed: answers like it that a server owes inside TLS without being asked.
        request: finds the request for TLS in a segment, where the registry's own does not.
        number: the catalogue's number of a command behind the request.
        cut: where to break the command in two; 0 where the protocol is not made of lines.
        states: what a server has to forget.
        hush: seconds to listen inside TLS before the question; long where an answer that comes
            before it is all that would show; longer still where the server is slow.
        blind: matches what the client side says in clear where a login has to come before anything
            else inside, so that what came early would be taken for one, in silence.
        login: makes the state of whoever has logged in with that name and password.
        relapse: the catalogue's number of going on in clear after a handshake that failed.
    """

    protocol: str
    command: bytes
    answer: Pattern[bytes]
    question: bytes
    owed: int = 0
    request: Pattern[bytes] | None = None
    number: str = "B-01"
    cut: int = 0
    states: tuple[State, ...] = ()
    hush: float = HUSH
    blind: Pattern[bytes] | None = None
    login: Callable[[str, str], State] | None = None
    relapse: str = ""

    def at(self, host: str) -> Subject:
        """Return the same for a server that is addressed by that name."""
        name = host.encode()
        return replace(
            self,
            command=self.command.replace(HOST, name),
            question=self.question.replace(HOST, name),
        )

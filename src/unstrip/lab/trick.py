"""What a trick is: a few words about it, and what it does with what each side says.

A trick opens no socket and waits for nothing: it yields actions as values, and the middlebox
carries them out in their order. Each `ToClient` and `ToServer` is one segment. While actions are
carried out nothing else crosses, in either direction.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from unstrip.lab.speech import Command, Dialect, Reply


@dataclass(frozen=True, slots=True)
class ToClient:
    """One segment to the client."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ToServer:
    """One segment to the server."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Hold everything back for a while."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    """End both connections, in order."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Tear both connections down, with RST."""


@dataclass(frozen=True, slots=True)
class Relay:
    """From here on, pass on whatever comes, in both directions."""


@dataclass(frozen=True, slots=True)
class Intercept:
    """Speak TLS with each side, and pass on what is inside.

    Attributes: context: how to pose as the server.
    """

    context: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class Splice:
    """Leave the server for its own implicit-TLS port, and relay from here on.

    Attributes: hello: what that port is to hear first.
    """

    hello: bytes


Ending: TypeAlias = Close | Reset | Relay | Intercept | Splice
Action: TypeAlias = ToClient | ToServer | Pause | Ending
Actions: TypeAlias = Iterator[Action]


class Trick:
    """One attack on one connection; as it stands, none: everything passes.

    Args:
        dialect: how the protocol's words are told apart.
        nth: which of the middlebox's clients this is, counted from 1.

    Attributes:
        ID: the attack's number in the catalogue of threats.
        NAME: what it is called on the command line.
        WHAT: one sentence about it.
        PROTOCOLS: those it exists for.
        SPLICES: it needs the server's implicit-TLS port as well.
    """

    ID: ClassVar[str]
    NAME: ClassVar[str]
    WHAT: ClassVar[str]
    PROTOCOLS: ClassVar[tuple[str, ...]] = ("smtp", "imap", "pop3")
    SPLICES: ClassVar[bool] = False

    def __init__(self, dialect: Dialect, nth: int = 1) -> None:
        self.dialect, self.nth = dialect, nth

    def server_says(self, reply: Reply) -> Actions:
        """Yield what becomes of a message of the server's."""
        yield ToClient(reply.data)

    def client_says(self, command: Command) -> Actions:
        """Yield what becomes of a command of the client's."""
        yield ToServer(command.data)

    def client_hello(self, hello: bytes) -> Actions:
        """Yield what becomes of the beginning of TLS; this much of it has come."""
        yield ToServer(hello)
        yield Relay()

    def words(self, table: Mapping[str, bytes], tag: bytes = b"") -> bytes:
        """Return the words for this protocol, with the tag filled in where there is one."""
        return table[self.dialect.protocol].replace(b"{tag}", tag)

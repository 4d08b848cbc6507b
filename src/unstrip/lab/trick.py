"""What a trick is: a few words about it, and what it does with what each side says.

A trick opens no socket and waits for nothing: it yields actions as values, and the middlebox
carries them out in their order. Each `ToClient` and `ToServer` is one segment. While actions are
carried out nothing else crosses, in either direction.
"""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from unstrip.lab.dialect import Command, Dialect, Reply, Topic


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
    """Speak TLS with the client, with the server, or with both, and pass on what is inside.

    Attributes:
        context: how to pose as the server; None leaves the client in clear.
        hello: what the client has said of TLS already.
        upwards: speak TLS with the server too; without, it is left in clear.
        opening: what the server is to hear first, inside TLS where there is TLS.
        redial: on a new connection to the server, since it heard the old one's beginning.
    """

    context: ssl.SSLContext | None
    hello: bytes = b""
    upwards: bool = True
    opening: bytes = b""
    redial: bool = False


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
        code: which of the protocol's replies to give, for tricks that have several.

    Attributes:
        ID: the attack's number in the catalogue of threats.
        NAME: what it is called on the command line.
        WHAT: one sentence about it.
        CLIENT, SERVER: what a correct client and a correct server do, a clause each.
        SPLICES: it needs the server's implicit-TLS port as well.
    """

    ID: ClassVar[str]
    NAME: ClassVar[str]
    WHAT: ClassVar[str]
    CLIENT: ClassVar[str]
    SERVER: ClassVar[str]
    SPLICES: ClassVar[bool] = False

    def __init__(self, dialect: Dialect, nth: int = 1, code: str = "") -> None:
        self.dialect, self.nth, self.code = dialect, nth, code

    @classmethod
    def suits(cls, dialect: type[Dialect]) -> bool:
        """Tell whether there is such an attack on that protocol."""
        return bool(dialect.PROTOCOL)

    @classmethod
    def number(cls, dialect: type[Dialect]) -> str:
        """Return the attack's number in the catalogue, for that protocol."""
        return dialect.IDS.get(cls.NAME, cls.ID)

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


class Withholding(Trick, ABC):
    """The request never reaches the server, nor does TLS where the client begins it all the same.

    MySQL's clients do: they wait for no go-ahead. A request that the box overlooks reaches it,
    and so does what follows.
    """

    def __init__(self, dialect: Dialect, nth: int = 1, code: str = "") -> None:
        super().__init__(dialect, nth, code)
        self._withheld = False

    @abstractmethod
    def requested(self, command: Command) -> Actions:
        """Yield what becomes of the request."""

    def client_says(self, command: Command) -> Actions:
        """Keep the request from the server; what else is said passes."""
        if command.topic is Topic.UPGRADE:
            self._withheld = True
            yield from self.requested(command)
        else:
            yield ToServer(command.data)

    def client_hello(self, hello: bytes) -> Actions:
        """Swallow it, unless the server has granted it."""
        if not self._withheld:
            yield from super().client_hello(hello)

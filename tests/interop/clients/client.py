"""What a row of the table says: where a client is sent, how, and how it shows what it met."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Errand:
    """Where a client is sent.

    Attributes:
        port: of our server, at loopback.
        ca: whom to trust.
        home: a directory of its own, which every user can enter.
        display: where it may draw, if it has to.
    """

    port: int
    ca: Path
    home: Path
    display: str = ""

    def file(self, name: str, text: str) -> Path:
        """Write a file that the client is to read, which is nobody else's."""
        path = self.home / name
        path.write_text(text)
        path.chmod(0o600)
        return path


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, and what it needs in its environment."""

    words: tuple[str, ...]
    environment: dict[str, str]


def command(*words: object, **environment: object) -> Command:
    """Return a command of anything that can be written."""
    told = {name: f"{value}" for name, value in environment.items()}
    return Command(tuple(map(str, words)), told)


@dataclass(frozen=True, slots=True)
class Sign:
    """How a client shows how it fared.

    Attributes:
        code: its exit code; None where it would not end by itself once it has said the words.
        words: a pattern for what it says.
    """

    code: int | None
    words: str


NEVER = Sign(None, "(?!)")
NAME, AUTHORITY = "name", "authority"  # of a certificate


@dataclass(frozen=True, slots=True)
class Client:
    """One protocol of one client.

    Attributes:
        program: its name, as people write it.
        protocol: the protocol's, in the registry.
        command: how it is sent.
        inside: it was inside TLS, with whom it wanted: what it says there is only said there.
        distrusts: the certificate is no good.
        without: there is no TLS to be had.
        unchecked: what of a certificate it never looks at, and why that is so.
        blind: it begins the handshake after a refusal, too: it does not read the answer.
        waits: it answers a refusal by waiting for other words.
        draws: it needs a display.
    """

    program: str
    protocol: str
    command: Callable[[Errand], Command] = field(repr=False)
    inside: Sign = field(repr=False)
    distrusts: Sign = field(repr=False)
    without: Sign = field(repr=False)
    unchecked: Mapping[str, str] = field(default_factory=dict, repr=False)
    blind: bool = False
    waits: bool = False
    draws: bool = False

    def about(self, flaw: str) -> Sign:
        """Return what it shows of a certificate with this flaw."""
        return self.inside if flaw in self.unchecked else self.distrusts

    def __str__(self) -> str:
        return f"{self.program}-{self.protocol}"

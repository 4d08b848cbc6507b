"""A mail server on loopback that takes whatever it is given, or says what its script has instead.

with mail_server(taken := [], RCPT="550 no such user") as server:
    ...  # server.port; taken: what was handed over, each a `Taken`
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.io.policy_host import Caller, PolicyHost, policy_host

ORDINARY = {
    "GREETING": "220 mx.example.org ESMTP",
    "EHLO": "250-mx.example.org\r\n250-SIZE 10240000\r\n250 8BITMIME",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 end with a dot",
    "DOT": "250 2.0.0 queued as 4711",
    "QUIT": "221 2.0.0 bye",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail as it was handed over: the commands before it, and its lines without their dots."""

    commands: tuple[str, ...]
    mail: bytes


@contextmanager
def mail_server(
    taken: list[Taken], at: tuple[str, Callable[[], None]] | None = None, **replies: str
) -> Iterator[PolicyHost]:
    """Serve until the block is left; a reply "" is to hang up instead.

    Args: at: a step, and what to call whenever one has come so far.
    """
    said = {**ORDINARY, **replies}

    async def script(caller: Caller) -> None:
        commands: list[str] = []
        verb = "GREETING"
        while said[verb]:
            if at is not None and at[0] == verb:
                at[1]()
            await caller.say(f"{said[verb]}\r\n".encode())
            if verb == "QUIT":
                return
            if verb == "DATA" and said[verb].startswith("3"):
                lines = await caller.reader.readuntil(b"\r\n.\r\n")
                mail = lines[:-3].replace(b"\r\n..", b"\r\n.")
                if said["DOT"].startswith("2"):
                    taken.append(Taken(tuple(commands), mail))
                verb = "DOT"
                continue
            commands.append((await caller.reader.readuntil(b"\r\n")).decode().rstrip())
            verb = commands[-1].partition(" ")[0]

    with policy_host(script, None) as server:
        yield server

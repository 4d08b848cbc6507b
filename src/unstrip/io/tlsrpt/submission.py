"""Handing a mail to the local mail server: one dialog of SMTP, on this machine and in clear.

It is a dialog of its own, for everything in it has a limit: lines, replies, and the time of all
together. What is refused for good is the recipient or the mail; that we are not let in, or our
sender is not liked, is for the operator to mend, and is tried again. Once the mail is taken nothing
is waited for: who dies meanwhile would send it again.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from unstrip.escaping import brief
from unstrip.tlsrpt.schedule import Fate, Tried

TIMEOUT = 120.0  # seconds for all of it: a mail server may scan what it takes
_LONGEST, _MOST = 2048, 100  # bytes of a line, lines of a reply
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?\r?\n", re.DOTALL)
_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Step:
    """One command, the first digit of the reply that lets us go on, and whether 5 is for good."""

    line: bytes
    good: int = 2
    final: bool = False


class _Refused(Exception):
    """The server does not go on."""


async def submit(
    place: tuple[str, int],
    sender: str,
    to: str,
    mail: bytes,
    *,
    helo: str,
    timeout: float = TIMEOUT,
) -> Tried:
    """Hand over one mail; it is the server's as soon as that has said so.

    Args: place: address and port; sender: of the envelope, "" is nobody; mail: lines with CR LF.
    """
    steps = (
        _Step(b""),  # the greeting
        _Step(f"EHLO {helo}\r\n".encode()),
        _Step(f"MAIL FROM:<{sender}>\r\n".encode()),
        _Step(f"RCPT TO:<{to}>\r\n".encode(), final=True),
        _Step(b"DATA\r\n", 3, final=True),
        _Step(_DOT.sub(b"..", mail) + b".\r\n", final=True),
    )
    host, port = place
    name = f"mail server at {f'[{host}]' if ':' in host else host}:{port} (report.submit)"
    try:
        async with asyncio.timeout(timeout):
            return await _connected(place, steps)
    except TimeoutError:
        return Tried(Fate.LATER, f"{name}: did not take it in {timeout:g} seconds")
    except OSError as error:
        words = os.strerror(error.errno).lower() if error.errno else str(error)
        return Tried(Fate.LATER, f"{name}: {words}")
    except (EOFError, _Refused) as error:
        return Tried(Fate.LATER, f"{name}: {error}")


async def _connected(place: tuple[str, int], steps: Sequence[_Step]) -> Tried:
    reader, writer = await asyncio.open_connection(*place, limit=_LONGEST)
    try:
        tried = await _dialog(reader, writer, steps)
    except BaseException:
        writer.transport.abort()
        raise
    writer.write(b"QUIT\r\n")
    writer.close()
    return tried


async def _dialog(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, steps: Sequence[_Step]
) -> Tried:
    words = ""
    for step in steps:
        writer.write(step.line)
        await writer.drain()
        code, words = await _reply(reader)
        if code // 100 != step.good:
            never = step.final and code // 100 == 5
            return Tried(Fate.NEVER if never else Fate.LATER, words)
    return Tried(Fate.ACCEPTED, words)


async def _reply(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Return a reply's code, and its last line in words.

    Raises: EOFError, OSError: it ended; _Refused: it is no reply.
    """
    for _ in range(_MOST):
        line = await _line(reader)
        found = _LINE.fullmatch(line)
        if found is None:
            raise _Refused(f"'{brief(line.decode('latin-1').strip())}' is no reply of SMTP")
        if found[2] != b"-":
            return int(found[1]), brief(line.decode("latin-1").strip())
    raise _Refused(f"a reply of more than {_MOST} lines")


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError as error:
        raise _Refused(f"a line of more than {_LONGEST} bytes") from error
    except asyncio.IncompleteReadError as error:
        raise EOFError("it hung up") from error

"""Mails that wait to be looked at: in a maildir, and in a folder of an IMAP server.

Both give one mail after another, and mark one only when they are told that it is done with. What
was refused is marked as well, so that it is not refused every day, and flagged, so that somebody
finds it. The newest come first: what has to wait keeps nothing out that comes after it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Protocol

from unstrip.escaping import excerpt
from unstrip.io.files import Unread, read
from unstrip.tlsrpt.letter import LONGEST
from unstrip.trouble import ProtocolError

_MOST = 10_000  # mails that are looked at in one run; the others come with the next
_LINE = 1024 * 1024  # bytes of a server's line: all numbers of mails are in one
_ANSWER, _LITERALS = 1000, 20  # lines before the end of an answer, literals in one
_LITERAL = re.compile(rb"\{([0-9]{1,10})\}\r?\n\Z")
_QUOTED = re.compile(rb'BODY\[\](?:<0>)? "((?:[^"\\]|\\.)*)"', re.IGNORECASE)  # RFC 3501, 4.3
_NOTHING = re.compile(rb"BODY\[\](?:<0>)? NIL", re.IGNORECASE)
_CAME = re.compile(rb'INTERNALDATE "([^"]{1,40})"', re.IGNORECASE)
_PLAIN = re.compile(r"[ -~]*")  # what a quoted string may hold


class NoMailbox(OSError):
    """Mails cannot be had; the message says why."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail that was not looked at yet.

    Attributes: name: of it, for people; data: all of it, None if it is longer than is borne with;
        since: when it came, None if nobody knows.
    """

    name: str
    data: bytes | None
    since: datetime | None = None


class Mailbox(Protocol):
    """Where mails wait."""

    def waiting(self) -> Iterator[Waiting]:
        """Yield each mail. Raises: NoMailbox: at the end, if it is about single ones."""

    def done(self, mail: Waiting, *, flagged: bool) -> None:
        """Mark a mail as seen, and perhaps as one to be looked at. Raises: NoMailbox."""


class Maildir:
    """A maildir: `new` and `cur` below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def waiting(self) -> Iterator[Waiting]:
        """Yield what is new, and what is not marked as seen."""
        unread: Unread | None = None
        for path in self._unseen()[:_MOST]:
            try:
                found = path.stat()
                too_long = found.st_size > LONGEST
                data = None if too_long else read(path, LONGEST)
            except OSError:  # somebody else is looking as well
                continue
            except Unread as error:
                unread = error
                continue
            yield Waiting(f"{path}", data, datetime.fromtimestamp(found.st_mtime, UTC))
        if unread is not None:
            raise NoMailbox(str(unread)) from unread

    def done(self, mail: Waiting, *, flagged: bool) -> None:
        """Move a mail to `cur`, with its marks behind its name."""
        path = Path(mail.name)
        name, _, flags = path.name.partition(":2,")
        marks = "".join(sorted({*flags, "S", *("F" if flagged else "")}))
        try:
            path.rename(self._folder / "cur" / f"{name}:2,{marks}")
        except OSError as error:
            raise NoMailbox(f"{path} cannot be marked as seen: {_reason(error)}") from error

    def _unseen(self) -> list[Path]:
        try:
            new, cur = (sorted((self._folder / part).iterdir()) for part in ("new", "cur"))
        except FileNotFoundError as error:
            words = f"it has no `new` and `cur`; give its files: {self._folder}/*"
            raise NoMailbox(f"{self._folder} is no maildir: {words}") from error
        except OSError as error:
            raise NoMailbox(f"{self._folder} is no maildir: {_reason(error)}") from error
        unseen = [path for path in cur if "S" not in path.name.partition(":2,")[2]]
        waiting = [path for path in (*new, *unseen) if not path.name.startswith(".")]
        return sorted(
            waiting, key=lambda path: path.name, reverse=True
        )  # a name begins with a time


class Line(Protocol):
    """What an IMAP server is at the other end of: a `BlockingLink` is one."""

    def send(self, data: bytes, timeout: float | None = None) -> None:
        """Send bytes."""

    def receive(self, limit: int = ..., timeout: float | None = None) -> bytes:
        """Return some, b"" at the end."""


class ImapFolder:
    """A folder of an IMAP server (RFC 3501), over a line that is protected already.

    Args: timeout: seconds for each command.
    """

    def __init__(self, line: Line, timeout: float) -> None:
        self._line, self._timeout = line, timeout
        self._heard = b""
        self._count = 0
        self._ends = 0.0  # when the answer to the last command is late
        self._room = 0  # bytes of literals that it may still have

    def log_in(self, user: str, password: str, folder: str) -> None:
        """Say who we are, and look into a folder. Raises: NoMailbox."""
        self._ask("LOGIN", _quoted(user), _quoted(password))
        self._ask("SELECT", _quoted(folder))

    def waiting(self) -> Iterator[Waiting]:
        """Yield what is not marked as seen; looking alone marks nothing."""
        found = b" ".join(self._ask("UID SEARCH", "UNSEEN", about=b"* SEARCH"))
        uids = sorted((int(word) for word in found.split() if word.isdigit()), reverse=True)
        for uid in uids[:_MOST]:
            literals: list[bytes] = []
            # one byte more than may be: what it says of its size need not be true
            wanted = f"(INTERNALDATE BODY.PEEK[]<0.{LONGEST + 1}>)"
            said = b" ".join(self._ask("UID FETCH", f"{uid}", wanted, literals=literals))
            data = literals[0] if literals else _unquoted(said)
            if data is not None:  # else it is gone since
                fits = len(data) <= LONGEST
                yield Waiting(f"{uid}", data if fits else None, _came(said))

    def done(self, mail: Waiting, *, flagged: bool) -> None:
        """Mark a mail."""
        marks = r"(\Seen \Flagged)" if flagged else r"(\Seen)"
        self._ask("UID STORE", mail.name, "+FLAGS.SILENT", marks)

    def log_out(self) -> None:
        """Take leave."""
        self._send(f"u{self._count + 1} LOGOUT\r\n".encode())

    # Inside

    def _ask(
        self, *words: str, about: bytes = b"* ", literals: list[bytes] | None = None
    ) -> list[bytes]:
        """Say a command, and return the lines of its answer that begin so.

        Args: literals: where what is announced by its length goes.
        Raises: NoMailbox: it is not granted, or cannot be understood.
        """
        self._ends, self._room = time.monotonic() + self._timeout, LONGEST + 1
        self._count += 1
        tag = f"u{self._count}"
        self._send(f"{tag} {' '.join(words)}\r\n".encode())
        found: list[bytes] = []
        for _ in range(_ANSWER):
            line = self._until_end(literals)
            if line.startswith(f"{tag} ".encode()):
                if not line[len(tag) + 1 :].upper().startswith(b"OK"):
                    raise NoMailbox(f"{words[0]}: the server says {excerpt(line.strip())}")
                return found
            if line.upper().startswith(b"* BYE"):
                raise NoMailbox(f"{words[0]}: the server leaves: {excerpt(line.strip())}")
            if line.startswith(about):
                found.append(line[len(about) :].strip())
        raise NoMailbox(f"{words[0]}: the answer has more than {_ANSWER} lines")

    def _until_end(self, literals: list[bytes] | None) -> bytes:
        """Return one line, without the literals that are in it."""
        line = self._one_line()
        for _ in range(_LITERALS):
            found = _LITERAL.search(line)
            if found is None:
                return line
            literal = self._exactly(int(found[1]))
            if literals is not None:
                literals.append(literal)
            line = line[: found.start()] + self._one_line()
        raise NoMailbox(f"the server's line has more than {_LITERALS} literals")

    def _one_line(self) -> bytes:
        while b"\n" not in self._heard:
            if len(self._heard) > _LINE:
                raise NoMailbox(f"the server's line has more than {_LINE} bytes")
            self._heard += self._receive()
        line, _, self._heard = self._heard.partition(b"\n")
        return line + b"\n"

    def _exactly(self, length: int) -> bytes:
        self._room -= length
        if self._room < 0:
            raise NoMailbox(f"the server announces {length} bytes")
        parts, missing = [self._heard], length - len(self._heard)
        while missing > 0:
            parts.append(self._receive())
            missing -= len(parts[-1])
        whole = b"".join(parts)
        self._heard = whole[length:]
        return whole[:length]

    def _send(self, data: bytes) -> None:
        try:
            self._line.send(data, self._timeout)
        except OSError as error:
            raise NoMailbox(f"the server cannot be reached: {_reason(error)}") from error

    def _receive(self) -> bytes:
        left = self._ends - time.monotonic()
        try:
            data = self._line.receive(timeout=left) if left > 0 else b""
        except OSError as error:
            raise NoMailbox(f"the server cannot be heard: {_reason(error)}") from error
        except ProtocolError as error:  # of TLS
            raise NoMailbox(f"the server cannot be understood: {error}") from error
        if not data:
            words = "has hung up" if left > 0 else f"took longer than {self._timeout:g} seconds"
            raise NoMailbox(f"the server {words}")
        return data


def _quoted(text: str) -> str:
    """Write a string as IMAP has it (RFC 3501, 4.3). Raises: NoMailbox: it cannot be written so."""
    if not _PLAIN.fullmatch(text):
        raise NoMailbox("a user, a password or a folder has more than ASCII in it")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquoted(said: bytes) -> bytes | None:
    """Return a mail that stands between quotes, b"" if it is said to be none; None if neither."""
    found = _QUOTED.search(said)
    if found is None:
        return b"" if _NOTHING.search(said) else None
    return re.sub(rb"\\(.)", rb"\1", found[1])


def _came(said: bytes) -> datetime | None:
    found = _CAME.search(said)
    try:
        return parsedate_to_datetime(found[1].decode("ascii")) if found else None
    except (ValueError, OverflowError):
        return None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()

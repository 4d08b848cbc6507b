"""Following a log: what was written to it since the last time, through rotation.

Each run reads on from where the one before has counted to. A log is known by its name and its first
line, so that one which was moved or copied away is the same, and one that was begun anew under the
old name is another. What was written to a log after the last run and before it was moved is read
under its new name, as long as it is not compressed.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from unstrip.io.files import Unread

SIZE = 1024 * 1024  # bytes that are read at a time
BEFORE = 64 * 1024  # bytes that were counted, and are read again for what they say of the next
_LONGEST_FIRST = 4096  # bytes
_MOST = 100  # logs that were moved away
_COMPRESSED = frozenset({".gz", ".xz", ".bz2", ".zst", ".Z"})

Taken = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of a log.

    Attributes: segment: which log, as the ledger knows it; begin, end: where they stand in it;
        data: the lines; before: what stands before them, with the first ones of a log.
    """

    segment: str
    begin: int
    end: int
    data: bytes
    before: bytes = b""


def chunks(path: Path, taken: Taken) -> Iterator[Chunk]:
    """Yield what is new in a log, and in those it was before.

    Args: taken: up to where a log is counted, asked anew for each.
    Raises: Unread: it is not there, or no file.
    """
    real = Path(os.path.realpath(path))
    for each in (*_moved(real, taken), real):
        try:
            with open(each, "rb", opener=_without_waiting) as file:  # Path.open takes none
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Unread(f"{path} cannot be read: it is a pipe or a device, and no file")
                yield from _chunks(file, real, taken)
        except OSError as error:
            if each == real:
                words = (error.strerror or str(error)).lower()
                raise Unread(f"{path} cannot be read: {words}") from error


def _chunks(file: BinaryIO, path: Path, taken: Taken) -> Iterator[Chunk]:
    segment = _segment(file, path)
    if not segment:
        return
    begin = taken(segment)
    file.seek(max(begin - BEFORE, 0))
    before = file.read(min(begin, BEFORE))
    while data := file.read(SIZE):
        # a line longer than all of this is none of Exim's
        length = data.rfind(b"\n") + 1 or (len(data) if len(data) == SIZE else 0)
        if not length:
            return
        yield Chunk(segment, begin, begin + length, data[:length], before)
        begin, before = begin + length, b""
        file.seek(begin)


def _segment(file: BinaryIO, path: Path) -> str:
    """Return by what a log is known, "" while it has no first line."""
    first, newline, _ = file.read(_LONGEST_FIRST).partition(b"\n")
    if not newline and len(first) < _LONGEST_FIRST:
        return ""
    known = os.fsencode(path) + b"\n" + first
    return f"log {blake2b(known, digest_size=16).hexdigest()}"


def _moved(path: Path, taken: Taken) -> list[Path]:
    """Return where a log is that was moved away since it was read, and those moved after it."""
    names = path.parent.glob(f"{glob.escape(path.name)}[.-]*")
    found = sorted((_age(each), each) for each in names if each.suffix not in _COMPRESSED)
    logs = [each for _, each in found[-_MOST:]]
    known = [place for place, each in enumerate(logs) if _is_known(each, path, taken)]
    return logs[known[0] :] if known else []


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _is_known(each: Path, path: Path, taken: Taken) -> bool:
    try:
        with open(each, "rb", opener=_without_waiting) as file:
            segment = _segment(file, path)
    except OSError:
        return False
    return bool(segment) and taken(segment) > 0


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)

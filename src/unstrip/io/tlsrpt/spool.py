"""The spool: what was taken off the socket and is not counted yet, in a folder.

- It is files of one size, segments, mapped into memory. A datagram goes from the socket into the
  map by one system call, its mark before it is written last. From then on it is the kernel's, and
  outlives us whatever becomes of us; a loss of power it outlives if the kernel has written it.
- One process writes (`reader.py`), and only behind what is there; another one reads.
- Segments have all the room that they will need from the start: a write into a map for which the
  disk has no room would be the end of the process. Until then they have a name that nobody reads;
  at their end they give back what they did not need.
- The day of a datagram is that of its segment, by its name.
"""

from __future__ import annotations

import os
import re
import secrets
import struct
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from mmap import ACCESS_READ, PAGESIZE, mmap
from pathlib import Path
from typing import BinaryIO

SIZE = 8 * 1024 * 1024  # bytes of a segment
LONGEST = 256 * 1024  # bytes of a datagram; what is longer nobody could read anyway
MARK = 4  # bytes before each datagram, which begins where a mark could
END = 0xFFFF_FFFF  # the mark behind the last; 0: nothing yet; else the length, and one
LAST = SIZE - 2 * MARK - LONGEST  # where one may begin, so that it and an end have room
_AHEAD = 16 * PAGESIZE
_NEW = ".new"  # behind the name of one that has no room yet
_NAME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{19}-[0-9a-f]{8}\.segment")
_COUNTS = struct.Struct("=QQ")


@dataclass(frozen=True, slots=True)
class Batch:
    """Datagrams of one segment, as they came.

    Attributes: end: the place behind the last of them; ended: no more will come there; broken: a
        mark makes no sense, so that what is behind it is lost.
    """

    datagrams: list[bytes]
    end: int
    ended: bool
    broken: bool = False


class Segment:
    """A segment that is being written.

    Attributes: view: all of it; marks: the same as numbers; at: where the next datagram goes;
        mapped: up to where the memory is there.
    Raises: OSError: there is no room for it.
    """

    def __init__(self, folder: Path, day: date) -> None:
        self.day, self.at, self.mapped = day, 0, 0
        path = folder / f"{day}-{time.time_ns():019d}-{secrets.token_hex(4)}.segment"
        made = path.with_name(path.name + _NEW)
        descriptor = os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, SIZE)
            self._map = mmap(descriptor, SIZE)
            made.rename(path)
        except OSError:
            made.unlink()
            raise
        finally:
            os.close(descriptor)
        self.view = memoryview(self._map)
        self.marks = self.view.cast("I")  # written whole, not byte by byte
        self.map_on(0)

    def map_on(self, at: int) -> int:
        """Have the memory for a datagram at a place, and some more; return how far it goes.

        A process that is killed while the kernel looks for memory to receive into would lose what
        it has just taken off the socket.
        """
        end = min(at + MARK + LONGEST + _AHEAD, SIZE)
        for place in range(self.mapped, end, PAGESIZE):
            self.view[place] = 0
        self.mapped = end
        return end

    def take(self, length: int) -> None:
        """Say that so many bytes behind the place of the mark are a datagram."""
        self.marks[self.at // MARK] = length + 1
        self.at = behind(self.at, length)

    def wipe(self) -> None:
        """Undo what was received and is not to be taken."""
        begin = self.at + MARK
        self.view[begin : begin + LONGEST] = bytes(LONGEST)

    def close(self) -> None:
        """Say that this is all."""
        self.marks[self.at // MARK] = END
        self.marks.release()
        self.view.release()
        self._map.resize(self.at + MARK)
        self._map.close()


class Counts:
    """How many datagrams were not taken, ever: too long, and for want of room.

    Raises: OSError: there is no room to count.
    """

    def __init__(self, folder: Path) -> None:
        descriptor = os.open(folder / "counts", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, _COUNTS.size)
            self._map = mmap(descriptor, _COUNTS.size)
        finally:
            os.close(descriptor)

    def read(self) -> tuple[int, int]:
        """Return both."""
        too_long, lost = _COUNTS.unpack_from(self._map)
        return too_long, lost

    def add(self, too_long: int, lost: int) -> None:
        """Count on."""
        before = self.read()
        _COUNTS.pack_into(self._map, 0, before[0] + too_long, before[1] + lost)

    def close(self) -> None:
        """Let go of it; what was counted stays."""
        self._map.close()


def behind(at: int, length: int) -> int:
    """Return the place behind a datagram of which the mark is at `at`."""
    return at + MARK + (length + MARK - 1) // MARK * MARK


def today() -> date:
    """Return the day in UTC."""
    return datetime.now(UTC).date()


def segments(folder: Path) -> list[Path]:
    """Return those there are, in the order in which they were made, as the clock had it."""
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def day_of(segment: Path) -> date:
    """Return the day of what is in there."""
    return date.fromisoformat(segment.name[:10])


def read(segment: Path, begin: int) -> Batch:
    """Return what is in a segment from a place on. Raises: OSError."""
    with segment.open("rb") as file:
        if not _is_whole(file):
            return Batch([], begin, ended=True, broken=True)
        with (
            closing(mmap(file.fileno(), 0, access=ACCESS_READ)) as found,
            memoryview(found) as view,
            view.cast("I") as marks,
        ):
            return _read(found, marks, begin)


def _is_whole(file: BinaryIO) -> bool:
    """Tell whether a segment has a size that we have given it."""
    size = os.fstat(file.fileno()).st_size
    return 0 < size <= SIZE and size % MARK == 0


def _read(found: mmap, marks: memoryview, at: int) -> Batch:
    datagrams: list[bytes] = []
    while at < len(found):
        mark = marks[at // MARK]
        if mark in (0, END):
            return Batch(datagrams, at, ended=mark == END)
        if mark > LONGEST + 1 or behind(at, mark - 1) >= len(found):
            break
        datagrams.append(found[at + MARK : at + MARK + mark - 1])
        at = behind(at, mark - 1)
    return Batch(datagrams, at, ended=True, broken=True)


def repair(folder: Path) -> None:
    """End the segments that nobody writes any more.

    What was received when the writer died, and had no mark yet, is taken as it is. A segment that
    had no room yet has nothing in it.
    """
    for path in folder.iterdir():
        if _NAME.fullmatch(path.name.removesuffix(_NEW)):
            with suppress(FileNotFoundError):  # it has just been counted
                path.unlink() if path.name.endswith(_NEW) else _end(path)


def _end(segment: Path) -> None:
    with segment.open("r+b") as file:
        if os.fstat(file.fileno()).st_size != SIZE:  # it has its end
            return
        with closing(mmap(file.fileno(), SIZE)) as found:
            if size := _ended(found):
                found.resize(size)


def _ended(found: mmap) -> int:
    """Write the last mark; return the place behind it, 0 where there was one, or a wrong one."""
    with memoryview(found) as view, view.cast("I") as marks:
        batch = _read(found, marks, 0)
        if batch.ended:
            return 0
        at, begin = batch.end, batch.end + MARK
        # what is behind the last mark is zeros, and JSON has none at its end
        if length := len(found[begin : begin + LONGEST].rstrip(b"\0")):
            marks[at // MARK] = length + 1
            at = behind(at, length)
        marks[at // MARK] = END
        return at + MARK


def size(folder: Path) -> int:
    """Return how many bytes of the disk it has."""
    return sum(_sizes(folder))


def _sizes(folder: Path) -> Iterator[int]:
    for segment in segments(folder):
        with suppress(FileNotFoundError):
            yield segment.stat().st_size

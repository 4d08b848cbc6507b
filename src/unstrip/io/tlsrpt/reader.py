"""The process that takes datagrams off the socket: it does nothing else, so that it is fast.

    python -I -m unstrip.io.tlsrpt.reader SOCKET FOLDER LIMIT [keep]

Its standard input is a pipe that nobody writes to. When that is closed, as it is when whoever has
started us is gone, however that came, the socket takes no more, what is in its queue is taken off,
and that was it. With `keep` the socket is somebody else's, and the queue stays for the next one.

What comes when there is no room is read all the same, and counted as lost.
"""

from __future__ import annotations

import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path

from unstrip.io.tlsrpt import spool
from unstrip.io.tlsrpt.spool import LAST, LONGEST, MARK, Counts, Segment

_OFTEN = 0.25  # seconds between two looks at the clock and at the pipe
_USED = spool.SIZE // 8  # of a segment that is not left for a fresh one
_ROUND = 2 * MARK - 1
_WAIT = struct.pack("@ll", 0, int(_OFTEN * 1_000_000))


class Reader:
    """One socket, one folder."""

    def __init__(self, sock: socket.socket, folder: Path, limit: int) -> None:
        self._sock, self._folder, self._limit = sock, folder, limit
        self._counts = Counts(folder)
        self._segment: Segment | None = None
        self._scrap = bytearray(1)

    def run(self, pipe: int, *, keep: bool) -> None:
        """Take what comes until the pipe is closed."""
        # the kernel ends a blocking receive, so that it need not be asked before each
        self._sock.setblocking(True)  # noqa: FBT003  # takes no keyword
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _WAIT)
        spool.repair(self._folder)
        while not select.select([pipe], [], [], 0)[0]:
            self._take_some(0)
        if not keep:
            self._sock.shutdown(socket.SHUT_RD)  # from here on senders are refused
            while self._take_some(socket.MSG_DONTWAIT):
                pass
        self._leave()
        self._counts.close()

    def _take_some(self, flags: int) -> bool:
        """Take what comes for a while; tell whether more may be waiting."""
        segment = self._room()
        try:
            if segment is None:
                self._drop(flags)
            else:
                self._fill(segment, flags)
        except BlockingIOError:
            if not flags:
                self._prepare()
            return False
        return True

    def _prepare(self) -> None:
        """While nothing comes, be ready for a burst: have a segment with all of its memory."""
        if self._segment is not None and self._segment.at > _USED:
            self._leave()
        if segment := self._room():
            segment.map_on(LAST)

    def _room(self) -> Segment | None:
        """Return the segment to write to, if there is room for one."""
        now = self._segment
        if now is not None and now.at <= LAST and now.day == spool.today():
            return now
        self._leave()
        if spool.size(self._folder) + spool.SIZE <= self._limit:
            with suppress(OSError):
                self._segment = Segment(self._folder, spool.today())
        return self._segment

    def _leave(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _fill(self, segment: Segment, flags: int) -> None:
        """Receive into the segment until it is full, or it is time for another look.

        Raises: BlockingIOError: nothing came.
        """
        receive, view, marks, at = self._sock.recv_into, segment.view, segment.marks, segment.at
        clock, flags, mapped = time.monotonic, flags | socket.MSG_TRUNC, segment.mapped
        until = clock() + _OFTEN
        try:
            while at <= LAST:
                begin, end = at + MARK, at + MARK + LONGEST
                if end > mapped:
                    mapped = segment.map_on(at)
                length = receive(view[begin:end], 0, flags)
                if length > LONGEST:
                    segment.at = at
                    segment.wipe()
                    self._counts.add(1, 0)
                else:
                    marks[at // MARK] = length + 1
                    at += (length + _ROUND) & -MARK  # spool.behind, without the call
                if clock() > until:
                    return
        finally:
            segment.at = at

    def _drop(self, flags: int) -> None:
        """Lose what comes, until it is time to look for room. Raises: BlockingIOError."""
        until = time.monotonic() + _OFTEN
        while time.monotonic() < until:
            self._sock.recv_into(self._scrap, 0, flags)
            self._counts.add(0, 1)


def _main() -> None:
    descriptor, folder, limit, *more = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they go to the daemon, and the pipe tells the rest
    with socket.socket(fileno=int(descriptor)) as sock:
        Reader(sock, Path(folder), int(limit)).run(sys.stdin.fileno(), keep=bool(more))


if __name__ == "__main__":
    _main()

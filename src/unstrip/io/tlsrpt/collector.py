"""The collector: a process that fills the spool (`reader.py`), and a thread that counts it.

Nothing ends the thread but `stop`. A reader that died is followed by another one, as soon as there
can be one, which finds the socket's queue as it was: the socket is ours as well.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from unstrip.io.store import Store
from unstrip.io.tlsrpt import spool
from unstrip.io.tlsrpt.counting import Counting

_OFTEN = 0.5  # seconds between two countings
_SELDOM = 60.0  # between two lines on the same trouble
_PATIENCE = 10.0  # for a reader to end, and for one that a daemon has left behind
_READER = "unstrip.io.tlsrpt.reader"


class NoSpool(Exception):
    """The spool cannot be used; the message says why."""


class Collector:
    """One spool, counted into one ledger.

    Args: limit: bytes that the spool may have; open_store: where the ledger is; tell: what an
        operator should know.
    Raises: NoSpool: there can be no such folder, no room in it, or another daemon has it.
    """

    def __init__(
        self,
        folder: Path,
        limit: int,
        open_store: Callable[[], Store],
        tell: Callable[[str], None],
    ) -> None:
        self._folder, self._limit, self._tell = folder, limit, tell
        self._lock = _lock(folder, tell)
        self._lost = _counts(folder, self._lock)
        self._counting = Counting(folder, open_store)
        self._told: dict[str, float] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def counted(self) -> int:
        """How many datagrams are in the ledger."""
        return self._counting.counted

    @property
    def uncounted(self) -> dict[str, int]:
        """How many never will be, by why."""
        too_long, no_room = self._lost.read()
        return {"length": too_long, "room": no_room, **self._counting.refused}

    @property
    def waiting(self) -> int:
        """How many bytes of the disk the spool has."""
        return spool.size(self._folder)

    def start(self, sock: socket.socket, *, keep: bool = False) -> None:
        """Take datagrams off a socket and count them from now on.

        Args: keep: the socket is somebody else's; what is in its queue at the end stays there.
        """
        words = [str(sock.fileno()), str(self._folder), str(self._limit), *(["keep"] * keep)]
        self._reader = _Reader(words, (sock.fileno(), self._lock))
        self._thread = threading.Thread(target=self._work, name="tlsrpt", daemon=True)
        self._thread.start()

    def believe(self, open_store: Callable[[], Store]) -> None:
        """Count into that store from the next counting on."""
        self._counting.believe(open_store)

    def stop(self) -> None:
        """Take no more, and count what there is, as far as that can be done."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self._lost.close()
        os.close(self._lock)

    def _work(self) -> None:
        while not self._over.wait(_OFTEN):
            self._bear("there is no reader of datagrams", self._revive)
            self._count()
        self._bear("the reader of datagrams does not end", self._reader.end)
        self._count()
        self._bear("the store is not closed", self._counting.close)

    def _revive(self) -> None:
        if said := self._reader.revive():
            self._say("the reader of datagrams had ended", said)

    def _count(self) -> None:
        before = sum(self._counting.refused.values())
        self._bear("datagrams have to wait", self._counting.count)
        if sum(self._counting.refused.values()) > before:
            self._say("datagrams make no sense", self._counting.complaint)

    def _bear(self, words: str, do: Callable[[], None]) -> None:
        """Do something; where that fails it is told, and tried again the next time."""
        try:
            do()
        except OSError as error:
            self._say(words, str(error))
        except Exception as error:  # noqa: BLE001  # a mistake of ours ends no service either
            self._say(words, f"{type(error).__name__}: {error}")

    def _say(self, words: str, why: str) -> None:
        """Tell of a trouble, if that was not done a moment ago."""
        now = time.monotonic()
        if now >= self._told.get(words, now):
            self._told[words] = now + _SELDOM
            self._tell(f"{words}: {why}")


class _Reader:
    """The process, and its successors."""

    def __init__(self, words: list[str], descriptors: tuple[int, ...]) -> None:
        self._command = [sys.executable, "-I", "-m", _READER, *words]
        self._descriptors = descriptors
        self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  # our own words
            self._command,
            pass_fds=self._descriptors,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def revive(self) -> str:
        """Start another one if it has ended; return why it did, as far as that is known.

        Raises: OSError: there can be none now.
        """
        if self._process.poll() is None:
            return ""
        _, said = self._process.communicate()  # says the same each time
        self._process = self._started()
        words = said.decode(errors="replace").strip().rpartition("\n")[2]
        return words or "it was killed"

    def end(self) -> None:
        """Have it take what is in the queue and end; one that does not is killed."""
        with suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=_PATIENCE)
        self._process.kill()
        self._process.communicate()


def _counts(folder: Path, lock: int) -> spool.Counts:
    """Return the counts of a folder that we have by a lock. Raises: NoSpool; it is given back."""
    try:
        return spool.Counts(folder)
    except OSError as error:
        os.close(lock)
        raise NoSpool(f"{folder}: {error.strerror}") from error


def _lock(folder: Path, tell: Callable[[str], None]) -> int:
    """Have the folder to ourselves, made if need be; it stays so while we or our reader live.

    Returns: a descriptor. Raises: NoSpool.
    """
    until = time.monotonic() + _PATIENCE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise NoSpool(f"{folder}: {error.strerror}") from error
    if not _is_ours(descriptor):
        tell(f"waiting for the spool {folder}, which another daemon uses")
    while not _is_ours(descriptor):
        if time.monotonic() > until:
            os.close(descriptor)
            raise NoSpool(f"{folder}: another daemon uses it")
        time.sleep(0.05)
    return descriptor


def _is_ours(descriptor: int) -> bool:
    """Lock a file, if nobody else has."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

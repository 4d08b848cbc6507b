"""The collector: what was sent is in the ledger once, whoever is killed meanwhile."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.io.tlsrpt.telling import PATIENCE, told, wait_for
from unstrip.io.store import StoreError, open_store
from unstrip.io.tlsrpt import collector as room
from unstrip.io.tlsrpt import queue, spool
from unstrip.io.tlsrpt.collector import Collector, NoSpool

PROGRAM = Path(__file__).with_name("program.py")
LIMIT = 256 * 1024 * 1024
DEATHS = 10


@pytest.fixture
def sock(tmp_path):
    made, _ = queue.made(str(tmp_path / "s"))
    with made:
        yield made


@pytest.fixture
def said():
    return []


@contextmanager
def collecting(home, sock, said, opening=None):
    made = Collector(
        home / "spool", LIMIT, opening or (lambda: open_store(home / "store")), said.append
    )
    made.start(sock)
    try:
        yield made
    finally:
        made.stop()


@contextmanager
def telling(home):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(PATIENCE)
        sender.connect(str(home / "s"))
        yield sender


def numbers(home, name="store") -> Counter[str]:
    """How often each reason is in the ledger."""
    with closing(open_store(home / name)) as store:
        found = [tally for day in store.days() for each in store.day(day) for tally in each.tallies]
    reasons: Counter[str] = Counter()
    for tally in found:
        for failure, times in tally.failures:
            reasons[failure.reason] += times
    return reasons


def reader_of(made: Collector) -> int:
    return made._reader._process.pid


def test_what_is_sent_is_counted_while_it_runs_and_to_the_last_at_its_end(tmp_path, sock, said):
    with collecting(tmp_path, sock, said) as made, telling(tmp_path) as sender:
        for _ in range(500):
            sender.send(told(reason="early"))
        wait_for(lambda: made.counted == 500)
        assert made.waiting == spool.SIZE
        for _ in range(500):
            sender.send(told(reason="late"))
    assert numbers(tmp_path) == {"early": 500, "late": 500}
    assert spool.segments(tmp_path / "spool") == []
    assert said == []


def test_what_makes_no_sense_is_counted_and_told_once(tmp_path, sock, said):
    with collecting(tmp_path, sock, said) as made, telling(tmp_path) as sender:
        for times in (1, 2):
            sender.send(b"\x1b[31mnonsense")
            wait_for(lambda times=times: made.uncounted.get("form") == times)
        assert made.uncounted == {"length": 0, "room": 0, "form": 2}
    (words,) = said
    assert words.startswith("datagrams make no sense: ")
    assert words.isprintable()


def test_a_store_that_cannot_be_used_makes_them_wait(tmp_path, sock, said):
    broken = threading.Event()
    broken.set()

    def opening():
        if broken.is_set():
            raise StoreError("no store today")
        return open_store(tmp_path / "store")

    with collecting(tmp_path, sock, said, opening) as made, telling(tmp_path) as sender:
        sender.send(told(reason="patient"))
        wait_for(lambda: said)
        broken.clear()
        wait_for(lambda: made.counted)
    assert said == ["datagrams have to wait: no store today"]
    assert numbers(tmp_path) == {"patient": 1}


def test_a_reader_that_is_killed_is_followed_by_another(tmp_path, sock, said):
    """None of those that came meanwhile is lost."""
    with collecting(tmp_path, sock, said) as made, telling(tmp_path) as sender:
        sender.send(told(reason="before"))
        wait_for(lambda: made.counted == 1)
        first = reader_of(made)
        os.kill(first, signal.SIGKILL)
        for _ in range(100):
            sender.send(told(reason="meanwhile"))
        wait_for(lambda: reader_of(made) != first)
        sender.send(told(reason="after"))
    assert numbers(tmp_path) == {"before": 1, "meanwhile": 100, "after": 1}
    assert said == ["the reader of datagrams had ended: it was killed"]


def test_signals_to_all_of_the_daemon_do_not_end_the_reader_first(tmp_path, sock, said):
    with collecting(tmp_path, sock, said) as made, telling(tmp_path) as sender:
        sender.send(told(reason="before"))
        wait_for(lambda: made.counted == 1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(reader_of(made), number)
        sender.send(told(reason="after"))
    assert numbers(tmp_path) == {"before": 1, "after": 1}
    assert said == []


def test_a_folder_is_one_daemons(tmp_path, sock, said, monkeypatch):
    monkeypatch.setattr(room, "_PATIENCE", 0.1)
    with collecting(tmp_path, sock, said), pytest.raises(NoSpool, match="another daemon uses it"):
        Collector(tmp_path / "spool", LIMIT, lambda: open_store(tmp_path / "store"), said.append)
    with collecting(tmp_path, sock, said):
        pass
    (words,) = said
    assert words.startswith("waiting for the spool ")


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path, said):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NoSpool, match="file"):
            Collector(folder, LIMIT, lambda: open_store(tmp_path / "store"), said.append)


def test_a_disk_without_room_to_count_what_is_lost_is_an_error_at_the_start(
    tmp_path, said, monkeypatch
):
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    def collector() -> Collector:
        return Collector(tmp_path / "spool", LIMIT, lambda: open_store(tmp_path), said.append)

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        with pytest.raises(NoSpool, match="No space left"):
            collector()
    collector().stop()
    assert said == []  # nobody had it


def test_a_reader_that_cannot_be_followed_at_once_is_followed_later(
    tmp_path, sock, said, monkeypatch
):
    """As where there are no descriptors for a moment."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    with collecting(tmp_path, sock, said) as made, telling(tmp_path) as sender:
        sender.send(told(reason="before"))
        wait_for(lambda: made.counted == 1)
        with monkeypatch.context() as patched:
            patched.setattr(subprocess, "Popen", refused)
            os.kill(reader_of(made), signal.SIGKILL)
            wait_for(lambda: said)
        sender.send(told(reason="after"))
        wait_for(lambda: made.counted == 2)
    assert said == [
        "there is no reader of datagrams: [Errno 24] Too many open files",
        "the reader of datagrams had ended: it was killed",
    ]


def test_another_store_has_what_comes_from_then_on_and_nothing_twice(tmp_path, sock, said):
    with collecting(tmp_path, sock, said) as made, telling(tmp_path) as sender:
        sender.send(told(reason="before"))
        wait_for(lambda: made.counted == 1)
        made.believe(lambda: open_store(tmp_path / "other"))
        sender.send(told(reason="after"))
        wait_for(lambda: made.counted == 2)
    assert numbers(tmp_path) == {"before": 1}
    assert numbers(tmp_path, "other") == {"after": 1}
    assert said == []


# -- Killed ----------------------------------------------------------------------------


class Stream:
    """Numbered datagrams, one after the other, from a thread, until told to stop."""

    def __init__(self, path: Path) -> None:
        self.sent, self._path, self._over = 0, path, threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(self._path))
            while not self._over.wait(0.0005):
                with suppress(BlockingIOError):  # refused: its number goes to the next one
                    sender.send(told(reason=f"{self.sent}"), socket.MSG_DONTWAIT)
                    self.sent += 1

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


def started(home: Path, sock: socket.socket) -> subprocess.Popen[str]:
    """The daemon; `sock` is the test's, as systemd keeps one over the death of a service."""
    words = [str(sock.fileno()), home / "spool", home / "store", "keep"]
    process = subprocess.Popen(
        [sys.executable, PROGRAM, *words],
        pass_fds=[sock.fileno()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert "ready\n" in iter(process.stdout.readline, "")
    return process


def test_ten_deaths_in_the_midst_of_a_stream_lose_nothing_and_count_nothing_twice(tmp_path, sock):
    """The daemon is killed, or all of it with its reader, at moments that nobody has chosen."""
    chance = random.Random(8460)
    stream = Stream(tmp_path / "s")
    try:
        for death in range(DEATHS):
            enough = stream.sent + chance.randrange(100, 500)
            process = started(tmp_path, sock)
            wait_for(lambda enough=enough: stream.sent >= enough)
            (os.kill if death % 2 else os.killpg)(process.pid, signal.SIGKILL)
            process.communicate()
    finally:
        stream.stop()
    process = started(tmp_path, sock)
    process.communicate(timeout=PATIENCE)
    found = numbers(tmp_path) + still_in(sock)
    assert found == dict.fromkeys(map(str, range(stream.sent)), 1)


def still_in(sock: socket.socket) -> Counter[str]:
    """The reasons that nobody has taken: whose socket it is keeps them for the next daemon."""
    found: Counter[str] = Counter()
    sock.setblocking(False)
    with suppress(BlockingIOError):
        while data := sock.recv(1000):
            found[json.loads(data)["policies"][0]["failure-details"][0]["f"]] += 1
    return found

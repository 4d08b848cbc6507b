"""The long queue: for root, for anybody, and where the kernel does not let us."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import unstrip
from tests.interop.servers import public_directory
from unstrip.io.tlsrpt import queue

NOBODY = 65534
SETTING = Path("/proc/sys/net/unix/max_dgram_qlen")
SOURCE = Path(unstrip.__file__).parent
BURST = 2000  # datagrams; Linux alone has room for 10
SMALL = b"x" * 600
AS_ANYBODY = """
import sys
from unstrip.io.tlsrpt import queue
made, trouble = queue.made(sys.argv[1])
print(trouble or "long", flush=True)
sys.stdin.read()
"""


def sent(path: str, many: int) -> int:
    """How many datagrams there is room for, from sockets that each have room for a hundred."""
    taken = 0
    while taken < many:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(path)
            for _ in range(100):
                try:
                    sender.send(SMALL, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    return taken
                taken += 1
    return taken


def test_a_burst_that_nobody_reads_has_room_and_comes_whole(tmp_path):
    path = str(tmp_path / "s")
    made, trouble = queue.made(path)
    with made:
        if trouble:  # no namespaces for us here: then it is as short as ever, and said so
            assert "net.unix.max_dgram_qlen" in trouble
            return
        assert sent(path, BURST) == BURST
        assert [made.recv(1000) for _ in range(BURST)] == [SMALL] * BURST


def test_only_its_owner_reaches_it_at_first(tmp_path):
    made, _ = queue.made(str(tmp_path / "s"))
    with made:
        found = (tmp_path / "s").stat()
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert found.st_uid == os.geteuid()
        assert made.getsockname() == str(tmp_path / "s")


def test_it_is_not_bound_where_something_is(tmp_path):
    (tmp_path / "s").touch()
    with pytest.raises(OSError, match=r"[Aa]ddress already in use"):
        queue.made(str(tmp_path / "s"))
    with pytest.raises(FileNotFoundError):
        queue.made(str(tmp_path / "nowhere" / "s"))


def test_where_there_can_be_no_namespace_the_queue_is_short_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(queue, "_is_long", lambda: False)
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    path = str(tmp_path / "s")
    made, trouble = queue.made(path)
    with made:
        assert "sysctl" in trouble
        assert sent(path, BURST) > 0
        made.recv(1000)
        assert sent(path, 1) == 1


def test_where_every_queue_is_long_it_is_made_here(tmp_path, monkeypatch):
    monkeypatch.setattr(queue, "_is_long", lambda: True)
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    made, trouble = queue.made(str(tmp_path / "s"))
    with made:
        assert trouble == ""


def test_whether_queues_are_long_is_tried():
    assert queue._is_long() == (int(SETTING.read_text()) >= queue._ENOUGH)


def test_it_takes_no_rights():
    """Somebody who has none makes it, with a Python and a copy of ours that anybody can read."""
    root = os.geteuid() == 0
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if root else {}
    with public_directory() as directory:
        python, place = an_environment(directory / "lib"), directory / "here"
        place.mkdir()
        place.chmod(0o777)
        with subprocess.Popen(
            [python, "-I", "-c", AS_ANYBODY, str(place / "s")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            **who,
        ) as run:
            said = run.stdout.readline().strip()
            many = sent(str(place / "s"), BURST)
            run.stdin.close()
        assert said == "long" if many == BURST else "net.unix.max_dgram_qlen" in said


def an_environment(home: Path) -> Path:
    """A Python of the system, with nothing but us."""
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", home], check=True)
    (library,) = home.glob("lib/python3*/site-packages")
    shutil.copytree(SOURCE, library / "unstrip", ignore=shutil.ignore_patterns("__pycache__"))
    return home / "bin" / "python"

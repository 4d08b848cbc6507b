"""The client that puts load on the daemon, and the daemon's memory under it; nothing is timed."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faces.mta.process import HERE, PATIENCE, SERVER, Daemon, configure, serving
from tests.interop.servers import UnavailableError

SOURCE = Path(__file__).parents[1] / "bench" / "policy_load.c"
LOST = "lost.example"  # there is no resolver: nobody can say
PLAIN = [f"[127.1.{high}.{low}]" for high in range(16) for low in range(250)]
MEMORY = "[serve.limits]\nmemory = 1\n"
SOME = 2 * 1024 * 1024  # bytes: what a heap is uneven by


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    if shutil.which("cc") is None:
        raise UnavailableError("there is no C compiler; tests/interop/install.sh would install it")
    built = tmp_path_factory.mktemp("bench") / "policy_load"
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", built, SOURCE], check=True)
    return built


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[Daemon]:
    home = tmp_path_factory.mktemp("daemon")
    with serving(home, configure(home, ("socketmap", HERE), more=MEMORY)) as running:
        yield running


def ran(program: Path, place: str, names: list[str], *, answers: int, connections: int = 10):
    host, _, port = place.rpartition(":")
    command = [program, host, port, "QUERY", answers, PATIENCE, connections]
    return subprocess.run(
        [str(word) for word in command],
        input="\n".join(names),
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )


def load(program: Path, daemon: Daemon, names: list[str], **how: int) -> dict[str, float]:
    run = ran(program, daemon.places["socketmap"], names, **how)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("connections", [1, 10, 50])
def test_every_answer_is_counted_as_what_it_is(program, daemon, connections):
    names = [SERVER, LOST, *PLAIN[:2]]
    told = load(program, daemon, names, answers=400, connections=connections)
    assert (told["found"], told["notfound"], told["lost"]) == (100, 200, 100)
    assert 0 < told["p50"] <= told["p99"] <= 1e6 * told["wall"]


def test_each_name_is_asked_for_in_its_turn(program, daemon):
    told = load(program, daemon, [*PLAIN[:9], SERVER], answers=19)
    assert (told["found"], told["notfound"]) == (1, 18)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"9:NOTFOUND ,9:NOTFOUND ,", "a reply is no netstring"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "a reply is no netstring"),
        (b"999999:", "a reply is no netstring"),
        (b"", "the daemon has hung up"),
    ],
)
def test_what_is_no_answer_ends_it(program, reply, words):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        thread = threading.Thread(target=_answer, args=(listener, reply))
        thread.start()
        place = "{}:{}".format(*listener.getsockname())
        run = ran(program, place, PLAIN, answers=10, connections=1)
        thread.join()
    assert (run.returncode, run.stderr.strip()) == (2, f"policy_load: error: {words}")


def _answer(listener: socket.socket, reply: bytes) -> None:
    with listener.accept()[0] as client:
        client.settimeout(PATIENCE)
        client.recv(1000)
        client.sendall(reply)


def test_many_answers_leave_memory_as_it_was(program, daemon):
    """There is room for a part of these: replies are kept, and go, all the time."""
    load(program, daemon, PLAIN, answers=3 * len(PLAIN))
    before = _rss(daemon)
    load(program, daemon, PLAIN, answers=40_000)
    assert _rss(daemon) - before < SOME


def _rss(daemon: Daemon) -> int:
    lines = Path(f"/proc/{daemon.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))

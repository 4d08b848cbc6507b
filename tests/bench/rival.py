"""The rival: postfix-mta-sts-resolver, asked as Postfix asks it.

It lives in an environment of its own below `.interop/bench`, which is made when it is first needed,
and has uvloop, as we have. Its cache is the one in memory, its default. It looks for MTA-STS alone:
one question to DNS, and those that the fetch needs.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from native import CLIENT_CORE, HERE, HOST, NoFigure, Unavailable, on_core
from served import cpu, memory
from world import DOMAINS, World, domains

from tests.interop.servers.machine import free_ports, takes_connection

NAME = "postfix-mta-sts-resolver 1.5.1"
_ROOT = HERE.parents[1]
_REQUIREMENTS = _ROOT / "requirements" / "rival-mta-sts-resolver.txt"
_HOME = _ROOT / ".interop" / "bench" / "mta-sts-resolver"
_PATIENCE = 20.0  # seconds to start, and for each answer
_CONFIGURATION = """\
host: {host}
port: {port}
zones:
  QUERYwithTLSRPT:
    tlsrpt: true
"""


@dataclass(frozen=True, slots=True)
class Cold:
    """A cold run: how many decisions came to what they should, and how many were lost.

    Attributes: wall, cpu: seconds, of the process that decides; peak_rss: bytes.
    """

    decisions: int
    lost: int
    wall: float
    cpu: float
    peak_rss: int

    @property
    def per_second(self) -> float:
        """Decisions a second."""
        return self.decisions / self.wall


def environment() -> Path:
    """Return the rival's Python, installed if it is not here yet.

    Raises: Unavailable: it cannot be installed.
    """
    python, ready = _HOME / "bin" / "python", _HOME / ".ready"
    if ready.exists() and ready.stat().st_mtime > _REQUIREMENTS.stat().st_mtime:
        return python
    pip = ["-m", "pip", "--python", str(python), "install", "--quiet", "--require-hashes"]
    commands = [
        ["-m", "venv", "--clear", "--without-pip", str(_HOME)],
        [*pip, "--disable-pip-version-check", "--requirement", str(_REQUIREMENTS)],
    ]
    for command in commands:
        made = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, check=False
        )
        if made.returncode != 0:
            said = made.stderr.strip().rpartition("\n")[2]
            raise Unavailable(f"{NAME} cannot be installed: {said}", "is PyPI to be reached?")
    ready.touch()
    return python


def cold(python: Path, world: World, dns: int, concurrency: int) -> Cold:
    """Start it with nothing known, and ask it about every domain, so many at once."""
    with running(python, world, dns) as (pid, port), on_core(1 - CLIENT_CORE):
        began, spent = monotonic(), cpu(pid)
        answers = asyncio.run(_ask_all(port, concurrency))
        took = monotonic() - began
        good = sum(answer.startswith(b"OK secure ") for answer in answers)
        return Cold(good, DOMAINS - good, took, cpu(pid) - spent, memory(pid, "VmHWM"))


@contextmanager
def running(python: Path, world: World, dns: int) -> Iterator[tuple[int, int]]:
    """Run the daemon on the clients' core; gives its process and its port."""
    (port,) = free_ports(1)
    configuration = world.home / "rival.yml"
    configuration.write_text(_CONFIGURATION.format(host=HOST, port=port))
    command = [str(python), "-E", str(HERE / "rival_daemon.py"), f"{HOST}:{dns}"]
    with on_core(CLIENT_CORE):
        process = subprocess.Popen(
            [*command, "-c", str(configuration), "-v", "error"],
            env=os.environ | {"SSL_CERT_FILE": str(world.ca)},
        )
    try:
        _await(process, port)
        yield process.pid, port
    finally:
        process.kill()
        process.wait()


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = monotonic() + _PATIENCE
    while not takes_connection(HOST, port):
        if process.poll() is not None or monotonic() > deadline:
            raise NoFigure("it does not start")
        sleep(0.05)


async def _ask_all(port: int, concurrency: int) -> list[bytes]:
    """Ask as Postfix does: one question after the other on each connection."""
    waiting, answers = iter(domains()), []

    async def work() -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        for domain in waiting:
            writer.write(_netstring(f"postfix {domain}".encode()))
            async with asyncio.timeout(_PATIENCE):
                answers.append(await _answer(reader))
        writer.close()

    try:
        await asyncio.gather(*(work() for _ in range(concurrency)))
    except (OSError, EOFError) as error:
        raise NoFigure(f"it does not answer: {type(error).__name__}") from error
    return answers


def _netstring(text: bytes) -> bytes:
    return b"%d:%b," % (len(text), text)


async def _answer(reader: asyncio.StreamReader) -> bytes:
    length = int((await reader.readuntil(b":"))[:-1])
    return (await reader.readexactly(length + 1))[:-1]

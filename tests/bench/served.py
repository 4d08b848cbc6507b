"""A policy daemon that is measured: ours or the rival, as a process of its own on its core.

What it takes is read from outside, from /proc; what it answers, ``policy_load.c`` counts.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from native import CLIENT_CORE, HOST, SERVER_CORE, NoFigure, on_core
from world import World, domains

PATIENCE = 30.0  # seconds to start
_BOUND = 60.0  # seconds of any load, if nothing less is said
_PLENTY = 3_000_000  # answers: more than come in the seconds of a load
_LISTENING = re.compile(r"speaks=socketmap at=\S+:(\d+)")
_SCRIPT = Path(sys.executable).with_name("unstrip")
_CONFIGURATION = """\
store = "{store}"
[resolver]
servers = ["{host}@{dns}"]
validates = "mx1.{signed}"
fails = ""
[[serve.listen]]
speaks = "socketmap"
at = "{host}:0"
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of one load. Times in seconds, but p50 and p99 in microseconds.

    Attributes: lost: answers that were neither a policy nor that there is none; cpu: of the daemon.
    """

    found: int
    notfound: int
    lost: int
    wall: float
    p50: float
    p99: float
    cpu: float

    @property
    def answers(self) -> int:
        """How many there were, of whatever kind."""
        return self.found + self.notfound + self.lost

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.answers / self.wall

    @property
    def cost(self) -> float:
        """Microseconds of the daemon's CPU time for one answer."""
        return 1e6 * self.cpu / self.answers


@dataclass(frozen=True, slots=True)
class Served:
    """One that is running; `load`: the program that asks; `ready`: seconds until it was."""

    pid: int
    port: int
    load: Path
    ready: float = 0.0

    def ask(
        self,
        names: Sequence[str],
        *,
        query: str = "QUERY",
        answers: int = _PLENTY,
        seconds: float = _BOUND,
        connections: int = 50,
    ) -> Load:
        """Ask for these names in turn until either is reached.

        One connection means that either waits for the other: both have one core, as a kernel would
        put them, for to wake another one takes longer than to answer.
        """
        command = [self.load, HOST, self.port, query, answers, seconds, connections]
        spent = cpu(self.pid)
        with on_core(SERVER_CORE if connections > 1 else CLIENT_CORE):
            asked = subprocess.run(
                [str(word) for word in command],
                input="\n".join(names),
                capture_output=True,
                text=True,
                check=False,
            )
        if asked.returncode != 0:
            raise NoFigure(asked.stderr.strip() or f"the load ended with {asked.returncode}")
        return Load(**json.loads(asked.stdout), cpu=cpu(self.pid) - spent)

    def rss(self) -> int:
        """Bytes of memory that it has now."""
        return memory(self.pid, "VmRSS")


def cpu(pid: int) -> float:
    """Seconds of CPU that the threads of a process have taken; its stat would say so in ticks."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def memory(pid: int, which: str) -> int:
    """Bytes of memory of a process: now (VmRSS), or at most (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(which))


@contextmanager
def ours(world: World, dns: int, store: Path, load: Path) -> Iterator[Served]:
    """Run `unstrip serve` as an operator would, with a store that may be full already."""
    configuration, log = store.with_suffix(".toml"), store.with_suffix(".log")
    configuration.write_text(
        _CONFIGURATION.format(store=store, host=HOST, dns=dns, signed=domains()[0])
    )
    began = monotonic()
    with log.open("wb") as errors, on_core(CLIENT_CORE):
        process = subprocess.Popen(
            [str(_SCRIPT), "serve", "--config", str(configuration)],
            env=os.environ | {"SSL_CERT_FILE": str(world.ca)},
            stderr=errors,
        )
    try:
        port = _port(process, log)
        yield Served(process.pid, port, load, monotonic() - began)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """Wait until it is ready; where it listens is read from what it says."""
    until = monotonic() + PATIENCE
    while monotonic() < until and process.poll() is None:
        said = log.read_text()
        if " ready" in said and (found := _LISTENING.search(said)):
            return int(found[1])
        sleep(0.005)
    raise NoFigure(f"unstrip serve does not start: {log.read_text().strip()}")

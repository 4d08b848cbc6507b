"""The daemon as a process of its own, from its first line to its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

SCRIPT = Path(sys.executable).with_name("unstrip")
PATIENCE = 20.0  # seconds; no test waits for that long if all is well
TABLE = '[[rule]]\nhost = "127.0.0.1"\nrequire = "{}"\n'
LISTEN = '[[serve.listen]]\nspeaks = "{}"\nat = "{}"\n'
HERE, SERVER = "127.0.0.1:0", "[127.0.0.1]"  # a next hop about which nobody has to be asked


@dataclass
class Daemon:
    """One; `log` is where its standard error goes."""

    process: subprocess.Popen[bytes]
    log: Path
    places: dict[str, str] = field(default_factory=dict)

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def wait(self, words: str, times: int = 1) -> str:
        """The line in which it says something for this many times."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = [line for line in self.lines if words in line]
            if len(found) >= times:
                return found[times - 1]
            time.sleep(0.01)
        raise AssertionError(f"{words!r} was not said in:\n{self.log.read_text()}")

    def said_places(self) -> dict[str, str]:
        """Where it listens, as it says itself."""
        told = [line.split()[3:] for line in self.lines if " info listening " in line]
        said = [dict(pair.split("=", 1) for pair in pairs) for pairs in told]
        return {each["speaks"]: each["at"] for each in said}

    def connect(self, speaks: str) -> socket.socket:
        """A connection; to the last place where this is spoken."""
        place = self.places[speaks]
        if place.startswith("unix:"):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(PATIENCE)
            sock.connect(place.removeprefix("unix:"))
            return sock
        host, _, port = place.rpartition(":")
        return socket.create_connection((host, int(port)), PATIENCE)

    def ask(self, speaks: str, request: bytes) -> bytes:
        """What comes in answer to one request, on a connection of its own."""
        with self.connect(speaks) as sock:
            sock.sendall(request)
            return sock.recv(65536)

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Status and body of a page."""
        host, _, port = self.places["http"].rpartition(":")
        connection = HTTPConnection(host, int(port), timeout=PATIENCE)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        try:
            return answer.status, answer.read()
        finally:
            connection.close()

    def count(self, name: str, **labels: str) -> float:
        """A value of /metrics, 0 where there is none; what is read is as Prometheus wants it."""
        status, body = self.get("/metrics")
        assert status == 200
        families = text_string_to_metric_families(body.decode())
        samples = [each for family in families for each in family.samples if each.name == name]
        return sum(each.value for each in samples if labels.items() <= each.labels.items())

    def until(self, name: str, least: float = 1, **labels: str) -> float:
        """The same, once it is as much as that."""
        until = time.monotonic() + PATIENCE
        while (found := self.count(name, **labels)) < least:
            assert time.monotonic() < until, f"{name} {labels} is {found}, and not {least}"
            time.sleep(0.02)
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def limited(descriptors: int) -> tuple[str, ...]:
    """A command before the daemon's that leaves it so many descriptors."""
    setting = f"resource.setrlimit(resource.RLIMIT_NOFILE, ({descriptors}, {descriptors}))"
    code = f"import os, resource, sys; {setting}; os.execv(sys.argv[1], sys.argv[1:])"
    return sys.executable, "-c", code


def configure(home: Path, *listen: tuple[str, str], more: str = "") -> Path:
    """A configuration that needs nobody out there, and its table beside it."""
    (home / "table.toml").write_text(TABLE.format("encrypt"))
    config = home / "config.toml"
    places = "".join(LISTEN.format(*place) for place in listen)
    config.write_text(
        'store = "store.sqlite3"\npolicy = "table.toml"\n'
        '[resolver]\nservers = ["127.0.0.1@1"]\ntimeout = 1\n'
        f"{places}{more}"
    )
    return config


def without(capability: int) -> tuple[str, ...]:
    """A command before the daemon's that takes one of root's rights from it (capabilities(7))."""
    drops = f"ctypes.CDLL(None).prctl(24, {capability}, 0, 0, 0)"  # PR_CAPBSET_DROP
    code = f"import ctypes, os, sys; {drops}; os.execv(sys.argv[1], sys.argv[1:])"
    return sys.executable, "-c", code


@contextmanager
def started(home: Path, *words: object, command: tuple[str, ...] = (), **kept: object):
    """The process, which does not outlive the block, whether it gets ready or not."""
    environment = {
        **os.environ,
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CONFIG_HOME": str(home / "config"),
        **kept.pop("environment", {}),
    }
    log = home / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [*command, SCRIPT, "serve", *map(str, words)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            **kept,
        ) as process,
    ):
        try:
            yield Daemon(process, log)
        finally:
            process.kill()


@contextmanager
def serving(home: Path, config: Path, **how: object) -> Iterator[Daemon]:
    """The daemon, once it is ready; where it listens is read from what it says."""
    with started(home, "--config", config, **how) as daemon:
        daemon.wait(" ready")
        daemon.places = daemon.said_places()
        yield daemon

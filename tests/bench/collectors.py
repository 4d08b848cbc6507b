"""The two collectors that are raced: ours, as `unstrip serve` runs it, and tlsrpt-reporter's.

The rival lives in an environment of its own below `.interop/specimens`, which is made if
`tests/interop/specimens.sh` has not done so yet. Both are told by the same C program, each counts
in SQLite, and what is not in there has not been counted.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from native import HERE, NoFigure, Unavailable

RIVAL = "tlsrpt-reporter 0.6.0"
_ROOT = HERE.parents[1]
_REQUIREMENTS = _ROOT / "requirements" / "specimens-tlsrpt-reporter-0.6.0.txt"
_HOME = _ROOT / ".interop" / "specimens" / "tlsrpt-reporter-0.6.0"
_UNSTRIP = Path(sys.executable).with_name("unstrip")
_CONFIGURATION = """
store = "counts"
[[serve.listen]]
speaks = "tlsrpt"
at = "unix:{home}/socket"
[serve.spool]
folder = "spool"
"""
_OURS = "select sum(succeeded + failed) from ledger_policy"
_THEIRS = "select sum(cntrtotal) from finalresults"
_PATIENCE = 60.0  # seconds
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Collector:
    """One that runs. Attributes: pid; home: its folder; counting: how to ask for its count."""

    pid: int
    home: Path
    counting: str

    @property
    def socket(self) -> Path:
        """Where it is told."""
        return self.home / "socket"

    def counted(self) -> int:
        """How many datagrams are in its database."""
        with closing(sqlite3.connect(self.home / "counts", timeout=_PATIENCE)) as database:
            return int(database.execute(self.counting).fetchone()[0] or 0)

    def wait(self, many: int) -> bool:
        """Wait until so many are counted, or hardly any more come."""
        until = monotonic() + _PATIENCE
        while self.counted() < many and monotonic() < until:
            sleep(0.02)
        return self.counted() >= many

    def cpu(self) -> float:
        """Seconds of CPU that it has taken, with the processes that it has started."""
        return sum(map(_cpu, _family(self.pid)))

    def peak_rss(self) -> int:
        """Bytes, of all of them."""
        return sum(map(_peak_rss, _family(self.pid)))


def environment() -> Path:
    """Return the rival's folder, installed if it is not here yet. Raises: Unavailable."""
    python, ready = _HOME / "bin" / "python", _HOME / ".ready"
    if ready.exists() and ready.stat().st_mtime > _REQUIREMENTS.stat().st_mtime:
        return _HOME
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
            raise Unavailable(f"{RIVAL} cannot be installed: {said}", "is PyPI to be reached?")
    ready.touch()
    return _HOME


@contextmanager
def ours(home: Path) -> Iterator[Collector]:
    """Run ours in a folder."""
    config = home / "config.toml"
    config.write_text(_CONFIGURATION.format(home=home))
    command = [str(_UNSTRIP), "serve", "--config", str(config)]
    with _running(command, home, _OURS) as collector:
        yield collector


@contextmanager
def theirs(home: Path) -> Iterator[Collector]:
    """Run the rival in a folder, set as it comes."""
    settings = {
        "storage": f"sqlite:///{home}/counts",
        "socketname": f"{home}/socket",
        "logfilename": f"{home}/log",
        "pidfilename": f"{home}/pid",
        "log_level": "error",
    }
    config = home / "collectd.cfg"
    lines = (f"{key}={value}\n" for key, value in settings.items())
    config.write_text(f"[tlsrpt_collectd]\n{''.join(lines)}")
    command = [str(environment() / "bin" / "tlsrpt-collectd"), "--config_file", str(config)]
    with _running(command, home, _THEIRS) as collector:
        yield collector


@contextmanager
def _running(command: list[str], home: Path, counting: str) -> Iterator[Collector]:
    with (home / "said").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    collector = Collector(process.pid, home, counting)
    try:
        _await(process, collector)
        yield collector
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], collector: Collector) -> None:
    """Wait until it can be told, and its database is there."""
    deadline = monotonic() + _PATIENCE
    while not _is_ready(collector):
        if process.poll() is not None or monotonic() > deadline:
            raise NoFigure(f"it does not start: {(collector.home / 'said').read_text()[-300:]}")
        sleep(0.05)
    sleep(0.5)  # until a reader of ours has its first segment


def _is_ready(collector: Collector) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(str(collector.socket))
            collector.counted()
        except (OSError, sqlite3.Error):
            return False
    return True


def _family(pid: int) -> Iterator[int]:
    yield pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    yield from map(int, children)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak_rss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

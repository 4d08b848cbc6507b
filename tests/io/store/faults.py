"""Faults of a real store: locked by another process, on a full disk, damaged, and mended again."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE = 4096
HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute(sys.argv[2])
db.execute("begin exclusive")
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def locked(path: Path, how: str = "select 1") -> Iterator[None]:
    """Another process has it for itself: to write, or with `ALONE` to read as well."""
    command = [sys.executable, "-c", HOLDER, str(path), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            holder.communicate(b"go\n", timeout=60)


@contextmanager
def full(process: int = 0) -> Iterator[None]:
    """No file of a process can grow, nor be written behind its first byte."""
    before = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, before)


def damage(path: Path, pages: slice = slice(None)) -> None:
    """Overwrite pages of a file, and its log, which would have newer ones."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        for begin in range(0, size, PAGE)[pages]:
            file.seek(begin)
            file.write(b"\xff" * PAGE)
    log = path.with_name(f"{path.name}-wal")
    if log.exists():
        log.write_bytes(b"")

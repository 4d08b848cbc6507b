"""The command, in this process and in one of its own, with its files out of the way."""

from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

from unstrip.evidence import from_json
from unstrip.faces.cli import main
from unstrip.faces.cli.record import Record

SCRIPT = Path(sys.executable).with_name("unstrip")
PATIENCE = 20.0  # seconds
# A shell that started the tests in the background has SIGINT ignored, and so would the command.
INTERRUPTIBLE = (
    "import os, signal, sys;"
    "signal.signal(signal.SIGINT, signal.SIG_DFL);"
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@dataclass(frozen=True)
class Ran:
    """What came of a run."""

    code: int
    out: str
    err: str = ""

    @property
    def records(self) -> list[Record]:
        """What `--json` printed."""
        return [from_json(Record, line) for line in self.out.splitlines()]

    @property
    def record(self) -> Record:
        (only,) = self.records
        return only


def run(*words: object) -> Ran:
    """Run the command in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    code = 0
    with (
        patch.object(sys, "argv", ["unstrip", *map(str, words)]),
        patch.dict(sys.modules, {"__main__": ModuleType("__main__")}),  # click names itself by it
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Ran(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))


@contextmanager
def started(*words: object, **streams: object) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process of its own, which does not outlive the block."""
    command = [sys.executable, "-c", INTERRUPTIBLE, str(SCRIPT), *map(str, words)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **{**pipes, **streams}) as process:
        try:
            yield process
        finally:
            process.kill()


def run_apart(*words: object) -> Ran:
    """Run the command in a process of its own."""
    with started(*words) as process:
        out, err = process.communicate(timeout=PATIENCE)
        return Ran(process.returncode, out.decode(), err.decode())


def run_on_terminal(*words: object) -> Ran:
    """Run the command with a terminal for both its outputs."""
    ours, theirs = pty.openpty()
    shown = bytearray()
    with started(*words, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        with suppress(OSError):  # which is how the end of a terminal is told
            while data := os.read(ours, 65536):
                shown += data
        os.close(ours)
        code = process.wait(PATIENCE)
    return Ran(code, shown.decode().replace("\r\n", "\n"))


def interrupt(process: subprocess.Popen[bytes]) -> Ran:
    """Press Ctrl-C, and wait for the end."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    return Ran(process.returncode, out.decode(), err.decode())

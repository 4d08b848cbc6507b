"""The half of the bench that is written in C: built, started, and asked for its figures.

Four small programs lie beside this file. ``server.c`` speaks SMTP with STARTTLS and counts what was
really done; ``client.c`` is the yardstick; ``measure.c`` says what any other command took;
``policy_load.c`` asks the policy daemon and its rival as Postfix does.
Where there are two cores the server has one of them and whatever is measured the other.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import trustme

T = TypeVar("T")

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
NAME = "localhost"  # what the certificate is for
PATIENCE = 600.0  # seconds a single run may take
CLIENT_CORE, SERVER_CORE = 0, 1


class Unavailable(Exception):
    """The C half cannot be built here; ``hint`` says what is missing."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint


class NoFigure(Exception):
    """A program that was to be measured gave no figure."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The built programs."""

    server: Path
    client: Path
    measure: Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: the leaf and its intermediate as sent, the leaf's key, the trusted root."""

    chain: Path
    key: Path
    root: Path


@dataclass(frozen=True, slots=True)
class Result:
    """One run of a client. Times in seconds from the end of its set-up; memory in bytes."""

    dialogs: int
    failures: int
    wall: float
    cpu: float
    peak_rss: int
    library: str = ""

    @property
    def per_cpu_second(self) -> float:
        """Dialogs for each second of the client's own CPU time."""
        return self.dialogs / self.cpu


@dataclass(frozen=True, slots=True)
class Usage:
    """What a whole command took, its start included."""

    status: int
    wall: float
    cpu: float
    peak_rss: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What the server has seen: full handshakes, and dialogs with every step done."""

    handshakes: int
    dialogs: int

    def since(self, earlier: Tally) -> Tally:
        """What came after an earlier tally."""
        return Tally(self.handshakes - earlier.handshakes, self.dialogs - earlier.dialogs)


# ---- building ----


def compile_tools(directory: Path) -> Tools:
    """Build the programs in a directory, or take those already built there if they are current."""
    directory.mkdir(parents=True, exist_ok=True)
    tools = Tools(directory / "server", directory / "client", directory / "measure")
    stale = [program for program in (tools.server, tools.client, tools.measure) if _stale(program)]
    if stale:
        _require_compiler()
        _require_headers()
    for program in stale:
        _compile(program, "-lssl", "-lcrypto")
    return tools


def compile_load(directory: Path) -> Path:
    """Build what asks the daemon, which needs no library."""
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / "policy_load"
    if _stale(program):
        _require_compiler()
        _compile(program)
    return program


def _stale(program: Path) -> bool:
    """Whether a program is missing or older than a source it may be made from."""
    sources = (HERE / f"{program.name}.c", HERE / "tunnel.h")
    newest = max(source.stat().st_mtime for source in sources)
    return not program.exists() or program.stat().st_mtime < newest


def _require_compiler() -> None:
    if shutil.which("cc") is None:
        raise Unavailable("there is no C compiler", "install one that answers to cc, such as gcc")


def _require_headers() -> None:
    command = ["cc", "-E", "-x", "c", "-"]
    found = subprocess.run(
        command, input="#include <openssl/ssl.h>\n", capture_output=True, text=True, check=False
    )
    if found.returncode != 0:
        raise Unavailable("OpenSSL's headers are missing", "install libssl-dev or openssl-devel")


def _compile(program: Path, *libraries: str) -> None:
    source = HERE / f"{program.name}.c"
    command = ["cc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(source), *libraries]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode != 0:
        raise Unavailable(f"{source.name} does not compile", built.stderr.strip())


def make_certificates(directory: Path) -> Certificates:
    """Make a root, an intermediate and a leaf for localhost, all with EC P-256 keys."""
    directory.mkdir(parents=True, exist_ok=True)
    root = trustme.CA(key_type=trustme.KeyType.ECDSA)
    intermediate = root.create_child_ca(key_type=trustme.KeyType.ECDSA)
    leaf = intermediate.issue_cert(NAME, key_type=trustme.KeyType.ECDSA)
    certificates = Certificates(
        directory / "chain.pem", directory / "key.pem", directory / "root.pem"
    )
    certificates.chain.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    certificates.key.write_bytes(leaf.private_key_pem.bytes())
    certificates.root.write_bytes(root.cert_pem.bytes())
    return certificates


# ---- running ----


def two_cores() -> bool:
    """Whether client and server can each have a core."""
    return len(os.sched_getaffinity(0)) > 1


@contextmanager
def on_core(place: int) -> Iterator[None]:
    """Have what is started inside run on the nth core we may use; with one core, on that."""
    allowed = os.sched_getaffinity(0)
    if two_cores():
        os.sched_setaffinity(0, {sorted(allowed)[place]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def running_server(tools: Tools, certificates: Certificates, port: int = 0) -> Iterator[int]:
    """Run the server on its core; gives the port it listens on."""
    command = [str(tools.server), str(certificates.chain), str(certificates.key), str(port)]
    with on_core(SERVER_CORE):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        if not said:
            raise NoFigure("the bench's server did not start")
        yield int(said)
    finally:
        process.terminate()
        process.communicate(timeout=10)


def tally(port: int) -> Tally:
    """Ask a running server what it has seen so far."""
    with socket.create_connection((HOST, port), timeout=10) as connection:
        connection.sendall(b"XTALLY\r\nQUIT\r\n")
        said = b"".join(iter(lambda: connection.recv(4096), b"")).decode("ascii", "replace")
    found = re.search(r"^250 handshakes=(\d+) dialogs=(\d+)\r$", said, re.MULTILINE)
    if found is None:
        raise NoFigure("the bench's server does not tell its tally")
    return Tally(int(found[1]), int(found[2]))


def run_c_client(
    tools: Tools, certificates: Certificates, port: int, *, dialogs: int, concurrency: int
) -> Result:
    """Run the C client on its core."""
    client = [str(tools.client), HOST, str(port), str(certificates.root), NAME]
    return run_client([*client, str(dialogs), str(concurrency)])


def run_client(command: Sequence[str]) -> Result:
    """Run a client on the clients' core and read the line of JSON it ends with."""
    return told(Result, command)


def told(kind: type[T], command: Sequence[str]) -> T:
    """Run a program on the clients' core; gives what the line of JSON says that it ends with."""
    with on_core(CLIENT_CORE):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with process:
        said = _communicate(process)
    try:
        return kind(**json.loads(said.strip().rpartition("\n")[2]))
    except (ValueError, TypeError):
        raise NoFigure(f"exit {process.returncode}, no line of JSON at the end") from None


def measure(tools: Tools, command: Sequence[str]) -> Usage:
    """Run any command on the clients' core, silently, and say what it took."""
    with TemporaryDirectory() as directory:
        report = Path(directory, "report.json")
        with on_core(CLIENT_CORE):
            process = subprocess.Popen(
                [str(tools.measure), str(report), *command],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        with process:
            _communicate(process)
        return Usage(**json.loads(report.read_text()))


def _communicate(process: subprocess.Popen[str]) -> str:
    """Wait for a program's end and give its output; one that never ends is ended."""
    try:
        return process.communicate(timeout=PATIENCE)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise NoFigure(f"not finished after {PATIENCE:.0f} seconds") from None

"""What every real server needs: certificates, free ports, private files, a process group.

A server runs in the foreground, in a process group of its own, and is killed hard at the
end: nothing of its is worth a tidy end, and nothing of it must outlive the test.
"""

import os
import pwd
import random
import shlex
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Final

import trustme

HOSTNAME: Final = "localhost"
LOCALHOST: Final = "127.0.0.1"
PATIENCE: Final = 15.0  # seconds to start or to stop; a loaded machine may need a few
# Where install.sh unpacks what Debian does not install beside something else.
UNPACKED: Final = Path(__file__).parents[3] / ".interop"


class UnavailableError(Exception):
    """Why a server cannot be started on this machine."""


# -- certificates ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: the server's chain and key, and the CA that its clients trust."""

    chain: Path
    key: Path
    ca: Path

    def context(self) -> ssl.SSLContext:
        """A client's context that trusts this CA alone."""
        return ssl.create_default_context(cafile=self.ca)


def issue(directory: Path, *names: str) -> Certificates:
    """Certificates of a new CA, for the names given or else for this machine's loopback."""
    ca = trustme.CA()
    leaf = ca.issue_cert(*names or (HOSTNAME, LOCALHOST, "::1"))
    directory.mkdir(parents=True, exist_ok=True)
    paths = Certificates(directory / "chain.pem", directory / "key.pem", directory / "ca.pem")
    paths.chain.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(str(paths.key))
    ca.cert_pem.write_to_path(str(paths.ca))
    return paths


# -- ports -----------------------------------------------------------------------------


@cache
def loopbacks() -> tuple[str, ...]:
    """The loopback addresses of this machine: some containers have no IPv6."""
    return tuple(filter(can_listen, (LOCALHOST, "::1")))


def free_ports(count: int) -> list[int]:
    """So many different ports that nobody listens on, below those that Linux gives to clients.

    Each worker of pytest-xdist has ports of its own: between a look and a start there is time.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    candidates = range(16_384 + worker, 32_768, workers)
    return list(islice(filter(is_free, random.sample(candidates, len(candidates))), count))


def is_free(port: int) -> bool:
    return all(can_listen(host, port) for host in loopbacks())


def can_listen(host: str, port: int = 0) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with suppress(OSError):
        socket.create_server((host, port), family=family).close()
        return True
    return False


# -- files -----------------------------------------------------------------------------


@contextmanager
def public_directory() -> Iterator[Path]:
    """A directory that every user can enter: those of pytest let in their owner alone."""
    with tempfile.TemporaryDirectory(prefix="interop-", dir="/tmp") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


def make_home(directory: Path, name: str) -> Path:
    """A new directory each time, so that one server can run in several ways at once."""
    home = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=directory))
    home.chmod(0o755)
    if not all(parent.stat().st_mode & stat.S_IXOTH for parent in home.parents):
        raise PermissionError(f"{name} cannot enter {directory}, use public_directory()")
    return home


def make_private(directory: Path, user: str) -> Path:
    directory.mkdir(0o700)
    shutil.chown(directory, user)
    return directory


def copy_private(path: Path, directory: Path, user: str) -> Path:
    copy = directory / path.name
    copy.touch(0o600)
    shutil.copyfile(path, copy)
    shutil.chown(copy, user)
    return copy


def assignments(settings: Mapping[str, str], sign: str = " = ") -> str:
    """The one syntax that most servers share, but for the sign in the middle."""
    return "".join(f"{name}{sign}{value}\n" for name, value in settings.items())


# -- processes -------------------------------------------------------------------------


def program(name: str, *paths: Path) -> str:
    """Where the server's program is, when it can be run at all."""
    if os.geteuid() != 0:
        raise UnavailableError(f"{name} can only be started by root")
    for path in paths:
        if path.exists():
            return str(path)
    raise UnavailableError(f"{name} is not installed; tests/interop/install.sh would do it")


def together(*commands: Sequence[str]) -> list[str]:
    """One command that runs several at once, in one group, and ends as soon as one of them does.

    For servers that listen at one address only: at IPv4 and at IPv6, in clear and in TLS.
    """
    started = "".join(f"{shlex.join(command)} & " for command in commands)
    return ["bash", "-c", f"{started}wait -n"]


@contextmanager
def running(
    command: Sequence[str],
    home: Path,
    port: int,
    *others: int,
    greets: bool = True,
    user: str | None = None,
    **environment: str,
) -> Iterator[None]:
    """The server, from its first sign of life on this port until the last of its processes ended.

    That sign is its greeting, or where it waits for the client to speak first, that it takes
    a connection; on the other ports it must do that at every loopback address. A server that
    does not give up root by itself is started as `user`.
    """
    with (home / "output.log").open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
            user=user,
            group=user and pwd.getpwnam(user).pw_gid,
            extra_groups=[] if user else None,
            start_new_session=True,
        )
    try:
        wait_for(process, home, port, greeting if greets else accepting)
        for other in others:
            wait_for(process, home, other, accepting_everywhere)
        yield
    finally:
        kill_group(process.pid)
        process.wait()


def wait_for(
    process: subprocess.Popen[bytes], home: Path, port: int, alive: Callable[[int], bool]
) -> None:
    deadline = time.monotonic() + PATIENCE
    while not alive(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r}: no {alive.__name__} on {port}\n{logs(home)}")
        time.sleep(0.01)


def greeting(port: int) -> bool:
    try:
        with socket.create_connection((LOCALHOST, port), timeout=PATIENCE) as client:
            return bool(client.recv(1))
    except OSError:
        return False


def accepting(port: int) -> bool:
    return takes_connection(LOCALHOST, port)


def accepting_everywhere(port: int) -> bool:
    return all(takes_connection(host, port) for host in loopbacks())


def takes_connection(host: str, port: int) -> bool:
    with suppress(OSError):
        socket.create_connection((host, port), timeout=PATIENCE).close()
        return True
    return False


def logs(home: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in sorted(home.rglob("*.log")))


def kill_group(group: int) -> None:
    """End the server and its children at once: nothing of theirs is worth a tidy end."""
    deadline = time.monotonic() + PATIENCE
    while members(group) and time.monotonic() < deadline:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        time.sleep(0.01)


def members(group: int) -> list[int]:
    """The living processes of a group: the dead are in it, too, until init takes note."""
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if lives_in(group, path)]


def lives_in(group: int, process: Path) -> bool:
    try:
        status = (process / "stat").read_text()
    except OSError:  # it has just ended
        return False
    state, _parent, its_group = status.rpartition(") ")[2].split()[:3]
    return int(its_group) == group and state not in "ZX"

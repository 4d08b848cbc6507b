"""Sockets to listen at: made as they are configured, or taken over from systemd.

- A UNIX socket is nobody's but ours until owner, group and mode are as configured.
- What is in its place is removed only if it is a socket at which nobody listens. A lock beside it
  has two that start at once not take each other for nobody.
- Where systemd hands sockets over, those are all there are.
- At the end only a socket that we have made is removed, and only if it still is that one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from unstrip.escaping import printable
from unstrip.io.serving import Place, Tongue
from unstrip.io.tlsrpt import queue

_BACKLOG = 1024
_PATIENCE = 2.0  # seconds for whoever might listen in our place
_DOCUMENTED = "see [[serve.listen]] in docs/reference/configuration.md"
_HINTS = {
    errno.EADDRINUSE: "is another unstrip serve running? `ss -lnp` says who listens where",
    errno.EPERM: "its user has to be in that group (SupplementaryGroups= in the unit), and only"
    " root gives a socket to another owner",
}


class CannotListen(Exception):
    """There is no listening at a place; the message says where, and why.

    Attributes: hint: what could be done.
    """

    def __init__(self, words: str, hint: str = _DOCUMENTED) -> None:
        super().__init__(words)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Ear:
    """A socket that listens.

    Attributes: speaks: what is spoken there; sock; path: of a UNIX socket that we have made; mark:
        what it is known by on the disk; lock: the descriptor that has the place for us; trouble:
        what is less than it should be, "" if nothing; proof: the files of a certificate and its
        key, where TLS is spoken from the first byte.
    """

    speaks: str
    sock: socket.socket
    path: Path | None = None
    mark: tuple[int, int] = (0, 0)
    lock: int = -1
    trouble: str = ""
    proof: tuple[Path, Path] | None = None

    @property
    def where(self) -> str:
        """The address, as it is configured."""
        name = self.sock.getsockname()
        if self.sock.family == socket.AF_UNIX:
            return f"unix:{printable(name)}"
        host, port = name[:2]
        return f"[{host}]:{port}" if self.sock.family == socket.AF_INET6 else f"{host}:{port}"

    def close(self) -> None:
        """Listen no more."""
        self.sock.close()
        if self.path is not None:
            with suppress(OSError):
                if _mark(self.path) == self.mark:
                    self.path.unlink()
            os.close(self.lock)


def ears(places: Iterable[Place], handed: Iterable[tuple[str, socket.socket]]) -> list[Ear]:
    """Return what listens: what was handed over, else a socket at each place.

    Raises: CannotListen: at one of them; then nobody listens at the others either.
    """
    given, made = list(handed), list[Ear]()
    if [name for name, _ in given].count("tlsrpt") > 1:
        raise CannotListen("systemd has more than one socket for tlsrpt")
    with ExitStack() as stack:
        for ear in _taken(given) if given else map(_listening, places):
            stack.callback(ear.close)
            made.append(ear)
        stack.pop_all()
    return made


def _taken(handed: Iterable[tuple[str, socket.socket]]) -> Iterator[Ear]:
    for name, sock in handed:
        if name not in get_args(Tongue):
            known = ", ".join(get_args(Tongue))
            words = f"a socket of systemd has the FileDescriptorName {printable(name)}"
            raise CannotListen(f"{words}, which is none of {known}")
        yield Ear(name, sock)


def _listening(place: Place) -> Ear:
    try:
        ear = _by_path(place, place.path) if place.path else _by_address(place)
    except (OSError, LookupError) as error:  # shutil knows no such user
        words = getattr(error, "strerror", None) or str(error)
        words = words.partition(" (while attempting")[0]  # asyncio and socket say it once more
        hint = _HINTS.get(getattr(error, "errno", 0), _DOCUMENTED)
        raise CannotListen(f"{printable(place.at)}: {words.lower()}", hint) from error
    if place.certificate is not None and place.key is not None:
        return replace(ear, proof=(place.certificate, place.key))
    return ear


def _by_address(place: Place) -> Ear:
    host, port = place.address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    sock.settimeout(0)
    return Ear(place.speaks, sock)


def _by_path(place: Place, path: Path) -> Ear:
    datagrams = place.speaks == "tlsrpt"
    with ExitStack() as stack:
        lock = _locked(path)
        stack.callback(os.close, lock)
        _make_room(path)
        sock, trouble = queue.made(str(path)) if datagrams else (_bound(path), "")
        stack.enter_context(sock)
        ear = Ear(place.speaks, sock, path, _mark(path), lock, trouble)
        stack.pop_all()
    try:
        _hand_out(path, place, ear.mark)
        if not datagrams:
            sock.listen(_BACKLOG)
        sock.settimeout(0)
    except (OSError, LookupError):
        ear.close()
        raise
    return ear


def _locked(path: Path) -> int:
    """Have a place to ourselves until the descriptor is closed. Raises: OSError: another has it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    lock = os.open(f"{path}.lock", flags, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise FileExistsError(errno.EADDRINUSE, "somebody listens there already") from error
    return lock


def _hand_out(path: Path, place: Place, mark: tuple[int, int]) -> None:
    """Give the socket its owner, group and mode: that very one, whatever is put in its place."""
    descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if (found.st_dev, found.st_ino) != mark:
            raise FileExistsError(0, "another file has taken its place")
        itself = f"/proc/self/fd/{descriptor}"
        if place.owner is not None and place.group is not None:
            shutil.chown(itself, place.owner, place.group)
        elif place.owner is not None:
            shutil.chown(itself, place.owner)
        elif place.group is not None:
            shutil.chown(itself, group=place.group)
        Path(itself).chmod(int(place.mode, 8))
    finally:
        os.close(descriptor)


def _bound(path: Path) -> socket.socket:
    """Return a socket of which the path is nobody's but ours."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        sock.bind(str(path))
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(before)
    return sock


def _make_room(path: Path) -> None:
    """Remove a socket that was left behind.

    Raises: OSError: something else is there, or somebody listens at it.
    """
    until = time.monotonic() + _PATIENCE
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(0, "something is there, and it is no socket")
        while _is_alive(path):
            if time.monotonic() > until:
                raise FileExistsError(errno.EADDRINUSE, "somebody listens there already")
            time.sleep(0.05)  # a daemon that was killed leaves a reader, which ends soon
        path.unlink()
    except FileNotFoundError:
        return


def _is_alive(path: Path) -> bool:
    """Tell whether the socket is somebody's. Raises: OSError: that cannot be found out."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_UNIX, kind) as probe:
            probe.settimeout(_PATIENCE)
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                return False
            except OSError as error:
                if error.errno != errno.EPROTOTYPE:  # it is one of the other kind
                    raise
    return True


def _mark(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino

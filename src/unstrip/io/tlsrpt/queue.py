"""A datagram socket with room for a burst.

A mail server sends each datagram without waiting, and forgets it if there is no room. Linux gives a
UNIX socket room for as many as `net.unix.max_dgram_qlen` said when the socket was made: 10. That
setting is one of the network namespace, and a socket with a path is reached from all of them. So it
is made in a namespace of its own, by another process that hands it back; which takes no rights
where users may have namespaces.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

LENGTH = 20_000  # datagrams
_ENOUGH = 200  # as many as one sender has room for
_SETTING = Path("/proc/sys/net/unix/max_dgram_qlen")
_NEW_NETWORK, _NEW_USER = 0x40000000, 0x10000000  # unshare(2)
_PATIENCE = 10.0  # seconds; it takes the time of starting Python


def made(path: str) -> tuple[socket.socket, str]:
    """Return a datagram socket bound at a path where nothing is, which only its owner can reach.

    Returns: it, and why its queue is short, "" if it is long.
    Raises: OSError: it cannot be bound.
    """
    try:
        found, trouble = _bound(path) if _is_long() else _elsewhere(path), ""
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        found, trouble = _bound(path), str(error)
    return found, trouble and f"{trouble}; or set net.unix.max_dgram_qlen = {LENGTH} by sysctl"


def _elsewhere(path: str) -> socket.socket:
    """Have it made in another process. Raises: OSError, SubprocessError, ValueError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        command = [sys.executable, "-I", "-m", __name__, str(theirs.fileno()), path]
        ran = subprocess.run(  # noqa: S603  # our own words
            command,
            pass_fds=(theirs.fileno(),),
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
        if ran.returncode:
            said = ran.stderr.strip().rpartition("\n")[2]
            raise ValueError(said or f"no long queue: exit code {ran.returncode}")
        _, (descriptor,), _, _ = socket.recv_fds(ours, 1, 1)
    return socket.socket(fileno=descriptor)


def _bound(path: str) -> socket.socket:
    found = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    before = os.umask(0o177)
    try:
        found.bind(path)
    except BaseException:
        found.close()
        raise
    finally:
        os.umask(before)
    return found


def _is_long() -> bool:
    """Tell whether there is room in any queue, as where the operator has seen to it."""
    kind = socket.AF_UNIX, socket.SOCK_DGRAM
    with socket.socket(*kind) as receiver, socket.socket(*kind) as sender:
        receiver.bind("")  # any name that is free
        sender.connect(receiver.getsockname())
        with suppress(BlockingIOError):
            for _ in range(_ENOUGH):
                sender.send(b"", socket.MSG_DONTWAIT)
            return True
    return False


def _unshare() -> None:
    """Go into a network namespace of one's own. Raises: OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    for flags in (_NEW_NETWORK, _NEW_NETWORK | _NEW_USER):  # the first takes the rights of root
        if libc.unshare(flags) == 0:
            return
    error = ctypes.get_errno()
    raise OSError(error, f"no network namespace for a long queue: {os.strerror(error)}")


def _main() -> None:
    """In the other process: make the socket and hand it over."""
    descriptor, path = int(sys.argv[1]), sys.argv[2]
    try:
        _unshare()
        _SETTING.write_text(str(LENGTH))
        found = _bound(path)
    except OSError as error:
        sys.exit(str(error))
    with socket.socket(fileno=descriptor) as there:
        socket.send_fds(there, [b"."], [found.fileno()])


if __name__ == "__main__":
    _main()

"""What systemd and a service say to each other: sd_notify(3), sd_listen_fds(3), no library.

Under anything else there is nothing to be said, and no socket is handed over.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, MutableMapping

_FIRST = 3  # the descriptor of the first socket, SD_LISTEN_FDS_START
_MOST = 100  # sockets; nobody means more
_DATAGRAMS = "tlsrpt"  # the one name of a socket that nobody connects to
_SAYINGS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_HANDED = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")

Environment = MutableMapping[str, str]


class BadHandover(ValueError):
    """The sockets that were handed over are none that could be used."""


class Systemd:
    """The manager that has started us, if it has.

    Args: environment: what it said is taken out, so that no process that we start believes it.

    Attributes: watchdog: seconds within which it wants to hear of us, 0 if it does not.
    """

    def __init__(self, environment: Environment = os.environ) -> None:
        said = {name: environment.pop(name, "") for name in _SAYINGS}
        self._address = said["NOTIFY_SOCKET"]
        ours = said["WATCHDOG_PID"] in ("", str(os.getpid()))
        microseconds = said["WATCHDOG_USEC"] if ours else ""
        self.watchdog = int(microseconds) / 1_000_000 if microseconds.isdecimal() else 0.0

    def ready(self) -> None:
        """Say that all who want to ask are answered from now on."""
        self._say("READY=1")

    def reloading(self) -> None:
        """Say that the configuration is read anew; `ready` has to follow."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that it comes to an end."""
        self._say("STOPPING=1")

    def alive(self) -> None:
        """Say that the event loop goes round."""
        self._say("WATCHDOG=1")

    def _say(self, *lines: str) -> None:
        """Say it; a manager that does not listen is no reason to stop serving."""
        if not self._address.startswith(("/", "@")):
            return
        address = self._address.replace("@", "\0", 1) if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(0)
                sender.sendto("\n".join(lines).encode(), address)
        except OSError:
            return


def handed_over(environment: Environment = os.environ) -> list[tuple[str, socket.socket]]:
    """Return the sockets that systemd listens at for us, each with its name.

    Raises: BadHandover: what is said of them, or one of them, makes no sense.
    """
    pid, count, names = (environment.pop(name, "") for name in _HANDED)
    if not count or pid != str(os.getpid()):
        return []
    if not count.isdecimal() or int(count) > _MOST:
        raise BadHandover(f"LISTEN_FDS is no number of sockets: {count[:20]}")
    called = names.split(":") if names else []
    if len(called) != int(count):
        raise BadHandover("LISTEN_FDNAMES has to name each socket: set FileDescriptorName=")
    return list(_taken(called))


def _taken(names: list[str]) -> Iterator[tuple[str, socket.socket]]:
    for descriptor, name in enumerate(names, _FIRST):
        try:
            os.set_inheritable(descriptor, False)  # noqa: FBT003  # takes no keyword
            found = socket.socket(fileno=descriptor)
            listening = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError as error:
            raise BadHandover(f"descriptor {descriptor} is no socket: {error.strerror}") from error
        if (name == _DATAGRAMS) != (found.type is socket.SOCK_DGRAM):
            words = f"set ListenDatagram= for {_DATAGRAMS}, and ListenStream= for all others"
            raise BadHandover(f"descriptor {descriptor} is another kind of socket: {words}")
        if name != _DATAGRAMS and not listening:
            raise BadHandover(f"nobody listens at descriptor {descriptor}: set Accept=no")
        found.settimeout(0)
        yield name, found

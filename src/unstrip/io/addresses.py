"""Looking up the addresses of a host, under a deadline.

The system's look-up cannot be interrupted, so it runs in a daemon thread: when time is up the
thread is left to its fate, and neither the caller nor the end of the process waits for it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeAlias

from unstrip.hostname import is_address

LookUp: TypeAlias = Callable[[str, int], Future[list[str]]]  # of a host, for a port


class Unresolved(OSError):
    """The name has no address, as far as the resolver says."""


def look_up(host: str, port: int) -> Future[list[str]]:
    """Start a look-up; the future's result is the addresses, IPv6 and IPv4 as the system orders.

    The future raises Unresolved where there are none.
    """
    found: Future[list[str]] = Future()
    if is_address(host):
        found.set_result([host])
        return found
    threading.Thread(target=_resolve, args=(host, port, found), daemon=True).start()
    return found


def through(resolve: Callable[[str], Coroutine[Any, Any, list[str]]]) -> LookUp:
    """Return a look-up that asks a resolver of ours, within the event loop that is running.

    What is no name in DNS it is not asked for (RFC 6761, 6.3).
    """
    import asyncio  # whoever blocks does without

    def asked(host: str, port: int) -> Future[list[str]]:
        if is_address(host) or f".{host}".endswith(".localhost"):
            return look_up(host, port)
        return asyncio.run_coroutine_threadsafe(resolve(host), asyncio.get_running_loop())

    return asked


def _resolve(host: str, port: int, found: Future[list[str]]) -> None:
    if not found.set_running_or_notify_cancel():  # nobody waits any more
        return
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        found.set_exception(Unresolved(f"{host} has no address: {_words(error)}"))
        return
    found.set_result(list(dict.fromkeys(str(answer[4][0]) for answer in answers)))


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()

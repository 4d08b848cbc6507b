"""Name servers that are of no use: one says that it failed, another says nothing.

NSD can be made to do neither for one name alone, so these have the names delegated to them.
"""

import socket
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Final

DOMAIN: Final = 53
SERVFAIL: Final = b"\x80\x02"  # QR, and the code (RFC 1035, 4.1.1)


class _Refusal(socketserver.BaseRequestHandler):
    """The question itself, as an answer."""

    def handle(self) -> None:
        question, asked_at = self.request
        asked_at.sendto(question[:2] + SERVFAIL + question[4:], self.client_address)


@contextmanager
def refusing(address: str) -> Iterator[None]:
    """Answers everything by SERVFAIL."""
    with socketserver.UDPServer((address, DOMAIN), _Refusal) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def silent(address: str) -> Iterator[None]:
    """Takes every question, and never answers."""
    with (
        socket.socket(type=socket.SOCK_DGRAM) as datagrams,
        socket.create_server((address, DOMAIN)),
    ):
        datagrams.bind((address, DOMAIN))
        yield

"""Servers that do as their script says, on loopback, in a thread of their own; and our callers."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import pytest

from tests.conftest import SERVER, Pki
from unstrip.conversation import Conversation
from unstrip.evidence import Endpoint, Evidence
from unstrip.io import asyncio as aio
from unstrip.io import blocking
from unstrip.io.clock import Clock
from unstrip.io.session import Terms
from unstrip.protocols import REGISTRY
from unstrip.transcript import Side
from unstrip.trouble import ProtocolError
from unstrip.tunnel import HandshakeFailed, ServerTunnel, Tunnel
from unstrip.wire import Envelope

PATIENCE = 10.0  # seconds after which a test is stuck


@dataclass
class Peer:
    """The server's end of one connection, for a script."""

    sock: socket.socket
    heard: bytearray = field(default_factory=bytearray)  # in clear

    @property
    def secured(self) -> bool:
        return not isinstance(self.sock, socket.socket) or isinstance(self.sock, ssl.SSLSocket)

    def say(self, *parts: bytes, gap: float = 0.0) -> None:
        """Send these, each as a segment."""
        for part in parts:
            self.sock.sendall(part)
            time.sleep(gap)

    def line(self) -> bytes:
        """Hear one line of the client, or what came before it hung up."""
        line = bytearray()
        while not line.endswith(b"\n") and (byte := self.sock.recv(1)):
            line += byte
            if not self.secured:
                self.heard += byte
        return bytes(line)

    def message(self, pattern: re.Pattern[bytes]) -> bytes:
        """Hear what the client says in clear until the pattern matches it whole."""
        said = b""
        while not pattern.fullmatch(said) and (byte := self.sock.recv(1)):
            said += byte
        self.heard += said
        return said

    def hello(self, envelope: Envelope | None = None) -> None:
        """Hear the client's ClientHello, and leave it at that."""
        record = b""
        while len(record) < 5 + int.from_bytes(record[3:5], "big"):
            if not (heard := self.sock.recv(65536)):
                return
            record += envelope.unwrap(heard) if envelope else heard

    def wait(self) -> None:
        """Say nothing until the client hangs up."""
        while data := self.sock.recv(65536):
            if not self.secured:
                self.heard += data

    def secure(self, context: ssl.SSLContext, envelope: Envelope | None = None) -> None:
        """Shake hands."""
        if envelope is None:
            self.sock = context.wrap_socket(self.sock, server_side=True)
        else:
            self.sock = Enveloped(self.sock, context, envelope)

    def hang_up(self) -> None:
        """End the connection, without a close_notify if there is TLS."""
        self.sock.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Tear the connection down."""
        bare = socket.socket(fileno=self.sock.detach())
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        bare.close()


class Enveloped:
    """A socket inside TLS whose handshake was wrapped in envelopes, for scripts that only talk."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, envelope: Envelope) -> None:
        self._sock, self._tunnel = sock, Tunnel(context, None, server_side=True)
        while not self._tunnel.ready:
            self._tunnel.shake()
            if records := self._tunnel.outgoing():
                sock.sendall(envelope.wrap(records))
            elif records := envelope.unwrap(sock.recv(65536)):
                self._tunnel.hear(records)

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(self._tunnel.seal(data))

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)


Script = Callable[[Peer], object]


@dataclass
class Server:
    """A server that is running.

    Attributes: heard: what it heard in clear, one string a connection.
    """

    listener: socket.socket
    script: Script
    peers: list[Peer] = field(default_factory=list)
    stopped: bool = False

    @property
    def port(self) -> int:
        return self.listener.getsockname()[1]

    @property
    def host(self) -> str:
        return self.listener.getsockname()[0]

    @property
    def heard(self) -> list[bytes]:
        return [bytes(peer.heard) for peer in self.peers]

    def run(self) -> None:
        while not self.stopped:
            try:
                sock, _ = self.listener.accept()
            except OSError:  # told to stop, or looks whether it was
                continue
            sock.settimeout(PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._attend(Peer(sock))

    def _attend(self, peer: Peer) -> None:
        self.peers.append(peer)
        with suppress(OSError, ProtocolError, HandshakeFailed):
            self.script(peer)
        peer.sock.close()

    def stop(self) -> None:
        self.stopped = True
        for sock in (self.listener, *(peer.sock for peer in self.peers)):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(script: Script, host: str = "127.0.0.1") -> Iterator[Server]:
    """Run a server for each client that comes, one after the other."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        listener.settimeout(0.2)
        server = Server(listener, script)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join(PATIENCE)
    assert not thread.is_alive(), "the server's script hangs"


def honest(pki: Pki, name: str, peer: Peer, *, implicit: bool = False) -> None:
    """Our own server, driven by our own driver."""
    protocol = REGISTRY[name]
    server_end = partial(pki.server_end, legacy=protocol.LEGACY and not implicit)
    if implicit and protocol.ALPN_DUE:
        server_end = partial(ServerTunnel, pki.server, protocol.ALPN, due=True)
    talk = Conversation(protocol.server, server_end, side=Side.SERVER, implicit=implicit)
    blocking.converse(talk, peer.sock, Clock(PATIENCE))


# Callers


def attend_asyncio(endpoint: Endpoint, terms: Terms) -> Evidence:
    return asyncio.run(aio.attend(endpoint, terms))


def attend_uvloop(endpoint: Endpoint, terms: Terms) -> Evidence:
    return aio.run(partial(aio.attend, endpoint, terms))


Attend = Callable[[Endpoint, Terms], Evidence]
DRIVERS: dict[str, Attend] = {
    "blocking": blocking.attend,
    "asyncio": attend_asyncio,
    "uvloop": attend_uvloop,
}
each_driver = pytest.mark.parametrize("attend", DRIVERS.values(), ids=DRIVERS)


def visit(
    attend: Attend,
    server: Server | Endpoint,
    name: str = "smtp",
    *,
    implicit: bool = False,
    **terms: object,
) -> Evidence:
    """Hold a session; it must end in time, whatever the server does."""
    endpoint = server
    if isinstance(server, Server):
        endpoint = Endpoint(server.host, server.port, name, implicit, SERVER)
    terms.setdefault("timeout", 5.0)
    return in_time(lambda: attend(endpoint, Terms(**terms)), terms["timeout"] + 1)


def in_time(call: Callable[[], Evidence], seconds: float) -> Evidence:
    """Return what `call` returns, or raises, if it does so in time."""
    got: list[Evidence | BaseException] = []

    def run() -> None:
        try:
            got.append(call())
        except BaseException as error:  # noqa: BLE001  # raised again, in the caller's thread
            got.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert got, f"not over after {seconds} seconds"
    if isinstance(got[0], BaseException):
        raise got[0]
    return got[0]

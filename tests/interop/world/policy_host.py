"""The HTTPS host of the MTA-STS policies: one for all domains, and well or badly kept for each.

It is TLS by a certificate of its own for whatever name is asked for, or by one with a flaw; and
what it says then may be wrong in every way there is for a web server to be wrong.
"""

import socketserver
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from functools import cache
from threading import Event, Thread
from typing import Final

from tests.interop.servers import PATIENCE
from unstrip.lab.authority import Authority, Flaw

HTTPS: Final = 443
PACE: Final = 0.2  # seconds from one byte to the next of an answer that never ends
LONGEST_REQUEST: Final = 16 * 1024  # bytes


class Manner(Enum):
    """How an answer is brought."""

    WHOLE = "whole"
    CUT = "cut short"  # the connection ends in the middle
    SLOW = "slow"  # byte by byte, and never done


@dataclass(frozen=True, slots=True)
class Served:
    """What the host says when the policy of one domain is asked for.

    Attributes: body: with "{domain}" where the domain's name belongs; length: bytes to which the
        body is filled up; flaw: of the certificate.
    """

    body: str
    length: int = 0
    status: str = "200 OK"
    media: str = "text/plain"
    location: str = ""
    manner: Manner = Manner.WHOLE
    flaw: Flaw | None = None

    def response(self, domain: str) -> bytes:
        body = self.body.replace("{domain}", domain).encode().ljust(self.length, b"\n")
        fields = [f"HTTP/1.1 {self.status}", f"Content-Length: {len(body)}", "Connection: close"]
        fields += [f"Content-Type: {self.media}"] * bool(self.media)
        fields += [f"Location: {self.location}"] * bool(self.location)
        return "".join(f"{field}\r\n" for field in [*fields, ""]).encode() + body


class PolicyHost:
    """The host, before it is started and while it serves.

    Attributes: answers: by domain, to be changed at any time; asked: for which domains, in order.
    """

    def __init__(self, address: str, authority: Authority) -> None:
        self.answers: dict[str, Served] = {}
        self.asked: list[str] = []
        self._address = address
        self._context = cache(lambda name, flaw: authority.context(name, flaw=flaw))

    @contextmanager
    def serving(self) -> Iterator[None]:
        with _Server((self._address, HTTPS), _Visit) as server:
            server.host, server.over = self, Event()
            thread = Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            try:
                yield
            finally:
                server.over.set()
                server.shutdown()
                thread.join()

    def front(self) -> ssl.SSLContext:
        """A context that is exchanged as soon as the client has said whom it wants."""
        front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        front.sni_callback = self._named
        return front

    def answer(self, domain: str) -> bytes:
        """Note that it was asked for, and return all that there is to say."""
        self.asked.append(domain)
        return self.of(domain).response(domain)

    def of(self, domain: str) -> Served:
        return self.answers.get(domain, Served("not here\n", status="404 Not Found"))

    def _named(self, link: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name is not None:
            link.context = self._context(name, self.of(domain_of(name)).flaw)


def domain_of(host: str) -> str:
    return host.partition(":")[0].removeprefix("mta-sts.")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    host: PolicyHost
    over: Event


class _Visit(socketserver.BaseRequestHandler):
    """One connection, one request."""

    server: _Server

    def handle(self) -> None:
        front = self.server.host.front()
        self.request.settimeout(PATIENCE)
        # a client that does not like the certificate, or what it hears, is gone at once
        with suppress(OSError), front.wrap_socket(self.request, server_side=True) as link:
            domain = domain_of(host_field(requested(link)))
            self.bring(link, self.server.host.answer(domain), self.server.host.of(domain).manner)

    def bring(self, link: ssl.SSLSocket, answer: bytes, manner: Manner) -> None:
        if manner is Manner.SLOW:
            for byte in answer:
                link.sendall(bytes([byte]))
                if self.server.over.wait(PACE):
                    return
        else:
            link.sendall(answer if manner is Manner.WHOLE else answer[:-10])
            link.unwrap()


def requested(link: ssl.SSLSocket) -> bytes:
    heard = b""
    while b"\r\n\r\n" not in heard and len(heard) < LONGEST_REQUEST:
        more = link.recv(4096)
        if not more:
            break
        heard += more
    return heard


def host_field(request: bytes) -> str:
    lines = request.decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines[1:])
    return next((value.strip() for name, _, value in fields if name.lower() == "host"), "")

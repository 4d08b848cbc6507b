"""A policy host for the bench: MTA-STS policies by TLS, one GET a connection.

``policy_host.py ADDRESS DIRECTORY`` has one file for each domain in there, with the key and the
certificates of mta-sts.DOMAIN, reads all of them first, and then says at which port it listens.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from functools import partial
from pathlib import Path
from typing import cast

import uvloop

PORT = 443
_POLICY = "version: STSv1\nmode: enforce\nmx: mx1.{0}\nmx: mx2.{0}\nmax_age: 604800\n"
_LONGEST_REQUEST = 16 * 1024  # bytes


class Visit(asyncio.Protocol):
    """One connection: hears a request, answers with the policy of the host that it names."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self._answers, self._heard = answers, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer as soon as the request is whole."""
        self._heard += data
        if b"\r\n\r\n" in self._heard:
            self._transport.write(self._answers.get(host(self._heard), _MISSING))
        elif len(self._heard) < _LONGEST_REQUEST:
            return
        self._transport.close()


def host(request: bytes) -> str:
    """Return the host that a request names."""
    fields = (line.partition(b":") for line in request.split(b"\r\n")[1:])
    return next(
        (value.strip().decode() for name, _, value in fields if name.lower() == b"host"), ""
    )


def answer(status: str, body: str = "") -> bytes:
    """Return a whole answer."""
    fields = f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"HTTP/1.1 {status}\r\n{fields}\r\n\r\n{body}".encode()


_MISSING = answer("404 Not Found")


def named(
    contexts: dict[str, ssl.SSLContext], link: ssl.SSLObject, name: str | None, _: ssl.SSLContext
) -> None:
    """Take the certificate of the host that the client wants."""
    if name in contexts:
        link.context = contexts[name]


def load(directory: Path) -> tuple[dict[str, ssl.SSLContext], dict[str, bytes]]:
    """Read every certificate, and make every answer."""
    contexts, answers = {}, {}
    for file in directory.glob("*.pem"):
        name = f"mta-sts.{file.stem}"
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[name].load_cert_chain(file)
        answers[name] = answer("200 OK", _POLICY.format(file.stem))
    return contexts, answers


async def serve(address: str, directory: Path) -> None:
    """Serve until the end of the process."""
    contexts, answers = load(directory)
    front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    front.sni_callback = partial(named, contexts)
    server = await asyncio.get_running_loop().create_server(
        lambda: Visit(answers), address, PORT, ssl=front, backlog=512
    )
    print(PORT, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(sys.argv[1], Path(sys.argv[2])))

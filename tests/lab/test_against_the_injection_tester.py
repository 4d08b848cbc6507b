"""An outsider's opinion: `command-injection-tester` (PyPI) against our server sides.

It sends a command behind the upgrade request in one segment (B-01) and looks for an answer inside
TLS. It exits with 0 whatever it finds, so its text is read; a server made to be vulnerable shows
that it can find something.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from unstrip.conversation import Conversation
from unstrip.io.asyncio import Exchange
from unstrip.lab.authority import Authority
from unstrip.lab.servers import serve
from unstrip.protocols.pop3 import OFFER
from unstrip.transcript import Side
from unstrip.tunnel import Tunnel
from unstrip.upgrade import Outcome, Upgrade
from unstrip.wire import Dialog, StartTLS, Wire

TESTER = Path(sys.executable).with_name("command-injection-tester")
QUIET = "0.5"  # seconds that it waits for each answer
BAD_NEWS = ("Command injection here!", "Probable", "Possible", "Sanity test failed")


def opinion(protocol: str, port: int, directory: Path) -> list[str]:
    """Return the command line."""
    ask = [f"--{protocol}", f"--{protocol}-port", str(port)]
    return [str(TESTER), *ask, "--nocolor", "-t", QUIET, "-l", str(directory), "localhost"]


async def output_of(command: list[str]) -> str:
    """Run the tester and return all it printed."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    return said.decode()


@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop3"])
def test_our_server_sides_take_no_injected_command(protocol: str, tmp_path: Path) -> None:
    async def ask() -> str:
        with Authority() as authority:
            async with serve(protocol, authority.context("localhost")) as server:
                return await output_of(opinion(protocol, server.port, tmp_path))

    said = asyncio.run(ask())
    assert "TLS handshake failed" in said or "Probably no command injection here!" in said, said
    assert not any(words in said for words in BAD_NEWS), said


def test_the_tester_finds_a_server_that_is_vulnerable(tmp_path: Path) -> None:
    async def ask() -> str:
        with Authority() as authority:
            server = await listen(gullible, authority.context("localhost"))
            try:
                port = server.sockets[0].getsockname()[1]
                return await output_of(opinion("pop3", port, tmp_path))
            finally:
                server.close()
                await server.wait_closed()

    said = asyncio.run(ask())
    assert any(words in said for words in BAD_NEWS), said


def gullible(wire: Wire) -> Dialog[Upgrade]:
    """Keep what came behind STLS, and answer it inside TLS: CVE-2011-0411 once more."""
    wire.send_line("+OK ready")
    while True:
        while (command := wire.through(b"\n")) is None:
            yield from wire.more(1000)
        match command.strip().upper():
            case b"STLS":
                kept = wire.take(wire.waiting)
                wire.send_line("+OK go")
                yield from wire.flush()
                yield StartTLS()
                wire.secure = True
                wire.hear(kept)
            case b"CAPA":
                wire.send_line(f"+OK\r\n{OFFER}\r\nUSER\r\n.")
            case b"QUIT":
                return Upgrade(Outcome.NOT_ASKED)
            case _:
                wire.send_line("-ERR what")


async def listen(
    dialog: Callable[[Wire], Dialog[Upgrade]], context: ssl.SSLContext
) -> asyncio.Server:
    """Serve one dialog on loopback."""

    def begin() -> Exchange[Upgrade]:
        talk = Conversation(
            dialog, lambda: Tunnel(context, None, server_side=True), side=Side.SERVER
        )
        exchange = Exchange(talk, leave=True)
        exchange.finished.add_done_callback(lambda ending: ending.exception())
        return exchange

    return await asyncio.get_running_loop().create_server(begin, "127.0.0.1", 0)

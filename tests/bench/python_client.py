"""Our client in the race: the same dialogs as the C client's, with our own drivers.

``bare`` is the dialog and what the C client checks: the path to the root and the name, and no
waiting for anything unsolicited. ``evidence`` is what ``unstrip check`` keeps: the transcript
whole, the chain as DER, every certificate of it parsed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import uvloop
from OpenSSL import SSL

from unstrip.bundled import BundledTunnel, client_context
from unstrip.certificates import identifiers, matches, read, webpki
from unstrip.conversation import Conversation
from unstrip.evidence import Endpoint
from unstrip.handshake import Handshake
from unstrip.io.asyncio import Exchange, attend
from unstrip.io.session import Terms, Unmet
from unstrip.io.trust import anchors
from unstrip.protocols import smtp
from unstrip.upgrade import SECURE_OUTCOMES, Asking, Upgrade
from unstrip.wire import Dialog, Wire

Dialogue = Callable[[], Awaitable[bool]]


def dialog(wire: Wire) -> Dialog[Upgrade]:
    """Greeting, EHLO, STARTTLS, EHLO inside, QUIT."""
    upgrade = yield from smtp.client(wire, Asking("bench"))
    yield from smtp.farewell(wire)
    return upgrade


def bare(options: argparse.Namespace) -> Dialogue:
    """Make the client that talks and verifies, and keeps nothing."""
    context = client_context(options.ca_file)

    async def talk() -> bool:
        tunnel = BundledTunnel(context, options.name)

        def verify(found: Handshake) -> Handshake:
            if tunnel.path_faults or not matches(identifiers(found.chain[0]), options.name):
                raise Unmet("not who it should be")
            return found

        loop = asyncio.get_running_loop()
        _, exchange = await loop.create_connection(
            lambda: Exchange(Conversation(dialog, lambda: tunnel, inspect=verify), leave=True),
            options.host,
            options.port,
        )
        try:
            return (await exchange.finished).outcome in SECURE_OUTCOMES
        finally:
            exchange.close()

    return talk


def evidence(options: argparse.Namespace) -> Dialogue:
    """Make the client that keeps everything."""
    endpoint = Endpoint(options.name, options.port, "smtp")
    terms = Terms(
        ask=Asking("bench", insist=True),
        connect_to=options.host,
        roots=anchors(Path(options.ca_file)),
    )

    async def talk() -> bool:
        seen = await attend(endpoint, terms)
        handshake = seen.handshake
        if not seen.secured or handshake is None or handshake.webpki is None:
            return False
        for der in handshake.chain:
            read(der)
        read.cache_clear()  # the next host would have another chain
        return handshake.webpki.valid

    return talk


async def race(talk: Dialogue, dialogs: int, concurrency: int) -> int:
    """Hold `dialogs` dialogs, `concurrency` at once; return how many failed."""
    waiting: Iterator[int] = iter(range(dialogs))
    failed = 0

    async def work() -> None:
        nonlocal failed
        for _ in waiting:
            try:
                good = await talk()  # not inside the sum: others count meanwhile
                failed += not good
            except Exception as error:  # noqa: BLE001  # whatever it was, it counts as failed
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
                failed += 1

    await asyncio.gather(*(work() for _ in range(concurrency)))
    return failed


def main() -> None:
    """Race once and print one line of JSON, as the C client does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=["bare", "evidence"], required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ca-file", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--dialogs", type=int, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    options = parser.parse_args()
    talk = {"bare": bare, "evidence": evidence}[options.mode](options)
    _load(Path(options.ca_file))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        started, before = monotonic(), resource.getrusage(resource.RUSAGE_SELF)
        failures = runner.run(race(talk, options.dialogs, options.concurrency))
        wall, after = monotonic() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    done = options.dialogs - failures
    print(json.dumps(_line(done, failures, wall, cpu, after.ru_maxrss * 1024)))


def _load(roots: Path) -> None:
    """Import and read what is read once, before the clock starts, as the C client does."""
    der = ssl.PEM_cert_to_DER_cert(roots.read_text())
    webpki((der,), "localhost", anchors(roots), datetime.now(UTC))
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # as `unstrip.io.asyncio.run` does


def _line(dialogs: int, failures: int, wall: float, cpu: float, rss: int) -> dict[str, object]:
    return {
        "dialogs": dialogs,
        "failures": failures,
        "wall": wall,
        "cpu": cpu,
        "peak_rss": rss,
        "library": SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode(),
    }


if __name__ == "__main__":
    main()

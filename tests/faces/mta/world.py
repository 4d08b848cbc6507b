"""A world for the daemon: domains by name, a clock that can be moved, a client that talks bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.io.test_inquiry import World
from tests.policy.answering import N, addresses, failure, found, nothing, page, text
from unstrip.faces.mta.desk import Desk
from unstrip.faces.mta.server import Limits, Service
from unstrip.policy.mta_sts import PATH
from unstrip.policy.questions import Dns, Kind, Mx

PLAIN, STRICT = "plain.example", "strict.example"  # without a policy, and with one
LOST = "lost.example"  # nobody can say where its mail goes
LIMITS = Limits()
TOLD = b"53:OK secure match=mx.strict.example servername=hostname,"
NOTHING = b"9:NOTFOUND ,"


def domain(name: str, *, strict: bool = False) -> list[dict]:
    """What the world says of a domain, whose server is mx."""
    host = f"mx.{name}"
    there = [{Dns(name, Kind.MX): found(Mx(10, host), security=N)}, addresses(host, N)]
    unannounced = {Dns(f"_mta-sts.{name}", Kind.TXT): nothing(N)}
    return [*there, *(policy(name, host) if strict else [unannounced])]


def policy(name: str, host: str) -> list[dict]:
    """What it says of the MTA-STS policy of a policy domain."""
    body = f"version: STSv1\nmode: enforce\nmax_age: 604800\nmx: {host}\n".encode()
    record = text(f"_mta-sts.{name}", b"v=STSv1; id=1")
    return [record, page(f"mta-sts.{name}", PATH, body)]


def world() -> World:
    lost = {Dns(LOST, Kind.MX): failure(), Dns(f"_mta-sts.{LOST}", Kind.TXT): nothing(N)}
    return World(*domain(PLAIN), *domain(STRICT, strict=True), lost)


def ask(name: str, verb: str = "QUERY") -> bytes:
    payload = f"{verb} {name}".encode()
    return b"%d:%b," % (len(payload), payload)


@asynccontextmanager
async def served(
    desk: Desk,
    limits: Limits = LIMITS,
    path: Path | None = None,
) -> AsyncIterator[tuple[Service, str | Path, int]]:
    """A service that listens on loopback, or at a path; where it does."""
    loop = asyncio.get_running_loop()
    service = Service(desk, limits)
    if path is not None:
        listener = await loop.create_unix_server(service.connection, path)
        where, port = path, 0
    else:
        listener = await loop.create_server(service.connection, "127.0.0.1", 0)
        where, port = listener.sockets[0].getsockname()
    try:
        yield service, where, port
    finally:
        listener.close()
        await service.close(1)
        await desk.close()


async def connected(where: str | Path, port: int):
    if isinstance(where, Path):
        return await asyncio.open_unix_connection(where)
    return await asyncio.open_connection(where, port)

"""The command, asked about a server of ours that speaks FERRY, and then behind a box.

Run by itself it prints what `check --json` does, for the one and for the other.
"""

from __future__ import annotations

import asyncio
import sys

from unstrip.lab.authority import Authority
from unstrip.lab.middlebox import middlebox
from unstrip.lab.servers import serve


async def check(port: int, ca_file: str) -> None:
    """Let the command say what it makes of that port."""
    command = (sys.executable, "-m", "unstrip", "check", f"ferry://localhost:{port}", "--json")
    options = ("--ca-file", ca_file, "--connect-to", "127.0.0.1", "--no-store")
    process = await asyncio.create_subprocess_exec(*command, *options)
    await process.wait()


async def main() -> None:
    with Authority() as authority:
        async with (
            serve("ferry", authority.context("localhost")) as server,
            middlebox("remove-offer", "ferry", upstream=(server.host, server.port)) as box,
        ):
            for port in (server.port, box.port):
                await check(port, str(authority.ca_file))


asyncio.run(main())

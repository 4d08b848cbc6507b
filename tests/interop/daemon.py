"""Our daemon's desks in a thread of this process, at sockets that every user can reach."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faces.mta.world import served
from unstrip.faces.mta.desk import Desk, Inquirer
from unstrip.mta.tongue import Tongue

PATIENCE = 15.0  # seconds to start and to stop


@contextmanager
def serving(
    tongue: Tongue, make: Callable[[], Inquirer], path: Path | None = None
) -> Iterator[str]:
    """Serve in one tongue; where, as Postfix writes it: "inet:host:port" or "unix:path".

    Args: make: called within that thread.
    """
    places: list[str] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with served(Desk(tongue, make()), path=path) as (_, where, port):
            places.append(f"unix:{path}" if path else f"inet:{where}:{port}")
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        if path is not None:
            path.chmod(0o666)
        yield places[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE)
        loop.close()

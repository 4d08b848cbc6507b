"""Attempts at a real server: by both drivers, through a link, by the command, past a trick."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

import unstrip
from tests.faces.cli.command import Ran, run
from tests.interop.rows import Row
from tests.interop.servers import HOSTNAME, LOCALHOST
from tests.protocols.specimen import only_permitted
from unstrip.evidence import Endpoint, Evidence
from unstrip.io import asyncio as aio
from unstrip.io import blocking
from unstrip.io.session import Terms
from unstrip.io.trust import anchors
from unstrip.lab.crossings import Leg
from unstrip.lab.middlebox import middlebox
from unstrip.transcript import Layer, Side, said
from unstrip.upgrade import Asking

T = TypeVar("T")
PATIENCE = 10.0  # seconds; a loaded machine may need a few
IMPATIENCE = 2.0  # where silence has to be waited for


@dataclass(frozen=True, slots=True)
class Goal:
    """Where an attempt goes.

    Attributes:
        row: the protocol, and how its server is reached.
        server: the running server.
        ca: whom to trust.
        implicit: to the port that has TLS from the first byte.
        port: of a middlebox before it, if there is one.
        patience: seconds.
    """

    row: Row
    server: Any
    ca: Path
    implicit: bool = False
    port: int = 0
    patience: float = PATIENCE

    @property
    def url(self) -> str:
        """What a user would write."""
        scheme = self.row.implicit_scheme if self.implicit else self.row.scheme
        return f"{scheme}://{HOSTNAME}:{self.port or self.servers_port}"

    @property
    def servers_port(self) -> int:
        """The server's own."""
        name = self.row.implicit_port if self.implicit else self.row.port
        port: int = getattr(self.server, name)
        return port

    @property
    def session(self) -> tuple[Endpoint, Terms]:
        """What a driver is told: to ask for TLS in any case."""
        port = self.port or self.servers_port
        asking = Asking(self.row.helo, insist=True)
        terms = Terms(asking, self.patience, connect_to=LOCALHOST, roots=anchors(self.ca))
        return Endpoint(HOSTNAME, port, self.row.protocol, self.implicit), terms

    @property
    def requirement(self) -> unstrip.Requirement:
        """What a link has to be: to that server and to nobody else."""
        return unstrip.Requirement(
            connect_to=LOCALHOST, ca_file=self.ca, helo=self.row.helo, timeout=self.patience
        )


# -- by a driver -----------------------------------------------------------------------

Attend = Callable[[Goal], Evidence]


def attend_blocking(goal: Goal) -> Evidence:
    return blocking.attend(*goal.session)


def attend_asyncio(goal: Goal) -> Evidence:
    return aio.run(partial(aio.attend, *goal.session))


DRIVERS: dict[str, Attend] = {"blocking": attend_blocking, "asyncio": attend_asyncio}
both_drivers = pytest.mark.parametrize("attend", DRIVERS.values(), ids=DRIVERS)


def kept_quiet(evidence: Evidence) -> bool:
    """Tell whether we said nothing in clear but what the protocol allows."""
    clear = said(evidence.transcript, Side.CLIENT, Layer.CLEAR)
    return only_permitted(evidence.endpoint.protocol, clear)


# -- through a link --------------------------------------------------------------------

Link = Callable[[Goal], Evidence]


def link_blocking(goal: Goal) -> Evidence:
    with unstrip.connect_blocking(goal.url, goal.requirement) as link:
        return link.evidence


def link_asyncio(goal: Goal) -> Evidence:
    async def main() -> Evidence:
        async with unstrip.connect(goal.url, goal.requirement) as link:
            return link.evidence

    return aio.run(main)


both_links = pytest.mark.parametrize(
    "link", [link_blocking, link_asyncio], ids=["blocking", "asyncio"]
)


# -- by the command --------------------------------------------------------------------


def check(goal: Goal) -> Ran:
    """Run `unstrip check`."""
    trust = ("--ca-file", goal.ca, "--connect-to", LOCALHOST, "--helo", goal.row.helo)
    return run("check", goal.url, *trust, "--timeout", goal.patience, "--no-store", "--json")


# -- past a trick ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Staged:
    """A trick that is being played on whoever comes for `goal`."""

    goal: Goal
    in_clear: Callable[[], bytes]  # what the client said so, read where it crossed


@contextmanager
def behind(trick: str, goal: Goal) -> Iterator[Staged]:
    """Play the trick before the server, in a thread of its own, while the block lasts."""
    with loop_apart() as wait:
        stack = AsyncExitStack()
        implicit = goal.row.implicit_port and getattr(goal.server, goal.row.implicit_port)
        box = wait(
            stack.enter_async_context(
                middlebox(
                    trick,
                    goal.row.protocol,
                    upstream=(LOCALHOST, goal.servers_port),
                    implicit_upstream=(LOCALHOST, implicit) if implicit else None,
                )
            )
        )

        def in_clear() -> bytes:
            wait(box.alone())  # so that everything that was said has crossed
            return box.crossings.in_clear(Leg.FROM_CLIENT)

        try:
            yield Staged(replace(goal, port=box.port), in_clear)
        finally:
            wait(stack.aclose())


@contextmanager
def loop_apart() -> Iterator[Callable[[Coroutine[Any, Any, T]], T]]:
    """An event loop in a thread of its own, as a function that waits for coroutines there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

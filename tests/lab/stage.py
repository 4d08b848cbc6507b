"""The stage: our own client, through a middlebox, to our own server."""

import asyncio
import gc
from collections.abc import Callable
from dataclasses import dataclass

from unstrip.evidence import Endpoint, Evidence
from unstrip.io.asyncio import attend
from unstrip.io.asyncio import run as run_uvloop
from unstrip.io.session import Terms
from unstrip.io.trust import anchors
from unstrip.lab.authority import Authority
from unstrip.lab.crossings import Crossings, Leg
from unstrip.lab.dialects import DIALECTS
from unstrip.lab.middlebox import middlebox
from unstrip.lab.servers import serve
from unstrip.lab.tricks import TRICKS, protocols
from unstrip.upgrade import Asking, Manner

PROTOCOLS = tuple(DIALECTS)
LOCALHOST = "127.0.0.1"
OVERALL = 5.0  # seconds for one experiment: a hang is a failure of its own


def playable(trick: str) -> tuple[str, ...]:
    """The protocols that there is such an attack on."""
    return protocols(TRICKS[trick])


@dataclass(frozen=True)
class Scene:
    """What one experiment showed."""

    seen: tuple[Evidence, ...]
    crossings: Crossings
    troubles: tuple[Exception, ...]

    @property
    def only(self) -> Evidence:
        (evidence,) = self.seen
        return evidence

    def clear_lines(self, leg: Leg, connection: int = 1) -> list[bytes]:
        return self.crossings.in_clear(leg, connection).splitlines(keepends=True)


def run_asyncio(main):
    return asyncio.run(main())


RUNNERS: dict[str, Callable] = {"asyncio": run_asyncio, "uvloop": run_uvloop}


def run(main, runner=run_asyncio):
    """Run a coroutine function under a deadline; what it leaves unclosed makes noise here."""

    async def bounded():
        async with asyncio.timeout(OVERALL):
            return await main()

    result = runner(bounded)
    gc.collect()
    return result


def play(
    authority: Authority,
    trick: str,
    protocol: str,
    *,
    visits: int = 1,
    manner: Manner = Manner.PLAIN,
    insist: bool = True,
    offer: bool = True,
    naive: bool = False,
    reply: str = "",
    timeout: float = 3.0,
    settle: float | None = None,
    runner=run_asyncio,
) -> Scene:
    """Try our own client against `trick`."""
    terms = Terms(
        ask=Asking(insist=insist, manner=manner),
        timeout=timeout,
        settle=settle,
        connect_to=LOCALHOST,
        roots=anchors(authority.ca_file),
    )
    context, implicit_context = (authority.context("localhost") for _ in range(2))

    async def experiment() -> Scene:
        async with (
            serve(protocol, context, offer=offer) as server,
            serve(protocol, implicit_context, implicit=True) as implicit,
            middlebox(
                trick,
                protocol,
                upstream=(server.host, server.port),
                implicit_upstream=(implicit.host, implicit.port),
                naive=naive,
                reply=reply,
            ) as box,
        ):
            endpoint = Endpoint("localhost", box.port, protocol)
            seen = [await attend(endpoint, terms) for _ in range(visits)]
            await box.alone()  # so that everything that was said has crossed
        return Scene(tuple(seen), box.crossings, tuple(box.troubles))

    return run(experiment, runner)

"""The road from a sender to the mail servers, with the lab's middlebox standing in it.

It stands where the MX records point, and the servers are behind it, at another port of the same
addresses. What it does can be changed while all are running. Everything that a sender writes is
kept as it crossed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.interop.attempts import loop_apart
from tests.interop.mail.letters import marks
from unstrip.lab.crossings import Crossing, Leg, in_clear
from unstrip.lab.middlebox import Middlebox, middlebox
from unstrip.lab.trick import Trick
from unstrip.lab.tricks import trick_named

SMTP: Final = 25
BEHIND: Final = 2525  # where the servers are
HONEST: Final = "pass"
TRICKS: Final = ("remove-offer", "mask-offer", "refuse", "own-certificate", "inject")
MOST: Final = 500  # clients at a time


@dataclass(frozen=True, slots=True)
class Visit:
    """What one client has written on one connection.

    Attributes: trick: what was being played on it; clear: outside TLS; read: inside TLS with the
        middlebox itself.
    """

    trick: str
    clear: bytes
    read: bytes


class Road:
    """The road while there is traffic on it; `play` changes what happens to those who come.

    Args: own: tricks beside those of the lab.
    """

    def __init__(self, own: Mapping[str, type[Trick]]) -> None:
        self._own = own
        self._boxes: list[Middlebox] = []
        self._heard: list[tuple[str, Crossing]] = []  # at which address, and what
        self._tricks: dict[tuple[str, int], str] = {}  # by connection

    def play(self, trick: str) -> None:
        """Do this from now on to everybody who comes, at all addresses."""
        for box in self._boxes:
            box.trick = self._own.get(trick) or trick_named(trick)

    def visits(self) -> list[Visit]:
        """What was written, connection by connection."""
        written: dict[tuple[str, int], tuple[list[bytes], list[bytes]]]
        written = defaultdict(lambda: ([], []))
        for address, crossing in tuple(self._heard):
            written[address, crossing.connection][crossing.inside].append(crossing.data)
        return [
            Visit(self._tricks[key], in_clear(b"".join(raw)), b"".join(read))
            for key, (raw, read) in written.items()
        ]

    def _note(self, address: str, crossing: Crossing) -> None:
        if crossing.leg is not Leg.FROM_CLIENT:
            return
        box = next(box for box in self._boxes if box.host == address)
        self._tricks.setdefault((address, crossing.connection), box.trick.NAME)
        self._heard.append((address, crossing))

    async def open(self, stack: AsyncExitStack, addresses: Iterable[str]) -> None:
        """Stand in the road to each of these."""
        for address in addresses:
            box = middlebox(
                HONEST,
                "smtp",
                upstream=(address, BEHIND),
                listen=(address, SMTP),
                most=MOST,
                watch=partial(self._note, address),
            )
            self._boxes.append(await stack.enter_async_context(box))


@contextmanager
def a_road(own: Mapping[str, type[Trick]], *addresses: str) -> Iterator[Road]:
    """The road to servers at these addresses; honest, to begin with."""
    road, stack = Road(own), AsyncExitStack()
    with loop_apart() as wait:
        try:
            wait(road.open(stack, addresses))
            yield road
        finally:
            wait(stack.aclose())


def in_the_clear(visits: Iterable[Visit]) -> set[str]:
    """The marks of all letters of which anything crossed outside TLS."""
    return set().union(*(marks(visit.clear) for visit in visits))


def overheard(visits: Iterable[Visit]) -> set[str]:
    """The marks of all letters of which the middlebox could read anything, anyhow."""
    return set().union(*(marks(visit.clear + visit.read) for visit in visits))

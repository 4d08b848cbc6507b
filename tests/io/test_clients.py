"""Letting clients go: each in its own time, and none for longer than is borne with."""

from __future__ import annotations

import asyncio

from unstrip.io.clients import let_go


class Client:
    """One that leaves when it is told to, or never."""

    def __init__(self, clients: set[Client], *, obeys: bool) -> None:
        self.gone = asyncio.get_running_loop().create_future()
        self.aborted, self._clients, self._obeys = False, clients, obeys
        clients.add(self)

    def leave(self) -> None:
        if self._obeys:
            self._clients.discard(self)
            self.gone.set_result(None)

    def abort(self) -> None:
        self.aborted = True


def test_who_leaves_is_not_cut_off_and_who_stays_is():
    async def run() -> None:
        clients: set[Client] = set()
        good, bad = Client(clients, obeys=True), Client(clients, obeys=False)
        await let_go(clients, 0.01)
        assert (good.aborted, bad.aborted) == (False, True)

    asyncio.run(run())


def test_where_nobody_is_there_is_nothing_to_wait_for():
    asyncio.run(let_go(set(), 3600))

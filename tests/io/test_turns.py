"""Taking turns: one looks, the others wait for it, and nobody waits for long or for nothing."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from unstrip.io.store import StoreError
from unstrip.io.turns import Turn, Turns

DOMAIN, OTHER = "example.org", "example.net"


class Board:
    """Where claims are written down: by whom, for each domain."""

    def __init__(self) -> None:
        self.claims: dict[str, object] = {}
        self.tries = 0
        self.broken = False

    def turns(self, **how: float) -> Turns:
        """Those of one machine."""
        machine = object()

        async def claim(domain: str) -> bool:
            await self._touch()
            self.tries += 1
            return self.claims.setdefault(domain, machine) is machine

        async def unclaim(domain: str) -> None:
            await self._touch()
            if self.claims.get(domain) is machine:
                del self.claims[domain]

        return Turns(claim, unclaim, **how)

    async def _touch(self) -> None:
        await asyncio.sleep(0)
        if self.broken:
            raise StoreError("the store is away")


@pytest.fixture
def board() -> Board:
    return Board()


async def had(turns: Turns, domain: str = DOMAIN) -> Turn:
    async with turns.of(domain) as turn:
        return turn


async def until_tried(board: Board, times: int) -> None:
    while board.tries < times:  # noqa: ASYNC110  # nobody tells when
        await asyncio.sleep(0.001)


def test_who_comes_first_has_the_first_turn_and_leaves_nothing_behind(board):
    turns = board.turns()
    assert asyncio.run(had(turns)) is Turn.FIRST
    assert asyncio.run(had(turns)) is Turn.FIRST
    assert board.claims == {}


def test_one_looks_at_a_time_and_the_others_know_that_there_was_one(board):
    looking: list[Turn] = []

    async def look() -> Turn:
        async with board.turns().of(DOMAIN) as turn:
            looking.append(turn)
            await asyncio.sleep(0.02)
            assert looking == [turn], "two are looking"
            looking.clear()
            return turn

    async def several() -> list[Turn]:
        return await asyncio.gather(*(look() for _ in range(5)))

    assert sorted(turn.value for turn in asyncio.run(several())) == ["first", *["taken-over"] * 4]
    assert board.claims == {}


def test_nobody_waits_for_another_domain(board):
    async def both() -> Turn:
        async with board.turns().of(DOMAIN):
            return await had(board.turns(), OTHER)

    assert asyncio.run(both()) is Turn.FIRST


def test_a_claim_whose_owner_is_gone_is_taken_over(board):
    async def gone() -> Turn:
        board.claims[DOMAIN] = "a machine"
        waiting = asyncio.create_task(had(board.turns()))
        await until_tried(board, 2)
        del board.claims[DOMAIN]
        return await waiting

    assert asyncio.run(gone()) is Turn.AFTER


def test_who_has_waited_long_enough_looks_and_leaves_the_claim_alone(board):
    board.claims[DOMAIN] = "a machine that hangs"
    began = monotonic()
    assert asyncio.run(had(board.turns(patience=0.2))) is Turn.LATE
    assert 0.2 <= monotonic() - began < 5
    assert board.claims == {DOMAIN: "a machine that hangs"}


def test_it_is_tried_again_ever_less_often(board):
    board.claims[DOMAIN] = "a machine that hangs"
    asyncio.run(had(board.turns(patience=1)))
    assert 3 <= board.tries <= 9


def test_who_cannot_claim_anything_looks_at_once(board):
    board.broken = True
    began = monotonic()
    assert asyncio.run(had(board.turns())) is Turn.FREE
    assert monotonic() - began < 5


def test_who_waits_when_the_store_fails_looks_at_once(board):
    async def fails() -> Turn:
        board.claims[DOMAIN] = "a machine"
        waiting = asyncio.create_task(had(board.turns()))
        await until_tried(board, 2)
        board.broken = True
        return await waiting

    assert asyncio.run(fails()) is Turn.FREE


def test_a_store_that_fails_before_the_claim_is_taken_back_is_no_trouble_for_who_looked(board):
    async def fails() -> Turn:
        async with board.turns().of(DOMAIN) as turn:
            board.broken = True
            return turn

    assert asyncio.run(fails()) is Turn.FIRST


def test_what_goes_wrong_meanwhile_is_told_and_the_claim_taken_back(board):
    async def fails() -> None:
        async with board.turns().of(DOMAIN):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(fails())
    assert board.claims == {}


def test_one_who_is_called_off_claims_nothing_any_more(board):
    async def called_off() -> None:
        async with asyncio.timeout(0.05), board.turns().of(DOMAIN):
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        asyncio.run(called_off())
    assert board.claims == {}


def test_nobody_claims_more_than_the_store_has_room_for(board):
    turns = board.turns(most=1)

    async def both() -> tuple[Turn, Turn]:
        async with turns.of(DOMAIN) as first:
            return first, await had(turns, OTHER)

    assert asyncio.run(both()) == (Turn.FIRST, Turn.FREE)
    assert asyncio.run(had(turns, OTHER)) is Turn.FIRST


def test_no_more_are_claimed_than_there_may_be_however_many_come_at_once(board):
    turns = board.turns(most=3)
    entered = asyncio.Event()

    async def hold(domain: str) -> Turn:
        async with turns.of(domain) as turn:
            await entered.wait()
            return turn

    async def run() -> list[Turn]:
        holding = [asyncio.create_task(hold(f"{number}.example")) for number in range(20)]
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(board.claims) == 3
        entered.set()
        return await asyncio.gather(*holding)

    found = asyncio.run(run())
    assert (found.count(Turn.FIRST), found.count(Turn.FREE)) == (3, 17)
    assert not board.claims

"""Doing many things, some at a time."""

from __future__ import annotations

import asyncio

import pytest

from unstrip.io.rolling import rolling

PATIENCE = 30.0


def done(work, most, into):
    async def run():
        async with asyncio.timeout(PATIENCE):
            into.extend([each async for each in rolling(work, most)])

    asyncio.run(run())


def test_each_is_done_once_and_so_many_at_a_time():
    running, peak = 0, 0

    async def one(number):
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0)
        running -= 1
        return number

    done((one(number) for number in range(20)), 3, found := [])
    assert sorted(found) == [*range(20)]
    assert peak == 3


def test_one_that_takes_long_holds_up_nobody():
    free = asyncio.Event()

    async def last():
        free.set()
        return "last"

    async def slow():
        await free.wait()
        return "slow"

    async def quick():
        return "quick"

    done(iter([slow(), quick(), quick(), last()]), 2, found := [])
    assert sorted(found) == ["last", "quick", "quick", "slow"]


def test_what_goes_wrong_ends_nobody_who_has_begun_and_is_raised_after():
    failed, ended, begun = asyncio.Event(), [], []

    async def fails():
        failed.set()
        raise ValueError("mine")

    async def goes_on():
        await failed.wait()
        await asyncio.sleep(0)
        ended.append(True)

    async def never():
        begun.append(True)

    with pytest.raises(ValueError, match="mine"):
        done((each() for each in (goes_on, fails, never, never)), 2, [])
    assert (ended, begun) == ([True], [])


def test_what_goes_wrong_where_work_comes_from_is_raised_after_the_others():
    ended = []

    async def one():
        await asyncio.sleep(0)
        ended.append(True)

    def work():
        yield one()
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        done(work(), 5, [])
    assert ended == [True]


def test_who_wants_to_know_no_more_ends_the_others():
    cancelled = []

    async def quick():
        return 1

    async def waits():
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def run():
        found = rolling(iter([waits(), quick()]), 2)
        assert await anext(found) == 1
        await found.aclose()
        await asyncio.sleep(0)

    asyncio.run(run())
    assert cancelled == [True]

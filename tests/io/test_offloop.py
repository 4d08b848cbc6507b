"""Calls beside the loop: in their order, one at a time, and the loop never waits."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from unstrip.io.offloop import OffLoop

PATIENCE = 20


def test_what_a_call_returns_or_raises_is_what_one_gets():
    async def within():
        aside = OffLoop()
        assert await aside.do(divmod, 7, 2) == (3, 1)
        assert await aside.do(int, "ff", base=16) == 255
        with pytest.raises(ZeroDivisionError):
            await aside.do(divmod, 1, 0)
        return await aside.do(threading.current_thread)

    assert asyncio.run(within()) is not threading.current_thread()


def test_calls_are_made_one_after_another_in_their_order_by_one_thread():
    aside, made = OffLoop(), []
    told = [aside.later(lambda n=n: made.append((n, threading.get_ident()))) for n in range(100)]
    told[-1].result(PATIENCE)
    assert [number for number, _ in made] == list(range(100))
    assert len({thread for _, thread in made}) == 1


def test_the_loop_goes_on_while_a_call_is_made():
    async def within():
        aside, over = OffLoop(), threading.Event()
        waiting = asyncio.create_task(aside.do(over.wait, PATIENCE))
        await asyncio.sleep(0)
        over.set()  # which it could not, if the loop were held up
        return await waiting

    assert asyncio.run(within())


def test_a_call_that_nobody_waits_for_any_more_is_not_begun_and_hinders_no_other():
    async def within():
        aside, over, made = OffLoop(), threading.Event(), []
        first = aside.later(over.wait, PATIENCE)
        given_up = asyncio.create_task(aside.do(made.append, "given up"))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait({given_up})
        over.set()
        await aside.do(made.append, "the next")
        return made, first.result()

    assert asyncio.run(within()) == (["the next"], True)


def test_what_is_to_be_done_once_is_queued_once_and_again_when_it_is_done():
    aside, made, over = OffLoop(), [], threading.Event()

    def call():
        made.append(over.wait(PATIENCE))

    for _ in range(100):
        aside.once(call)
    over.set()
    aside.later(int).result(PATIENCE)
    assert made == [True]
    aside.once(call)
    aside.later(int).result(PATIENCE)
    assert made == [True, True]


def test_its_thread_ends_when_nobody_can_ask_for_more():
    aside = OffLoop()
    thread = aside.later(threading.current_thread).result(PATIENCE)
    assert thread.daemon
    del aside
    gc.collect()
    thread.join(PATIENCE)
    assert not thread.is_alive()

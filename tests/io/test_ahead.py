"""Asking ahead: together, what will be asked anyway, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from tests.policy.answering import N, U, addresses, found
from tests.policy.test_dane import DOMAIN, MX1, MX2, mx, tlsa
from unstrip.io.ahead import AT_ONCE, Ahead
from unstrip.policy.questions import Dns, Kind, Mx

QUESTION = Dns(DOMAIN, Kind.MX)
FOLLOWING = [Dns(host, kind) for host in (MX1, MX2) for kind in (Kind.A, Kind.AAAA)]


class Resolver:
    """Answers from a dictionary; what is held up has no answer yet."""

    def __init__(self, *answers):
        self.told = {question: answer for each in answers for question, answer in each.items()}
        self.asked, self.held, self.under_way, self.called_off = [], set(), 0, []
        self.going_on = asyncio.Event()

    async def __call__(self, question):
        self.asked.append(question)
        self.under_way += 1
        try:
            if question in self.held:
                await self.going_on.wait()
            return self.told[question]
        except asyncio.CancelledError:
            self.called_off.append(question)
            raise
        finally:
            self.under_way -= 1


def named(security=N):
    return Resolver(mx(MX1, MX2, security=security), addresses(MX1), addresses(MX2))


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


def test_the_addresses_of_all_hosts_are_asked_for_at_once_and_nothing_else():
    resolver = named()
    resolver.told |= tlsa(MX1)
    resolver.held = set(FOLLOWING)

    async def drive():
        async with Ahead(resolver) as ahead:
            await ahead.ask(QUESTION)
            await turns()
            return resolver.under_way, list(resolver.asked)

    assert asyncio.run(drive()) == (4, [QUESTION, *FOLLOWING])


def test_who_asks_for_what_was_asked_ahead_gets_that_answer_and_nobody_is_asked_twice():
    resolver = named()

    async def drive():
        async with Ahead(resolver) as ahead:
            return [await ahead.ask(question) for question in (QUESTION, *FOLLOWING, *FOLLOWING)]

    answers = asyncio.run(drive())
    assert answers == [resolver.told[q] for q in (QUESTION, *FOLLOWING, *FOLLOWING)]
    assert resolver.asked == [QUESTION, *FOLLOWING]


def test_where_nobody_whom_we_believe_has_looked_nothing_is_asked_ahead():
    resolver = named(U)

    async def drive():
        async with Ahead(resolver) as ahead:
            await ahead.ask(QUESTION)
            await turns()

    asyncio.run(drive())
    assert resolver.asked == [QUESTION]


def test_only_so_many_are_asked_at_a_time():
    hosts = [f"mx{number}.{DOMAIN}" for number in range(AT_ONCE)]
    resolver = Resolver(
        {QUESTION: found(*(Mx(10, host) for host in hosts))}, *map(addresses, hosts)
    )
    resolver.held = set(resolver.told) - {QUESTION}

    async def drive():
        async with Ahead(resolver) as ahead:
            await ahead.ask(QUESTION)
            await turns()
            busy = resolver.under_way
            resolver.going_on.set()
            await ahead.ask(Dns(hosts[-1], Kind.AAAA))
            return busy

    assert asyncio.run(drive()) == AT_ONCE
    assert len(resolver.asked) == 1 + 2 * len(hosts)


def test_what_is_still_under_way_at_the_end_is_called_off():
    resolver = named()
    resolver.held = set(FOLLOWING[2:])

    async def drive():
        async with Ahead(resolver) as ahead:
            await ahead.ask(QUESTION)
            await ahead.ask(FOLLOWING[0])
            await turns()
        return len(asyncio.all_tasks())

    assert asyncio.run(drive()) == 1
    assert resolver.called_off == FOLLOWING[2:]


def test_an_error_is_for_the_one_who_asks():
    resolver = named()
    del resolver.told[FOLLOWING[0]]
    shouted = []

    async def drive():
        asyncio.get_running_loop().set_exception_handler(lambda _, told: shouted.append(told))
        async with Ahead(resolver) as ahead:
            await ahead.ask(QUESTION)
            await turns()
            with pytest.raises(KeyError):
                await ahead.ask(FOLLOWING[0])
        async with Ahead(resolver) as ahead:
            await ahead.ask(QUESTION)
            await turns()

    asyncio.run(drive())
    assert shouted == []

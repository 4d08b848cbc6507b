"""Several machines and one memory: one looks for a policy, and the others have what it found."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import TypeVar

import pytest

from tests.io.test_inquiry import ANNOUNCED, DOMAIN, PLAIN, POLICY, UNSIGNED, World, level, sts
from tests.policy.answering import N, failure, nothing
from unstrip.io import inquiry as module
from unstrip.io.inquiry import Inquiry, Looked
from unstrip.io.store import Store, StoreError, open_store
from unstrip.policy import Level
from unstrip.policy.mta_sts import Known

PATIENCE = 20.0  # seconds
T = TypeVar("T")


class Machine:
    """One of those that share a store, as it looks from there: claims are of one at a time."""

    def __init__(self, store: Store, claims: dict[str, Machine]) -> None:
        self.known, self.remember = store.known, store.remember
        self.derived, self.keep_derived, self.era = store.derived, store.keep_derived, store.era
        self.turns: Counter[str] = Counter()
        self.tries = 0
        self._claims = claims

    def claim(self, domain: str) -> bool:
        self.tries += 1
        return self._claims.setdefault(domain, self) is self

    def unclaim(self, domain: str) -> None:
        del self._claims[domain]

    def inquiry(self, world: World) -> Inquiry:
        return world.inquiry(memory=self, turned=lambda turn: self.turns.update([turn]))


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "store.sqlite3")) as opened:
        yield opened


@pytest.fixture
def claims() -> dict[str, Machine]:
    return {}


@pytest.fixture
def machines(store, claims) -> list[Machine]:
    return [Machine(store, claims) for _ in range(3)]


def looked(machine: Machine, world: World) -> Known:
    """What one of them comes to know."""
    return asyncio.run(machine.inquiry(world).look(DOMAIN)).known


def looked_at_once(machines: list[Machine], world: World, **how: bool) -> list[Known]:
    """What all of them come to know; nobody has an answer before all want one."""

    async def several() -> list[Looked]:
        world.hold_up()
        before = [machine.tries for machine in machines]
        looks = [machine.inquiry(world).look(DOMAIN, **how) for machine in machines]
        looking = asyncio.gather(*looks)
        await until(lambda: all(m.tries > n for m, n in zip(machines, before, strict=True)))
        world.go_on()
        return await looking

    return [one.known for one in asyncio.run(several())]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # nobody tells when
            await asyncio.sleep(0.001)


def outcomes(machines: list[Machine]) -> Counter[str]:
    return sum((machine.turns for machine in machines), Counter())


def test_one_looks_and_all_have_what_it_found(machines, claims):
    world = World(*UNSIGNED, sts())
    found = looked_at_once(machines, world)
    assert found[0].policy is not None
    assert found == found[:1] * 3
    assert Counter(world.asked) == {ANNOUNCED: 1, POLICY: 1}
    assert outcomes(machines) == {"first": 1, "shared": 2}
    assert claims == {}


def test_that_there_is_nothing_is_worth_knowing_as_well(machines):
    world = World()
    assert [known.policy for known in looked_at_once(machines, world)] == [None] * 3
    assert Counter(world.asked) == {ANNOUNCED: 1}


def test_nor_does_anybody_ask_again_after_a_failure(machines):
    world = World()
    world.say({ANNOUNCED: failure()})
    assert all(known.record.words for known in looked_at_once(machines, world))
    assert Counter(world.asked) == {ANNOUNCED: 1}


def test_one_look_is_enough_for_all_who_want_a_new_one(machines):
    world = World(*UNSIGNED, sts())
    looked(machines[0], world)
    world.say(sts("testing", id_=b"2"))
    assert [known.id for known in looked_at_once(machines, world, again=True)] == ["2"] * 3
    assert Counter(world.asked) == {ANNOUNCED: 2, POLICY: 2}


def test_what_another_has_found_holds_whatever_its_clock_says(machines, monkeypatch):
    """It is ahead of ours, so we would take its look for one that is yet to come."""
    now = module._now
    world = World(*UNSIGNED, sts())

    async def both() -> None:
        world.hold_up()
        first = asyncio.create_task(machines[0].inquiry(world).look(DOMAIN))
        await until(lambda: world.asked)
        second = asyncio.create_task(machines[1].inquiry(world).look(DOMAIN))
        await until(lambda: machines[1].tries)
        monkeypatch.setattr(module, "_now", lambda: now() - timedelta(hours=1))
        world.go_on()
        assert (await first).known == (await second).known

    asyncio.run(both())
    assert Counter(world.asked) == {ANNOUNCED: 1, POLICY: 1}


async def waiting(machine: Machine, inquired: Awaitable[T], meanwhile: Callable[[], object]) -> T:
    """What one comes to that has waited for another, who is gone after something has happened."""
    task = asyncio.ensure_future(inquired)
    await until(lambda: machine.tries > 1)
    meanwhile()
    return await task


def test_who_finds_nothing_new_after_another_looks_itself(machines, claims):
    """The other is gone, or its store has failed."""
    world = World(*UNSIGNED, sts())
    claims[DOMAIN] = machines[1]

    def gone() -> None:
        assert POLICY not in world.asked
        del claims[DOMAIN]

    mail = machines[0].inquiry(world).mail(DOMAIN)
    assert level(asyncio.run(waiting(machines[0], mail, gone)).derivation) is Level.AUTHENTICATED
    assert outcomes(machines) == {"taken-over": 1}


def test_what_was_released_meanwhile_is_looked_for_anew(store, machines, claims):
    world = World(*UNSIGNED, sts())
    looked(machines[0], world)
    claims[DOMAIN] = machines[1]

    def released() -> None:
        store.release(DOMAIN)
        del claims[DOMAIN]

    look = machines[2].inquiry(world).look(DOMAIN, again=True)
    assert asyncio.run(waiting(machines[2], look, released)).known.policy is not None
    assert Counter(world.asked) == {ANNOUNCED: 2, POLICY: 2}


def test_what_is_released_while_it_is_derived_does_not_come_back(store, machines):
    """An operator forgets a policy, while one still waits for the servers' addresses."""
    world, known, machine = World(*UNSIGNED, sts()), [], machines[0]
    asyncio.run(machine.inquiry(world).look(DOMAIN))
    world.say({ANNOUNCED: nothing(N)})
    world.asked.clear()
    machine.known = lambda domain: known.append(store.known(domain)) or known[-1]

    async def within():
        world.hold_up()
        first = asyncio.create_task(machine.inquiry(world).decided(DOMAIN))
        await until(lambda: known and world.asked)
        store.release(DOMAIN)
        world.go_on()
        return await first, await machine.inquiry(world).decided(DOMAIN)

    before, after = asyncio.run(within())
    assert (level(before), level(after)) == (Level.AUTHENTICATED, Level.MAY)


def test_nobody_is_waited_for_where_it_is_not_time_to_look(machines, claims):
    world = World(*UNSIGNED, sts())
    looked(machines[0], world)
    claims[DOMAIN] = machines[1]
    assert looked(machines[2], world).policy is not None
    assert machines[2].turns == {}


def test_a_machine_that_cannot_claim_looks_itself(machines, monkeypatch):
    def fails(_: str) -> bool:
        raise StoreError("away")

    monkeypatch.setattr(machines[0], "claim", fails)
    world = World(*UNSIGNED, sts())
    assert looked(machines[0], world).policy is not None
    assert outcomes(machines) == {"free": 1}


def test_without_a_memory_everybody_looks():
    world = World(*UNSIGNED, sts())
    assert asyncio.run(world.inquiry(PLAIN).look(DOMAIN)).known.policy is not None

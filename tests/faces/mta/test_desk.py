"""The desk: ready when it is known, asked for once when not, and never looser for trouble."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from tests.faces.mta.world import LOST, NOTHING, PLAIN, STRICT, TOLD, ask, domain, policy, world
from tests.io.test_inquiry import wish
from tests.policy.answering import N, found
from unstrip.faces.mta import desk as desk_module
from unstrip.faces.mta.desk import Desk
from unstrip.io import inquiry as inquiry_module
from unstrip.io.store import open_store
from unstrip.mta.nexthop import NextHop
from unstrip.mta.socketmap import Socketmap
from unstrip.policy.questions import Dns, Kind, Mx


@pytest.fixture
def store(tmp_path):
    with closing(open_store(tmp_path / "store.sqlite3")) as opened:
        yield opened


def run(use, world_, store=None, **settings):
    """Run a test within its event loop; it gets a desk."""

    async def within():
        desk = Desk(Socketmap(), world_.inquiry(memory=store), **settings)
        try:
            return await use(desk)
        finally:
            await desk.close()

    return asyncio.run(within())


async def told(desk: Desk, name: str) -> bytes:
    return desk.ready(ask(name), monotonic()) or (await desk.ask(ask(name))).data


# -- ready or asked for ------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "reply"), [(STRICT, TOLD), (PLAIN, NOTHING)])
def test_what_was_asked_once_is_ready_whether_there_is_a_policy_or_not(store, name, reply):
    there = world()

    async def use(desk):
        assert desk.ready(ask(name), monotonic()) is None
        assert (await desk.ask(ask(name))).data == reply
        asked = len(there.asked)
        assert [await told(desk, name) for _ in range(5)] == [reply] * 5
        assert len(there.asked) == asked
        return desk

    desk = run(use, there, store)
    assert desk.looks == 1
    assert sum(desk.answers.values()) == 6


def test_parents_are_answered_without_a_look():
    there = world()

    async def use(desk):
        return [await told(desk, name) for name in (".strict.example", ".example", "")], desk.looks

    (parent, top, empty), looks = run(use, there)
    assert parent == top == NOTHING
    assert b"PERM" in empty
    assert (there.asked, looks) == ([], 0)


def test_however_many_wait_a_domain_is_asked_for_once():
    there = world()
    spelt = [STRICT, STRICT.upper(), f"{STRICT}.", STRICT]

    async def use(desk):
        there.hold_up()
        waiting = [desk.ask(ask(name)) for name in spelt * 20]
        await asyncio.sleep(0.01)
        there.go_on()
        return {one.data for one in await asyncio.gather(*waiting)}, desk.looks, desk.answers

    replies, looks, answers = run(use, there)
    assert (replies, looks, dict(answers)) == ({TOLD}, 1, {"secure": 80})
    assert there.asked.count(Dns(STRICT, Kind.MX)) == 1


def test_a_server_in_brackets_is_its_own_policy_domain():  # RFC 8461, 3.4
    host = f"mx.{PLAIN}"
    there = world()
    there.say(*policy(host, host))

    async def use(desk):
        return [await told(desk, name) for name in (f"[{host}]:587", "[192.0.2.1]:587")]

    named, address = run(use, there)
    assert b"OK secure match=mx.plain.example " in named
    assert address == NOTHING
    assert not [question for question in there.asked if question == Dns(PLAIN, Kind.MX)]


# -- how long ----------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """The wall clock, which can be set; the monotonic one is passed in."""

    class Clock:
        ahead = timedelta()

    class Shifted(datetime):
        @classmethod
        def now(cls, tz=UTC):
            return datetime.now(tz) + Clock.ahead

    monkeypatch.setattr(desk_module, "datetime", Shifted)
    monkeypatch.setattr(inquiry_module, "_now", Shifted.now)
    return Clock


def ready_after(desk, name, seconds):
    return desk.ready(ask(name), monotonic() + seconds)


def test_a_reply_is_ready_for_a_minute_at_most_so_that_the_store_is_heeded(store):
    async def use(desk):
        await desk.ask(ask(STRICT))
        return [ready_after(desk, STRICT, seconds) for seconds in (0, 59, 61)]

    assert run(use, world(), store) == [TOLD, TOLD, None]


def test_a_reply_is_ready_for_no_longer_than_what_it_rests_on():
    there = world()
    there.say({Dns(PLAIN, Kind.MX): found(Mx(10, f"mx.{PLAIN}"), security=N, ttl=20)})

    async def use(desk):
        await desk.ask(ask(PLAIN))
        return [ready_after(desk, PLAIN, seconds) for seconds in (0, 19, 21)]

    assert run(use, there) == [NOTHING, NOTHING, None]


def test_a_failure_is_ready_for_seconds():
    there = world()
    there.fall_silent()

    async def use(desk):
        reply = (await desk.ask(ask(STRICT))).data
        assert b"TEMP " in reply
        return [ready_after(desk, STRICT, seconds) == reply for seconds in (0, 4, 6)]

    assert run(use, there) == [True, True, False]


def test_a_clock_that_is_set_back_a_year_makes_nothing_last(store, clock):
    async def use(desk):
        await desk.ask(ask(STRICT))
        clock.ahead = -timedelta(days=365)
        assert ready_after(desk, STRICT, 61) is None
        reply = (await desk.ask(ask(STRICT))).data
        return reply, [ready_after(desk, STRICT, seconds) for seconds in (59, 61)]

    assert run(use, world(), store) == (TOLD, [TOLD, None])


# -- in good time ------------------------------------------------------------------------------


def test_who_waits_too_long_is_told_to_come_again_while_the_look_goes_on():
    there = world()

    async def use(desk):
        there.hold_up()
        first = await desk.ask(ask(STRICT))
        assert b"TEMP " in first.data
        assert b"still being found out" in first.data
        assert desk.ready(ask(STRICT), monotonic()) is None
        there.go_on()
        return (await desk.ask(ask(STRICT))).data, desk.late, desk.looks

    assert run(use, there, patience=0.05) == (TOLD, 1, 1)
    assert there.asked.count(Dns(STRICT, Kind.MX)) == 1


def test_when_too_much_is_being_looked_up_mail_waits(monkeypatch):
    monkeypatch.setattr(desk_module, "_MOST", 3)
    there = world()

    async def use(desk):
        there.hold_up()
        waiting = [desk.ask(ask(f"d{number}.example")) for number in range(5)]
        done = [one for one in waiting if one.done()]
        assert desk.ready(ask("d4.example"), monotonic()) is None
        return [one.result().data for one in done], desk.looks

    late, looks = run(use, there)
    assert len(late) == 2
    assert all(b"TEMP too much" in each for each in late)
    assert looks <= 3


# -- trouble -----------------------------------------------------------------------------------


def test_a_store_that_cannot_be_read_is_a_failure_and_not_no_policy(tmp_path):
    store = open_store(tmp_path / "store.sqlite3")
    store.close()
    noted: list[str] = []

    async def use(desk):
        return [(await desk.ask(ask(name))).data for name in (PLAIN, f"[mx.{PLAIN}]")], desk

    replies, desk = run(use, world(), store, note=noted.append)
    assert all(b"TEMP the store in " in reply for reply in replies)
    assert (desk.failures, len(noted), dict(desk.answers)) == (2, 2, {"temp": 2})


def test_a_mistake_of_ours_is_a_failure_and_not_no_policy():
    class Broken:
        async def decided(self, domain, port):
            raise ZeroDivisionError("\x1b\n")

        next_hop = decided

    noted: list[str] = []

    async def use():
        desk = Desk(Socketmap(), Broken(), note=noted.append)
        return (await desk.ask(ask(PLAIN))).data

    assert b"TEMP ZeroDivisionError: " in asyncio.run(use())
    assert noted == [r"ZeroDivisionError: \x1b\n"]


def test_when_the_world_falls_silent_what_was_enforced_stays_so(store):
    there = world()

    async def use(desk):
        await desk.ask(ask(STRICT))
        there.fall_silent()
        desk.believe(there.inquiry(memory=store))
        return await told(desk, STRICT)

    assert run(use, there, store) == TOLD


# -- what is kept ------------------------------------------------------------------------------


def test_what_is_asked_for_stays_and_what_is_not_goes():
    names = [f"d{number}.example" for number in range(200)]
    there = world()
    there.say(*(each for name in names for each in domain(name)))

    async def use(desk):
        for name in names:
            await told(desk, name)
            assert await told(desk, STRICT) == TOLD
        kept = [name for name in names if ask(name) in {*desk._young, *desk._old}]
        return kept, len(desk._young) + len(desk._old), there.asked.count(Dns(STRICT, Kind.MX))

    kept, entries, looks = run(use, there, room=20_000)
    assert looks == 1
    assert entries < 80
    assert kept == names[-len(kept) :]
    assert 20 < len(kept) < 80


def test_requests_as_long_as_they_may_be_do_not_fill_the_memory():
    async def use(desk):
        for number in range(300):
            await desk.ask(ask("a" * 9000 + str(number)))
        return sum(len(key) for kept in (desk._young, desk._old) for key in kept)

    assert run(use, world(), room=500_000) < 600_000


def test_whoever_is_asked_from_now_on_has_everything_anew():
    there = world()

    async def use(desk):
        assert await told(desk, PLAIN) == NOTHING
        there.hold_up()
        before = desk.ask(ask(STRICT.upper()))
        await asyncio.sleep(0)
        desk.believe(there.inquiry(wish("encrypt")))
        after = desk.ask(ask(STRICT.upper()))
        assert desk.ready(ask(PLAIN), monotonic()) is None
        there.go_on()
        await asyncio.gather(before, after)
        return (await told(desk, PLAIN)), desk.looks

    reply, looks = run(use, there)
    assert b"OK encrypt" in reply
    assert looks == 4


def test_one_who_asks_another_inquirer_gets_host_and_port():
    seen = []

    class Listening:
        async def decided(self, domain, port):
            seen.append(NextHop(domain, port))
            raise ZeroDivisionError

        async def next_hop(self, host, port):
            seen.append(NextHop(host, port, direct=True))
            raise ZeroDivisionError

    async def use():
        desk = Desk(Socketmap(), Listening())
        for key in ("a.example", "a.example:2525", "[a.example]:465"):
            await desk.ask(ask(key))

    asyncio.run(use())
    assert seen == [
        NextHop("a.example"),
        NextHop("a.example", 2525),
        NextHop("a.example", 465, direct=True),
    ]


# -- beforehand --------------------------------------------------------------------------------


@pytest.fixture
def asked_before(store):
    """A store in which there is what another daemon has found out."""

    async def use(desk):
        for name in (STRICT, PLAIN):
            await desk.ask(ask(name))

    run(use, world(), store)
    return store


def test_what_is_in_the_store_is_ready_before_anybody_asks(asked_before):
    there = world()

    async def use(desk):
        await desk.prepare(10)
        replies = [desk.ready(ask(name), monotonic()) for name in (STRICT, PLAIN, LOST)]
        reporting = desk.ready(ask(STRICT, "QUERYwithTLSRPT"), monotonic())
        return replies, reporting, desk.looks

    replies, reporting, looks = run(use, there, asked_before)
    assert replies == [TOLD, NOTHING, None]
    assert b"policy_type=sts" in reporting
    assert (looks, there.asked) == (0, [])


def test_what_was_made_ready_is_so_for_no_longer_than_what_somebody_asked_for(asked_before):
    async def use(desk):
        await desk.prepare(10)
        return [ready_after(desk, STRICT, seconds) for seconds in (0, 59, 61)]

    assert run(use, world(), asked_before) == [TOLD, TOLD, None]


def test_what_has_ended_is_not_made_ready(asked_before, clock):
    async def use(desk):
        clock.ahead = timedelta(days=365)
        await desk.prepare(10)
        clock.ahead = -timedelta(days=365)
        await desk.prepare(10)
        return desk.entries

    assert run(use, world(), asked_before) == 0


def test_what_others_believe_is_not_made_ready(asked_before):
    async def use(desk):
        desk.believe(world().inquiry(wish("encrypt"), asked_before))
        await desk.prepare(10)
        return desk.entries

    assert run(use, world(), asked_before) == 0


def test_who_is_believed_no_more_makes_nothing_ready(asked_before):
    async def use(desk):
        preparing = asyncio.create_task(desk.prepare(10))
        await asyncio.sleep(0)
        desk.believe(world().inquiry(wish("encrypt"), asked_before))
        await preparing
        return desk.entries

    assert run(use, world(), asked_before) == 0


@pytest.mark.parametrize("limit", [{"seconds": 0}, {"room": 100}])
def test_no_more_is_made_ready_than_time_and_room_allow(asked_before, limit):
    seconds = limit.pop("seconds", 10)

    async def use(desk):
        await desk.prepare(seconds)
        return desk.entries

    assert run(use, world(), asked_before, **limit) < 4


def test_a_store_that_cannot_be_read_makes_nothing_ready_and_nothing_looser(asked_before):
    asked_before.close()

    async def use(desk):
        await desk.prepare(10)
        return desk.entries, (await desk.ask(ask(PLAIN))).data

    entries, reply = run(use, world(), asked_before)
    assert entries == 0
    assert b"TEMP the store in " in reply

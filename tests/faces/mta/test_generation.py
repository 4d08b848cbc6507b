"""From one configuration to the next: what is shared, what is made, what is let go."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from functools import partial
from itertools import pairwise

import pytest

from tests.faces.mta.process import configure
from tests.io.store.faults import full
from tests.io.store.test_keeper import POLICY
from unstrip.faces.mta.generation import generation
from unstrip.faces.mta.health import Health
from unstrip.faces.mta.log import Log
from unstrip.faces.mta.watch import Watch
from unstrip.io.assembly import NoList, Unusable
from unstrip.io.configuration import read
from unstrip.io.resolver import configured
from unstrip.io.resolver.servers import system
from unstrip.io.resolver.trust import Finding, Standing
from unstrip.io.store import open_store


@pytest.fixture
def watch():
    return Watch(Log(lambda _: None))


def made(home, watch, *others: str, use=lambda *_: None):
    """A generation, and those that follow it, each with other settings; used, and closed."""

    async def within():
        found = [await generation(read(configure(home)), watch)]
        for more in others:
            found.append(await generation(read(written(home, more)), watch, found[-1]))
        try:
            return await asyncio.to_thread(use, *found)
        finally:
            for one, after in pairwise(found):
                one.leave(after)
            await found[-1].close()

    return asyncio.run(within())


def written(home, more: str):
    path = configure(home)
    if more == "timeout":
        path.write_text(path.read_text().replace("timeout = 1", "timeout = 2"))
        return path
    if more == "system":
        path.write_text(path.read_text().replace("servers =", "# servers ="))
        return path
    name, _, value = more.partition("=")
    lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{name} ")]
    path.write_text("\n".join([f"{name} = {value}" if "." not in name else "", *lines]))
    return path


def test_what_has_not_changed_is_shared(tmp_path, watch):
    def use(before, after):
        assert (after.store, after.aside) == (before.store, before.aside)
        assert after.resolver is before.resolver
        assert after.inquiry is not before.inquiry
        assert after.health() == Health()

    made(tmp_path, watch, "# =", use=use)


def test_another_store_is_opened_and_the_old_one_is_left(tmp_path, watch):
    def use(before, after):
        assert after.store is not before.store
        assert (tmp_path / "other").exists()
        before.leave(after)
        assert before.aside.later(lambda: before.store.tended._store).result(20) is None
        assert after.store.known("a.example") is None

    made(tmp_path, watch, 'store="other"', use=use)


def test_another_store_is_told_of_what_the_process_holds(tmp_path, watch):
    async def within():
        before = await generation(read(configure(tmp_path)), watch)
        with full():
            await before.aside.do(before.store.remember, None, POLICY)
        after = await generation(read(written(tmp_path, 'store="other"')), watch, before)
        with full():
            before.leave(after)
            found = await after.aside.do(after.store.known, POLICY.domain)
            await before.aside.do(int)
        await after.close()
        return found

    assert asyncio.run(within()) == POLICY
    assert watch.alarms["store"] == 1  # of the one that was left
    with closing(open_store(tmp_path / "other")) as store:
        assert store.known(POLICY.domain) == POLICY


def test_a_look_at_the_store_is_queued_once(tmp_path, watch):
    def use(only):
        over, looks = threading.Event(), []
        only.store.tended.look = lambda: looks.append(1)
        only.aside.later(over.wait, 20)
        for _ in range(50):
            only.health()
        over.set()
        only.aside.later(int).result(20)
        assert looks == [1]

    made(tmp_path, watch, use=use)


def test_another_resolver_is_made_and_the_old_one_is_left(tmp_path, watch):
    closed = []

    def use(before, after):
        assert after.resolver is not before.resolver
        before.resolver.close = lambda: closed.append("before")
        after.resolver.close = lambda: closed.append("after")

    made(tmp_path, watch, "timeout", use=use)
    assert closed == ["before", "after"]


@pytest.mark.parametrize(
    ("before", "after"), [("127.0.0.1", "192.0.2.53"), ("192.0.2.53", "127.0.0.1")]
)
def test_servers_that_the_system_names_are_asked_from_the_next_reading_on(
    tmp_path, watch, monkeypatch, before, after
):
    known = tmp_path / "resolv.conf"
    monkeypatch.setattr(configured, "system", partial(system, path=known))

    async def within():
        found = None
        for address in (before, before, after):
            known.write_text(f"nameserver {address}\n")
            yield (found := await generation(read(written(tmp_path, "system")), watch, found))

    async def all_of_them():
        return [each async for each in within()]

    first, second, third = asyncio.run(all_of_them())
    assert first.resolver is second.resolver
    assert [str(each) for each in third.resolver.backend.servers] == [after]
    assert ("another machine" in third.inquiry._distrust) is (after == "192.0.2.53")
    third.store.close()


def test_another_resolver_knows_whom_the_one_before_has_seen_to_stop_validating(tmp_path, watch):
    lost = Finding(Standing.LOST)

    async def within():
        before = await generation(read(configure(tmp_path)), watch)
        (trust,) = before.resolver.backend.trust.values()
        trust._known = lost
        return await generation(read(written(tmp_path, "timeout")), watch, before)

    after = asyncio.run(within())
    assert [trust._known for trust in after.resolver.backend.trust.values()] == [lost]
    after.store.close()


def test_a_store_that_broke_is_told_once_anybody_has_looked(tmp_path, watch):
    def use(only):
        with sqlite3.connect(tmp_path / "store.sqlite3") as store:
            store.execute("drop table loss")
        store.close()
        only.health()
        only.aside.later(int).result(20)
        assert "store.sqlite3 cannot be used" in only.health().error

    made(tmp_path, watch, use=use)


def test_where_the_new_one_fails_the_old_one_goes_on(tmp_path, watch):
    async def within():
        before = await generation(read(configure(tmp_path)), watch)
        config = configure(tmp_path, more='[list]\nfile = "none.json"\nkey = "none.asc"\n')
        config.write_text(config.read_text().replace("store.sqlite3", "other.sqlite3"))
        with pytest.raises(NoList):
            await generation(read(config), watch, before)
        return before

    before = asyncio.run(within())
    assert before.health() == Health()
    before.store.close()


def test_a_table_that_is_not_there_is_an_error(tmp_path, watch):
    config = configure(tmp_path)
    (tmp_path / "table.toml").unlink()
    with pytest.raises(Unusable, match=r"table\.toml cannot be read"):
        asyncio.run(generation(read(config), watch))

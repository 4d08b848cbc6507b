"""From one configuration to the next: what is shared, what is made, what is let go."""

from __future__ import annotations

import asyncio
import sqlite3
from itertools import pairwise

import pytest

from tests.faces.mta.process import configure
from unstrip.faces.mta.generation import generation
from unstrip.faces.mta.health import Health
from unstrip.faces.mta.log import Log
from unstrip.faces.mta.watch import Watch
from unstrip.io.assembly import NoList, Unusable
from unstrip.io.configuration import read


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


def test_another_resolver_is_made_and_the_old_one_is_left(tmp_path, watch):
    closed = []

    def use(before, after):
        assert after.resolver is not before.resolver
        before.resolver.close = lambda: closed.append("before")
        after.resolver.close = lambda: closed.append("after")

    made(tmp_path, watch, "timeout", use=use)
    assert closed == ["before", "after"]


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

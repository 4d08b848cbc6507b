"""From one configuration to the next: what is shared, what is made, what is let go."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from tests.faces.mta.process import configure
from unstrip.faces.mta.generation import generation
from unstrip.faces.mta.log import Log
from unstrip.faces.mta.watch import Watch
from unstrip.io.assembly import NoList, Unusable
from unstrip.io.configuration import read


@pytest.fixture
def watch():
    return Watch(Log(lambda _: None))


def made(home, watch, *others: str):
    """A generation, and those that follow it, each with other settings."""

    async def within():
        found = [await generation(read(configure(home)), watch)]
        for more in others:
            found.append(await generation(read(written(home, more)), watch, found[-1]))
        return found

    return asyncio.run(within())


def written(home, more: str):
    path = configure(home)
    name, _, value = more.partition("=")
    lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{name} ")]
    path.write_text("\n".join([f"{name} = {value}" if "." not in name else "", *lines]))
    return path


def test_what_has_not_changed_is_shared(tmp_path, watch):
    before, after = made(tmp_path, watch, "# =")
    assert after.store is before.store
    assert after.resolver is before.resolver
    assert after.inquiry is not before.inquiry
    assert after.ails() == ""
    after.store.close()


def test_another_store_is_opened(tmp_path, watch):
    before, after = made(tmp_path, watch, 'store="other"')
    assert after.store is not before.store
    assert (tmp_path / "other").exists()
    for each in (before, after):
        each.store.close()


def test_a_store_that_broke_is_told(tmp_path, watch):
    (only,) = made(tmp_path, watch)
    with sqlite3.connect(tmp_path / "store.sqlite3") as store:
        store.execute("drop table derivation")
    store.close()
    assert "store.sqlite3 cannot be used" in only.ails()
    only.store.close()


def test_where_the_new_one_fails_the_old_one_goes_on(tmp_path, watch):
    async def within():
        before = await generation(read(configure(tmp_path)), watch)
        config = configure(tmp_path, more='[list]\nfile = "none.json"\nkey = "none.asc"\n')
        config.write_text(config.read_text().replace("store.sqlite3", "other.sqlite3"))
        with pytest.raises(NoList):
            await generation(read(config), watch, before)
        return before

    before = asyncio.run(within())
    assert before.ails() == ""
    before.store.close()


def test_a_table_that_is_not_there_is_an_error(tmp_path, watch):
    config = configure(tmp_path)
    (tmp_path / "table.toml").unlink()
    with pytest.raises(Unusable, match=r"table\.toml cannot be read"):
        asyncio.run(generation(read(config), watch))

"""Both databases keep the one contract: all or nothing, one at a time, and errors by one name."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstrip.io.store import KeptList, StoreError, open_store
from unstrip.io.store.database import microseconds, moment


@pytest.fixture
def base(store):
    """A database with a table of numbers."""
    store._database.run("create table number (n bigint primary key)")
    return store._database


def numbers(base) -> list[int]:
    return [row[0] for row in base.rows("select n from number order by n")]


def test_what_a_transaction_did_is_there_at_its_end(base):
    with base.transaction():
        assert base.run("insert into number (n) values (?)", 1) == 1
        assert numbers(base) == [1]
    assert numbers(base) == [1]


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("error", [ValueError, StoreError, Interrupted])
def test_of_a_transaction_that_breaks_off_nothing_is_left(base, error):
    def half():
        with base.transaction():
            base.run("insert into number (n) values (1)")
            raise error

    with pytest.raises(error):
        half()
    assert numbers(base) == []
    base.run("insert into number (n) values (2)")
    assert numbers(base) == [2]


@pytest.mark.parametrize(
    "statement",
    ["nonsense", "select * from nowhere", "insert into number (n) values (1, 2)", "select ?"],
)
def test_what_goes_wrong_is_an_error_that_names_the_place_and_hinders_nothing(base, statement):
    for use in (base.run, base.rows):
        with pytest.raises(StoreError, match="store"):
            use(statement)
    assert base.place in str(base.failed(ValueError("x")))
    assert numbers(base) == []


def test_an_error_within_a_transaction_undoes_it(base):
    def half():
        with base.transaction():
            base.run("insert into number (n) values (1)")
            base.run("insert into number (n) values (1)")

    with pytest.raises(StoreError):
        half()
    assert numbers(base) == []


def test_no_two_transactions_are_under_way_at_once(place, base):
    """Each adds one to the highest: if they overlapped, two would come to the same."""

    def count_on():
        with closing(open_store(place)) as store:
            own = store._database
            for _ in range(10):
                with own.transaction():
                    highest = own.rows("select coalesce(max(n), 0) from number")[0][0]
                    time.sleep(0.001)
                    own.run("insert into number (n) values (?)", highest + 1)

    threads = [threading.Thread(target=count_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert numbers(base) == list(range(1, 41))


def test_threads_that_share_one_store_wait_for_each_other(base):
    """Else one would read, and commit, what another is half way through."""
    seen = []

    def count_on():
        for _ in range(20):
            with base.transaction():
                seen.append(highest := base.rows("select count(*) from number")[0][0])
                base.run("insert into number (n) values (?)", highest + 1)

    threads = [threading.Thread(target=count_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(seen) == list(range(80))


def test_who_waits_too_long_for_another_is_told(place, base, monkeypatch):
    with closing(open_store(place)) as other, base.transaction():
        began = time.monotonic()
        with pytest.raises(StoreError):
            other.forget("x")
        assert 3 < time.monotonic() - began < 20
    with closing(open_store(place)) as other:
        assert other.forget("x") == 0


def test_what_was_closed_is_an_error_or_opened_anew(place, store):
    store.keep_list("list", ("A",), KeptList("A", datetime.now(UTC), b"body"))
    store.close()
    try:
        assert store.kept_list("list", ("A",)).body == b"body"  # a server is connected to again
    except StoreError:
        assert "://" not in place


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_are_kept_exactly(time):
    assert moment(microseconds(time)) == time


@given(st.datetimes(timezones=st.just(UTC)), st.integers(1, 10**6))
def test_times_are_kept_in_their_order(time, later):
    if time.year < 9999:
        assert microseconds(time) < microseconds(time + timedelta(microseconds=later))

"""One store, used whatever becomes of it: counted, told once, and not waited for in vain."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest

from tests.io.store.faults import damage
from tests.io.store.test_keeper import READ, WRITE, Ear
from tests.io.store.test_sqlite import filled
from unstrip.io.store import Store, StoreError, open_store
from unstrip.io.store import tended as tended_module
from unstrip.io.store.tended import Operation, Tended
from unstrip.policy.mta_sts import Known


@pytest.fixture
def ear():
    return Ear()


@pytest.fixture
def tended(place, ear):
    with closing(Tended(place, ear)) as made:
        yield made


def fails(_store):
    raise StoreError("no luck")


def test_what_a_call_returns_is_what_one_gets(tended):
    assert tended.use(READ, Store.domains) == ()
    assert (tended.failures, tended.ails, tended.lost) == ({}, {}, None)


def test_each_failure_is_counted_and_the_first_is_told_and_that_it_is_over(tended, ear):
    for _ in range(3):
        with pytest.raises(StoreError, match="no luck"):
            tended.use(WRITE, fails)
    assert (tended.failures[WRITE], tended.failures[READ]) == (3, 0)
    assert tended.ails == {WRITE: "no luck"}
    tended.use(READ, Store.domains)
    assert tended.ails == {WRITE: "no luck"}  # of which reading says nothing
    tended.use(WRITE, Store.domains)
    assert ear.said == [("failing", WRITE), ("working", WRITE)]


def test_after_a_wait_in_vain_nobody_waits_until_it_is_time(tended, monkeypatch):
    monkeypatch.setattr(tended_module, "LONG", -1.0)
    tried = []

    def late(_store):
        tried.append(1)
        raise StoreError("locked")

    for _ in range(5):
        with pytest.raises(StoreError, match="locked"):
            tended.use(WRITE, late)
    assert (len(tried), tended.failures[WRITE]) == (1, 5)
    assert tended.use(READ, Store.domains) == ()
    monkeypatch.setattr(tended_module, "PAUSE", -1.0)
    tended._pauses.clear()
    for _ in range(2):
        with pytest.raises(StoreError, match="locked"):
            tended.use(WRITE, late)
    assert len(tried) == 3


def test_a_mistake_of_ours_is_no_failure_of_the_store(tended):
    with pytest.raises(ZeroDivisionError):
        tended.use(READ, lambda _: 1 // 0)
    assert tended.failures == {}


def test_a_look_sees_what_was_lost_and_what_was_regained(place, tended):
    with closing(open_store(place)) as other:
        at = datetime.now(UTC)
        other.lose(at)
        tended.look()
        assert tended.lost == at
        other.regain()
        tended.look()
    assert tended.lost is None


@pytest.mark.parametrize("where", ["/dev/null/store", "http://127.0.0.1"])
def test_a_place_where_no_store_can_be_is_an_error(where, ear):
    with pytest.raises(StoreError):
        Tended(where, ear)


def test_who_is_told_of_another_file_is_told_before_it_is_used(path, ear):
    filled(path)
    seen = []
    with closing(Tended(path, ear, lambda: seen.append("rescued"))) as tended:
        damage(path)
        tended.use(READ, lambda store: seen.append(len(store.domains())))
        assert (seen, tended.rescues, tended.failures[READ]) == (["rescued", 0], 1, 1)


def test_a_log_that_is_cut_short_is_a_loss(path, ear):
    with closing(Tended(path, ear)) as tended:
        tended.use(WRITE, lambda store: store.remember(None, Known("a.example")))
        tended._store._database.run("pragma shrink_memory")  # nothing is read from there
        path.with_name(f"{path.name}-wal").write_bytes(b"")
        assert tended.use(READ, lambda store: store.known("b.example")) is None
        assert tended.use(READ, lambda store: store.lost("b.example"))
        assert ear.said[1] == "a store was damaged, and lost what it had last"
        assert tended.rescues == 0


def test_a_file_that_is_damaged_again_at_once_waits_for_its_turn(path, ear):
    filled(path)
    with closing(Tended(path, ear)) as tended:
        damage(path)
        assert tended.use(READ, Store.domains) == ()
        damage(path)
        for _ in range(3):
            tended.close()  # so that it has nothing of it in its memory
            with pytest.raises(StoreError):
                tended.use(READ, Store.domains)
        assert tended.rescues == 1
        tended._again = 0.0
        assert tended.use(READ, Store.domains) == ()
        assert tended.rescues == 2


def test_there_are_as_many_operations_as_may_fail_each_by_itself():
    assert {each.value for each in Operation} == {"read", "write", "claim"}

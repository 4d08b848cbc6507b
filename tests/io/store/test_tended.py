"""One store, used whatever becomes of it: counted, told once, and not waited for in vain."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest

from tests.io.store.faults import damage, full
from tests.io.store.test_keeper import READ, WRITE, Ear
from tests.io.store.test_sqlite import filled
from unstrip.io.store import Store, StoreDamagedError, StoreError, open_store
from unstrip.io.store import tended as tended_module
from unstrip.io.store.rescue import rescue
from unstrip.io.store.sqlite import identity
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


# -- another file by the same name -------------------------------------------------------------


def move(path, to):
    """Move a store, log and all."""
    for each in path.parent.glob(f"{path.name}*"):
        each.rename(to.with_name(each.name.replace(path.name, to.name)))


@pytest.fixture
def at_once(monkeypatch):
    """It looks each time whether it is still the same file."""
    monkeypatch.setattr(tended_module, "SURE", 0.0)


@pytest.mark.parametrize("gone", ["removed", "moved", "with the folder"])
@pytest.mark.usefixtures("at_once")
def test_a_file_that_is_gone_is_made_anew_and_that_is_a_loss(path, ear, gone):
    replaced = []
    with closing(Tended(path, ear, lambda: replaced.append(1))) as tended:
        tended.use(WRITE, lambda store: store.remember(None, Known("a.example")))
        move(path, path.with_name("old"))
        if gone == "removed":
            path.with_name("old").unlink()
        if gone == "with the folder":
            path.parent.rename(path.parent.with_name("other"))
        assert tended.use(READ, lambda store: store.known("a.example")) is None
        assert tended.use(READ, lambda store: store.lost("a.example"))
        tended.use(WRITE, lambda store: store.remember(None, Known("b.example")))
    with closing(open_store(path)) as store:
        assert store.known("b.example")
        assert store.loss() == tended.lost
    assert ear.said == [f"{path} is another file than before, and may know less"]
    assert replaced == [1]


@pytest.mark.usefixtures("at_once")
def test_a_file_that_another_has_put_there_is_used_from_then_on(path, ear, tmp_path):
    filled(tmp_path / "backup")
    with closing(Tended(path, ear)) as tended:
        move(path, path.with_name("old"))
        move(tmp_path / "backup", path)
        assert len(tended.use(READ, Store.domains)) > 1
        assert tended.use(READ, Store.loss)  # it may be older
    with closing(open_store(path)) as store:
        assert len(store.domains()) > 1
    assert len(ear.said) == 1


@pytest.mark.usefixtures("at_once")
def test_who_went_on_with_a_file_that_another_has_rescued_comes_to_the_new_one(path, ear):
    known, at = filled(path), datetime(2026, 11, 21, tzinfo=UTC)
    with closing(Tended(path, ear)) as tended:
        assert len(tended.use(READ, Store.domains)) == len(known)
        with path.open("r+b") as file:
            file.seek(path.stat().st_size - 4096)
            file.write(b"\xff" * 4096)
        assert rescue(path, at, identity(path)).aside
        tended.use(WRITE, lambda store: store.remember(None, Known("late.example")))
        assert tended.lost == at  # as he has noted it who was first
    with closing(open_store(path)) as store:
        assert store.known("late.example")
        assert store.loss() == at


@pytest.mark.usefixtures("at_once")
def test_until_the_loss_is_noted_nothing_is_read(path, ear):
    with closing(Tended(path, ear)) as tended:
        move(path, path.with_name("old"))
        Tended(path, ear).close()
        with full():
            for _ in range(2):
                with pytest.raises(StoreError):
                    tended.use(READ, Store.domains)
        assert tended.use(READ, Store.loss)
    assert sum("another file" in said for said in ear.said if isinstance(said, str)) == 1


def test_it_is_looked_for_from_time_to_time_and_whenever_somebody_asks_how_it_is(path, ear):
    with closing(Tended(path, ear)) as tended:
        move(path, path.with_name("old"))
        assert tended.use(READ, Store.loss) is None
        tended.look()
        assert tended.lost


@pytest.mark.usefixtures("at_once")
def test_a_damaged_file_that_is_taken_away_is_waited_for_no_longer(path, ear):
    filled(path)
    with closing(Tended(path, ear)) as tended:
        damage(path)
        tended.close()
        with full(), pytest.raises(StoreError):
            tended.use(READ, Store.domains)
        move(path, path.with_name("old"))
        tended._again = 0.0
        assert tended.use(READ, Store.domains) == ()
        assert tended.use(READ, Store.loss)


def test_damage_that_is_noticed_as_it_is_opened_is_that_of_the_file_that_was_opened(path, ear):
    """Or nothing in it might say that it was a store."""
    with closing(Tended(path, ear)) as tended:
        tended._opened = None
        tended.close()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Store, "loss", damaged_once(patch))
            assert tended.use(READ, Store.domains) == ()
        assert tended.rescues == 0
        assert tended.lost


def damaged_once(patch):
    """A look for losses that finds damage, and is itself again after that."""
    whole = Store.loss

    def loss(*_):
        patch.setattr(Store, "loss", whole)
        raise StoreDamagedError("malformed")

    return loss


def test_what_makes_no_sense_in_a_database_of_a_server_is_an_error_for_its_domain(database, ear):
    with closing(Tended(database, ear)) as tended:
        for name in ("a.example", "b.example"):
            tended.use(WRITE, lambda store, n=name: store.remember(None, Known(n)))
        tended._store._database.run("update policy set known = 'x' where domain = 'a.example'")
        for _ in range(2):
            with pytest.raises(StoreDamagedError, match=r"the policy of a\.example"):
                tended.use(READ, lambda store: store.known("a.example"))
        assert tended.use(READ, lambda store: store.known("b.example"))
        assert (tended.rescues, tended.lost) == (0, None)


def test_there_are_as_many_operations_as_may_fail_each_by_itself():
    assert {each.value for each in Operation} == {"read", "write", "claim"}

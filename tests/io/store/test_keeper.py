"""A memory that goes on: whatever becomes of the store, nothing learnt is forgotten or loosened."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.io.store.faults import damage, full, locked
from tests.verdict.scenes import SMTP
from unstrip.io.store import KeptList, StoreError, open_store
from unstrip.io.store import keeper as keeper_module
from unstrip.io.store import tended as tended_module
from unstrip.io.store.keeper import Keeper
from unstrip.io.store.tended import Operation
from unstrip.policy.mta_sts import Known, Mode, StsPolicy, Trouble

NOW = datetime.now(UTC)
DOMAIN = "example.org"
POLICY = Known(DOMAIN, StsPolicy(Mode.ENFORCE, 604800, ("mx",), ("line",)), "1", NOW, NOW)
NONE = Known("none.example", looked=NOW)
READ, WRITE = Operation.READ, Operation.WRITE


class Ear:
    """Hears what becomes of a store."""

    def __init__(self):
        self.said = []

    def failing(self, operation, words):
        self.said.append(("failing", operation))

    def working(self, operation):
        self.said.append(("working", operation))

    def lost(self, words):
        self.said.append(words)


@pytest.fixture
def ear():
    return Ear()


@pytest.fixture
def keeper(path, ear):
    with closing(Keeper(path, ear)) as made:
        yield made


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Nobody waits until it is time to try again."""
    monkeypatch.setattr(keeper_module, "AGAIN", 0.0)
    monkeypatch.setattr(tended_module, "PAUSE", 0.0)


def impatient(keeper):
    """Has it wait for a lock for a moment only."""
    keeper.tended._store._database.run("pragma busy_timeout = 100")


def on_disk(path, domain=DOMAIN):
    with closing(open_store(path)) as store:
        return store.known(domain)


def test_while_all_is_well_it_is_the_store(path, keeper, ear):
    assert keeper.remember(None, POLICY) == POLICY == keeper.known(DOMAIN) == on_disk(path)
    keeper.keep_derived("a", NOW, NOW + timedelta(hours=1), b"x", keeper.era())
    assert keeper.derived("a", NOW) == b"x"
    assert keeper.derivations(NOW, "", 9) == [("a", b"x")]
    kept = KeptList("A", NOW, b"body")
    assert keeper.keep_list("list", ("A",), kept)
    assert keeper.kept_list("list", ("A",)) == kept
    assert (keeper.visits(SMTP), keeper.visits_of("h", "irc"), keeper.lost("a")) == ((), (), "")
    assert keeper.claim("a")
    keeper.unclaim("a")
    keeper.look()
    assert (ear.said, keeper.unsaved, keeper.tended.ails, keeper.tended.lost) == ([], 0, {}, None)


# -- that cannot be written --------------------------------------------------------------------


def test_on_a_full_disk_what_is_learnt_is_held_and_written_later(path, keeper, ear):
    keeper.remember(None, NONE)
    with full():
        assert keeper.remember(None, POLICY) == POLICY
        assert keeper.known(DOMAIN) == POLICY
        assert keeper.known(NONE.domain) == NONE
        keeper.keep_derived("a", NOW, NOW + timedelta(hours=1), b"x", keeper.era())
        assert keeper.unsaved == 1
        assert "cannot be used" in keeper.tended.ails[WRITE]
        assert keeper.tended.ails.keys() == {WRITE}
    assert on_disk(path) is None
    assert keeper.known("whoever.example") is None  # the next call tries again
    assert on_disk(path) == POLICY
    assert (keeper.unsaved, keeper.tended.ails) == (0, {})
    assert ear.said == [("failing", WRITE), ("working", WRITE)]
    assert keeper.tended.failures[WRITE] > 1


def test_what_was_learnt_meanwhile_is_not_undone_by_an_older_policy_in_the_store(path, keeper):
    old = replace(POLICY, id="0", fetched=NOW - timedelta(days=1))
    keeper.remember(None, old)
    with full():
        newer = keeper.remember(keeper.known(DOMAIN), replace(POLICY, id="2"))
        gone = replace(newer, record=Trouble(NOW, "gone", certain=False), looked=NOW)
        assert keeper.remember(keeper.known(DOMAIN), gone) == gone
    keeper.look()
    assert on_disk(path) == gone
    assert gone.id == "2"


def test_what_was_released_meanwhile_stays_so(path, keeper):
    keeper.remember(None, POLICY)
    with full():
        failed = replace(POLICY, record=Trouble(NOW, "gone", certain=False))
        keeper.remember(POLICY, failed)
    with closing(open_store(path)) as other:
        other.release(DOMAIN)
    assert keeper.known(DOMAIN).policy is None
    assert on_disk(path).policy is None


def test_what_was_derived_of_less_is_not_used(path, keeper):
    keeper.keep_derived(DOMAIN, NOW, NOW + timedelta(hours=1), b"loose", keeper.era())
    with full():
        keeper.remember(None, POLICY)
        assert keeper.derived(DOMAIN, NOW) is None
        with pytest.raises(StoreError, match="rest on less"):
            keeper.derivations(NOW, "", 9)
    keeper.look()
    assert keeper.derived(DOMAIN, NOW) is None


def test_while_another_writes_what_is_known_can_be_read(path, keeper):
    keeper.remember(None, NONE)
    impatient(keeper)
    with locked(path):
        assert keeper.remember(None, POLICY) == POLICY
        assert keeper.known(NONE.domain) == NONE
        assert "locked" in keeper.tended.ails[WRITE]
    keeper.look()
    assert on_disk(path) == POLICY


def test_who_waited_in_vain_makes_nobody_else_wait_so_soon(path, keeper, monkeypatch):
    monkeypatch.setattr(tended_module, "PAUSE", 600.0)
    monkeypatch.setattr(tended_module, "LONG", 0.05)
    impatient(keeper)
    with locked(path):
        keeper.remember(None, POLICY)
    for number in range(50):  # though by now they could
        keeper.remember(None, Known(f"d{number}.example"))
    assert keeper.tended.failures[WRITE] > 50
    assert keeper.known(DOMAIN) == POLICY  # who only reads does
    assert (keeper.unsaved, on_disk(path)) == (51, None)
    keeper.tended._pauses.clear()
    for _ in range(2):
        keeper.look()
    assert (keeper.unsaved, on_disk(path)) == (0, POLICY)


def test_at_the_end_all_is_written_that_can_be(path, ear):
    keeper = Keeper(path, ear)
    with full():
        for number in range(120):
            keeper.remember(None, Known(f"d{number}.example", looked=NOW))
    keeper.close()
    with closing(open_store(path)) as store:
        assert len(store.domains()) == 120


def test_when_there_is_no_room_for_more_policies_mail_waits(keeper, monkeypatch):
    monkeypatch.setattr(keeper._held, "_room", 2500)
    with full():
        keeper.remember(None, POLICY)
        keeper.remember(None, replace(POLICY, domain="b.example"))
        with pytest.raises(StoreError):
            keeper.remember(None, replace(POLICY, domain="c.example"))
        assert keeper.known("b.example")


# -- that cannot be read -----------------------------------------------------------------------


def test_what_cannot_be_read_is_an_error_but_for_a_policy_that_is_enforced(path, keeper):
    keeper.remember(None, POLICY)
    keeper.remember(None, NONE)
    testing = replace(POLICY, domain="t.example", policy=StsPolicy(Mode.TESTING, 604800, ("mx",)))
    keeper.remember(None, testing)
    with closing(open_store(path)) as other:
        other._database.run("alter table policy rename to elsewhere")
        other._database.run("alter table derivation rename to somewhere")
        assert keeper.known(DOMAIN) == POLICY
        for unsure in (NONE.domain, "t.example", "whoever.example"):
            with pytest.raises(StoreError):
                keeper.known(unsure)
        assert keeper.derived(DOMAIN, NOW) is None
        assert keeper.tended.failures[READ] > 3
        other._database.run("alter table elsewhere rename to policy")
        other._database.run("alter table somewhere rename to derivation")
    assert keeper.known(NONE.domain) == NONE


# -- damaged -----------------------------------------------------------------------------------


def broken(path, ear, pages=slice(None)):
    """A keeper that knows of many domains, by whose own hand, and its store damaged under it."""
    keeper = Keeper(path, ear)
    for number in range(30):
        keeper.remember(None, replace(POLICY, domain=f"d{number}.example"))
    for number in range(30):
        keeper.remember(None, Known(f"n{number}.example", looked=NOW))
    keeper.tended._store._database.run("pragma wal_checkpoint(truncate)")
    keeper.tended._store._database.run("pragma shrink_memory")
    damage(path, pages)
    return keeper


def test_a_damaged_store_is_moved_aside_and_what_is_held_is_in_the_new_one(path, ear):
    with closing(broken(path, ear)) as keeper:
        assert keeper.known("n3.example") is None
        assert keeper.known("d3.example") == replace(POLICY, domain="d3.example")
        (words,) = [said for said in ear.said if isinstance(said, str)]
        assert words.startswith(f"a damaged store was moved to {path}.damaged-")
        assert (keeper.tended.rescues, keeper.tended.ails) == (1, {})
        assert keeper.tended.lost is not None
        assert keeper.lost("n3.example")
        assert keeper.lost("d3.example") == ""
    with closing(open_store(path)) as store:
        assert len(store.domains()) == 30
    assert len(list(path.parent.glob("*.damaged-*Z"))) == 1


def test_damage_at_the_start_is_mended_at_the_start(path, ear):
    broken(path, ear, slice(1)).tended._store.close()
    with closing(Keeper(path, ear)) as keeper:
        assert keeper.tended.rescues == 1
        assert keeper.known("n3.example") is None
        assert keeper.lost("n3.example")


def test_what_was_never_a_store_is_an_error_at_the_start(path, ear):
    path.parent.mkdir()
    path.write_text("a diary\n" * 1000)
    with pytest.raises(StoreError, match="is no store"):
        Keeper(path, ear)
    assert path.read_text() == "a diary\n" * 1000


def test_a_store_that_cannot_be_replaced_is_not_used_until_it_can(path, ear):
    with closing(broken(path, ear, slice(2, None))) as keeper:
        with full():
            for _ in range(3):
                with pytest.raises(StoreError):
                    keeper.known("n3.example")
            assert keeper.known("d3.example")
        assert keeper.known("n3.example") in (None, Known("n3.example", looked=NOW))
        assert keeper.tended.rescues == 1
        assert keeper.lost("whoever.example")


def test_of_two_who_notice_one_moves_it_aside(path, ear):
    Keeper(path, ear).close()
    with closing(Keeper(path, ear)) as other, closing(broken(path, ear)) as one:
        assert (one.known("n1.example"), other.known("n1.example")) == (None, None)
        assert (one.tended.rescues, other.tended.rescues) == (1, 0)
        assert other.lost("n1.example")


def test_one_byte_that_is_wrong_costs_no_more_than_its_policy(path, ear):
    with closing(Keeper(path, ear)) as keeper:
        for name in ("a.example", "b.example"):
            keeper.remember(None, replace(POLICY, domain=name))
        spoil = "update policy set known = replace(known, 'enforce', 'enfoqce')"
        keeper.tended._store._database.run(f"{spoil} where domain = 'b.example'")
        assert keeper.known("b.example") == replace(POLICY, domain="b.example")  # it was held
        keeper.tended._again = 0.0
        keeper.look()
        keeper.tended._store._database.run(f"{spoil} where domain = 'b.example'")
    with closing(Keeper(path, ear)) as keeper:
        assert keeper.known("b.example") is None
        assert keeper.lost("b.example")
        assert keeper.known("a.example") == replace(POLICY, domain="a.example")
        assert keeper.lost("a.example") == ""
        assert keeper.tended.rescues == 1


def test_a_store_that_was_moved_is_made_anew_with_all_that_is_held(path, keeper, ear):
    keeper.remember(None, POLICY)
    keeper.remember(None, NONE)
    for each in path.parent.glob(f"{path.name}*"):
        each.rename(each.with_name(f"old-{each.name}"))
    keeper.look()
    assert keeper.known(DOMAIN) == POLICY == on_disk(path)
    assert keeper.lost(NONE.domain)
    assert keeper.lost(DOMAIN) == ""
    assert len([said for said in ear.said if "another file" in said]) == 1


# -- that another takes the place of -----------------------------------------------------------


def test_what_is_held_is_handed_over_to_another_store_and_written_there(path, keeper, ear):
    late = replace(POLICY, domain="late.example")
    keeper.remember(None, POLICY)
    with closing(Keeper(path.with_name("other"), ear)) as other:
        newer = replace(POLICY, id="2", fetched=NOW + timedelta(minutes=1))
        other.remember(None, newer)
        with full():
            keeper.remember(None, late)
            other.inherit(keeper.everything())
            assert other.known("late.example") == late
        assert other.known(DOMAIN) == newer
        assert other.unsaved == 0
        assert on_disk(path.with_name("other"), "late.example") == late


def test_what_could_not_be_written_to_the_end_is_told(path, ear):
    keeper = Keeper(path, ear)
    with full():
        for name in ("a.example", "b.example"):
            keeper.remember(None, replace(POLICY, domain=name))
        keeper.close()
    assert ear.said[-1] == "a store was left without what was found out of 2 domains"


# -- the clock ---------------------------------------------------------------------------------


def test_a_loss_that_was_noted_by_a_clock_far_ahead_is_over_in_a_year(path, ear):
    with closing(open_store(path)) as store:
        store.lose(NOW + timedelta(days=3660))
    with closing(Keeper(path, ear)) as keeper:
        assert keeper.tended.lost <= datetime.now(UTC)
        assert keeper.lost(DOMAIN)

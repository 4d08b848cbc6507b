"""Rescue: what can be read goes on, the damaged file is kept, and nobody else's is touched."""

from __future__ import annotations

import fcntl
import os
import random
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from tests.io.store import test_ledger as ledger
from tests.io.store import test_outgoing as outgoing
from tests.io.store import test_received as received
from tests.io.store import test_trail as trail
from tests.io.store.test_schema import VERSION_1
from tests.io.store.test_sqlite import filled
from tests.verdict.scenes import SMTP, upgraded
from unstrip.io.store import KeptList, StoreDamagedError, StoreError, open_store
from unstrip.io.store import rescue as rescue_module
from unstrip.io.store.ledger import Position
from unstrip.io.store.rescue import rescue
from unstrip.io.store.sqlite import identity
from unstrip.policy.mta_sts import Known

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PAGE = 4096
ASIDE = "store.sqlite3.damaged-20261122T120000Z"


def overwrite(path, begin, rubbish=b"\xff" * PAGE):
    with path.open("r+b") as file:
        file.seek(begin)
        file.write(rubbish)


@pytest.fixture
def policies(path):
    """What is in a store of many pages, with a visit and a list as well."""
    known = filled(path)
    with closing(open_store(path)) as store:
        store.keep(upgraded())
        store.keep_list("list", ("A",), KeptList("A", NOW, b"body"))
    return known


def pages(path):
    return range(0, path.stat().st_size, PAGE)


def test_whichever_page_is_damaged_what_is_on_others_goes_on(path, policies, tmp_path):
    """But for the first and the root of the table, without which nobody knows which those are."""
    whole, lost = path.read_bytes(), []
    for begin in pages(path):
        here = tmp_path / str(begin) / "store.sqlite3"
        here.parent.mkdir()
        here.write_bytes(whole)
        overwrite(here, begin)
        done = rescue(here, NOW)
        if done is None:  # a page that nobody uses
            continue
        with closing(open_store(here)) as store:
            kept = [known for name in policies if (known := store.known(name))]
            assert set(kept) <= set(policies.values())
            assert done.rows["policy"] == len(kept)
            assert store.loss(NOW) == NOW
        lost.append(len(policies) - len(kept))
        assert done.aside.read_bytes()[:begin] == whole[:begin]
    assert sorted(lost)[-3] < 6
    assert sum(0 < one < 6 for one in lost) > 5


def test_visits_and_lists_are_carried_over_and_what_was_derived_is_not(path, policies):
    with closing(open_store(path)) as store:
        store.keep_derived("a.example", NOW, NOW.replace(year=2027), b"x", store.era())
    overwrite(path, max(pages(path)))
    done = rescue(path, NOW, identity(path))
    assert (done.rows["visit"], done.rows["policy_list"]) == (1, 1)
    with closing(open_store(path)) as store:
        assert store.visits(SMTP) == (upgraded(),)
        assert store.kept_list("list", ("A",)) == KeptList("A", NOW, b"body")
        assert store.derived("a.example", NOW) is None
        store.remember(None, Known("new.example"))


def reporting(store):
    """All that reports have in a store."""
    return (
        tuple(store.day(ledger.DAY)),
        store.taken("segment"),
        store.jobs(outgoing.DAY),
        store.planned(outgoing.DAY),
        store.received(None, received.DAY, received.DAY),
        store.refused(received.DAY, received.DAY),
        store.trail(trail.OURS),
    )


def test_what_reports_are_made_of_is_carried_over(path, policies):
    with closing(open_store(path)) as store:
        delivered = ledger.attempt(ledger.bad(ledger.STS, ledger.EXPIRED), ledger.good(ledger.DANE))
        store.add(ledger.DAY, [(delivered, 3)], Position("segment", 0, 7))
        store.plan([outgoing.JOB, outgoing.SECOND])
        store.set_planned(outgoing.DAY)
        store.keep_received(received.REPORT, NOW)
        store.refuse("json", received.DAY)
        for seen in (trail.SEEN, trail.OTHER):
            store.note(trail.OURS, trail.NOW, seen)
        before = reporting(store)
        store._database.run("update policy set known = 'x' where domain = 'd1.example'")
    assert rescue(path, NOW, identity(path)).aside.name == ASIDE
    with closing(open_store(path)) as store:
        assert reporting(store) == before
    assert rescue(path, NOW, identity(path)).aside is None


@pytest.mark.parametrize(
    "spoil",
    [
        "update policy set known = replace(known, 'd1.exa', 'd9.exa') where domain = 'd1.example'",
        "update policy set known = replace(known, '}', ']') where domain = 'd1.example'",
        "update visit set evidence = 'x'",
    ],
)
def test_a_row_that_makes_no_sense_is_damage_though_all_pages_are_well(path, policies, spoil):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(spoil)
    with closing(open_store(path)) as store, pytest.raises(StoreDamagedError):
        assert not (store.visits(SMTP), store.domains())
    done = rescue(path, NOW, identity(path))
    assert done.aside.name == ASIDE
    with closing(open_store(path)) as store:
        assert (len(store.domains()), len(store.visits(SMTP))) == (
            (len(policies), 0) if "visit" in spoil else (len(policies) - 1, 1)
        )
        assert store.loss(NOW) == NOW
    assert rescue(path, NOW, identity(path)).aside is None  # nothing is wrong with the new one


def test_a_store_of_the_first_version_may_be_well(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(VERSION_1)
    assert rescue(path, NOW, identity(path)).aside is None
    with closing(open_store(path)) as store:
        assert store.loss(NOW) == NOW


def test_a_row_that_makes_no_sense_is_left_behind(path, policies):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("update policy set known = '{}' where domain = 'd1.example'")
        db.execute("update policy set kept = 'x' where domain = 'd2.example'")
    overwrite(path, max(pages(path)))
    rescue(path, NOW, identity(path))
    with closing(open_store(path)) as store:
        assert store.known("d1.example") is store.known("d2.example") is None
        assert store.known("d3.example") == policies["d3.example"]


WRITER = """
import os, sys
from unstrip.io.store import open_store
from unstrip.policy.mta_sts import Known
store = open_store(sys.argv[1])
store.remember(None, Known("late.example"))
os.kill(os.getpid(), 9)
"""


def test_what_is_only_in_the_log_is_carried_over_and_the_log_is_kept_aside(path, policies):
    subprocess.run([sys.executable, "-c", WRITER, str(path)], check=False)
    log = path.with_name(f"{path.name}-wal")
    assert log.stat().st_size
    overwrite(path, 10 * PAGE)  # which the log has not
    done = rescue(path, NOW, identity(path))
    with closing(open_store(path)) as store:
        assert store.known("late.example") == Known("late.example")
    assert (done.aside.name, log.exists()) == (ASIDE, False)
    assert done.aside.with_name(f"{ASIDE}-wal").stat().st_size


def test_a_file_of_which_nothing_is_left_is_replaced_if_this_process_had_it_open(path, policies):
    opened = identity(path)
    overwrite(path, 0, random.Random(5).randbytes(path.stat().st_size))
    with pytest.raises(StoreError, match="nothing in it says that it was one"):
        rescue(path, NOW)
    done = rescue(path, NOW, opened)
    assert set(done.rows.values()) == {0}
    with closing(open_store(path)) as store:
        assert store.domains() == ()
        assert store.loss(NOW) == NOW


def test_a_file_whose_head_is_lost_is_known_by_what_else_is_in_it(path, policies):
    overwrite(path, 0)
    assert rescue(path, NOW).aside.name == ASIDE


@pytest.mark.parametrize("body", [b"this is not a database" * 100, b"\0" * PAGE])
def test_what_was_never_a_store_is_left_as_it_is(path, body):
    path.parent.mkdir()
    path.write_bytes(body)
    with pytest.raises(StoreError):
        rescue(path, NOW)
    assert path.read_bytes() == body
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_database_of_another_program_is_left_as_it_is(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("create table theirs (x)")
    with pytest.raises(StoreError, match="another program"):
        open_store(path)
    whole = path.read_bytes()
    overwrite(path, PAGE, b"\xff" * PAGE)
    with pytest.raises(StoreError):
        rescue(path, NOW)
    assert path.read_bytes()[:PAGE] == whole[:PAGE]


def test_who_comes_second_finds_it_done(path, policies):
    opened = identity(path)
    overwrite(path, max(pages(path)))
    assert rescue(path, NOW, opened) is not None
    assert rescue(path, NOW, opened) is None
    assert len(list(path.parent.glob("*.damaged-*Z"))) == 1


def test_a_file_that_lost_no_more_than_its_log_goes_on_with_the_mark_of_a_loss(path, policies):
    done = rescue(path, NOW, identity(path))
    assert (done.aside, str(done)) == (None, "a store was damaged, and lost what it had last")
    with closing(open_store(path)) as store:
        assert len(store.domains()) == len(policies)
        assert store.loss(NOW) == NOW


def test_two_in_one_second_have_names_of_their_own(path, policies):
    for _ in range(2):
        overwrite(path, max(pages(path)))
        rescue(path, NOW, identity(path))
    assert {each.name for each in path.parent.glob("*.damaged-*[Z2]")} == {ASIDE, f"{ASIDE}-2"}


def test_where_it_cannot_be_done_all_is_left_as_it_was(path, policies, monkeypatch):
    overwrite(path, max(pages(path)))
    broken = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(rescue_module.os, "link", full)
        with pytest.raises(StoreError, match=r"cannot be replaced: .*No space left"):
            rescue(path, NOW, identity(path))
    assert path.read_bytes() == broken
    assert rescue(path, NOW, identity(path)) is not None


def test_whoever_may_read_the_folder_holds_nobody_up(path, policies):
    overwrite(path, max(pages(path)))
    folder = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        assert rescue(path, NOW, identity(path)) is not None
    finally:
        os.close(folder)


def test_who_is_at_it_is_not_waited_for_for_ever(path, policies, monkeypatch):
    monkeypatch.setattr(rescue_module, "PATIENCE", 0.1)
    overwrite(path, max(pages(path)))
    lock = path.with_name(f"{path.name}.lock")
    with lock.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match=f"another process has {lock}"):
            rescue(path, NOW, identity(path))
    assert rescue(path, NOW, identity(path)) is not None  # what he has left is no lock
    assert not lock.exists()


def test_two_at_once_move_it_aside_once_and_only_their_owner_has_the_lock(path, policies):
    opened, there = identity(path), set()
    overwrite(path, max(pages(path)))
    lock = path.with_name(f"{path.name}.lock")
    before = rescue_module._is_well

    def seen(found):
        there.add(lock.stat().st_mode & 0o777)
        return before(found)

    with ThreadPoolExecutor() as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(rescue_module, "_is_well", seen)
        done = list(pool.map(lambda _: rescue(path, NOW, opened), range(8)))
    assert len([each for each in done if each is not None]) == 1
    assert there == {0o600}
    assert not lock.exists()


def test_a_lock_that_its_owner_took_away_meanwhile_is_none(path, monkeypatch):
    path.parent.mkdir()

    def flock(descriptor, how):
        fcntl.flock(descriptor, how)
        path.unlink()  # as whoever had it until now does

    with monkeypatch.context() as patch:
        patch.setattr(rescue_module, "fcntl", SimpleNamespace(**{**vars(fcntl), "flock": flock}))
        assert rescue_module._locked(path) is None
    os.close(rescue_module._locked(path))


def test_what_is_derived_meanwhile_is_not_kept_in_the_new_one(path, policies):
    with closing(open_store(path)) as store:
        era = store.era()
    overwrite(path, max(pages(path)))
    rescue(path, NOW, identity(path))
    with closing(open_store(path)) as store:
        store.keep_derived("a.example", NOW, NOW.replace(year=2027), b"x", era)
        assert store.derived("a.example", NOW) is None


def test_a_link_in_the_place_of_the_lock_leads_nowhere(path, policies, tmp_path):
    overwrite(path, max(pages(path)))
    path.with_name(f"{path.name}.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="cannot be replaced"):
        rescue(path, NOW, identity(path))
    assert not (tmp_path / "elsewhere").exists()


def test_it_keeps_who_may_read_it(path, policies):
    path.chmod(0o640)
    overwrite(path, max(pages(path)))
    rescue(path, NOW, identity(path))
    assert path.stat().st_mode & 0o777 == 0o640

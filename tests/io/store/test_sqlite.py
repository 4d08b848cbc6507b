"""The store in a file: what was kept is there whatever dies, and what is damaged is never empty."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.verdict.scenes import SMTP, stripped, upgraded
from unstrip.evidence import to_json
from unstrip.io.store import StoreError, open_store
from unstrip.io.store.visits import NEWEST
from unstrip.policy.mta_sts import Known, Mode, StsPolicy

# -- damage ----------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_an_error_and_left_as_it_is(path):
    path.parent.mkdir()
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError, match=r"store\.sqlite3"):
        open_store(path)
    assert path.read_bytes() == b"this is not a database" * 100


def filled(path: Path) -> dict[str, Known]:
    """A store with policies in it, and what they are."""
    policy = StsPolicy(Mode.ENFORCE, 604800, ("mx.example.org",), ("line",) * 100)
    policies = {f"d{n}.example": Known(f"d{n}.example", policy, str(n)) for n in range(40)}
    with closing(open_store(path)) as store:
        for known in policies.values():
            store.remember(None, known)
    return policies


@pytest.mark.parametrize("rubbish", [b"\0", b"\xff", b"unstrip!"])
def test_whichever_page_is_damaged_no_policy_is_taken_for_none(path, rubbish):
    policies = filled(path)
    whole = path.read_bytes()
    assert len(whole) > 10 * 4096
    noticed = 0
    for begin in range(0, len(whole), 4096):
        path.write_bytes(whole[:begin] + (rubbish * 4096)[:4096] + whole[begin + 4096 :])
        try:
            with closing(open_store(path)) as store:
                assert {name: store.known(name) for name in policies} == policies
        except StoreError:
            noticed += 1
    assert noticed > 5


@pytest.mark.parametrize("size", [99, 4096, 5000, 8192, 20000])
def test_a_file_that_was_cut_short_is_an_error(path, size):
    policies = filled(path)
    os.truncate(path, size)

    def looked_up():
        with closing(open_store(path)) as store:
            return [store.known(name) for name in policies]

    with pytest.raises(StoreError):
        looked_up()


def test_a_folder_in_the_files_place_is_an_error(path):
    path.mkdir(parents=True)
    with pytest.raises(StoreError):
        open_store(path)


def test_a_file_in_the_folders_place_is_an_error(path):
    path.parent.write_text("in the way")
    with pytest.raises(StoreError):
        open_store(path)


def test_a_closed_store_is_an_error(path):
    store = open_store(path)
    store.close()
    uses = (
        lambda: store.visits(SMTP),
        lambda: store.keep(upgraded()),
        store.remembered,
        store.domains,
        lambda: store.known("example.org"),
    )
    for use in uses:
        with pytest.raises(StoreError):
            use()


def test_a_visit_that_could_not_be_written_does_not_hinder_the_next_one(path):
    with closing(open_store(path)) as store:
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(
                "create trigger full before delete on visit begin select raise(abort, 'x'); end"
            )
        for _ in range(NEWEST):
            store.keep(stripped())
        with pytest.raises(StoreError):
            store.keep(stripped())  # pruning fails
        with closing(sqlite3.connect(path, timeout=0.5)) as db, db:
            db.execute("drop trigger full")
        store.keep(upgraded())
        assert store.visits(SMTP)[-1] == upgraded()


# -- nowhere to write ------------------------------------------------------------------

AS_NOBODY = """
import os, sys
from unstrip.io.store import StoreError, open_store
import unstrip.io.store.sqlite
if os.getuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
try:
    store = open_store(sys.argv[1])
    print(store.known("d1.example"))
except StoreError as error:
    print("error:", error)
"""


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_cannot_be_written_to_is_an_error(there, tmp_path):
    path = tmp_path / "store.sqlite3"
    if there:
        filled(path)
    modes = {folder: folder.stat().st_mode for folder in (tmp_path, *tmp_path.parents[:2])}
    try:
        for folder in modes:
            folder.chmod(0o555)
        assert said_by(AS_NOBODY, path).startswith("error:")
    finally:
        for folder, mode in modes.items():
            folder.chmod(mode)


FULL = """
import resource, signal, sys
from unstrip.io.store import StoreError, open_store
from unstrip.policy.mta_sts import Known, Mode, StsPolicy
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = open_store(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
policy = StsPolicy(Mode.ENFORCE, 604800, ("mx.example.org",), ("line",) * 100)
kept, refused = [], 0
for n in range(1000):
    try:
        store.remember(None, Known(f"{n}.example", policy))
        kept.append(n)
    except StoreError:
        refused += 1
    if refused == 5:
        break
assert all(store.known(f"{n}.example") for n in kept)
print(refused, len(kept))
"""


def test_a_full_disk_is_an_error_and_loses_nothing_of_what_was_kept(path):
    refused, kept = map(int, said_by(FULL, path).split())
    assert refused == 5
    assert kept > 10
    with closing(open_store(path)) as store:
        assert len(store.domains()) == kept
        assert store._database.rows("pragma integrity_check") == [("ok",)]
        store.remember(None, Known("another.example"))


def said_by(code: str, *arguments: object) -> str:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=120
    ).stdout.strip()


# -- several processes -----------------------------------------------------------------

VISITOR = """
import sys
from dataclasses import replace
from unstrip.evidence import Evidence, from_json
from unstrip.io.store import open_store

visit = from_json(Evidence, sys.argv[2])
endpoint = replace(visit.endpoint, port=int(sys.argv[3]))
print("ready", flush=True)
sys.stdin.readline()
store = open_store(sys.argv[1])
for _ in range(15):
    store.keep(replace(visit, endpoint=endpoint))
store.close()
"""


def test_processes_that_write_at_once_lose_nothing(path):
    command = [sys.executable, "-c", VISITOR, str(path), to_json(upgraded()).decode()]
    visitors = [
        subprocess.Popen(
            [*command, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for port in (1, 2, 3, 4)
    ]
    for visitor in visitors:
        visitor.stdout.readline()
    ends = [visitor.communicate(b"go\n", timeout=60) for visitor in visitors]
    assert [visitor.returncode for visitor in visitors] == [0] * 4, ends
    with closing(open_store(path)) as store:
        assert [known.visits for known in store.remembered()] == [15] * 4


# -- killed ----------------------------------------------------------------------------

# remembers policies of its own, and of one domain first a policy and then failures; each one that
# is kept is told by a line
KEEPER = """
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from unstrip.io.store import open_store
from unstrip.policy.mta_sts import Known, Mode, StsPolicy, Trouble

store, life = open_store(sys.argv[1]), sys.argv[2]
policy = StsPolicy(Mode.ENFORCE, 604800, ("mx.example.org",), ("line",) * 200)
at = datetime(2026, 11, 22, tzinfo=UTC)
for n in count():
    at += timedelta(seconds=1)
    store.remember(None, Known(f"{life}-{n}.example", policy, str(n), at, at))
    base = store.known("one.example")
    if n % 2:
        new = replace(base, looked=at, record=Trouble(at, "gone", certain=False))
    else:
        new = Known("one.example", policy, f"{life}-{n}", at, at)
    store.remember(base, new)
    store.keep_derived("one.example", at, at + timedelta(hours=1), new.id.encode(), store.era())
    print(f"{life}-{n}", flush=True)
"""
LIVES = 25


def test_whatever_was_kept_is_there_though_who_kept_it_was_killed(path):
    random, told = Random(5), []
    for life in range(LIVES):
        told += killed_at_random(path, life, random)
        with closing(open_store(path)) as store:
            assert store._database.rows("pragma integrity_check") == [("ok",)]
            assert all(store.known(f"{name}.example").policy for name in told)
            if told:
                assert store.known("one.example").policy
    assert len({name.partition("-")[0] for name in told}) > LIVES / 2  # most came to keep some


def killed_at_random(path: Path, life: int, random: Random) -> list[str]:
    """Have one process keep policies for a moment; what it says that it has kept."""
    command = [sys.executable, "-c", KEEPER, str(path), str(life)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as keeper:
        early = random.random() < 0.2  # perhaps while it opens the store
        first = "" if early else keeper.stdout.readline()
        time.sleep(random.uniform(0, 0.15))
        keeper.send_signal(signal.SIGKILL)
        rest, _ = keeper.communicate(timeout=60)
    lines = (first + rest).splitlines(keepends=True)
    return [line.strip() for line in lines if line.endswith("\n")]


def test_the_log_is_written_before_a_call_returns(path):
    with closing(open_store(path)) as store:
        assert store._database.rows("pragma journal_mode") == [("wal",)]
        assert store._database.rows("pragma synchronous") == [(2,)]

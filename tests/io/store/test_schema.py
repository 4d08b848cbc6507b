"""The tables: made once however many begin at the same time, and never made by halves."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest

from tests.verdict.scenes import SMTP, upgraded
from unstrip.evidence import to_json
from unstrip.io.store import StoreError, open_store
from unstrip.io.store.schema import _STEPS, VERSION
from unstrip.io.store.sqlite import SqliteDatabase
from unstrip.policy.mta_sts import Known

# as unstrip 0.1.0 made it before there were policies
VERSION_1 = """
create table visit (
    id integer primary key,
    host text not null, port integer not null, protocol text not null, implicit integer not null,
    server_name text not null,
    began text not null, telling integer not null, secured integer not null,
    evidence blob not null
);
create index visit_endpoint on visit (host, port, protocol, implicit, server_name);
pragma user_version = 1;
"""


@pytest.fixture
def old(path: Path) -> Path:
    """A store of version 1 with a visit in it."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(VERSION_1)
        db.execute(
            "insert into visit values (7, ?, ?, 'smtp', 0, '', '2026-11-21T12:00:00', 7, 1, ?)",
            (SMTP.host, SMTP.port, to_json(upgraded())),
        )
    return path


def test_a_store_of_the_first_version_keeps_its_visits_and_gains_the_rest(old):
    with closing(open_store(old)) as store:
        assert store.visits(SMTP) == (upgraded(),)
        store.keep(upgraded())
        assert store.visits(SMTP) == (upgraded(), upgraded())
        assert store.domains() == ()
        assert store._database.version() == VERSION


def test_a_list_that_was_kept_without_its_signer_is_to_come_again(path):
    with closing(SqliteDatabase(path)) as database:
        for statement in chain(*_STEPS[:2]):
            database.run(statement.format(bytes=database.BYTES, numbered=database.NUMBERED))
        database.set_version(2)
        database.run(
            "insert into policy (domain, known, kept) values ('example.org', ?, 1)",
            to_json(Known("example.org")),
        )
        database.run("insert into policy_list (name, made, body) values ('list', 1, 'x')")
    with closing(open_store(path)) as store:
        assert store.kept_list("list", ("",)) is None
        assert store.known("example.org") == Known("example.org")


def test_a_store_that_cannot_be_brought_up_to_date_stays_what_it_was(old):
    with closing(sqlite3.connect(old)) as db, db:
        db.execute("create table derivation (in_the_way integer)")
    with pytest.raises(StoreError, match="derivation"):
        open_store(old)
    with closing(sqlite3.connect(old)) as db:
        assert db.execute("pragma user_version").fetchone() == (1,)
        assert db.execute("select name from sqlite_master where name = 'policy'").fetchall() == []


@pytest.mark.parametrize("version", [VERSION + 1, -1, 2**31 - 1])
def test_what_another_version_made_is_an_error_and_left_as_it_is(place, version):
    with closing(open_store(place)) as store:
        store.keep(upgraded())
        store._database.set_version(version)
    with pytest.raises(StoreError, match="another version"):
        open_store(place)


def test_a_store_is_made_once(place):
    for _ in range(2):
        with closing(open_store(place)) as store:
            assert store._database.version() == VERSION


BEGINNER = """
import sys
from unstrip.evidence import Evidence, from_json
from unstrip.io.store import open_store

visit = from_json(Evidence, sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
store = open_store(sys.argv[1])
for _ in range(5):
    store.keep(visit)
store.close()
"""


@pytest.mark.parametrize("times", range(2))
def test_ten_that_begin_at_once_make_one_store_and_lose_nothing(place, times):
    command = [sys.executable, "-c", BEGINNER, place, to_json(upgraded()).decode()]
    beginners = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(10)
    ]
    for beginner in beginners:
        beginner.stdout.readline()
    for beginner in beginners:
        beginner.stdin.write(b"go\n")
        beginner.stdin.flush()
    ends = [beginner.communicate(timeout=60) for beginner in beginners]
    assert [beginner.returncode for beginner in beginners] == [0] * 10, ends
    with closing(open_store(place)) as store:
        rows = store._database.rows("select count(*), max(id) from visit")
        assert rows == [(20, 50)] or rows[0][0] >= 20


def test_a_database_alone_has_no_tables(path):
    with closing(SqliteDatabase(path)) as database:
        assert database.version() == 0
        assert database.rows("select * from sqlite_master") == []

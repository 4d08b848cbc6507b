"""The store as a whole: where it is, what belongs together, and that nothing is taken for empty."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.verdict.scenes import SMTP, SMTPS, implicit, upgraded
from unstrip.io.store import KeptList, StoreError, default_path, open_store
from unstrip.policy.mta_sts import Known

HOST = SMTP.host
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_folder_is_made_where_there_is_none(path):
    assert not path.parent.exists()
    open_store(path).close()
    assert path.is_file()


def test_the_default_path_follows_the_platform(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_path() == tmp_path / "unstrip" / "store.sqlite3"


def test_a_file_by_its_old_name_goes_on_being_used(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    old = tmp_path / "unstrip" / "history.sqlite3"
    old.parent.mkdir()
    old.touch()
    assert default_path() == old
    (tmp_path / "unstrip" / "store.sqlite3").touch()
    assert default_path() == tmp_path / "unstrip" / "store.sqlite3"


WITHOUT_A_HOME = """
import os, sys
from unstrip.io.store import StoreError, default_path
for name in ("HOME", "XDG_STATE_HOME"):
    os.environ.pop(name, None)
sys.modules["pwd"] = None  # the system knows no such user
try:
    default_path()
except StoreError as error:
    print(error)
"""


def test_who_has_no_home_is_told():
    assert said(WITHOUT_A_HOME) == "there is no home directory to keep the store in\n"


@pytest.mark.parametrize("where", ["", ":memory:", "postgresql:me:secret@db/x", "postgres:db"])
def test_what_would_be_forgotten_or_is_no_file_is_none(where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError) as refused:
        open_store(where)
    assert "secret" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["mysql://x/y", "http://127.0.0.1", "://", "postgres:///?x=y"])
def test_no_other_url_is_taken_for_a_file(where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="URL"):
        open_store(where)
    assert list(tmp_path.iterdir()) == []


WITHOUT = """
import sys
sys.modules["psycopg"] = None
from unstrip.io.store import StoreError, open_store
try:
    open_store("postgresql://localhost/unstrip")
except StoreError as error:
    print(error, error.hint)
"""


def test_without_psycopg_it_is_said_what_to_install():
    assert "needs psycopg, which is not installed run pip install '.[shared]'" in said(WITHOUT)


def test_trying_to_write_changes_nothing(store):
    store.remember(None, Known(HOST, looked=NOW))
    before = store.domains()
    store.try_writing()
    assert store.domains() == before


def test_a_file_needs_no_psycopg(path):
    opens = f"import sys, unstrip; unstrip.open_store({str(path)!r})"
    assert said(f"{opens}; print('psycopg' in sys.modules)") == "False\n"


def said(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_release_forgets_policy_visits_and_what_was_derived(store):
    for visit in (upgraded(), implicit()):
        store.keep(visit)
    store.remember(None, Known(HOST, looked=NOW))
    store.keep_derived(
        HOST, NOW + timedelta(days=999), NOW + timedelta(days=1000), b"x", store.era()
    )
    assert store.release(HOST) == (1, 2)
    assert store.known(HOST) is None
    assert store.visits(SMTP) == store.visits(SMTPS) == ()
    assert store.derived(HOST, NOW + timedelta(days=999)) is None
    assert store.release(HOST) == (0, 0)


def test_release_leaves_all_others_alone(store):
    store.keep(upgraded())
    store.remember(None, Known(f"x.{HOST}", looked=NOW))
    store.keep_list("list", ("A",), KeptList("A", NOW, b"body"))
    for other in ("example.org", f"y.{HOST}", "%", "", f"{HOST}'--"):
        assert store.release(other) == (0, 0)
    assert store.visits(SMTP) == (upgraded(),)
    assert store.known(f"x.{HOST}")
    assert store.kept_list("list", ("A",))


def test_half_a_release_is_none(store):
    store.keep(upgraded())
    store.remember(None, Known(HOST, looked=NOW))
    store._database.run("alter table visit rename to elsewhere")
    with pytest.raises(StoreError):
        store.release(HOST)
    assert store.known(HOST)
    store._database.run("alter table elsewhere rename to visit")
    assert store.release(HOST) == (1, 1)


def test_a_name_that_no_database_can_keep_is_an_error_or_nothing(store):
    for name in ("\ud800", "a\0b"):
        try:
            store.remember(None, replace(Known("x"), domain=name))
        except StoreError:
            continue
        assert store.known(name).domain == name


def test_one_process_reads_what_another_is_writing(place, store):
    with closing(open_store(place)) as other:
        other.keep(upgraded())
        assert store.visits(SMTP) == (upgraded(),)
        store.remember(None, Known(HOST, looked=NOW))
        assert other.known(HOST) == Known(HOST, looked=NOW)

"""A look at the store tells how it stands, and leaves the disk as it was."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.interop.servers.machine import public_directory
from unstrip.io.store import open_store
from unstrip.io.store.glance import glance


def on_disk(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


@pytest.fixture
def looked(tmp_path):
    """Looks, and nothing has changed by that."""

    def look(name="store.sqlite3"):
        before = on_disk(tmp_path)
        found = glance(str(tmp_path / name))
        assert on_disk(tmp_path) == before
        return found

    return look


def test_one_that_is_not_there_can_be_made(looked, tmp_path):
    assert looked().words == f"{tmp_path}/store.sqlite3, which is yet to be made"
    assert looked().trouble == looked("folder/below/store").trouble == ""


def test_one_that_is_there_is_all_right_whether_it_is_in_use_or_not(looked, tmp_path):
    with closing(open_store(tmp_path / "store.sqlite3")) as store:
        assert looked().trouble == ""
        assert store.known("example.org") is None
    assert looked().words == str(tmp_path / "store.sqlite3")
    assert looked().trouble == ""


@pytest.mark.parametrize(("version", "words"), [(1, "brought up to date"), (99, "another version")])
def test_one_of_another_version_is_told(looked, tmp_path, version, words):
    with closing(sqlite3.connect(tmp_path / "store.sqlite3")) as store:
        store.execute(f"pragma user_version = {version}")
    found = looked()
    assert words in (found.trouble or found.words)
    assert bool(found.trouble) is (version == 99)
    assert not found.damaged


@pytest.mark.parametrize("body", [b"no database" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_one_is_told(looked, tmp_path, body):
    (tmp_path / "store.sqlite3").write_bytes(body)
    assert looked().damaged
    assert "store.sqlite3" in looked().trouble


def test_an_empty_file_is_as_good_as_none(looked, tmp_path):
    (tmp_path / "store.sqlite3").touch()
    assert looked().words.endswith("which is empty")
    assert looked().trouble == ""


def test_what_is_no_file_or_leads_through_one_is_told(looked, tmp_path):
    (tmp_path / "file").touch()
    assert "is no directory" in looked("file/store").trouble
    assert "is no file" in glance(str(tmp_path)).trouble


@pytest.mark.parametrize("name", ["", ":memory:", "mysql://x/y"])
def test_what_is_no_place_at_all_is_told(name):
    assert glance(name).trouble


def test_a_database_of_a_server_is_not_asked():
    found = glance("postgresql://user:secret@192.0.2.1/unstrip")
    assert "not asked" in found.words
    assert "secret" not in f"{found}"


@pytest.mark.parametrize(
    ("file", "folder", "words"),
    [
        (0o400, 0o555, "cannot be read and written"),
        (0o666, 0o555, "nothing can be made in"),  # the log would be beside it
        (0, 0o555, "nothing can be made in"),
    ],
)
def test_it_is_looked_at_as_whoever_looks(file, folder, words):
    code = (
        "import os, sys; from unstrip.io.store.glance import glance\n"
        "if os.geteuid() == 0: os.setgroups([]), os.setgid(65534), os.setuid(65534)\n"
        "print(glance(sys.argv[1]).trouble)"
    )
    with public_directory() as home:
        path = home / "store"
        if file:
            open_store(path).close()
            path.chmod(file)
        home.chmod(folder)
        command = [sys.executable, "-c", code, path]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        home.chmod(0o755)
    assert words in ran.stdout

"""A file is read up to its limit; what is no file is refused at once, and nothing is waited for."""

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
import sys
from pathlib import Path

import pytest
from platformdirs import user_config_path, user_state_path

from unstrip.io.files import (
    NoHome,
    Unread,
    Unwritten,
    configuration_folder,
    missing,
    read,
    read_text,
    state_folder,
    write,
)


def test_a_file_may_have_as_many_bytes_as_it_may(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(10))
    assert read(path, 10) == bytes(10)
    with pytest.raises(Unread, match="is longer than 9 bytes"):
        read(path, 9)


def test_a_link_to_a_file_is_that_file(tmp_path):
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to("file")
    assert read(tmp_path / "link", 10) == b"text"


def test_what_is_not_there_is_named_with_the_reason(tmp_path):
    with pytest.raises(Unread, match=r"/none cannot be read: no such file or directory"):
        read(tmp_path / "none", 9)


def test_a_directory_is_no_file(tmp_path):
    with pytest.raises(Unread, match="is a directory"):
        read(tmp_path, 9)


def test_a_pipe_is_refused_whether_somebody_writes_into_it_or_not(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(Unread, match="is a pipe or a device"):
        read(path, 9)
    ours = os.open(path, os.O_RDWR)
    try:
        os.write(ours, b"text")
        with pytest.raises(Unread, match="is a pipe or a device"):
            read(path, 9)
    finally:
        os.close(ours)


@pytest.mark.parametrize("name", ["zero", "null"])
def test_a_device_is_refused_and_never_an_empty_file(name):
    with pytest.raises(Unread, match="is a pipe or a device"):
        read(Path("/dev") / name, 9)


def test_a_socket_is_an_error(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        with pytest.raises(Unread, match="cannot be read"):
            read(tmp_path / "socket", 9)


def test_a_text_is_utf_8(tmp_path):
    path = tmp_path / "file"
    path.write_text("\u00fc", "utf-8")
    assert read_text(path, 9) == "\u00fc"
    path.write_bytes(b"\xff")
    with pytest.raises(Unread, match="/file is not UTF-8"):
        read_text(path, 9)


def test_what_cannot_be_looked_for_is_not_missing(tmp_path):
    assert missing(tmp_path / "file")
    (tmp_path / "file").touch()
    assert not missing(tmp_path / "file")
    assert not missing(tmp_path / "file" / "below")
    (tmp_path / "loop").symlink_to("loop")
    assert not missing(tmp_path / "loop")
    assert not missing(tmp_path / "loop" / "below")


def test_our_files_are_where_the_platform_has_them():
    assert configuration_folder() == user_config_path("unstrip")
    assert state_folder() == user_state_path("unstrip")


def test_who_has_no_home_is_told_so(monkeypatch):
    """As a user whom the system does not know, and whose environment says nothing."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "pwd", None)
    for folder in (configuration_folder, state_folder):
        with pytest.raises(NoHome, match="no home directory"):
            folder()


# Writing


def test_what_is_written_is_there_whole_and_nothing_else(tmp_path):
    path = tmp_path / "page.html"
    for body in (b"", b"old", b"new" * 9999):
        write(path, body)
        assert path.read_bytes() == body
        assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_is_for_whom_the_umask_lets(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "page.html", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o640


def test_a_file_that_is_replaced_stays_for_whom_it_was(tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(b"old")
    path.chmod(0o604)
    write(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_link_stays_one(tmp_path):
    (tmp_path / "link").symlink_to("page.html")
    for body in (b"old", b"new"):
        write(tmp_path / "link", body)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "page.html").read_bytes() == body


def test_whoever_has_the_old_one_open_reads_it_to_its_end(tmp_path):
    path = tmp_path / "page.html"
    write(path, b"old" * 9)
    with path.open("rb") as file:
        write(path, b"new")
        assert file.read() == b"old" * 9


def test_what_is_no_file_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path(os.devnull), tmp_path):
        with pytest.raises(Unwritten, match="it is no regular file"):
            write(place, b"page")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.parametrize("name", ["none/page.html", "n" * 300, "link"])
def test_what_cannot_be_written_is_named_with_the_reason(name, tmp_path):
    (tmp_path / "link").symlink_to("link")
    with pytest.raises(Unwritten, match=rf"/{name} cannot be written: "):
        write(tmp_path / name, b"page")
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_where_there_is_no_room_the_old_one_stays(tmp_path):
    path = tmp_path / "page.html"
    write(path, b"old")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limit[1]))
    try:
        with pytest.raises(Unwritten, match="file too large"):
            write(path, bytes(99))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]

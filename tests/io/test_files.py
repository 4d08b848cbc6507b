"""A file is read up to its limit; what is no file is refused at once, and nothing is waited for."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest
from platformdirs import user_config_path, user_state_path

from unstrip.io.files import (
    NoHome,
    Unread,
    configuration_folder,
    missing,
    read,
    read_text,
    state_folder,
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

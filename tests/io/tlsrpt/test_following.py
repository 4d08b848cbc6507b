"""Following a log through what becomes of logs."""

from __future__ import annotations

import os

import pytest

from unstrip.io.files import Unread
from unstrip.io.tlsrpt import following
from unstrip.io.tlsrpt.following import BEFORE, SIZE, chunks


class Reader:
    """One who reads again and again, and remembers where he was."""

    def __init__(self, path):
        self.path, self.taken = path, dict[str, int]()

    def read(self) -> bytes:
        data = b""
        for chunk in chunks(self.path, lambda segment: self.taken.get(segment, 0)):
            assert chunk.begin == self.taken.get(chunk.segment, 0)
            self.taken[chunk.segment] = chunk.end
            data += chunk.data
        return data


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "mainlog"
    path.write_bytes(b"one\n")
    return path


@pytest.fixture
def reader(log):
    return Reader(log)


def append(path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def age(path, seconds: int) -> None:
    os.utime(path, (path.stat().st_mtime - seconds,) * 2)


def test_what_was_read_is_not_read_again(log, reader):
    assert reader.read() == b"one\n"
    assert reader.read() == b""
    append(log, b"two\n")
    assert reader.read() == b"two\n"


def test_half_a_line_waits_for_its_other_half(log, reader):
    append(log, b"tw")
    assert reader.read() == b"one\n"
    append(log, b"o\n")
    assert reader.read() == b"two\n"


def test_a_log_without_a_whole_line_waits(tmp_path):
    path = tmp_path / "mainlog"
    path.write_bytes(b"on")
    assert Reader(path).read() == b""
    path.write_bytes(b"")
    assert Reader(path).read() == b""


@pytest.mark.parametrize("name", ["mainlog.1", "mainlog-20261122", "mainlog.01"])
def test_the_rest_of_a_log_that_was_moved_away_comes_first(log, reader, name):
    reader.read()
    append(log, b"two\n")
    log.rename(log.with_name(name))
    log.write_bytes(b"three\n")
    assert reader.read() == b"two\nthree\n"
    assert reader.read() == b""


def test_logs_that_were_moved_away_unread_come_in_their_order(log, reader):
    reader.read()
    append(log, b"two\n")
    log.rename(log.with_name("mainlog.2"))
    log.with_name("mainlog.1").write_bytes(b"three\n")
    log.write_bytes(b"four\n")
    age(log.with_name("mainlog.2"), 20)
    age(log.with_name("mainlog.1"), 10)
    assert reader.read() == b"two\nthree\nfour\n"


def test_older_logs_are_left_alone_at_first(log, reader):
    log.with_name("mainlog.1").write_bytes(b"zero\n")
    age(log.with_name("mainlog.1"), 10)
    assert reader.read() == b"one\n"
    assert reader.read() == b""


def test_a_log_that_was_copied_and_emptied_is_another(log, reader):
    reader.read()
    append(log, b"two\n")
    log.with_name("mainlog.1").write_bytes(log.read_bytes())
    log.write_bytes(b"three\n")
    assert reader.read() == b"two\nthree\n"


def test_compressed_logs_and_other_files_are_left_alone(log, reader):
    reader.read()
    for name in ("mainlog.2.gz", "mainlog_old", "rejectlog"):
        log.with_name(name).write_bytes(log.read_bytes() + b"more\n")
    log.with_name("mainlog.d").mkdir()
    os.mkfifo(log.with_name("mainlog.fifo"))
    assert reader.read() == b""


def test_a_long_log_comes_in_pieces_of_whole_lines(log, reader):
    lines = b"".join(b"%060d\n" % number for number in range(40_000))
    append(log, lines)
    found = list(chunks(log, lambda _: 0))
    assert len(found) == 3
    assert all(chunk.data.endswith(b"\n") and len(chunk.data) <= SIZE for chunk in found)
    assert b"".join(chunk.data for chunk in found) == b"one\n" + lines


def test_a_line_without_end_is_passed_by(log, reader):
    append(log, b"x" * (2 * SIZE) + b"\nlast\n")
    assert reader.read().endswith(b"x\nlast\n")
    assert reader.read() == b""


def test_what_stands_before_is_there_to_be_looked_at(log, reader):
    append(log, b"y" * BEFORE + b"\n")
    reader.read()
    append(log, b"last\n")
    (chunk,) = chunks(log, lambda segment: reader.taken[segment])
    assert chunk.data == b"last\n"
    assert chunk.before == (b"y" * BEFORE + b"\n")[-BEFORE:]


def test_what_is_no_log_is_said(tmp_path):
    with pytest.raises(Unread, match="no such file"):
        list(chunks(tmp_path / "nothing", lambda _: 0))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unread, match="a pipe or a device"):
        list(chunks(tmp_path / "pipe", lambda _: 0))


def test_a_log_behind_a_link_is_the_same_log(log, reader):
    reader.read()
    link = log.with_name("link")
    link.symlink_to(log)
    reader.path = link
    assert reader.read() == b""


def test_only_so_many_logs_that_were_moved_are_looked_at(log, reader, monkeypatch):
    reader.read()
    monkeypatch.setattr(following, "_MOST", 1)
    for number in (1, 2):
        log.with_name(f"mainlog.{number}").write_bytes(log.read_bytes() + b"%d\n" % number)
        age(log.with_name(f"mainlog.{number}"), 10 * number)
    assert reader.read() == b"1\n"

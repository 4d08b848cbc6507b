"""The spool: what was taken is there, whoever dies when, and what was not is not."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date

import pytest

from unstrip.io.tlsrpt import spool
from unstrip.io.tlsrpt.spool import END, LAST, LONGEST, MARK, SIZE, Counts, Segment
from unstrip.tlsrpt import datagram

DAY = date(2026, 11, 21)
ODD = [b"a", b"", b"four", b"a zero\0", b"x" * 600, b"y" * LONGEST]


def put(segment: Segment, data: bytes) -> None:
    """What the reader does, in the place of the kernel."""
    begin = segment.at + MARK
    segment.view[begin : begin + len(data)] = data


def written(folder, *datagrams: bytes) -> Segment:
    segment = Segment(folder, DAY)
    for data in datagrams:
        put(segment, data)
        segment.take(len(data))
    return segment


def only(folder):
    (path,) = spool.segments(folder)
    return path


def test_what_was_taken_comes_back_in_its_order_while_more_is_written(tmp_path):
    segment = written(tmp_path, *ODD)
    first = spool.read(only(tmp_path), 0)
    assert (first.datagrams, first.ended, first.broken) == (ODD, False, False)
    assert spool.read(only(tmp_path), first.end).datagrams == []
    put(segment, b"more")
    segment.take(4)
    segment.close()
    rest = spool.read(only(tmp_path), first.end)
    assert (rest.datagrams, rest.ended) == ([b"more"], True)
    assert spool.read(only(tmp_path), rest.end).ended


def test_a_segment_has_its_day_and_all_its_room_and_is_ours_alone(tmp_path):
    written(tmp_path)
    found = only(tmp_path).stat()
    assert spool.day_of(only(tmp_path)) == DAY
    assert (found.st_size, found.st_mode & 0o777) == (SIZE, 0o600)
    assert found.st_blocks * 512 >= SIZE
    assert spool.size(tmp_path) == SIZE


def test_no_two_segments_ever_have_one_name(tmp_path):
    for _ in range(3):
        written(tmp_path).close()
    assert len({path.name for path in spool.segments(tmp_path)}) == 3


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "2026-11-21-notes.segment").touch()
    assert spool.segments(tmp_path) == []
    spool.repair(tmp_path)
    assert spool.size(tmp_path) == 0


def test_a_full_segment_has_room_for_its_end(tmp_path):
    segment = Segment(tmp_path, DAY)
    segment.at = LAST
    put(segment, b"z" * LONGEST)
    segment.take(LONGEST)
    segment.close()
    batch = spool.read(only(tmp_path), LAST)
    assert ([len(data) for data in batch.datagrams], batch.ended) == ([LONGEST], True)


def test_what_had_no_mark_yet_when_the_writer_died_is_taken(tmp_path):
    put(written(tmp_path, b"first"), b'{"whole": 1}')
    spool.repair(tmp_path)
    batch = spool.read(only(tmp_path), 0)
    assert (batch.datagrams, batch.ended) == ([b"first", b'{"whole": 1}'], True)
    assert spool.size(tmp_path) == batch.end + MARK
    spool.repair(tmp_path)
    assert spool.read(only(tmp_path), 0) == batch


def test_what_was_wiped_is_not_taken(tmp_path):
    segment = written(tmp_path, b"first")
    put(segment, b"z" * LONGEST)
    segment.wipe()
    spool.repair(tmp_path)
    assert spool.read(only(tmp_path), 0).datagrams == [b"first"]


def test_a_segment_is_seen_by_nobody_before_it_has_its_room(tmp_path, monkeypatch):
    seen = []
    make_room = os.posix_fallocate

    def look(*values: int) -> None:
        seen.extend(spool.segments(tmp_path))
        make_room(*values)

    monkeypatch.setattr(os, "posix_fallocate", look)
    written(tmp_path, b"first")
    assert seen == []
    assert spool.read(only(tmp_path), 0).datagrams == [b"first"]


def test_what_never_had_its_room_is_removed(tmp_path):
    written(tmp_path)
    path = only(tmp_path)
    path.rename(f"{path}.new")
    spool.repair(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_segment_that_has_its_end_has_no_more_room_than_it_needs(tmp_path):
    written(tmp_path, *ODD).close()
    whole = spool.read(only(tmp_path), 0)
    assert (whole.datagrams, whole.ended, whole.broken) == (ODD, True, False)
    assert spool.size(tmp_path) == whole.end + MARK
    assert spool.read(only(tmp_path), whole.end).ended
    spool.repair(tmp_path)
    assert spool.read(only(tmp_path), 0) == whole


@pytest.mark.parametrize("size", [0, 3, 1200, SIZE + MARK])
def test_a_segment_that_was_cut_is_damaged(tmp_path, size):
    written(tmp_path, b"x" * 600, b"y" * 600)
    os.truncate(only(tmp_path), size)
    spool.repair(tmp_path)
    batch = spool.read(only(tmp_path), 0)
    assert (len(batch.datagrams), batch.ended, batch.broken) == (size == 1200, True, True)


@pytest.mark.parametrize("mark", [LONGEST + 2, END - 1, 2**31])
def test_a_mark_that_makes_no_sense_ends_the_segment_and_is_told(tmp_path, mark):
    segment = written(tmp_path, b"first")
    segment.marks[segment.at // MARK] = mark
    batch = spool.read(only(tmp_path), 0)
    assert (batch.datagrams, batch.ended, batch.broken) == ([b"first"], True, True)


def test_a_disk_without_room_is_an_error_and_nothing_is_left(tmp_path, monkeypatch):
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        Segment(tmp_path, DAY)
    assert list(tmp_path.iterdir()) == []


def test_counts_outlive_the_process(tmp_path):
    code = "import sys, os; from pathlib import Path; from unstrip.io.tlsrpt.spool import Counts;"
    code += "Counts(Path(sys.argv[1])).add(3, 4); os.kill(os.getpid(), 9)"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert Counts(tmp_path).read() == (6, 8)


def test_there_is_room_on_the_disk_to_count_before_anything_is_counted(tmp_path):
    Counts(tmp_path).close()
    assert (tmp_path / "counts").stat().st_blocks


def test_what_is_taken_is_what_can_be_read():
    assert LONGEST == datagram.LONGEST


def test_memory_is_there_before_it_is_received_into(tmp_path):
    segment = written(tmp_path, b"first")
    for at in (segment.at, LAST // 2, LAST):
        end = segment.map_on(at)
        assert min(at + MARK + LONGEST, SIZE) <= end == segment.mapped <= SIZE
    assert spool.read(only(tmp_path), 0).datagrams == [b"first"]

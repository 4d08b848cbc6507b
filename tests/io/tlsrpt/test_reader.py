"""The reader: all that was sent is in the spool, or was counted, or its sender was told."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager
from datetime import date

import pytest

from tests.io.tlsrpt.telling import PATIENCE, wait_for
from unstrip.io.tlsrpt import queue, spool
from unstrip.io.tlsrpt.reader import Reader
from unstrip.io.tlsrpt.spool import LONGEST, SIZE, Counts

PLENTY = 100 * SIZE


@pytest.fixture
def place(tmp_path):
    (tmp_path / "spool").mkdir()
    return tmp_path


@contextmanager
def reading(place, limit=PLENTY, *, keep=False):
    """A reader at work; gives a socket to tell it by."""
    made, _ = queue.made(str(place / "s"))
    pipe, held = os.pipe()
    reader = Reader(made, place / "spool", limit)
    thread = threading.Thread(target=reader.run, args=(pipe,), kwargs={"keep": keep})
    thread.start()
    with made, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(str(place / "s"))
        sender.settimeout(PATIENCE)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * LONGEST)
        try:
            yield sender
        finally:
            os.close(held)
            thread.join(PATIENCE)
            assert not thread.is_alive()
            os.close(pipe)


def spooled(place) -> list[bytes]:
    found = [spool.read(segment, 0) for segment in spool.segments(place / "spool")]
    assert all(batch.ended for batch in found)
    return [data for batch in found for data in batch.datagrams]


def test_all_that_was_sent_is_there_at_the_end_in_its_order(place):
    many = [b"%d" % number * 20 for number in range(5000)] + [b""] + [b"last"]
    with reading(place) as sender:
        for data in many:
            sender.send(data)
    assert spooled(place) == many


def test_it_goes_on_in_another_segment_when_one_is_full(place):
    many = [bytes([65 + number]) * 100_000 for number in range(2 * SIZE // 100_000)]
    with reading(place) as sender:
        for data in many:
            sender.send(data)
    assert spooled(place) == many
    assert len(spool.segments(place / "spool")) >= 2


def test_the_spool_has_room_for_what_its_limit_says_though_it_comes_bit_by_bit(place):
    bit = [b"x" * 100_000] * (SIZE // 400_000)
    with reading(place, limit=3 * SIZE) as sender:
        for times in range(5):
            wait_for(lambda times=times: len(spool.segments(place / "spool")) == times + 1)
            for data in bit:
                sender.send(data)
    assert spooled(place) == bit * 5
    assert Counts(place / "spool").read() == (0, 0)


def test_what_is_too_long_is_counted_and_leaves_nothing_behind(place):
    with reading(place) as sender:
        for data in (b"before", b"z" * (LONGEST + 1), b"after", b"z" * LONGEST):
            sender.send(data)
    assert spooled(place) == [b"before", b"after", b"z" * LONGEST]
    assert Counts(place / "spool").read() == (1, 0)


def test_what_comes_when_there_is_no_room_is_counted_until_there_is(place):
    with reading(place, limit=SIZE) as sender:
        wait_for(lambda: spool.segments(place / "spool"))
        (first,) = spool.segments(place / "spool")
        for _ in range(SIZE // 100_000 + 20):
            sender.send(b"x" * 100_000)
        wait_for(lambda: spool.read(first, 0).ended and Counts(place / "spool").read()[1])
        first.unlink()
        wait_for(lambda: spool.segments(place / "spool"))
        sender.send(b"room again")
    assert spooled(place)[-1] == b"room again"


def test_a_new_day_is_another_segment(place, monkeypatch):
    day = date(2026, 11, 21)
    monkeypatch.setattr(spool, "today", lambda: day)
    with reading(place) as sender:
        sender.send(b"today")
        wait_for(lambda: [spool.read(each, 0).end for each in spool.segments(place / "spool")][-1:])
        wait_for(lambda: spool.read(spool.segments(place / "spool")[0], 0).datagrams)
        day = date(2026, 11, 22)
        wait_for(lambda: len(spool.segments(place / "spool")) == 2)
        sender.send(b"tomorrow")
    first, second = spool.segments(place / "spool")
    assert (spool.day_of(first), spool.read(first, 0).datagrams) == (date(2026, 11, 21), [b"today"])
    assert (spool.day_of(second), spool.read(second, 0).datagrams) == (day, [b"tomorrow"])


def test_what_another_reader_left_is_ended(place):
    spool.Segment(place / "spool", date(2026, 11, 20)).take(0)
    with reading(place):
        pass
    assert spooled(place) == [b""]


def test_at_the_end_senders_are_refused_and_the_queue_is_empty(place):
    with reading(place) as sender:
        duplicate = sender.dup()
    with duplicate, pytest.raises(ConnectionRefusedError):
        duplicate.send(b"too late")


def test_a_socket_of_somebody_else_is_open_at_the_end(place):
    made, _ = queue.made(str(place / "s"))
    pipe, held = os.pipe()
    os.close(held)
    with made, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(str(place / "s"))
        sender.send(b"for the next one")
        Reader(made, place / "spool", PLENTY).run(pipe, keep=True)
        os.close(pipe)
        assert made.recv(100) == b"for the next one"

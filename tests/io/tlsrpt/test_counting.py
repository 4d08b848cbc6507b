"""Counting: each datagram once, whatever goes wrong in between."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from datetime import date

import pytest

from tests.io.tlsrpt.telling import RECORD, told
from unstrip.io.store import Store, StoreError, open_store
from unstrip.io.tlsrpt import spool
from unstrip.io.tlsrpt.counting import Counting
from unstrip.io.tlsrpt.spool import MARK, Segment

DAY = date(2026, 11, 21)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


@pytest.fixture
def opening(tmp_path):
    return lambda: open_store(tmp_path / "store")


@pytest.fixture
def counting(folder, opening):
    made = Counting(folder, opening)
    yield made
    made.close()


def take(segment: Segment, *datagrams: bytes) -> Segment:
    for data in datagrams:
        begin = segment.at + MARK
        segment.view[begin : begin + len(data)] = data
        segment.take(len(data))
    return segment


def in_ledger(opening, day: date = DAY) -> Counter[str]:
    """How many deliveries there were to each domain."""
    with closing(opening()) as store:
        return Counter(
            {
                found.domain: sum(tally.succeeded + tally.failed for tally in found.tallies)
                for found in store.day(day)
            }
        )


def test_equal_ones_are_counted_together_and_others_apart(folder, counting, opening):
    take(Segment(folder, DAY), *[told("a.example")] * 1000, *[told("b.example", "x")] * 3)
    counting.count()
    assert in_ledger(opening) == {"a.example": 1000, "b.example": 3}
    assert (counting.counted, counting.refused) == (1003, {})


def test_what_is_counted_is_not_counted_again_by_whoever_comes_next(folder, counting, opening):
    segment = take(Segment(folder, DAY), told())
    counting.count()
    counting.count()
    Counting(folder, opening).count()
    take(segment, told(), told())
    Counting(folder, opening).count()
    assert in_ledger(opening) == {"example.com": 3}


def test_a_segment_is_removed_at_its_end_and_not_before(folder, counting):
    segment = take(Segment(folder, DAY), told())
    counting.count()
    assert len(spool.segments(folder)) == 1
    segment.close()
    counting.count()
    assert spool.segments(folder) == []
    assert counting.counted == 1


def test_days_are_kept_apart(folder, counting, opening):
    for day in (DAY, date(2026, 11, 22)):
        take(Segment(folder, day), told()).close()
    counting.count()
    assert in_ledger(opening) == in_ledger(opening, date(2026, 11, 22)) == {"example.com": 1}


def test_what_makes_no_sense_is_counted_by_kind_and_hinders_nothing(folder, counting, opening):
    bad = [b"", b"{}", b"\xff" * 9, told("a b"), told(dpv="2"), told(policies=[])]
    unknown = told(policies=[{"policy-type": 7, "f": 0}])
    take(Segment(folder, DAY), *bad, unknown, unknown, told())
    counting.count()
    assert in_ledger(opening) == {"example.com": 1}
    assert counting.refused == {"form": 4, "name": 1, "version": 1, "policy": 2}
    assert counting.complaint
    counting.count()
    assert counting.refused.total() == 8


def test_the_last_record_of_a_domain_is_the_one_that_is_kept(folder, counting, opening):
    take(Segment(folder, DAY), told(pr="v=1"), told(pr="v=2"), told(), told(pr="v=2"), told())
    counting.count()
    with closing(opening()) as store:
        (found,) = store.day(DAY)
    assert (found.record, found.tallies[0].succeeded) == (RECORD, 5)


def test_a_damaged_segment_is_told_and_what_was_before_the_damage_counts(folder, counting, opening):
    segment = take(Segment(folder, DAY), told())
    segment.marks[segment.at // MARK] = 2**31
    counting.count()
    assert in_ledger(opening) == {"example.com": 1}
    assert counting.refused == {"spool": 1}
    assert spool.segments(folder) == []


def many(number: int) -> bytes:
    """A delivery that failed for as many reasons as one can."""
    reasons = [{"c": 204, "f": f"{number} {each}"} for each in range(99)]
    policies = [
        {"policy-type": 1, "policy-domain": f"mx{mx}.example", "f": 1, "failure-details": reasons}
        for mx in range(10)
    ]
    return told(policies=policies)


def test_what_takes_long_to_write_is_written_bit_by_bit(folder, counting, opening, monkeypatch):
    """And nothing is lost or counted twice when that ends in the midst."""
    add, added = Store.add, []

    def adding(self, day, attempts, position):
        added.append(len(attempts))
        if len(added) == 3:
            raise StoreError("it broke")
        add(self, day, attempts, position)

    monkeypatch.setattr(Store, "add", adding)
    take(Segment(folder, DAY), *map(many, range(12)), *[told()] * 9).close()
    with pytest.raises(StoreError, match="it broke"):
        counting.count()
    counting.count()
    assert added == [5, 5, 3, 3]
    assert in_ledger(opening) == {"example.com": 10 * 12 + 9}
    assert counting.counted == 12 + 9


def test_another_store_goes_on_where_the_one_before_was_left(
    folder, counting, opening, tmp_path, monkeypatch
):
    """Also if it fails at first, and for whoever comes next and knows nothing of the one before."""

    def other() -> Store:
        return open_store(tmp_path / "other")

    def failing(*_: object) -> None:
        raise StoreError("it broke")

    segment = take(Segment(folder, DAY), told("a.example"))
    counting.count()
    counting.believe(other)
    with monkeypatch.context() as patched:
        patched.setattr(Store, "add", failing)
        with pytest.raises(StoreError, match="it broke"):
            counting.count()
    counting.count()
    take(segment, told("b.example")).close()
    Counting(folder, other).count()
    assert in_ledger(opening) == {"a.example": 1}
    assert in_ledger(other) == {"b.example": 1}


def test_a_store_that_is_gone_has_what_is_still_there_counted_again(folder, counting, opening):
    segment = take(Segment(folder, DAY), told())
    counting.count()
    for path in (folder.parent).glob("store*"):
        path.unlink()
    take(segment, told())
    counting.count()
    assert in_ledger(opening) == {"example.com": 2}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_store_that_fails_changes_no_count(folder, counting, opening, when, monkeypatch):
    """Also if only the answer to the commit was lost."""
    take(Segment(folder, DAY), told(), b"nonsense").close()
    add = Store.add

    def failing(self, *values):
        if when == "after":
            add(self, *values)
        raise StoreError("it broke")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "add", failing)
        with pytest.raises(StoreError, match="it broke"):
            counting.count()
    assert len(spool.segments(folder)) == 1
    counting.count()
    assert in_ledger(opening) == {"example.com": 1}
    assert spool.segments(folder) == []


def test_what_is_counted_goes_into_the_store_that_took_the_place_of_a_damaged_one(
    folder, counting, opening, tmp_path
):
    segment = take(Segment(folder, DAY), told())
    counting.count()
    (tmp_path / "store").rename(tmp_path / "aside")
    opening().close()
    take(segment, told("b.example"))
    counting.count()
    assert in_ledger(opening)["b.example"] == 1

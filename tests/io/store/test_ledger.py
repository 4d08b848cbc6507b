"""The ledger: sums that are right, on both databases, and read a few domains at a time."""

from __future__ import annotations

import tracemalloc
from contextlib import closing
from datetime import date, timedelta

import pytest

from unstrip.io.store import StoreError, open_store
from unstrip.io.store.ledger import Position
from unstrip.tlsrpt.values import Applied, Attempt, Day, Failure, Outcome, PolicyType, Tally

DAY = date(2026, 11, 21)
STS = Applied(PolicyType.STS, "a.example", ("version: STSv1", "mode: enforce"), ("*.a.example",))
DANE = Applied(PolicyType.TLSA, "mx.a.example", ("3 1 1 ab",))
NONE = Applied(PolicyType.NONE)
EXPIRED = Failure("certificate-expired", "192.0.2.1", "mx.a.example", reason="ü\0\x7f")
OTHER = Failure("certificate-expired", "192.0.2.2", "mx.a.example")


def attempt(*outcomes: Outcome, domain: str = "a.example", record: str = "v=TLSRPTv1") -> Attempt:
    return Attempt(domain, record, outcomes)


def good(policy: Applied) -> Outcome:
    return Outcome(policy, failed=False)


def bad(policy: Applied, *failures: Failure) -> Outcome:
    return Outcome(policy, failed=True, failures=failures)


def tallies(store, day: date = DAY, domain: str = "a.example") -> set[Tally]:
    (found,) = store.day(day, domain)
    return set(found.tallies)


def test_what_is_added_is_the_sum(store):
    store.add(DAY, [(attempt(good(STS)), 5), (attempt(bad(STS, EXPIRED)), 2)])
    store.add(DAY, [(attempt(bad(STS, EXPIRED, OTHER)), 1), (attempt(good(STS)), 10**12)])
    (tally,) = tallies(store)
    assert (tally.policy, tally.succeeded, tally.failed) == (STS, 5 + 10**12, 3)
    assert dict(tally.failures) == {EXPIRED: 3, OTHER: 1}


def test_policies_of_one_delivery_are_counted_each(store):
    store.add(DAY, [(attempt(good(DANE), bad(STS, OTHER)), 1), (attempt(good(NONE)), 4)])
    assert tallies(store) == {
        Tally(DANE, 1, 0),
        Tally(STS, 0, 1, ((OTHER, 1),)),
        Tally(NONE, 4, 0),
    }


def test_a_failure_before_a_success_is_kept(store):
    store.add(DAY, [(attempt(Outcome(STS, failed=False, failures=(OTHER,))), 2)])
    assert tallies(store) == {Tally(STS, 2, 0, ((OTHER, 2),))}


def test_all_comes_back_whole_whatever_others_have_put_in(place):
    odd = Applied(PolicyType.STS, "a.example", ("\0", "ü" * 5000, ""), ("*.\x1b",))
    record = "v=TLSRPTv1;\0 rua=mailto:ü@a.example\udc80"
    with closing(open_store(place)) as store:
        store.add(DAY, [(attempt(good(odd), record=record), 1)])
    with closing(open_store(place)) as store:
        (found,) = store.day(DAY)
    assert found == Day(DAY, "a.example", record.replace("\udc80", "?"), (Tally(odd, 1, 0),))


def test_the_record_that_came_last_is_kept(store):
    for record in ("one", "two", "one"):
        store.add(DAY, [(attempt(good(STS), record=f"{record}0"), 1)])
        store.add(DAY, [(attempt(good(STS), record=record), 1)])
    (found,) = store.day(DAY)
    assert (found.record, found.tallies[0].succeeded) == ("one", 6)


def test_days_and_domains_are_kept_apart(store):
    tomorrow = DAY + timedelta(1)
    for day, domain in ((DAY, "a.example"), (DAY, "b.example"), (tomorrow, "b.example")):
        store.add(day, [(attempt(good(NONE), domain=domain), 1)])
    assert store.days() == (DAY, tomorrow)
    assert store.days("a.example") == (DAY,)
    assert store.days("c.example") == ()
    assert [found.domain for found in store.day(DAY)] == ["a.example", "b.example"]
    assert [found.domain for found in store.day(tomorrow)] == ["b.example"]
    assert list(store.day(DAY, "c.example")) == []


def test_what_was_before_a_day_is_forgotten_and_no_more(store):
    for days in range(3):
        store.add(DAY + timedelta(days), [(attempt(bad(STS, OTHER)), 1)])
    assert store.forget_before(DAY + timedelta(2)) == 2
    assert store.days() == (DAY + timedelta(2),)
    assert store.forget_before(DAY + timedelta(2)) == 0
    assert tallies(store, DAY + timedelta(2)) == {Tally(STS, 0, 1, ((OTHER, 1),))}


# -- The place in the spool ------------------------------------------------------------


def test_what_is_counted_and_up_to_where_go_together(store):
    assert store.taken("s") == 0
    store.add(DAY, [(attempt(good(STS)), 1)], Position("s", 0, 8))
    store.add(DAY, [], Position("s", 8, 12))
    store.add(DAY, [(attempt(good(STS)), 1)], Position("t", 0, 4))
    assert (store.taken("s"), store.taken("t")) == (12, 4)
    assert tallies(store) == {Tally(STS, 2, 0)}


@pytest.mark.parametrize("begin", [0, 4, 9])
def test_what_somebody_else_has_counted_is_not_counted_again(store, begin):
    store.add(DAY, [(attempt(good(STS)), 1)], Position("s", 0, 8))
    with pytest.raises(StoreError, match="somebody else"):
        store.add(DAY, [(attempt(good(STS)), 1)], Position("s", begin, 20))
    assert store.taken("s") == 8
    assert tallies(store) == {Tally(STS, 1, 0)}


def test_where_counting_fails_the_place_stays(store):
    broken = Attempt("a.example", "", (good(None),))  # type: ignore[arg-type]
    store._database.run("drop table ledger_failure")
    with pytest.raises(StoreError):
        store.add(DAY, [(attempt(bad(STS, OTHER)), 1), (broken, 0)], Position("s", 0, 8))
    assert (store.taken("s"), store.days()) == (0, ())


def test_a_place_is_forgotten_with_its_day(store):
    store.add(DAY, [], Position("s", 0, 8))
    store.forget_before(DAY + timedelta(1))
    assert store.taken("s") == 0


# -- A day of many domains -------------------------------------------------------------


def test_every_domain_of_a_day_comes_once_and_few_are_in_memory(store):
    """A page of them takes the same room whether there are thousands more or not."""
    many = 3001
    store.add(
        DAY,
        [
            (attempt(bad(STS, OTHER), good(DANE), domain=f"d{number}.example"), 1)
            for number in range(many)
        ],
    )
    names, peaks = set(), []
    tracemalloc.start()
    for number, found in enumerate(store.day(DAY)):
        assert len(found.tallies) == 2
        names.add(found.domain)
        if number % 500 == 0:
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.reset_peak()
    tracemalloc.stop()
    assert names == {f"d{number}.example" for number in range(many)}
    assert max(peaks) < 3_000_000

"""The cache of answers."""

from __future__ import annotations

from unstrip.io.resolver.cache import Cache
from unstrip.policy.questions import Address, Dns, DnsAnswer, Kind, Status, Txt


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def question(number=0):
    return Dns(f"{number}.example.org", Kind.A)


def found(ttl=60):
    return DnsAnswer(Status.FOUND, (Address("192.0.2.1"),), ttl=ttl)


def test_an_answer_holds_until_its_ttl_is_over_and_says_what_is_left_of_it():
    clock = Clock()
    cache = Cache(clock=clock)
    cache.keep(question(), found(60))
    clock.now += 45
    assert cache.get(question()) == found(15)
    clock.now += 15
    assert cache.get(question()) is None
    assert len(cache) == 0


def test_an_answer_that_does_not_hold_is_not_kept():
    cache = Cache()
    cache.keep(question(), found(0))
    assert cache.get(question()) is None


def test_a_later_answer_takes_the_place_of_an_earlier_one_even_if_it_does_not_hold():
    cache = Cache(clock=Clock())
    cache.keep(question(), found(60))
    cache.keep(question(), found(10))
    assert cache.get(question()) == found(10)
    cache.keep(question(), found(0))
    assert cache.get(question()) is None


def test_no_more_are_kept_than_fit_and_the_one_not_asked_for_longest_goes_first():
    cache = Cache(2)
    cache.keep(question(1), found())
    cache.keep(question(2), found())
    assert cache.get(question(1)) is not None
    cache.keep(question(3), found())
    assert len(cache) == 2
    assert cache.get(question(2)) is None
    assert cache.get(question(1)) is not None


def test_kinds_of_records_are_different_questions():
    cache = Cache()
    cache.keep(question(), found())
    assert cache.get(Dns(question().name, Kind.AAAA)) is None


def test_an_answer_of_64_kib_is_not_worth_its_room():
    cache = Cache()
    cache.keep(question(), DnsAnswer(Status.FOUND, (Txt((b"x" * 65000,)),), ttl=60))
    assert len(cache) == 0

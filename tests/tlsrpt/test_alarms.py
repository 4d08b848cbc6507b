"""What is alarming of reports, and what is not; nobody can quiet an alarm by unsigned ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tlsrpt.days import DANE, DAY, DOMAIN, EXPIRED, MX, STS
from tests.tlsrpt.told import OTHER, SENDER, days_before, tell, told
from unstrip.tlsrpt.alarms import Alarm, Alarming, Rate, alarms, look_back
from unstrip.tlsrpt.overview import Cause
from unstrip.tlsrpt.received import Proof, Told
from unstrip.tlsrpt.values import PolicyType

SINCE = days_before(2)
NEW, FALLING, VANISHED = Alarming.NEW, Alarming.FALLING, Alarming.VANISHED
AT_MX = Cause("certificate-expired", PolicyType.STS, DOMAIN, MX)


def judged(*ones: Told) -> tuple[Alarm, ...]:
    return alarms(ones, SINCE, DAY)


def kinds(*ones: Told) -> list[Alarming]:
    return [alarm.kind for alarm in judged(*ones)]


def usual(succeeded: int = 10, failed: int = 0, **more) -> list[Told]:
    """A sender who has reported every day, up to yesterday."""
    return [tell(ago, succeeded, failed, **more) for ago in range(1, 20)]


def test_a_day_like_the_others_alarms_nobody():
    assert judged(*usual(), tell(0, 10)) == ()


# New failures


def test_a_failure_that_was_not_met_before_is_new():
    (alarm,) = judged(*usual(), tell(0, 9, 2), tell(1, 9, 1, sender=OTHER))
    assert alarm == Alarm(NEW, days_before(1), (OTHER, SENDER), AT_MX, 3)


@pytest.mark.parametrize(
    ("ago", "found"), [(1, []), (13, []), (14, []), (15, [NEW]), (16, [NEW])], ids=str
)
def test_a_failure_is_known_for_fourteen_days(ago, found):
    assert kinds(tell(0, 9, 1), tell(ago + 2, 9, 1), tell(2, 9, 1))[:1] == found


@pytest.mark.parametrize(
    "other",
    [
        {"failure": replace(EXPIRED, result="certificate-not-trusted")},
        {"failure": replace(EXPIRED, host="mx2.example.org")},
        {"policy": DANE},
        {"policy": replace(STS, domain="example.net")},
    ],
    ids=["result", "host", "policy", "domain"],
)
def test_what_differs_in_one_thing_is_another_failure(other):
    assert kinds(tell(5, 9, 1, **other), tell(0, 9, 1)) == [NEW]


@pytest.mark.parametrize(
    "same",
    [{"reason": "in other words"}, {"sending_ip": "192.0.2.9"}, {"host": "MX.EXAMPLE.ORG."}],
    ids=str,
)
def test_what_differs_in_words_alone_is_the_same_failure(same):
    assert kinds(tell(5, 9, 1, failure=replace(EXPIRED, **same)), tell(0, 9, 1)) == []


def test_a_failure_without_a_reason_is_new_too():
    (alarm,) = judged(*usual(), tell(0, 9, 1, failure=None))
    assert alarm.cause == Cause("", PolicyType.STS, DOMAIN, "")


def test_a_failure_of_another_day_is_not_looked_at():
    assert kinds(tell(3, 9, 1)) == []
    assert kinds(tell(-1, 9, 1)) == []


# Success


@pytest.mark.parametrize(
    ("before", "after", "falling"),
    [
        ((1000, 0), (15, 5), True),
        ((1000, 0), (14, 5), False),  # too few sessions
        ((1000, 0), (96, 4), False),  # too few failed
        ((1000, 0), (495, 5), True),
        ((1000, 0), (496, 5), False),  # less than a point
        ((0, 0), (15, 5), True),  # nothing is known of before: no reason to be quiet
        ((900, 100), (170, 30), False),  # as chance has it
        ((900, 100), (150, 50), True),
        ((400, 600), (40, 60), False),
        ((400, 600), (0, 100), True),
        ((0, 100), (0, 100), False),  # it cannot get worse
    ],
)
def test_success_is_falling_where_chance_would_not_bring_it(before, after, falling):
    assert (FALLING in kinds(tell(5, *before), tell(1, *after))) is falling


def test_success_that_falls_is_told_in_figures():
    (alarm,) = judged(tell(9, 98, 2), tell(0, 60, 30), tell(1, 10))
    assert alarm == Alarm(FALLING, SINCE, before=Rate(100, 2), after=Rate(100, 30))
    assert alarm.after.share == 0.3


def test_one_sender_is_not_outweighed_by_the_others():
    large = [tell(ago, 10**6, 10, sender=OTHER) for ago in range(17)]
    (alarm,) = judged(*large, tell(9, 100), tell(0, 10, 10))
    assert (alarm.kind, alarm.senders) == (FALLING, (SENDER,))
    assert alarm.after == Rate(20, 10)


# Silence


@pytest.mark.parametrize(
    ("ago", "vanished"),
    [
        (range(3, 17), True),
        (range(3, 11), True),
        (range(9, 17), True),
        (range(3, 10), False),  # not on most of the days
        (range(10, 18), False),  # one of them is too long ago
        (range(2, 17), False),  # it still reports
        ([0, *range(3, 17)], False),
    ],
    ids=str,
)
def test_a_sender_has_vanished_that_reported_on_most_days_and_then_on_none(ago, vanished):
    assert kinds(*(tell(each, 1) for each in ago)) == [VANISHED] * vanished


def test_a_sender_that_vanished_is_named_with_its_last_day():
    (alarm,) = judged(*usual(), *(tell(ago, 1, sender=OTHER) for ago in range(4, 17)))
    assert alarm == Alarm(VANISHED, days_before(4), (OTHER,))


def test_several_reports_of_one_day_are_one_day():
    ones = [tell(ago, 1) for ago in range(3, 9)]
    assert kinds(*ones, *(replace(one, report_id="another") for one in ones)) == []


# Whose word counts


@pytest.mark.parametrize("proof", [Proof.HTTPS, Proof.NONE])
def test_what_only_unsigned_reports_show_is_marked(proof):
    (alarm,) = judged(*usual(proof=proof), tell(0, 9, 1, proof=proof))
    assert (alarm.kind, alarm.signed) == (NEW, False)


def test_unsigned_reports_do_not_make_a_failure_known():
    forged = tell(5, 1, 1, proof=Proof.HTTPS)
    (alarm,) = judged(forged, tell(0, 9, 1))
    assert (alarm.kind, alarm.signed) == (NEW, True)


def test_unsigned_successes_do_not_outweigh_signed_failures():
    forged = [tell(ago, 10**9, sender=SENDER, proof=Proof.HTTPS) for ago in range(17)]
    (alarm,) = judged(tell(9, 99, 1), tell(0, 50, 50), *forged)
    assert (alarm.kind, alarm.signed) == (FALLING, True)


def test_unsigned_reports_do_not_show_that_a_sender_is_still_there():
    forged = [tell(ago, 1, proof=Proof.NONE) for ago in range(3)]
    (alarm,) = judged(*(tell(ago, 1) for ago in range(3, 17)), *forged)
    assert (alarm.kind, alarm.signed) == (VANISHED, True)


def test_an_alarm_that_both_show_is_one_and_the_signed_one():
    (alarm,) = judged(*usual(), tell(0, 9, 2), tell(0, 9, 1, sender=OTHER, proof=Proof.HTTPS))
    assert (alarm.senders, alarm.times, alarm.signed) == ((SENDER,), 2, True)


def test_what_anyone_can_send_stands_behind_what_is_signed():
    forged = [
        tell(0, 0, 9, failure=replace(EXPIRED, host=f"mx{number}"), proof=Proof.NONE)
        for number in range(9)
    ]
    found = judged(tell(5, 10**6), *forged, tell(0, 99, 1))
    assert [alarm.signed for alarm in found if alarm.kind is NEW] == [True, *[False] * 9]


@given(st.lists(told, max_size=15))
def test_no_unsigned_report_quiets_an_alarm(ones):
    signed = [one for one in ones if one.proof is Proof.DKIM]
    assert set(judged(*signed)) <= set(judged(*ones))


@given(st.lists(told, max_size=15), st.randoms(use_true_random=False))
def test_the_order_of_reports_does_not_matter(ones, random):
    found = judged(*ones)
    random.shuffle(ones)
    assert judged(*ones) == found


# The days that count


@pytest.mark.parametrize("since", [0, 2, 9], ids=str)
def test_nothing_that_counts_is_older_than_the_first_day(since):
    first = look_back(days_before(since), DAY)
    ones = [tell(ago, 5, ago % 3) for ago in range(40)]
    counted = [one for one in ones if one.day >= first]
    assert alarms(ones, days_before(since), DAY) == alarms(counted, days_before(since), DAY)

"""What others told is counted together, nothing twice and nothing left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from tests.tlsrpt.days import DANE, DAY, DOMAIN, EXPIRED, MX, STS
from tests.tlsrpt.told import OTHER, SENDER, days_before, tell, told
from unstrip.tlsrpt.overview import OTHERS, Cause, Overview, causes, each_day, lean, overview
from unstrip.tlsrpt.received import Proof
from unstrip.tlsrpt.values import Applied, Failure, PolicyType

SINCE = days_before(6)
AT_MX = Cause("certificate-expired", PolicyType.STS, DOMAIN, MX)


def seen(*ones, since=SINCE, until=DAY, **more) -> Overview:
    return overview(ones, DOMAIN, since, until, **more)


def test_all_is_the_sum_of_what_was_told():
    found = seen(tell(1, 5, 2), tell(2, 7, 0, sender=OTHER))
    total = found.total
    assert (total.reports, total.senders) == (2, 2)
    assert (total.sessions, total.succeeded, total.failed) == (14, 12, 2)
    assert (found.domain, found.since, found.until) == (DOMAIN, SINCE, DAY)


def test_the_policies_of_one_report_are_one_report():
    one = tell(1, 5)
    other = replace(tell(1, 4, policy=DANE), report_id=one.report_id)
    assert seen(one, other).total.reports == 1
    assert seen(one, replace(other, submitter=OTHER)).total.reports == 2


def test_each_day_is_there_also_without_reports():
    found = seen(tell(0, 1), tell(6, 2))
    assert [day.name for day in found.days] == [f"{day}" for day in each_day(SINCE, DAY)]
    assert [day.succeeded for day in found.days] == [2, 0, 0, 0, 0, 0, 1]
    assert [day.reports for day in found.days] == [1, 0, 0, 0, 0, 0, 1]


def test_other_days_are_left_out():
    assert seen(tell(7, 9, 9), tell(-1, 9, 9)).total.sessions == 0


def test_senders_are_counted_with_how_they_call_themselves_and_what_proves_them():
    posted = tell(1, 3, sender=OTHER, proof=Proof.HTTPS)
    mailed = tell(2, 3, sender=OTHER, proof=Proof.DKIM)
    first, second = seen(posted, mailed, tell(1, 9)).senders
    assert (first.name, first.about, first.proofs) == (SENDER, f"{SENDER} Inc", (Proof.DKIM,))
    assert (second.name, second.succeeded) == (OTHER, 6)
    assert second.proofs == (Proof.DKIM, Proof.HTTPS)


def test_policies_are_counted_each_by_itself():
    sts, dane = seen(tell(1, 5, 1), tell(1, 3, policy=DANE)).policies
    assert (sts.name, sts.about, sts.sessions) == ("sts", DOMAIN, 6)
    assert (dane.name, dane.about, dane.sessions) == ("tlsa", MX, 3)


def test_a_cause_is_told_with_all_that_is_known_of_it():
    found = seen(tell(4, 1, 2), tell(1, 1, 3, sender=OTHER))
    (met,) = found.failures
    assert (met.cause, met.times) == (AT_MX, 5)
    assert (met.first, met.last) == (days_before(4), days_before(1))
    assert (met.senders, met.domains) == ((OTHER, SENDER), (DOMAIN,))
    assert (met.reasons, met.applied) == ((EXPIRED.reason,), STS.strings)
    (result,) = found.results
    assert (result.name, result.failed, result.senders) == ("certificate-expired", 5, 2)


def test_the_policy_is_shown_as_it_was_the_last_time():
    later = replace(STS, strings=("version: STSv1", "mode: testing"))
    for ones in ((tell(4, 0, 1), tell(1, 0, 1, policy=later)),) * 2:
        assert seen(*ones).failures[0].applied == later.strings
        assert seen(*reversed(ones)).failures[0].applied == later.strings
    bare = Applied(PolicyType.STS, DOMAIN, hosts=("*.example.org",))
    assert seen(tell(1, 0, 1, policy=bare)).failures[0].applied == ("mx: *.example.org",)


def test_what_was_published_then_stands_beside_it():
    asked: list[tuple[str, date]] = []

    def published(domain: str, day: date) -> str:
        asked.append((domain, day))
        return "mode testing"

    (met,) = seen(tell(4, 0, 1), tell(2, 0, 1), published=published).failures
    assert met.published == "mode testing"
    assert asked == [(DOMAIN, days_before(2))]


def test_the_most_frequent_reasons_are_shown():
    ones = [
        tell(number, 0, times, failure=replace(EXPIRED, reason=reason))
        for number, (reason, times) in enumerate([("a", 1), ("b", 5), ("c", 3), ("d", 2), ("", 9)])
    ]
    (met,) = seen(*ones).failures
    assert met.reasons == ("b", "c", "d")


def test_one_mail_server_is_one_however_its_name_is_written():
    ones = [tell(1, 0, 1), tell(2, 0, 1, failure=replace(EXPIRED, host="MX.Example.ORG."))]
    (met,) = seen(*ones).failures
    assert met.times == 2


def test_a_failure_without_a_reason_is_not_forgotten():
    (met,) = seen(tell(1, 3, 2, failure=None)).failures
    assert (met.cause, met.times) == (Cause("", PolicyType.STS, DOMAIN, ""), 2)


def test_what_was_met_no_times_was_not_met():
    one = tell(1, 3, 1)
    tally = replace(one.tally, failed=0, failures=((Failure("certificate-expired"), 0),))
    assert list(causes(replace(one, tally=tally))) == []


def test_nothing_is_nothing_on_every_day():
    found = seen()
    assert found.total.reports == found.total.sessions == 0
    assert len(found.days) == 7
    assert found.senders == found.policies == found.results == found.failures == ()


def test_causes_policies_results_and_reasons_have_an_end_and_no_count_is_lost():
    ones = []
    for n in range(1200):
        failure = Failure(f"odd {n}", host=f"mx{n}.example", reason=f"{n}")
        policy = Applied(PolicyType.TLSA, f"mx{n}.example")
        ones += [tell(1, 0, 1, failure=failure, policy=policy)]
    found = seen(
        *ones, *(tell(1, 0, 1, failure=replace(EXPIRED, reason=f"{n}")) for n in range(99))
    )
    for counts in (found.failures, found.results, found.policies):
        assert len(counts) <= 1003
    assert sum(met.times for met in found.failures) == found.total.failed == 1299
    assert sum(count.failed for count in found.policies) == 1299
    first = found.failures[0]
    assert (first.cause, first.times) == (Cause(OTHERS, PolicyType.TLSA, "", ""), 200)
    assert first.proofs == (Proof.DKIM,)


@given(st.lists(told, max_size=8), st.integers(0, 9))
def test_what_is_told_in_short_counts_the_same(ones, most):
    short = list(lean(ones, most))
    plain = [replace(one, tally=replace(one.tally, failures=())) for one in ones]
    assert [replace(one, tally=replace(one.tally, failures=())) for one in short] == plain
    for one, other in zip(ones, short, strict=True):
        met = [sum(times for _, times in each.tally.failures) for each in (one, other)]
        assert met[0] == met[1]
    kinds = {f for one in short for f, _ in one.tally.failures if f.result != OTHERS}
    assert len(kinds) <= 2 * most


def test_what_nobody_signed_takes_no_room_from_what_is_signed():
    flood = [tell(1, 0, 1, proof=Proof.NONE)] * 5
    *unsigned, signed = lean([*flood, tell(1, 0, 1)], 3)
    assert [f.result for one in unsigned for f, _ in one.tally.failures][3:] == [OTHERS] * 2
    assert signed.tally.failures == ((EXPIRED, 1),)


@given(st.lists(told, max_size=12))
def test_every_way_to_count_comes_to_the_same(ones):
    found = overview(ones, DOMAIN, days_before(40), DAY)
    for counts in (found.days, found.senders, found.policies):
        assert sum(count.sessions for count in counts) == found.total.sessions
        assert sum(count.failed for count in counts) == found.total.failed
    met = sum(met.times for met in found.failures)
    assert sum(result.failed for result in found.results) == met
    assert overview(ones[::-1], DOMAIN, days_before(40), DAY).total == found.total

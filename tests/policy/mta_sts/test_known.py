"""What is remembered of a domain, and what becomes of it when several look at the same time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.answering import answered, failure, nothing, page, text
from unstrip.policy.mta_sts import PATH, Known, discover, reconciled
from unstrip.policy.questions import Dns, Https, HttpsFailure, Kind, ResultType

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DOMAIN, HOST = "example.com", "mta-sts.example.com"
TXT, WEB = Dns(f"_mta-sts.{DOMAIN}", Kind.TXT), Https(HOST, PATH)
PLAIN = "version: STSv1\nmode: enforce\nmx: {}.example.com\nmax_age: 604800\n"


def announced(id_: str):
    return text(TXT.name, f"v=STSv1; id={id_}".encode(), ttl=300)


def fetches(known: Known | None, at: datetime, id_: str = "1") -> Known:
    """What comes of a look that finds a policy; its pattern is named after the id."""
    served = page(HOST, PATH, PLAIN.format(f"mx{id_}").encode())
    return answered(discover(DOMAIN, at, known, again=True), announced(id_) | served).result


BROKEN = {WEB: HttpsFailure(ResultType.STS_POLICY_FETCH_ERROR, "refused")}
FAULTS = {
    "no answer from DNS": {TXT: failure()} | BROKEN,
    "the record is gone": {TXT: nothing()} | BROKEN,
    "the record is broken": text(TXT.name, b"v=STSv1; id") | BROKEN,
    "the policy host is not there": announced("9") | BROKEN,
}


def fails(known: Known | None, at: datetime, fault: str = "no answer from DNS") -> Known:
    return answered(discover(DOMAIN, at, known, again=True), FAULTS[fault]).result


every_fault = pytest.mark.parametrize("fault", FAULTS)
BASE = fetches(None, NOW)
LATER = NOW + HOUR


@every_fault
@pytest.mark.parametrize("base", [None, BASE], ids=["first contact", "known"])
def test_who_was_alone_is_taken_at_his_word(base, fault):
    failed, fetched = fails(base, LATER, fault), fetches(base, LATER, "2")
    assert reconciled(base, base, failed) == failed
    assert reconciled(base, base, fetched) == fetched


@every_fault
@pytest.mark.parametrize("base", [None, BASE], ids=["first contact", "known"])
def test_who_only_failed_neither_takes_nor_replaces_what_another_fetched(base, fault):
    fetched, failed = fetches(base, LATER, "2"), fails(base, LATER + MINUTE, fault)
    for stored, new in ((fetched, failed), (failed, fetched)):
        came = reconciled(base, stored, new)
        assert (came.policy, came.id, came.fetched) == (fetched.policy, "2", LATER)
        assert came.fetch is None
        assert came.looked == LATER + MINUTE
        assert came.record == failed.record


@pytest.mark.parametrize("base", [None, BASE], ids=["first contact", "known"])
def test_of_two_policies_the_one_fetched_later_stays_whoever_comes_last(base):
    earlier, later = fetches(base, LATER, "2"), fetches(base, LATER + MINUTE, "3")
    assert reconciled(base, earlier, later).id == "3"
    assert reconciled(base, later, earlier).id == "3"


def test_what_was_fetched_before_the_clock_was_set_back_gives_way_to_what_was_fetched_since():
    ahead = fetches(None, NOW + 1000 * HOUR)
    fetched, failed = fetches(ahead, NOW, "2"), fails(ahead, NOW + MINUTE)
    assert reconciled(ahead, ahead, fetched) == fetched
    assert reconciled(ahead, fetched, failed).id == "2"
    assert reconciled(ahead, failed, fetched).id == "2"
    assert reconciled(ahead, fetched, fetches(ahead, NOW + MINUTE, "3")).id == "3"


@every_fault
def test_what_was_released_does_not_come_back_by_a_failure(fault):
    failed = fails(BASE, LATER, fault)
    came = reconciled(BASE, None, failed)
    assert (came.policy, came.id, came.fetched) == (None, "", None)
    assert came.record == failed.record
    assert came.due(LATER)  # it is looked for anew


def test_what_was_released_comes_back_by_being_fetched():
    assert reconciled(BASE, None, fetches(BASE, LATER, "2")).id == "2"


def test_of_two_failures_the_later_one_is_remembered():
    first = fails(BASE, LATER, "the policy host is not there")
    second = fails(BASE, LATER + MINUTE, "the policy host is not there")
    assert reconciled(BASE, first, second) == reconciled(BASE, second, first)
    assert reconciled(BASE, first, second).fetch.at == LATER + MINUTE


def test_the_next_look_is_when_any_of_them_wanted_it():
    soon, late = fails(BASE, LATER), fetches(BASE, LATER + MINUTE)
    assert soon.look < late.look
    assert reconciled(BASE, soon, late).look == reconciled(BASE, late, soon).look == soon.look


steps = st.lists(
    st.tuples(st.booleans(), st.sampled_from([*FAULTS, "fetched"]), st.integers(-90, 90)),
    min_size=1,
    max_size=8,
)


@given(steps)
def test_however_looks_overlap_no_fetched_policy_is_lost(taken):
    """Each look begins with what is stored now, or with what was stored before the last one."""
    stored, before, at, fetched = BASE, BASE, NOW, {BASE.fetched}
    for number, (stale, what, minutes) in enumerate(taken):
        base, at = before if stale else stored, at + timedelta(minutes=minutes, seconds=number)
        new = fetches(base, at, f"{number}x") if what == "fetched" else fails(base, at, what)
        before, stored = stored, reconciled(base, stored, new)
        fetched.add(new.fetched)
        assert stored.policy is not None
        assert stored.fetched in fetched
        if what == "fetched" and not stale:
            assert stored == new


def test_all_of_it_is_of_the_same_domain():
    assert reconciled(None, BASE, replace(BASE, looked=LATER)).domain == DOMAIN

"""MTA-STS: what becomes of a policy while the world goes wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.answering import N, S, U, answered, bogus, failure, nothing, page, text
from unstrip.policy import Level
from unstrip.policy.mta_sts import (
    LONGEST,
    PATH,
    Alarm,
    Known,
    Mode,
    alarms,
    discover,
    opinion,
    parse,
)
from unstrip.policy.questions import (
    Dns,
    DnsAnswer,
    Https,
    HttpsAnswer,
    HttpsFailure,
    Kind,
    ResultType,
    Status,
    Txt,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WEEK = 604800
EXAMPLE = (  # RFC 8461, 3.2
    b"version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\n"
    b"mx: backupmx.example.com\nmax_age: 604800\n"
)
PLAIN = b"version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 604800\n"


# Discovery

DOMAIN, HOST = "example.com", "mta-sts.example.com"
TXT, WEB = Dns(f"_mta-sts.{DOMAIN}", Kind.TXT), Https(HOST, PATH)
FAULT = {WEB: HttpsFailure(ResultType.STS_WEBPKI_INVALID, "the certificate is expired")}


def announced(id_="1", ttl=300):
    return text(TXT.name, f"v=STSv1; id={id_}".encode(), ttl=ttl)


def served(body=PLAIN, **more):
    return page(HOST, PATH, body, **more)


def look(answers, known=None, at=NOW, **how):
    return answered(discover(DOMAIN, at, known, **how), answers)


def first(body=PLAIN, id_="1"):
    return look(announced(id_) | served(body)).result


def test_a_policy_is_found_on_first_use():
    ran = look(announced() | served())
    assert ran.names == (f"{TXT.name} TXT", f"https {HOST}")
    known = ran.result
    assert known.policy == known.in_force(NOW) == parse(PLAIN)
    assert (known.id, known.fetched, known.expires) == ("1", NOW, NOW + 7 * DAY)
    assert (known.record, known.fetch, known.uncertain(NOW)) == (None, None, False)


def test_the_strings_of_the_record_are_joined():
    record = DnsAnswer(Status.FOUND, (Txt((b"v=STSv1; i", b"d=77;")),), ttl=300)
    assert look({TXT: record} | served()).result.id == "77"


def test_nothing_is_asked_before_it_is_time():
    known = first()
    assert look({}, known, NOW + 4 * MINUTE).result is known
    assert look(announced(), known, NOW + 5 * MINUTE).names == (f"{TXT.name} TXT",)


def test_it_is_asked_again_before_a_message_is_given_up():
    ran = look(announced("2") | served(), first(), NOW + MINUTE, again=True)
    assert ran.result.id == "2"


@pytest.mark.parametrize(("ttl", "wait"), [(0, MINUTE), (300, 5 * MINUTE), (10**9, HOUR)])
def test_the_time_between_two_looks_follows_the_record_within_limits(ttl, wait):
    known = look(announced(ttl=ttl) | served()).result
    assert known.look == NOW + wait


def test_the_same_id_costs_no_fetch():
    known = first()
    later = look(announced(), known, NOW + HOUR).result
    assert later == replace(known, looked=NOW + HOUR, look=NOW + HOUR + 5 * MINUTE)


def test_a_new_id_is_fetched():
    none = b"version: STSv1\nmode: none\nmax_age: 86400\n"
    known = look(announced("2") | served(none), first(), NOW + HOUR).result
    assert (known.id, known.policy.mode, known.fetched) == ("2", Mode.NONE, NOW + HOUR)


def test_a_policy_is_fetched_anew_each_day_though_the_id_is_the_same():
    known = first()
    assert len(look(announced(), known, NOW + DAY - MINUTE).asked) == 1
    later = look(announced() | served(), known, NOW + DAY)
    assert later.result.expires == NOW + 8 * DAY


def test_a_short_policy_is_fetched_anew_at_half_its_time():
    known = first(PLAIN.replace(b"604800", b"7200"))
    assert len(look(announced(), known, NOW + HOUR - MINUTE).asked) == 1
    assert look(announced() | served(), known, NOW + HOUR).result.fetched == NOW + HOUR


def test_a_policy_of_no_duration_holds_for_the_moment_it_was_fetched_in():
    known = first(PLAIN.replace(b"604800", b"0"))
    assert known.in_force(NOW)
    assert known.in_force(NOW + timedelta(seconds=1)) is None
    assert known.due(NOW + timedelta(seconds=1))


# No fault takes a policy away

FAULTS = {
    "no such name": {TXT: nothing(status=Status.NXDOMAIN)},
    "no record": {TXT: nothing()},
    "server failure": {TXT: failure()},
    "time-out": {TXT: failure(Status.TIMEOUT)},
    "malformed answer": {TXT: failure(Status.MALFORMED)},
    "bogus": {TXT: bogus()},
    "another record": text(TXT.name, b"v=spf1 -all"),
    "two records": text(TXT.name, b"v=STSv1; id=1", b"v=STSv1; id=2"),
    "a record without id": text(TXT.name, b"v=STSv1;"),
    "web: certificate": announced("2") | FAULT,
    "web: unreachable": announced("2")
    | {WEB: HttpsFailure(ResultType.STS_POLICY_FETCH_ERROR, "connection refused")},
    "web: not found": announced("2") | served(b"", status=404),
    "web: redirect": announced("2") | served(PLAIN, status=301),
    "web: server error": announced("2") | served(PLAIN, status=503),
    "web: wrong type": announced("2") | served(PLAIN, media="text/html; charset=utf-8"),
    "web: no policy": announced("2") | served(b"<html>"),
    "web: empty": announced("2") | served(b""),
    "web: too long": announced("2") | served(PLAIN + b"x: " + b"x" * LONGEST),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_policy_whose_time_is_not_over_holds_through_any_fault(fault):
    known = first()
    later = look(FAULTS[fault], known, NOW + HOUR).result
    assert later.in_force(NOW + HOUR) == later.in_force(NOW + 7 * DAY) == known.policy
    assert (later.id, later.expires) == (known.id, known.expires)
    assert later.record or later.fetch
    assert not later.uncertain(NOW + HOUR)
    assert opinion(later, "mx.example.com", NOW + HOUR).enforced


@pytest.mark.parametrize("fault", FAULTS)
def test_its_time_ends_all_the_same(fault):
    known = look(FAULTS[fault], first(), NOW + HOUR).result
    over = NOW + 7 * DAY + timedelta(seconds=1)
    assert known.in_force(over) is None
    assert look(FAULTS[fault], known, over).result.in_force(over) is None


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_fault_the_policy_is_found_again(fault):
    known = look(FAULTS[fault], first(), NOW + HOUR).result
    later = look(announced("3") | served(), known, NOW + 3 * HOUR).result
    assert (later.id, later.record, later.fetch) == ("3", None, None)


# Nor does it take the place of the policy host, while a policy is in force (RFC 8461, 10.2)

AT_THE_RECORD = [fault for fault in FAULTS if not fault.startswith("web")]


@pytest.mark.parametrize("fault", AT_THE_RECORD)
def test_a_policy_is_fetched_anew_each_day_whatever_becomes_of_its_record(fault):
    known = first()
    assert len(look(FAULTS[fault], known, NOW + DAY - MINUTE).asked) == 1
    later = look(FAULTS[fault] | served(), known, NOW + DAY).result
    assert (later.policy, later.id, later.expires) == (known.policy, "1", NOW + 8 * DAY)
    assert later.record
    assert later.fetch is None


@pytest.mark.parametrize("fault", AT_THE_RECORD)
def test_a_policy_outlives_its_record_for_as_long_as_it_is_served(fault):
    known, at = first(), NOW
    for _ in range(24 * 15):
        at += HOUR
        known = look(FAULTS[fault] | served(), known, at, again=True).result
    assert known.in_force(at)
    assert known.fetched == at


@pytest.mark.parametrize("fault", AT_THE_RECORD)
def test_a_policy_without_a_record_is_ended_by_the_policy_host(fault):
    none = b"version: STSv1\nmode: none\nmax_age: 86400\n"
    known = look(FAULTS[fault] | served(none), first(), NOW + DAY).result
    assert known.policy.mode is Mode.NONE


@pytest.mark.parametrize("fault", AT_THE_RECORD)
def test_what_is_over_is_not_fetched_without_a_record(fault):
    known = first()
    assert len(look(FAULTS[fault], known, NOW + 8 * DAY).asked) == 1
    assert len(look(FAULTS[fault]).asked) == 1


@pytest.mark.parametrize("fault", AT_THE_RECORD)
def test_a_policy_host_that_fails_is_left_in_peace_whatever_becomes_of_the_record(fault):
    known = look(FAULTS[fault] | FAULT, first(), NOW + DAY).result
    assert (known.fetch.id, known.fetch.over) == ("1", NOW + DAY + 5 * MINUTE)
    soon = look(FAULTS[fault], known, NOW + DAY + MINUTE, again=True)
    assert soon.result.fetch == known.fetch
    twice = look(FAULTS[fault] | FAULT, known, NOW + DAY + 5 * MINUTE, again=True).result
    assert twice.fetch.times == 2
    assert len(look(announced(), twice, NOW + DAY + 6 * MINUTE, again=True).asked) == 1


def test_a_new_policy_behind_a_lost_record_is_fetched_again_by_its_id():
    other = PLAIN.replace(b"mx.", b"mx2.")
    known = look({TXT: failure()} | served(other), first(), NOW + DAY).result
    assert (known.policy, known.id) == (parse(other), "1")
    later = look(announced("2") | served(other), known, NOW + DAY + HOUR).result
    assert (later.id, later.record) == ("2", None)


UNCERTAIN = {
    *("server failure", "time-out", "malformed answer", "bogus"),
    *("two records", "a record without id"),  # which nobody signed
    *("web: certificate", "web: unreachable", "web: server error", "web: redirect"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_on_first_contact_it_is_said_whether_somebody_may_have_been_in_the_way(fault):
    known = look(FAULTS[fault]).result
    assert known.in_force(NOW) is None
    assert known.uncertain(NOW) is (fault in UNCERTAIN)
    assert opinion(known, "mx.example.com", NOW) is None


@pytest.mark.parametrize("status", [301, 401, 403, 408, 421, 425, 429, 451, 500, 503])
def test_a_web_server_in_trouble_has_not_said_that_there_is_no_policy(status):
    assert look(announced() | {WEB: HttpsAnswer(status)}).result.uncertain(NOW)


@pytest.mark.parametrize("status", [404, 410])
def test_a_web_server_that_has_no_policy_has_said_so(status):
    assert not look(announced() | {WEB: HttpsAnswer(status)}).result.uncertain(NOW)


@pytest.mark.parametrize(("security", "certain"), [(S, True), (N, False), (U, False)])
@pytest.mark.parametrize("records", [(b"v=STSv1; id=1", b"v=STSv1; id=2"), (b"v=STSv1;",)])
def test_a_broken_record_is_the_domains_own_fault_where_dnssec_says_so(records, security, certain):
    known = look(text(TXT.name, *records, security=security)).result
    assert known.record.certain is certain
    assert known.uncertain(NOW) is not certain


@pytest.mark.parametrize(("security", "certain"), [(S, True), (N, False), (U, False)])
def test_a_record_is_gone_for_certain_where_dnssec_says_so(security, certain):
    known = look({TXT: nothing(security)}, first(), NOW + HOUR).result
    assert known.record.certain is certain


@pytest.mark.parametrize("fault", ["no such name", "no record", "another record"])
def test_a_domain_that_never_had_a_policy_is_no_trouble(fault):
    known = look(FAULTS[fault]).result
    assert known == Known(DOMAIN, looked=NOW, look=NOW + 5 * MINUTE)


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        ("web: certificate", ResultType.STS_WEBPKI_INVALID),
        ("web: unreachable", ResultType.STS_POLICY_FETCH_ERROR),
        ("web: not found", ResultType.STS_POLICY_FETCH_ERROR),
        ("web: redirect", ResultType.STS_POLICY_FETCH_ERROR),
        ("web: server error", ResultType.STS_POLICY_FETCH_ERROR),
        ("web: wrong type", ResultType.STS_POLICY_INVALID),
        ("web: no policy", ResultType.STS_POLICY_INVALID),
        ("web: empty", ResultType.STS_POLICY_INVALID),
        ("web: too long", ResultType.STS_POLICY_INVALID),
    ],
)
def test_each_failed_fetch_is_kept_as_it_is_reported(fault, result):
    trouble = look(FAULTS[fault]).result.fetch
    assert (trouble.result, trouble.id, trouble.times) == (result, "2", 1)
    assert trouble.words.isprintable()


@pytest.mark.parametrize("media", ["text/plain", "Text/Plain; charset=latin-1", "", "text/plain;x"])
def test_plain_text_of_any_kind_will_do(media):
    assert look(announced() | served(media=media)).result.policy


# Patience


def test_a_failed_fetch_is_not_tried_again_for_five_minutes():
    known = look(announced() | FAULT).result
    for minutes in (1, 4):
        ran = look(announced(), known, NOW + minutes * MINUTE, again=True)
        assert ran.result.fetch == known.fetch
    assert look(announced() | served(), known, NOW + 5 * MINUTE).result.policy


def test_the_next_look_after_a_failed_fetch_is_when_it_may_be_tried_again():
    known = look(announced(ttl=3600) | FAULT).result
    assert known.look == NOW + 5 * MINUTE


def test_each_failure_in_a_row_doubles_the_wait_up_to_an_hour():
    known, at, waits = None, NOW, []
    for _ in range(6):
        known = look(announced() | FAULT, known, at, again=True).result
        waits.append((known.fetch.over - at) // MINUTE)
        at = known.fetch.over
    assert waits == [5, 10, 20, 40, 60, 60]
    assert known.fetch.times == 6


def test_a_new_id_is_fetched_at_once_whatever_became_of_the_old_one():
    known = look(announced() | FAULT).result
    ran = look(announced("2") | served(), known, NOW + MINUTE, again=True)
    assert ran.result.id == "2"


def test_a_failed_look_does_not_shorten_the_wait():
    known = look(announced() | FAULT).result
    known = look({TXT: failure()}, known, NOW + MINUTE, again=True).result
    assert known.look == NOW + 2 * MINUTE
    assert len(look(announced(), known, NOW + 3 * MINUTE).asked) == 1


def test_an_old_id_that_comes_back_forgets_the_failure_of_the_new_one():
    known = look(announced("2") | FAULT, first(), NOW + HOUR).result
    later = look(announced("1"), known, NOW + HOUR + MINUTE, again=True).result
    assert later.fetch is None
    assert later.policy == known.policy


# Clocks


def test_a_clock_that_was_set_back_loosens_nothing_and_keeps_nothing_from_being_asked():
    known, before = first(), NOW - 365 * DAY
    assert known.in_force(before) == known.policy
    assert known.due(before)
    assert look(announced() | served(), known, before).result.fetched == before


def test_a_failure_that_is_yet_to_come_does_not_hold_up_a_fetch():
    known = look(announced() | FAULT).result
    assert look(announced() | served(), known, NOW - DAY).result.policy


# Opinions


def test_enforce_wants_every_host_to_be_one_of_the_domains_and_to_prove_its_name():
    said = opinion(first(), "mx.example.com", NOW)
    assert (said.level, said.enforced, said.webpki) == (Level.AUTHENTICATED, True, True)
    assert (said.refuses, said.attests) == ("", True)
    assert said.text == "mode enforce, mx mx.example.com"
    assert said.expires == NOW + 7 * DAY


def test_a_host_that_the_policy_does_not_name_is_refused_and_attests_nothing():
    said = opinion(first(), "mx.evil.example", NOW)
    assert said.refuses == "mx.evil.example is none of the policy's hosts: mx.example.com"
    assert not said.attests


def test_testing_is_told_and_not_enforced():
    said = opinion(first(PLAIN.replace(b"enforce", b"testing")), "mx.evil.example", NOW)
    assert said.refuses
    assert not said.enforced


def test_none_asks_for_nothing():
    known = first(PLAIN.replace(b"enforce", b"none"))
    assert known.in_force(NOW).mode is Mode.NONE
    assert opinion(known, "mx.example.com", NOW) is None
    assert opinion(Known(DOMAIN), "mx.example.com", NOW) is None


def test_a_policy_whose_time_is_over_asks_for_nothing():
    assert opinion(first(), "mx.example.com", NOW + 8 * DAY) is None


@given(st.lists(st.sampled_from(sorted(FAULTS)), max_size=6), st.integers(1, 26))
def test_no_sequence_of_faults_takes_a_policy_away(faults, hours):
    known, at = first(), NOW
    for fault in faults:
        at += timedelta(hours=hours)
        known = look(FAULT | FAULTS[fault], known, at).result
    held = known.in_force(at)
    assert held == (parse(PLAIN) if at <= NOW + 7 * DAY else None)


def test_an_answer_over_https_may_come_without_a_media_type():
    assert look(announced() | {WEB: HttpsAnswer(200, body=PLAIN)}).result.policy


# Alarms

YEAR = 31557600


def aged(seconds, mode="enforce"):
    mx = b"" if mode == "none" else b"mx: mx.example.com\n"
    head = f"version: STSv1\nmode: {mode}\nmax_age: {seconds}\n"
    return first(head.encode() + mx)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (YEAR, 3155759, "365 days to 36 days"),
        (YEAR, 300, "365 days to 5 minutes"),
        (WEEK, 86399, "7 days to 23 hours"),
        (WEEK, 7200, "7 days to 2 hours"),
        (86400, 86399, "24 hours to 23 hours"),
        (86400, 0, "24 hours to 0 seconds"),
        (7000, 119, "116 minutes to 119 seconds"),
        (20, 1, "20 seconds to 1 second"),
    ],
)
def test_a_policy_that_is_soon_forgotten_now_is_told_in_the_words_of_people(
    old, new, words
):  # P-03
    told = f"{DOMAIN}: the policy's max_age went from {words}"
    assert alarms(aged(old), aged(new)) == (Alarm("max_age", told),)
    assert alarms(aged(old, "testing"), aged(new, "testing")) == (Alarm("max_age", told),)


@pytest.mark.parametrize(
    ("old", "new"),
    [(YEAR, 3155760), (WEEK, 86400), (86400, 86400), (7000, 700), (0, 0), (0, 1), (300, YEAR)],
)
def test_a_policy_that_holds_for_long_still_is_no_alarm(old, new):
    assert alarms(aged(old), aged(new)) == ()


def test_how_long_a_domain_wants_nothing_is_no_alarm():  # RFC 8461, 8.3
    assert alarms(aged(YEAR, "none"), aged(300, "none")) == ()
    withdrawn = (Alarm("mode", f"{DOMAIN}: the policy went from enforce to none"),)
    assert alarms(aged(YEAR), aged(300, "none")) == withdrawn


def test_what_is_not_there_cannot_have_been_cut():
    assert alarms(Known(DOMAIN), aged(300)) == alarms(aged(YEAR), Known(DOMAIN)) == ()

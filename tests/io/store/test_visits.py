"""Visits: kept whole, and never pushed out by an attacker."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from tests.verdict.scenes import (
    IMAP,
    IMAPS,
    SMTP,
    SMTPS,
    heard,
    hidden,
    implicit,
    refused,
    stripped,
    unheard,
    untrusted,
    upgraded,
)
from unstrip.evidence import Evidence
from unstrip.io.store import Store, StoreError, open_store
from unstrip.io.store.visits import DAYS, NEWEST
from unstrip.policy import Decision, Level, decide
from unstrip.policy.history import opinion
from unstrip.verdict import Code, judge

TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


def ago(evidence: Evidence, *, days: float = 0, minutes: float = 0) -> Evidence:
    """The same, but for the clock of this machine, by which the store prunes."""
    return replace(evidence, began=TODAY - timedelta(days=days, minutes=minutes))


def keep_all(store: Store, *visits: Evidence) -> None:
    for visit in visits:
        store.keep(visit)


# -- kept ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "visit",
    [
        upgraded(),
        stripped(),
        hidden(untrusted()),
        refused("454 \\x1b[31m \\xff"),
        heard("S: 220 mx ESMTP", "C: EHLO localhost", "<reset>"),
    ],
    ids=["upgraded", "stripped", "hidden", "refused", "reset"],
)
def test_a_visit_is_kept_whole(store, visit):
    store.keep(visit)
    assert store.visits(SMTP) == (visit,)


def test_visits_come_out_oldest_first_in_whatever_order_they_were_kept(store):
    visits = [ago(upgraded(), minutes=n) for n in range(15)]
    shuffled = visits[:]
    Random(7).shuffle(shuffled)
    keep_all(store, *shuffled)
    assert store.visits(SMTP) == tuple(reversed(visits))


def test_visits_outlast_the_program(place):
    with closing(open_store(place)) as first:
        first.keep(upgraded())
    with closing(open_store(place)) as second:
        assert second.visits(SMTP) == (upgraded(),)


def test_an_endpoint_has_only_its_own_visits(store):
    keep_all(store, upgraded(), implicit())
    named = replace(SMTP, server_name="other.example.org")
    store.keep(replace(stripped(), endpoint=named))
    assert store.visits(SMTP) == (upgraded(),)
    assert store.visits(SMTPS) == (implicit(),)
    assert store.visits(named) == (replace(stripped(), endpoint=named),)
    assert store.visits(IMAP) == store.visits(IMAPS) == ()
    assert store.visits(replace(SMTP, port=26)) == ()


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(), TimeoutError(), OSError(113, "No route to host")]
)
def test_what_was_never_connected_is_not_kept(store, error):
    store.keep(unheard(error))
    assert store.visits(SMTP) == ()
    assert store.remembered() == ()


# -- pruned ----------------------------------------------------------------------------


def test_the_newest_visits_are_kept_and_no_more(store):
    keep_all(store, *(ago(stripped(), minutes=100 - n) for n in range(100)))
    visits = store.visits(SMTP)
    assert len(visits) == NEWEST
    assert visits[-1] == ago(stripped(), minutes=1)


def test_five_hundred_stripped_visits_push_no_honest_one_out(store):
    honest = [ago(upgraded(), days=days) for days in (60, 30, 14, 7)]
    keep_all(store, *honest)
    keep_all(store, *(ago(stripped(), minutes=500 - n) for n in range(500)))
    visits = store.visits(SMTP)
    assert [visit for visit in visits if visit.secured] == honest
    assert opinion(visits).level is Level.AUTHENTICATED
    verdict = judge(opinion_decision(visits), stripped(), visits)
    assert verdict.code is Code.OFFER_REMOVED


def opinion_decision(visits: tuple[Evidence, ...]) -> Decision:
    return decide([opinion(visits)], datetime.now(UTC))


def test_a_sighting_of_the_offer_outlives_stripped_visits_though_it_was_refused(store):
    sighting = ago(refused(), days=3)
    keep_all(store, sighting, *[ago(stripped())] * 50)
    assert sighting in store.visits(SMTP)


def test_refused_visits_push_no_visit_in_tls_of_the_same_day_out(store):
    honest = ago(upgraded(), minutes=600)
    keep_all(store, honest, *(ago(refused(), minutes=500 - n) for n in range(100)))
    assert honest in store.visits(SMTP)


def test_visits_to_an_impostor_push_no_proved_one_of_the_same_day_out(store):
    honest = ago(upgraded(), minutes=600)
    impostor = upgraded(untrusted())
    keep_all(store, honest, *(ago(impostor, minutes=500 - n) for n in range(100)))
    assert honest in store.visits(SMTP)


def test_many_honest_visits_of_one_day_come_down_to_one(store):
    keep_all(store, *(ago(upgraded(), days=9, minutes=300 - n) for n in range(100)))
    keep_all(store, *[ago(stripped())] * NEWEST)
    secured = [visit for visit in store.visits(SMTP) if visit.secured]
    assert secured == [ago(upgraded(), days=9, minutes=201)]


def test_honest_visits_are_kept_for_half_a_year(store):
    old, older = ago(upgraded(), days=DAYS - 5), ago(upgraded(), days=DAYS + 5)
    keep_all(store, older, old, *[ago(stripped())] * NEWEST)
    assert old in store.visits(SMTP)
    assert older not in store.visits(SMTP)


def test_visits_to_one_endpoint_push_none_of_another_out(store):
    store.keep(replace(stripped(), endpoint=IMAP))
    keep_all(store, *[ago(stripped())] * 100)
    assert len(store.visits(IMAP)) == 1


# -- remembered, forgotten -------------------------------------------------------------


def test_what_is_remembered_is_told_endpoint_by_endpoint(store):
    keep_all(store, ago(upgraded(), days=5), ago(stripped()), ago(implicit()))
    starttls, tls = store.remembered()
    assert (starttls.endpoint, starttls.visits, starttls.secured) == (SMTP, 2, 1)
    assert (tls.endpoint, tls.visits, tls.secured) == (SMTPS, 1, 1)
    assert starttls.first == f"{TODAY - timedelta(days=5):%Y-%m-%dT%H:%M:%S}"
    assert starttls.last == f"{TODAY:%Y-%m-%dT%H:%M:%S}"


def test_a_host_is_forgotten_on_all_its_ports(store):
    keep_all(store, upgraded(), upgraded(), implicit())
    assert store.forget(SMTP.host) == 3
    assert store.remembered() == ()


def test_one_port_of_a_host_is_forgotten_alone(store):
    keep_all(store, upgraded(), implicit())
    assert store.forget(SMTP.host, SMTP.port) == 1
    assert [known.endpoint for known in store.remembered()] == [SMTPS]


@pytest.mark.parametrize("host", ["mx.example", "%", "*", "", "MX.EXAMPLE.ORG'--"])
def test_only_the_very_host_is_forgotten(store, host):
    store.keep(upgraded())
    assert store.forget(host) == 0
    assert store.visits(SMTP) == (upgraded(),)


@pytest.mark.parametrize("evidence", [b"", b"{}", b"\xff", b'{"endpoint": 1}', b"[" * 10**5])
def test_a_visit_that_cannot_be_read_is_an_error_and_not_passed_over(store, evidence):
    keep_all(store, upgraded(), upgraded())
    store._database.run("update visit set evidence = ? where id = 1", evidence)
    with pytest.raises(StoreError):
        store.visits(SMTP)
    with pytest.raises(StoreError):
        store.visits_of(SMTP.host, SMTP.protocol)


# -- of a host on all its ports --------------------------------------------------------


def test_the_visits_to_a_host_are_those_to_all_its_ports_by_one_protocol(store):
    elsewhere = replace(upgraded(), endpoint=replace(SMTP, host="mx.example.net"))
    early, late = ago(implicit(), days=2), ago(upgraded(), days=1)
    keep_all(store, late, early, elsewhere, replace(stripped(), endpoint=IMAP))
    assert store.visits_of(SMTP.host, "smtp") == (early, late)
    assert store.visits_of(SMTP.host, "pop3") == ()


def test_releasing_visits_releases_what_was_derived_from_them(store):
    store.keep_derived("example.org", TODAY, TODAY + timedelta(hours=1), b"rests on them")
    assert store.forget("mx.example.net") == 0
    assert store.derived("example.org", TODAY) is None

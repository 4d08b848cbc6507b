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
from unstrip.evidence import Endpoint, Evidence
from unstrip.io.store import Store, StoreError, open_store
from unstrip.io.store.visits import DAYS, NEWEST
from unstrip.policy import Decision, Level, Policy, decide, irc_sts
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


# -- what a host asked of all who come back ----------------------------------------------

IRC = Endpoint(SMTP.host, 6697, "irc", implicit=True)
YEAR, RELEASED = "sts=duration=31536000", "sts=duration=0"


def irc(listed: str, endpoint: Endpoint = IRC, **fields: object) -> Evidence:
    """A visit inside TLS that was told this."""
    lines = ("C: CAP LS 302", f"S: :irc CAP * LS :{listed}")
    return heard(*lines, endpoint=endpoint, **fields)


def asked(store: Store) -> Policy | None:
    return irc_sts.opinion(store.visits_of(IRC.host, "irc"), datetime.now(UTC))


OTHERS = [
    irc("sasl"),
    irc("sts=port=6697"),
    irc(RELEASED, handshake=untrusted()),
    irc(RELEASED, endpoint=replace(IRC, port=6667, implicit=False)),  # in clear
    heard("<EOF>", endpoint=IRC),
]


@pytest.mark.parametrize("later", OTHERS, ids=["sasl", "port", "impostor", "in clear", "nothing"])
@pytest.mark.parametrize("days", [0, DAYS + 5])
def test_what_a_host_asked_outlives_all_that_does_not_end_it(store, days, later):
    wish = ago(irc(YEAR), days=days, minutes=600)
    keep_all(store, wish, *(ago(later, minutes=100 - n) for n in range(100)))
    found = asked(store)
    assert found is not None
    assert found.expires == wish.began + timedelta(days=365)


def test_what_a_host_released_does_not_come_back(store):
    keep_all(store, ago(irc(YEAR), days=2), ago(irc(RELEASED), days=1))
    keep_all(store, *(ago(irc("sasl"), minutes=100 - n) for n in range(100)))
    assert asked(store) is None


def test_what_a_host_released_at_one_port_does_not_come_back_by_another(store):
    clear = replace(IRC, port=6667)
    keep_all(store, ago(irc(YEAR, clear), days=DAYS + 9), ago(irc(RELEASED), days=DAYS + 5))
    for endpoint in (IRC, clear):
        keep_all(store, *(ago(irc("sasl", endpoint), minutes=100 - n) for n in range(50)))
    assert asked(store) is None


def test_a_release_by_a_clock_that_ran_ahead_pushes_no_wish_out(store):
    keep_all(store, ago(irc(YEAR), days=DAYS + 5), ago(irc(RELEASED), days=-400))
    keep_all(store, *(ago(irc("sasl"), minutes=100 - n) for n in range(100)))
    assert asked(store) is not None


def test_of_all_that_a_host_asked_the_last_is_kept(store):
    keep_all(store, *(ago(irc(YEAR), days=DAYS + 100 - n) for n in range(50)))
    keep_all(store, *(ago(irc("sasl"), minutes=100 - n) for n in range(NEWEST)))
    kept = store.visits(IRC)
    assert len(kept) == NEWEST + 1
    assert kept[0] == ago(irc(YEAR), days=DAYS + 51)


def test_what_was_asked_is_forgotten_with_the_host(store):
    store.keep(ago(irc(YEAR)))
    assert store.forget(IRC.host) == 1
    assert asked(store) is None


# -- what was derived from them ----------------------------------------------------------


def derived(store: Store, *visits: Evidence) -> list[bool]:
    """Whether what was derived still holds after each visit, being derived anew if not."""
    now, holds = datetime.now(UTC), []
    for visit in visits:
        store.keep_derived("example.org", now, now + timedelta(hours=1), b"derived", store.era())
        store.keep(visit)
        holds.append(store.derived("example.org", now) is not None)
    return holds


def test_what_was_derived_is_gone_with_the_first_visit_inside_tls_and_not_with_the_next(store):
    visits = [stripped(), untrusted_visit(), untrusted_visit(), stripped()]
    said = derived(store, *(ago(visit, minutes=9 - n) for n, visit in enumerate(visits)))
    assert said == [True, False, True, True]


def untrusted_visit() -> Evidence:
    return upgraded(untrusted())


def test_what_was_derived_is_gone_when_a_name_begins_to_be_expected(store):
    days = (8, 7, 4, 0.5, 0.4)
    proofs = [ago(upgraded(), days=day) for day in days]
    assert derived(store, *proofs) == [False, True, True, False, True]
    assert opinion(store.visits(SMTP)).level is Level.AUTHENTICATED


def test_what_was_derived_is_gone_when_what_was_expected_was_over(store):
    assert derived(store, ago(upgraded(), days=DAYS + 5), ago(upgraded())) == [False, False]


def test_an_endpoint_raises_what_is_expected_of_it_alone(store):
    assert derived(store, upgraded(), implicit(), upgraded()) == [False, False, True]


def test_what_rests_on_fewer_visits_is_gone_whenever_more_is_expected(store):
    """Whatever the order of the visits, and of their times."""
    random, kinds = Random(11), [upgraded(), untrusted_visit(), stripped(), refused()]
    for number in range(20):
        endpoint = replace(SMTP, port=1000 + number)
        for _ in range(12):
            visit = ago(random.choice(kinds), days=random.randrange(12))
            before = opinion(store.visits(endpoint))
            (holds,) = derived(store, replace(visit, endpoint=endpoint))
            after = opinion(store.visits(endpoint))
            raised = after is not None and (before is None or after.level > before.level)
            assert holds is not raised


def test_a_time_that_cannot_be_read_is_an_error_and_not_passed_over(path):
    with closing(open_store(path)) as store:
        keep_all(store, upgraded())
        store._database.run("update visit set began = ?", b"\xff")
        with pytest.raises(StoreError):
            store.keep(upgraded())


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
    store.keep_derived(
        "example.org", TODAY, TODAY + timedelta(hours=1), b"rests on them", store.era()
    )
    assert store.forget("mx.example.net") == 0
    assert store.derived("example.org", TODAY) is None

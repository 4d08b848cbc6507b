"""Whether a day is reported, and where that goes."""

from dataclasses import replace

import pytest
from hypothesis import given

from tests.tlsrpt.days import BOTH, DANE, DOMAIN, EXPIRED, NOTHING, RECORD, STS, day, days
from unstrip.tlsrpt.record import Rua, parse
from unstrip.tlsrpt.values import Tally
from unstrip.tlsrpt.wanted import MOST, MOST_EACH, UNREAD, recipients, sessions, usable, wanted

MAILBOX = Rua(f"mailto:tls@{DOMAIN}", f"tls@{DOMAIN}")


def test_it_goes_where_the_record_of_the_day_asks_for_it():
    assert wanted(BOTH).rua == (MAILBOX,)
    two = replace(BOTH, record=f"{RECORD}, https://{DOMAIN}/tls")
    assert wanted(two).rua == (MAILBOX, Rua(f"https://{DOMAIN}/tls"))


@pytest.mark.parametrize("tallies", [(), (Tally(STS, 0, 0),), (Tally(STS, 0, 0, ((EXPIRED, 3),)),)])
def test_where_there_was_no_session_there_is_no_report(tallies):
    found = wanted(day(*tallies))
    assert (found.rua, found.words) == ((), "there was no session")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("", "nobody asks for it"),
    ],
)
def test_where_nobody_asks_for_it_there_is_none(record, words):
    found = wanted(day(Tally(STS, 1, 0), record=record))
    assert (found.rua, found.words) == ((), words)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("v=TLSRPTv1; x=y", "its record: it has no rua"),
        ("v=TLSRPTv1; rua=ftp://x", "its record: 'ftp://x' is neither"),
        ("\ud800", "its record: it does not begin"),
    ],
)
def test_where_the_record_is_no_use_it_is_to_be_looked_up(record, words):
    found = wanted(day(Tally(STS, 1, 0), record=record))
    assert found.rua == (UNREAD,)
    assert found.words.startswith(words)


def test_a_domain_that_is_suppressed_gets_none():
    assert wanted(BOTH, {DOMAIN}).words == "it is suppressed"
    assert wanted(BOTH, {"other.example"}).rua


@pytest.mark.parametrize(("sent", "reported"), [(0, True), (2, True), (3, False), (9, False)])
def test_where_next_to_nothing_went_but_our_own_reports_there_is_none(sent, reported):
    """Each may have taken three sessions, as where it had to wait."""
    found = wanted(day(Tally(STS, 5, 4)), ours={DOMAIN: sent, "other.example": 99})
    assert bool(found.rua) is reported
    words = "next to nothing went there but our own reports"
    assert found.words == ("" if reported else words)


def test_a_session_under_two_policies_is_one():
    assert sessions(BOTH) == 7
    assert sessions(day(Tally(DANE, 7, 0), Tally(replace(DANE, domain="b.example"), 1, 1))) == 9
    assert sessions(day(Tally(NOTHING, 3, 4))) == 7
    assert sessions(day()) == 0


def test_a_destination_that_is_too_long_for_the_store_is_left_out():
    long = f"https://{DOMAIN}/{'x' * 1000}"
    found = wanted(day(Tally(STS, 1, 0), record=f"{RECORD},{long}"))
    assert found.rua == (MAILBOX,)


def test_one_place_gets_a_report_once_however_often_it_is_named():
    spelt = [
        "mailto:a@x.example",
        "MAILTO:a@X.example?1",
        "mailto:%61@x.example",
        "https://y.example",
    ]
    again = "https://Y.example:443/#1"
    assert [rua.uri for rua in asked(*spelt, again)] == ["mailto:a@x.example", "https://y.example/"]


def test_one_domain_gets_a_few_of_one_report_and_no_more():
    mails = [f"mailto:{n}@x.example" for n in range(9)]
    posts = [f"https://y.example:{n}/{n}" for n in range(1, 9)]
    found = [rua.uri for rua in asked(*mails, *posts)]
    assert found == [*mails[:MOST_EACH], *posts[:MOST_EACH]]


def test_where_it_goes_already_counts_though_the_record_is_another_one_now():
    known = ["", *(f"mailto:{n}@x.example" for n in range(MOST_EACH))]
    record = ("mailto:new@x.example", known[2], "mailto:a@y.example")
    assert [rua.uri for rua in asked(*record, known=known)] == [known[2], "mailto:a@y.example"]
    full = [f"mailto:a@{n}.example" for n in range(MOST)]
    assert [rua.uri for rua in asked(full[3], "mailto:a@y.example", known=full)] == [full[3]]


def asked(*uris, known=()):
    return usable(parse(f"v=TLSRPTv1; rua={','.join(uris)}".encode()), known)


def test_reports_are_counted_by_whom_they_went_to():
    uris = ["mailto:a@x.example", "MAILTO:b@x.example", "https://x.example/", "nonsense"]
    assert recipients([*uris, "mailto:c@y.example"]) == {"x.example": 2, "y.example": 1}


@given(days)
def test_no_report_is_ever_made_of_nothing(found):
    assert bool(wanted(found).rua) is (sessions(found) > 0)

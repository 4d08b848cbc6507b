"""Reports in the store: each once, the proved before the others, and room for those that count."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from unstrip.io.store import StoreError, open_store, received
from unstrip.io.store.received import Kept, Refused
from unstrip.tlsrpt.received import Proof, Told
from unstrip.tlsrpt.values import Applied, Failure, PolicyType, Tally

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY, OURS = date(2026, 11, 20), "example.org"
LONG_AGO, FAR = date(2018, 1, 1), date(2100, 1, 1)
ODD = Failure("x\0\ud7ff\x1b[31m", reason="a" * 9000)
STS = Tally(Applied(PolicyType.STS, OURS, ("mode: testing",), ("mx.*",)), 10, 3, ((ODD, 3),))
DANE = Tally(Applied(PolicyType.TLSA, f"mx.{OURS}"), 10**12, 0)
TOLD = Told(DAY, "sender.example", "Sender \u0000 Inc", "i" * 9000, OURS, Proof.NONE, STS)
REPORT = (TOLD, replace(TOLD, tally=DANE))


def proved(report, proof=Proof.DKIM):
    return tuple(replace(told, proof=proof) for told in report)


def test_what_was_received_comes_back_whole(place):
    with closing(open_store(place)) as store:
        assert store.keep_received(REPORT, NOW) is Kept.NEW
    with closing(open_store(place)) as store:
        assert store.received(OURS, DAY, DAY) == REPORT
        assert store.received(None, LONG_AGO, FAR) == REPORT


def test_a_report_is_kept_once(store):
    store.keep_received(REPORT, NOW)
    assert store.keep_received(REPORT, NOW) is Kept.DUPLICATE
    assert store.received(OURS, DAY, DAY) == REPORT


@pytest.mark.parametrize(
    "other",
    [
        {"submitter": "sender.example.org", "organization": "Other Inc"},
        {"report_id": "i" * 8999},
        {"domain": "example.com", "tally": STS},
        {"day": DAY + timedelta(days=1)},
    ],
)
def test_another_sender_name_domain_or_day_is_another_report(store, other):
    store.keep_received(REPORT, NOW)
    assert store.keep_received((replace(TOLD, **other),), NOW) is Kept.NEW
    assert len(store.received(None, LONG_AGO, FAR)) == 3


@pytest.mark.parametrize("other", [{"submitter": "corp.example"}, {"domain": f"mx.{OURS}"}])
def test_what_says_the_same_is_the_same_report(store, other):
    posted = tuple(replace(told, **other, proof=Proof.HTTPS) for told in REPORT)
    assert store.keep_received(posted, NOW) is Kept.NEW
    assert store.keep_received(REPORT, NOW) is Kept.DUPLICATE
    assert store.keep_received(proved(REPORT), NOW, "sender.example") is Kept.NEW
    assert store.received(None, DAY, DAY) == proved(REPORT)
    assert store.keep_received(posted, NOW) is Kept.DUPLICATE


def test_a_signed_report_counts_once_for_its_signer_and_keeps_no_other_out(store):
    copied = tuple(replace(told, submitter="evil.example") for told in proved(REPORT))
    below = tuple(replace(told, submitter="mail.sender.example") for told in proved(REPORT))
    assert store.keep_received(copied, NOW, "evil.example") is Kept.NEW
    assert store.keep_received(proved(REPORT), NOW, "sender.example") is Kept.NEW
    assert store.keep_received(below, NOW, "sender.example") is Kept.DUPLICATE


def test_blanks_make_no_other_report(store):
    one, other = (replace(TOLD, report_id=name) for name in ("a b", "a  b"))
    assert store.keep_received((one,), NOW) is Kept.NEW
    assert store.keep_received((other,), NOW) is Kept.DUPLICATE


def test_what_is_the_same_in_all_of_a_report_takes_room_once(store):
    tallies = [replace(DANE, policy=replace(DANE.policy, domain=f"m{n}")) for n in range(99)]
    long = tuple(replace(TOLD, organization="o" * 9_000, tally=tally) for tally in tallies)
    store.keep_received(long, NOW)
    assert store.received(OURS, DAY, DAY) == long
    ((size,),) = store._database.rows("select size from received")
    assert size < 40_000


def test_a_report_that_is_too_long_is_not_kept(store):
    lines = Applied(PolicyType.STS, OURS, ("x" * 10_000,) * 220)
    assert store.keep_received((replace(TOLD, tally=Tally(lines, 1, 0)),), NOW) is Kept.TOO_LONG
    assert store.received(None, LONG_AGO, FAR) == ()


def test_one_source_takes_no_room_from_another(store, monkeypatch):
    monkeypatch.setattr(received, "_EACH", (25_000, 25_000))

    def keep(name, source):
        return store.keep_received((replace(TOLD, report_id=name),), NOW, source)

    assert keep("1", "192.0.2.1") is Kept.NEW
    assert keep("2" * 9000, "192.0.2.1") is Kept.CROWDED
    assert keep("2" * 9000, "192.0.2.2") is Kept.NEW


def test_a_proved_report_takes_the_place_of_one_that_is_not_and_of_no_other(store):
    store.keep_received(proved(REPORT, Proof.HTTPS), NOW)
    assert store.keep_received(REPORT, NOW) is Kept.DUPLICATE
    honest = proved((replace(TOLD, tally=DANE),))
    assert store.keep_received(honest, NOW) is Kept.NEW
    assert store.received(OURS, DAY, DAY) == honest
    assert store.keep_received(proved(REPORT), NOW) is Kept.DUPLICATE
    assert store.keep_received(REPORT, NOW) is Kept.DUPLICATE
    assert store.received(OURS, DAY, DAY) == honest


def test_reports_are_told_by_day_and_domain(store):
    days = [DAY + timedelta(days=n) for n in (2, 0, 1)]
    for day in days:
        store.keep_received((replace(TOLD, day=day),), NOW)
    store.keep_received((replace(TOLD, domain="a.example", report_id="2"),), NOW)
    found = store.received(None, DAY, DAY + timedelta(days=1))
    assert [(told.day, told.domain) for told in found] == [
        (DAY, "a.example"),
        (DAY, OURS),
        (DAY + timedelta(days=1), OURS),
    ]
    assert [told.day for told in store.received(OURS, LONG_AGO, FAR)] == sorted(days)
    assert store.received("none.example", LONG_AGO, FAR) == ()


def test_what_is_not_proved_takes_no_room_from_what_is(store, monkeypatch):
    monkeypatch.setattr(received, "_ROOM", (25_000, 25_000))
    assert store.keep_received((TOLD,), NOW) is Kept.NEW
    assert store.keep_received((replace(TOLD, report_id="2"),), NOW) is Kept.CROWDED
    assert store.keep_received(proved((replace(TOLD, report_id="2"),)), NOW) is Kept.NEW
    assert store.keep_received(proved(REPORT), NOW) is Kept.CROWDED
    tomorrow = NOW + timedelta(days=1, seconds=1)
    assert store.keep_received((replace(TOLD, report_id="3"),), tomorrow) is Kept.NEW


def test_refusals_are_counted_by_day_and_reason(store):
    for kind in ("dkim", "json", "dkim"):
        store.refuse(kind, DAY)
    store.refuse("dkim", DAY + timedelta(days=1))
    assert store.refused(DAY, DAY) == (Refused(DAY, "dkim", 2), Refused(DAY, "json", 1))
    assert len(store.refused(LONG_AGO, FAR)) == 3


def test_what_is_old_is_forgotten(store):
    today = NOW.date()
    store.keep_received((replace(TOLD, report_id="old"),), NOW - timedelta(days=1))
    store.keep_received(proved((replace(TOLD, report_id="older"),)), NOW - timedelta(days=2))
    store.keep_received(REPORT, NOW)
    store.refuse("dkim", today - timedelta(days=1))
    assert store.forget_received(today) == 2
    assert store.received(None, LONG_AGO, FAR) == REPORT
    assert store.refused(LONG_AGO, FAR) == ()
    assert store.forget_received(today) == 0


def test_a_report_that_cannot_be_read_is_an_error(store):
    store.keep_received(REPORT, NOW)
    store._database.run("update received set body = ?", b"[1]")
    with pytest.raises(StoreError):
        store.received(OURS, DAY, DAY)


def test_two_who_keep_the_same_report_keep_it_once(place):
    with closing(open_store(place)) as one, closing(open_store(place)) as other:
        fates = [store.keep_received(REPORT, NOW) for store in (one, other, one)]
        assert fates == [Kept.NEW, Kept.DUPLICATE, Kept.DUPLICATE]

"""Feeding the ledger: a real store, and an inquiry that is answered from a dictionary."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.mta.domains import DOMAIN, NONE, A, published
from tests.policy.answering import S, addresses, failure, found, nothing, text
from tests.tlsrpt.test_exim import HERE, ID, NO_TLS, THERE, TLS, C
from tests.verdict.scenes import judged, stripped, unheard, upgraded, visited
from unstrip.derivation import Beliefs, Sought
from unstrip.io.check import Checked
from unstrip.io.domain import DomainChecked, ServiceChecked
from unstrip.io.inquiry import Inquired, Inquiry
from unstrip.io.store import StoreError, open_store
from unstrip.io.tlsrpt.feeding import Feed, count
from unstrip.io.tlsrpt.following import Chunk, chunks
from unstrip.policy.questions import Dns, Kind, Mx, Status

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY, YESTERDAY = date(2026, 11, 22), date(2026, 11, 21)
RECORD = "v=TLSRPTv1; rua=mailto:a@example.org"
WANTED = text(f"_smtp._tls.{DOMAIN}", RECORD.encode())
POSTED = {
    Dns(DOMAIN, Kind.MX): found(Mx(10, A)),
    **addresses(A, S),
    Dns(f"_25._tcp.{A}", Kind.TLSA): NONE,
}
GOOD = f"=> {THERE} {HERE} {TLS} CV=yes {C}"
BAD = f"== {THERE} defer (-38) {HERE}: {NO_TLS}"


def inquiry(answers):
    """Ask the dictionary; what is not in it is not there."""

    async def ask(question):
        return answers.get(question, nothing(S, Status.NXDOMAIN))

    async def fetch(question):
        return answers[question]

    return Inquiry(ask, fetch, Beliefs())


ANSWERS = {**POSTED, **published("enforce", [A]), **WANTED}


@pytest.fixture
def store(tmp_path):
    with closing(open_store(tmp_path / "store")) as opened:
        yield opened


def line(words: str, at: str = "2026-11-22 10:52:48", message: str = ID) -> str:
    return f"{at} +0000 {message} {words}\n"


def fed(store, *lines: str, answers=ANSWERS, **others) -> Feed:
    feed = Feed(store, inquiry(answers), **others)
    data = "".join(lines).encode()
    asyncio.run(feed.take(Chunk("log x", 0, len(data), data), NOW))
    return feed


def counted(store, day: date = TODAY):
    """Each policy of a day, with how often it was met and not."""
    return [
        (each.domain, tally.policy.kind.value, tally.succeeded, tally.failed)
        for each in store.day(day)
        for tally in each.tallies
    ]


# Exim's log


def test_sessions_are_counted_under_the_policy_that_applied(store):
    feed = fed(store, line(GOOD), line(GOOD, message="1xV5Bg-0007JZ-23"), line(BAD))
    # the third line is of the first message, which was told of a moment ago
    assert (feed.counted, dict(feed.passed)) == (2, {})
    assert counted(store) == [(DOMAIN, "sts", 2, 0)]
    (day,) = store.day(TODAY)
    assert day.record == RECORD


def test_a_failure_is_counted_with_what_is_known_of_it(store):
    fed(store, line(BAD))
    assert counted(store) == [(DOMAIN, "sts", 0, 1)]
    ((_, failure_and_times),) = [(t, t.failures) for d in store.day(TODAY) for t in d.tallies]
    ((why, times),) = failure_and_times
    assert (why.result, why.host, times) == ("starttls-not-supported", A, 1)


def test_days_are_counted_apart_in_utc(store):
    late = "2026-11-22 00:30:00 +0100 " + f"{ID} {GOOD}\n"
    fed(store, late, line(GOOD))
    assert counted(store, YESTERDAY) == counted(store) == [(DOMAIN, "sts", 1, 0)]


def test_times_without_a_zone_may_be_in_utc(store, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    fed(store, f"2026-11-22 00:30:00 {ID} {GOOD}\n", utc=True)
    assert counted(store) == [(DOMAIN, "sts", 1, 0)]


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (POSTED | published("enforce", [A]), "unasked"),
        (ANSWERS | {Dns(f"_smtp._tls.{DOMAIN}", Kind.TXT): failure()}, "unknown"),
    ],
)
def test_a_domain_that_asks_for_no_reports_or_is_not_known_is_not_counted(store, answers, why):
    feed = fed(store, line(GOOD), answers=answers)
    assert (feed.counted, dict(feed.passed)) == (0, {why: 1})
    assert counted(store) == []


def test_what_nothing_can_be_said_of_is_not_counted(store):
    feed = fed(store, line(f"=> {THERE} {HERE} {TLS} CV=dane {C}"))
    assert (feed.counted, dict(feed.passed)) == (0, {"unsaid": 1})


def test_what_is_too_old_for_any_report_is_not_counted(store):
    feed = fed(store, line(GOOD, at="2026-11-20 10:00:00"), line(GOOD, at="2026-12-22 10:00:00"))
    assert (feed.counted, dict(feed.passed)) == (0, {"old": 2})


def test_recipients_at_an_address_ask_for_no_reports(store):
    feed = fed(store, line(f"=> b@192.0.2.1 R=there T=smtp {HERE} {C}"))
    assert dict(feed.passed) == {"unasked": 1}


def follow(store, path, now: datetime = NOW) -> int:
    """Read on in a log; return how many sessions there were."""
    feed = Feed(store, inquiry(ANSWERS))
    for chunk in chunks(path, store.taken):
        asyncio.run(feed.take(chunk, now))
    return feed.counted


def test_a_log_is_counted_once(store, tmp_path):
    log = tmp_path / "mainlog"
    log.write_text(line(GOOD))
    assert [follow(store, log), follow(store, log)] == [1, 0]
    with log.open("a") as file:  # of the session that was counted already, and of another
        file.write(line(f"-> c@{DOMAIN} R=there T=smtp {HERE} {TLS} CV=yes {C}"))
        file.write(line(BAD, message="1xV5Bg-0007JZ-23"))
    assert [follow(store, log), follow(store, log)] == [1, 0]
    assert counted(store) == [(DOMAIN, "sts", 1, 1)]


class Dying:
    """A store that is gone after so many calls."""

    def __init__(self, store, calls: int) -> None:
        self._store, self._calls = store, calls

    def add(self, *given) -> None:
        self._calls -= 1
        if self._calls < 0:
            raise StoreError("gone")
        self._store.add(*given)


@pytest.mark.parametrize("calls", [0, 1, 2, 3])
def test_who_dies_in_the_midst_has_counted_nothing_twice(store, tmp_path, calls):
    log = tmp_path / "mainlog"
    days = ["2026-11-21 23:59:59", "2026-11-22 00:00:01", "2026-11-21 23:59:59"]
    messages = ["1xV5Bg-0007JN-1a", "1xV5Bg-0007JN-1b", "1xV5Bg-0007JN-1c"]
    log.write_text("".join(line(GOOD, *each) for each in zip(days, messages, strict=True)))
    (chunk,) = chunks(log, store.taken)
    with pytest.raises(StoreError):
        asyncio.run(Feed(Dying(store, calls), inquiry(ANSWERS)).take(chunk, NOW))
    follow(store, log)
    assert counted(store, YESTERDAY) == [(DOMAIN, "sts", 2, 0)]
    assert counted(store) == [(DOMAIN, "sts", 1, 0)]


def test_a_log_that_is_read_on_in_is_never_forgotten(store, tmp_path):
    log = tmp_path / "mainlog"
    log.write_text(line(GOOD, at="2026-10-01 10:00:00"))
    follow(store, log, NOW - timedelta(days=40))
    with log.open("a") as file:
        file.write(line(GOOD))
    assert follow(store, log) == 1
    store.forget_before(YESTERDAY)
    assert [*chunks(log, store.taken)] == []


def test_a_store_that_is_gone_is_told_of(store):
    store.close()
    with pytest.raises(StoreError):
        fed(store, line(GOOD))


# Our own checks


def checked(*evidence, sought: Sought = Sought(), answers=ANSWERS) -> DomainChecked:  # noqa: B008  # a frozen value
    """A check of the domain that saw this."""

    async def main():
        return await inquiry(answers).mail(DOMAIN)

    inquired: Inquired = asyncio.run(main())
    servers = tuple(Checked(visited(each), each, (), judged(each)) for each in evidence)
    return DomainChecked(DOMAIN, (ServiceChecked(inquired, servers),))


def noted(store, domain: DomainChecked, answers=ANSWERS):
    return asyncio.run(count(domain, inquiry(answers), store, NOW))


def test_each_server_that_was_checked_is_a_session(store):
    domain = checked(upgraded(), stripped(), unheard(TimeoutError()))
    times, why = noted(store, domain)
    assert (times, why) == (2, "")
    assert counted(store) == [(DOMAIN, "sts", 0, 2)]  # neither is the host that the policy names


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (POSTED, "it asks for no reports"),
        (POSTED | text(f"_smtp._tls.{DOMAIN}", b"v=TLSRPTv1; rua=x"), "neither mailto"),
        (POSTED | {Dns(f"_smtp._tls.{DOMAIN}", Kind.TXT): failure()}, "server failure"),
    ],
)
def test_a_check_of_a_domain_that_asks_for_no_reports_is_not_counted(store, answers, why):
    times, said = noted(store, checked(upgraded()), answers)
    assert times == 0
    assert why in said
    assert counted(store) == []


def test_a_check_that_saw_nothing_says_so(store):
    times, why = noted(store, checked(unheard(TimeoutError())))
    assert (times, why) == (0, "nothing could be seen of its servers' TLS")


def test_servers_that_could_not_be_found_out_are_counted_without_a_session(store):
    answers = ANSWERS | {Dns(DOMAIN, Kind.MX): failure()}
    assert noted(store, checked(answers=answers), answers) == (1, "")
    assert counted(store) == [(DOMAIN, "tlsa", 0, 1)]


def test_times_far_off_break_nothing(store):
    feed = fed(store, line(GOOD, at="9999-12-31 23:59:59"), line(GOOD, at="1995-01-01 00:00:00"))
    assert feed.counted == 0

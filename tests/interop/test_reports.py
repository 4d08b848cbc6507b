"""The round trip of reports, with real parts: what leaves is what arrives, count for count.

A real Postfix delivers to a domain for each policy, under every trick of the lab. Real are the
policies as well: DNSSEC by NSD and Unbound, MTA-STS over HTTPS, and our daemon, which tells Postfix
of them. Not real are the datagrams: Debian's Postfix is 3.7, and reports come with 3.10. They are
made from its log, one for each delivery in it (`reports/telling.py`), and the daemon counts them.
The day is closed by a clock that is told. The reports leave by that same Postfix for a second one,
which has them in a pipe to `unstrip report take` and in a maildir, and by HTTPS for our own intake
and for a web server that only keeps them.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from tests.faces.cli.command import Ran, run
from tests.interop.reports import DOMAINS, Rig, a_rig
from tests.interop.reports.rig import TIMES, WHO
from tests.interop.reports.telling import Delivery
from tests.interop.test_specimens import python_of
from tests.io.tlsrpt.telling import wait_for
from unstrip.lab.tricks import TRICKS
from unstrip.tlsrpt.received import Proof, Told
from unstrip.tlsrpt.report import Report, encode, make, pack
from unstrip.tlsrpt.values import Day, Tally

PARSING = """\
import json, sys, parsedmarc
for path in sys.argv[1:]:
    print(json.dumps(parsedmarc.parse_report_file(path, offline=True)["report"]))
"""
WAYS = ("pipe", "maildir", "posted")
UNDER_POLICY = ("dane.example", "sts.example", "both.example")
STRIPPING = ("remove-offer", "mask-offer")
KINDS = {
    "dane.example": "tlsa",
    "sts.example": "sts",
    "both.example": "tlsa",
    "testing.example": "sts",
    "free.example": "no-policy-found",
}


@dataclass(frozen=True)
class Trip:
    """What came of the whole trip.

    Attributes: deliveries: by the log of the Postfix that sent; days: in the ledger; ran, again:
        `unstrip report send`, twice; stores: of those who took the reports in; mails: in a maildir.
    """

    rig: Rig
    deliveries: list[Delivery]
    days: dict[str, Day]
    ran: Ran
    again: Ran
    stores: dict[str, Path]
    mails: list[bytes]

    def report(self, domain: str) -> Report:
        return make([self.days[domain]], WHO)


@pytest.fixture(scope="module")
def rig(directory: Path) -> Iterator[Rig]:
    with a_rig(directory) as running:
        yield running


@pytest.fixture(scope="module")
def trip(rig: Rig) -> Trip:
    deliveries = rig.deliver()
    with rig.store() as store:
        (day,) = store.days()
        days = {each.domain: each for each in store.day(day)}
    ran, again = rig.send(day), rig.send(day)
    wait_for(lambda: rig.taken(r"status=sent \(delivered via tlsrpt service") == len(DOMAINS))
    wait_for(lambda: rig.taken(r"status=sent \(delivered to maildir") == len(DOMAINS))
    mails = [path.read_bytes() for path in sorted(rig.maildir.glob("new/*"))]
    kept = rig.home / "kept.sqlite3"
    assert rig.take(rig.maildir, kept).code == 0
    stores = {"pipe": rig.at_pipe, "maildir": kept, "posted": rig.posted}
    return Trip(rig, deliveries, days, ran, again, stores, mails)


def same(tally: Tally) -> Tally:
    """A tally, whatever the order of its failures."""
    return Tally(
        tally.policy, tally.succeeded, tally.failed, tuple(sorted(tally.failures, key=str))
    )


def received(trip: Trip, way: str) -> list[Told]:
    with trip.rig.store(trip.stores[way]) as store:
        return list(store.received(None, date(2020, 1, 1), date(2100, 1, 1)))


# What is counted


@pytest.mark.parametrize("domain", DOMAINS)
def test_what_postfix_logged_of_a_domain_is_what_was_counted(trip: Trip, domain: str) -> None:
    logged = [each for each in trip.deliveries if each.domain == domain]
    assert len({each.recipient for each in logged}) == len(TRICKS) + TIMES
    (tally,) = trip.days[domain].tallies
    assert tally.policy.kind.value == KINDS[domain]
    assert tally.succeeded == sum(each.sent and each.tls for each in logged)
    assert tally.failed == sum(not each.sent for each in logged)
    assert sum(count for _, count in tally.failures) == tally.failed


@pytest.mark.parametrize("domain", UNDER_POLICY)
@pytest.mark.parametrize("trick", STRIPPING)
def test_mail_under_a_policy_waits_where_tls_is_stripped_and_that_is_told(trip, domain, trick):
    (delivery,) = (each for each in trip.deliveries if each.recipient == f"{trick}-0@{domain}")
    assert not delivery.sent
    (tally,) = trip.days[domain].tallies
    results = {failure.result: failure for failure, _ in tally.failures}
    assert results["starttls-not-supported"].host == f"mx.{domain}"


@pytest.mark.parametrize("domain", ["testing.example", "free.example"])
@pytest.mark.parametrize("trick", STRIPPING)
def test_mail_under_no_policy_goes_out_in_clear_which_nobody_tells(trip, domain, trick):
    (delivery,) = (each for each in trip.deliveries if each.recipient == f"{trick}-0@{domain}")
    assert delivery.sent
    assert not delivery.told


def test_all_mail_goes_out_over_tls_on_an_honest_road(trip):
    honest = [each for each in trip.deliveries if each.recipient.startswith("honest-")]
    assert len(honest) == TIMES * len(DOMAINS)
    assert all(each.sent and each.tls for each in honest)


# What leaves


def test_each_report_goes_to_each_destination_once(trip):
    jobs = [json.loads(line)["job"] for line in trip.ran.out.splitlines()]
    assert (trip.ran.code, trip.ran.err) == (0, "")
    assert Counter(job["domain"] for job in jobs) == dict.fromkeys(DOMAINS, 4)
    assert {job["state"] for job in jobs} == {"delivered"}
    assert (trip.again.code, trip.again.out) == (0, "")
    assert len(trip.mails) == len(DOMAINS)


def test_a_web_server_is_given_the_reports_byte_by_byte(trip):
    expected = {pack(encode(trip.report(domain))) for domain in DOMAINS}
    assert set(trip.rig.sink.bodies) == expected
    assert len(trip.rig.sink.bodies) == len(expected)


# What arrives


def subject(way: str, domain: str) -> str:
    """Whom a report is about: a post says that by its policies only, and DANE's are of servers."""
    return f"mx.{domain}" if way == "posted" and KINDS[domain] == "tlsa" else domain


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("domain", DOMAINS)
def test_what_is_taken_in_is_what_was_sent(trip, way, domain):
    told = [each for each in received(trip, way) if each.domain == subject(way, domain)]
    expected = [policy.tally for policy in trip.report(domain).policies]
    assert [same(each.tally) for each in told] == [same(tally) for tally in expected]
    day = trip.days[domain]
    assert [(each.tally.succeeded, each.tally.failed) for each in told] == [
        (tally.succeeded, tally.failed) for tally in day.tallies
    ]
    assert {(each.day, each.submitter, each.organization) for each in told} == {
        (day.day, WHO.domain, WHO.organization)
    }


@pytest.mark.parametrize("way", WAYS)
def test_a_mail_is_proved_by_a_key_in_dns_and_a_post_by_nothing(trip, way):
    proofs = {told.proof for told in received(trip, way)}
    assert proofs == {Proof.HTTPS if way == "posted" else Proof.DKIM}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_shown_is_what_was_sent(trip, way):
    tallies = [tally for day in trip.days.values() for tally in day.tallies]
    until = next(iter(trip.days.values())).day
    words = ("--since", until, "--until", until, "--store", trip.stores[way], "--json")
    ran = run("report", "show", *words)
    shown = json.loads(ran.out)["overview"]
    assert (ran.code, shown["total"]["reports"]) == (0, len(DOMAINS))
    assert shown["total"]["succeeded"] == sum(tally.succeeded for tally in tallies)
    assert shown["total"]["failed"] == sum(tally.failed for tally in tallies)
    times: Counter[tuple[str, str]] = Counter()
    for tally in tallies:
        for failure, count in tally.failures:
            times[failure.result, failure.host] += count
    found = {
        (met["cause"]["result"], met["cause"]["host"]): met["times"] for met in shown["failures"]
    }
    assert found == times


def test_parsedmarc_reads_the_same_in_files_and_in_mails(trip, tmp_path):
    paths = []
    for number, data in enumerate((*trip.rig.sink.bodies, *trip.mails)):
        paths.append(tmp_path / f"{number}")
        paths[-1].write_bytes(data)
    command = [python_of("parsedmarc-11.1.0"), "-c", PARSING, *paths]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    read = [json.loads(line) for line in ran.stdout.splitlines()]
    expected = sorted(map(summary, (trip.days[domain] for domain in DOMAINS)))
    assert sorted(map(theirs, read[: len(DOMAINS)])) == expected
    assert sorted(map(theirs, read[len(DOMAINS) :])) == expected


def summary(day: Day) -> tuple[object, ...]:
    """What there is to be read in a report."""
    return day.domain, *(
        (tally.policy.kind.value, tally.succeeded, tally.failed, failures(tally))
        for tally in day.tallies
    )


def failures(tally: Tally) -> tuple[object, ...]:
    counts = ((each.result, each.host, each.reason, count) for each, count in tally.failures)
    return tuple(sorted(counts))


def theirs(report: dict) -> tuple[object, ...]:
    """The same, as parsedmarc has read it."""
    policies = report["policies"]
    domain = policies[0]["policy_domain"].removeprefix("mx.")
    return domain, *(
        (
            policy["policy_type"],
            policy["successful_session_count"],
            policy["failed_session_count"],
            tuple(
                sorted(
                    (
                        each["result_type"],
                        each["receiving_mx_hostname"],
                        each["failure_reason_code"],
                        each["failed_session_count"],
                    )
                    for each in policy.get("failure_details", ())
                )
            ),
        )
        for policy in policies
    )

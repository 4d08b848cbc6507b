"""`unstrip report watch`: alarms in words and figures, and an exit code for cron."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.faces.cli.command import Ran, run
from tests.faces.cli.received import NASTY, TODAY, receive
from tests.tlsrpt.days import DOMAIN, EXPIRED
from tests.tlsrpt.told import OTHER, SENDER, tell
from unstrip.evidence import from_json
from unstrip.faces.cli.report_alarms import WatchRecord
from unstrip.io.store import default_path
from unstrip.tlsrpt.alarms import Alarming
from unstrip.tlsrpt.received import Proof


def usual(**more):
    return [tell(ago, 50, day=TODAY, **more) for ago in range(1, 18)]


def watch(*words: object) -> Ran:
    """Look at the days up to the one that was today when the tests began."""
    return run("report", "watch", "--until", TODAY, *words)


def test_nothing_alarming_is_no_alarm(home):
    receive(*usual())
    ran = watch(DOMAIN)
    assert (ran.code, ran.err) == (0, "")
    since = TODAY - timedelta(days=2)
    assert ran.out == f"{DOMAIN}, {since} to {TODAY}: no alarms\n"


def test_every_kind_of_alarm_is_told(home):
    vanished = [tell(ago, 50, day=TODAY, sender=OTHER) for ago in range(4, 18)]
    receive(*usual(), *vanished, tell(0, 70, 30, day=TODAY))
    ran = watch(DOMAIN)
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.splitlines()[0].endswith(": 3 alarms")
    told = ran.out.replace(f"{TODAY}", "TODAY").replace(f"{TODAY - timedelta(days=2)}", "SINCE")
    for words in (
        "new failure: certificate-expired at mx.example.org, MTA-STS of example.org",
        "  met 30 times since TODAY, told by sender.example",
        "  to do: renew the certificate, and have mx.example.org load it",
        "success falling: with all senders together",
        "  since SINCE: 30 of 200 sessions failed (15.0 %)",
        "  in the 14 days before SINCE: 0 of 1,350 sessions failed (0.0 %)",
        f"sender vanished: {OTHER}",
        f"  its last report is of {TODAY - timedelta(days=4)}",
    ):
        assert f"  {words}\n" in told


def test_one_sender_with_whom_success_is_falling_is_named(home):
    large = [tell(ago, 10**6, 9, day=TODAY, sender=OTHER) for ago in range(18)]
    receive(*usual(), *large, tell(0, 20, 10, day=TODAY))
    assert f"success falling: with {SENDER}\n" in watch(DOMAIN).out


def test_what_only_unsigned_reports_say_is_told_as_that(home):
    receive(*usual(), tell(0, 9, 1, day=TODAY, sender=OTHER, proof=Proof.HTTPS))
    ran = watch(DOMAIN)
    assert ran.code == 1
    assert "    only unsigned reports say so, which anyone can send\n" in ran.out


def test_json_has_the_same_alarms(home):
    receive(*usual(), tell(0, 70, 30, day=TODAY))
    ran = watch(DOMAIN, "--json")
    found = from_json(WatchRecord, ran.out)
    assert ran.code == found.exit == 1
    assert [alarm.kind for alarm in found.alarms] == [Alarming.NEW, Alarming.FALLING]
    assert found.alarms[0].cause.result == EXPIRED.result


def test_other_days_may_be_looked_at(home):
    receive(*usual(), tell(9, 9, 1, day=TODAY))
    assert watch(DOMAIN).code == 0
    since, until = (f"{TODAY - timedelta(days=ago)}" for ago in (9, 8))
    assert watch(DOMAIN, "--since", since).code == 1
    assert watch(DOMAIN, "--since", since, "--until", until).code == 1


def test_other_domains_are_not_looked_at(home):
    receive(*usual(), tell(0, 9, 9, day=TODAY, domain="example.net"))
    assert watch(DOMAIN).code == 0


def test_without_any_report_nothing_can_be_told(home):
    receive(tell(40, 9, day=TODAY))
    ran = watch(DOMAIN)
    assert (ran.code, ran.out) == (4, "")
    assert f"nobody has reported on mail to {DOMAIN} from " in ran.err
    assert f"unstrip report show {DOMAIN}" in ran.err


def test_a_store_that_cannot_be_read_alarms_as_well(home):
    receive(*usual())
    default_path().write_bytes(b"no database at all" * 99)
    assert watch(DOMAIN).code == 4


@pytest.mark.parametrize("words", [(), ("a..b",), (DOMAIN, "--since", "soon")], ids=str)
def test_what_makes_no_sense_is_a_mistake(words, home):
    assert watch(*words).code == 2


@pytest.mark.parametrize("how", [(), ("--json",)], ids=str)
def test_nothing_that_a_sender_wrote_reaches_the_terminal_as_it_was(how, home):
    receive(*usual(), tell(0, 0, 1, failure=NASTY, day=TODAY))
    out = watch(DOMAIN, *how).out
    assert out.replace("\n", "").isprintable()
    assert out.isascii()

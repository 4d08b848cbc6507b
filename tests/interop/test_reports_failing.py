"""Reports that do not get through at first, that nobody is to believe, or that are on themselves.

Days are counted as if they were long ago, and clocks are told. The Postfixes, DNS, the web server
and the pipe to `unstrip report take` are real, as in `test_reports.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.faces.cli.command import Ran
from tests.interop.reports import Rig, a_rig
from tests.interop.reports.names import LATE, LOOP, REFUSED, REPORTS, SELECTOR, SENDER
from tests.interop.reports.rig import LETTER, WHO, a_key
from tests.interop.servers import free_ports
from tests.io.tlsrpt.counted import FINE, count
from tests.io.tlsrpt.telling import wait_for
from tests.tlsrpt.days import STS
from unstrip.io.tlsrpt.signing import Signer
from unstrip.tlsrpt.message import build
from unstrip.tlsrpt.report import encode, make, pack
from unstrip.tlsrpt.values import Applied, Attempt, Day, PolicyType, Tally

FIRST = date(2026, 3, 1)
DELIVERED = r"to=<tls@{}>.* status=sent"
VIA_PIPE = r"status=sent \(delivered via tlsrpt service"


@pytest.fixture(scope="module")
def rig(directory: Path) -> Iterator[Rig]:
    with a_rig(directory) as running:
        running.hand_in(mail(running, FIRST))  # by which the pipe's user makes the store
        wait_for(lambda: running.taken(VIA_PIPE) == 1)
        assert taken(running, FIRST) == 1
        yield running


def states(ran: Ran) -> dict[str, tuple[str, str]]:
    """What became of each destination, by its scheme: the state, and the words."""
    jobs = [json.loads(line)["job"] for line in ran.out.splitlines()]
    return {job["uri"].partition(":")[0]: (job["state"], job["words"]) for job in jobs}


# What is tried again, and what is not


def test_who_cannot_be_reached_for_an_hour_gets_the_report_once(rig: Rig) -> None:
    day = FIRST
    with rig.store() as store:
        count(store, LATE, "v=TLSRPTv1; rua=" + rua(rig), day=day)
    (nobody,) = free_ports(1)
    rig.sink.statuses += ["500 Internal Server Error", "200 OK"]
    bodies = len(rig.sink.bodies)
    ran = rig.send(day, "04:10", port=nobody)
    found = states(ran)
    assert (ran.code, ran.err) == (0, "")
    assert found["mailto"][0] == "waiting"
    assert "(report.submit): connection refused" in found["mailto"][1]
    assert found["https"] == ("waiting", "HTTP status 500")
    assert rig.send(day, "04:11", port=nobody).out == ""
    found = states(rig.send(day, "04:40", port=nobody))
    assert found["mailto"][0] == "waiting"
    assert found["https"] == ("delivered", "HTTP status 200")
    found = states(rig.send(day, "05:20"))
    assert found.keys() == {"mailto"}
    assert found["mailto"][0] == "delivered"
    assert rig.send(day, "09:00").out == ""
    wait_for(lambda: rig.taken(DELIVERED.format(LATE)))
    assert rig.taken(DELIVERED.format(LATE)) == 1
    assert len(rig.sink.bodies) == bodies + 1


def rua(rig: Rig) -> str:
    """Where reports on LATE go, as it says."""
    sink = rig.record.rpartition(",")[2]
    return f"mailto:tls@{LATE},{sink}"


def test_what_a_mail_server_refuses_for_good_is_not_tried_again(rig):
    day = FIRST + timedelta(days=1)
    with rig.store() as store:
        count(store, REFUSED, f"v=TLSRPTv1; rua=mailto:tls@{REFUSED}", day=day)
    ran = rig.send(day, port=rig.receiver.smtp)
    state, words = states(ran)["mailto"]
    assert (ran.code, state) == (1, "refused")
    assert words.startswith("554 5.7.1")
    again = rig.send(day, "09:00", port=rig.receiver.smtp)
    assert (again.code, again.out) == (0, "")


# What a pipe takes


def mail(rig: Rig, day: date, key: Path | None = None) -> bytes:
    """A report on a day, signed with the key that DNS knows, or another one."""
    tally = Tally(Applied(PolicyType.STS, "sts.example", STS.strings, STS.hosts), 5, 0)
    report = make([Day(day, "sts.example", "", (tally,))], WHO)
    now, to = datetime.now(UTC), f"pipe@{REPORTS}"
    made = build(report, pack(encode(report)), WHO, domain="sts.example", to=to, now=now)
    return Signer(key or rig.home / f"{SELECTOR}.pem", SENDER, SELECTOR).sign(made)


def taken(rig: Rig, day: date) -> int:
    with rig.store(rig.at_pipe) as store:
        return len(store.received(None, day, day))


def refused(rig: Rig) -> int:
    """How many mails the pipe has refused for their signatures."""
    today = datetime.now(UTC).date()
    with rig.store(rig.at_pipe) as store:
        found = store.refused(today - timedelta(days=1), today + timedelta(days=1))
    return sum(each.count for each in found if each.kind == "dkim")


def forged(rig: Rig, day: date, home: Path) -> bytes:
    """By somebody who has no key."""
    a_key(home)
    return mail(rig, day, home / f"{SELECTOR}.pem")


def changed(rig: Rig, day: date, _: Path) -> bytes:
    """On its way, so that it is about somebody else."""
    return mail(rig, day).replace(b"Domain: sts.example", b"Domain: dane.example")


@pytest.mark.parametrize("forge", [forged, changed])
def test_a_forged_report_is_refused_counted_and_not_returned(rig, tmp_path, forge):
    day = FIRST + timedelta(days=2)
    before, refusals = rig.taken(VIA_PIPE), refused(rig)
    rig.hand_in(forge(rig, day, tmp_path))
    wait_for(lambda: rig.taken(VIA_PIPE) > before)
    assert refused(rig) == refusals + 1
    assert taken(rig, day) == 0
    assert not rig.taken("status=bounced|non-delivery")


def test_a_mail_waits_while_the_pipe_cannot_take_it_and_is_taken_after(rig):
    day, config = FIRST + timedelta(days=3), rig.taking / "config.toml"
    hidden = config.rename(config.with_name("hidden.toml"))
    rig.hand_in(mail(rig, day))
    wait_for(lambda: rig.taken(r"relay=tlsrpt.* dsn=4.*status=deferred \(temporary failure"))
    hidden.rename(config)

    def flushed() -> bool:  # what is not yet in the queue is not tried
        rig.receiver.flush()
        return taken(rig, day) == 1

    wait_for(flushed)
    wait_for(lambda: rig.receiver.waiting() == {})
    assert taken(rig, day) == 1


# Reports on reports


def delivered(rig: Rig) -> int:
    return len(re.findall(rf"to=<\w+@{LOOP}>.* status=sent", rig.sender.log))


def test_reports_on_reports_come_to_an_end(rig):
    record = f"v=TLSRPTv1; rua=mailto:tls@{LOOP}"
    rig.sender.give((WHO.contact, f"somebody@{LOOP}", LETTER))
    wait_for(lambda: delivered(rig) == 1)
    counted, reports = 0, []
    for number in range(10, 13):
        day, until = FIRST + timedelta(days=number), delivered(rig)
        if until > counted:  # each is a delivery of that day, as it would be counted
            with rig.store() as store:
                store.add(day, [(Attempt(LOOP, record, FINE), until - counted)])
        counted = until
        reports.append(len(rig.send(day).out.splitlines()))
        wait_for(lambda: delivered(rig) == 1 + sum(reports))
    assert reports == [1, 0, 0]
    assert counted == 2

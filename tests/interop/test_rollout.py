"""`unstrip rollout` in a world of real servers: reports are taken in, and the step is made or not.

What it prints is published, and then a check holds, and it says that it is enforced.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.interop.world import World, a_world
from tests.interop.world.cases import BY_NAME
from tests.interop.world.operator import Operator
from tests.interop.world.policy_host import Served
from unstrip.evidence import from_json
from unstrip.faces.cli.rollout_lines import RolloutRecord
from unstrip.io.store import open_store
from unstrip.policy.mta_sts import Mode
from unstrip.rollout.snapshot import Leaf
from unstrip.rollout.values import Effect
from unstrip.tlsrpt.report import Reporter, encode, make, pack
from unstrip.tlsrpt.values import Applied, Day, Failure, PolicyType, Tally

CASE = BY_NAME["testing"]
DOMAIN = CASE.domain
NOW = datetime.now(UTC)
TODAY = NOW.date()
SENDERS = [Reporter(name, f"tls@{name}.example", f"{name}.example") for name in ("one", "two")]
LINES = ("version: STSv1", "mode: testing", f"mx: *.{DOMAIN}", "max_age: 86400")
POLICY = Applied(PolicyType.STS, DOMAIN, LINES, (f"*.{DOMAIN}",))
EXPIRED = Failure("certificate-expired", host=f"mx.{DOMAIN}")


@pytest.fixture(scope="module")
def world(directory: Path) -> Iterator[World]:
    with a_world(directory) as made:
        yield made


@pytest.fixture
def operator(world: World, tmp_path: Path) -> Operator:
    return Operator(world, tmp_path)


def before(days: int) -> date:
    return TODAY - timedelta(days=days)


def take(operator: Operator, who: Reporter, day: date, *failures: Failure) -> None:
    """Have a report taken in: five sessions that went well, and one for each failure."""
    tally = Tally(POLICY, 5, len(failures), tuple((failure, 1) for failure in failures))
    file = operator.home / f"{who.organization}-{day}.json.gz"
    file.write_bytes(pack(encode(make([Day(day, DOMAIN, "", (tally,))], who))))
    ran = operator.command("report", "take", str(file))
    assert ran.code == 0, ran.out + ran.err


def rollout(operator: Operator) -> RolloutRecord:
    """What is judged; the reports came as files, so nobody has signed them."""
    ran = operator.command("rollout", DOMAIN, "--unsigned", "trust", "--json")
    found = from_json(RolloutRecord, ran.out)
    assert found.exit == ran.code
    return found


def why(found: RolloutRecord) -> str:
    return "\n".join(each.words for each in found.rollout.objections if each.fatal)


@contextmanager
def published(world: World, records: str, policy: str) -> Iterator[None]:
    """Have the domain publish this; in the end all is as it was."""
    served = world.policies.answers.get(DOMAIN)
    world.serve(DOMAIN, Served(policy))
    world.publish(replace(CASE, records=records))
    try:
        yield
    finally:
        world.serve(DOMAIN, served)
        world.publish(CASE)


def test_what_reports_show_safe_is_enforced_by_what_is_printed(operator, world):
    for day in range(1, 8):
        for who in SENDERS:
            take(operator, who, before(day))
    found = rollout(operator)
    assert found.exit == 0, why(found)
    assert found.rollout.told.sessions == 70
    printed = found.rollout.publication
    (record,) = printed.records
    others = [line for line in CASE.records.splitlines() if not line.startswith("_mta-sts ")]
    with published(world, "\n".join([*others, str(record), ""]), printed.policy):
        again = rollout(operator)
        checked = operator.command("check", DOMAIN)
    assert (again.exit, again.rollout.mode) == (0, Mode.ENFORCE), why(again)
    assert checked.code == 0, checked.out
    noted = operator.command("rollout", DOMAIN, "--trail").out
    assert noted.index("mode testing") < noted.index("mode enforce")


def week(operator: Operator) -> None:
    """Have reports of a week taken in, on the first day of which a certificate was expired."""
    for day in range(1, 8):
        for who in SENDERS:
            take(operator, who, before(day), *([EXPIRED] if day == 7 else []))


def test_what_reports_show_to_lose_mail_is_refused(operator):
    week(operator)
    found = rollout(operator)
    (lost,) = found.rollout.foreseen
    assert (lost.effect, found.exit) == (Effect.LOST, 1)
    assert why(found).startswith("2 of 72 sessions would not have been delivered")
    assert found.rollout.publication.mode is Mode.TESTING


def test_what_the_trail_shows_to_be_mended_is_said_and_allowed(operator):
    operator.command("rollout", DOMAIN, "--note")
    with closing(open_store(operator.store)) as store:
        now = store.trail(DOMAIN)[-1].snapshot
    hosts = [
        replace(host, shown=tuple(replace(shown, leaf=Leaf("old")) for shown in host.shown))
        for host in now.hosts
    ]
    old = replace(now, hosts=tuple(hosts))
    operator.store.unlink()
    with closing(open_store(operator.store)) as store:
        for day, snapshot in ((10, old), (6, now)):
            store.note(DOMAIN, NOW - timedelta(days=day), snapshot)
    week(operator)
    found = rollout(operator)
    (mended,) = found.rollout.foreseen
    assert (mended.effect, found.exit) == (Effect.MENDED, 0), why(found)
    assert mended.why == f"mx.{DOMAIN} shows another certificate since {before(6)}"


def test_who_has_no_reports_is_told_nothing_that_is_not_known(operator):
    found = rollout(operator)
    assert found.exit == 4
    assert "0 of 7 days" in why(found)

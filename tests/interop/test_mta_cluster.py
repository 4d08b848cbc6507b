"""Several machines that share a store: one looks, all know, and none hangs on another."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import pytest

from tests.faces.mta.process import Daemon
from tests.interop.cluster import (
    FORGOTTEN,
    MOVING,
    PARENT,
    RENEWED,
    Cluster,
    number,
    policy,
    told,
    until_true,
)
from tests.interop.servers import public_directory

STRICT = [f"strict{number}" for number in range(36)]
LATER = ["slow", "ready", "new"]  # each for a test that wants one nobody has asked for
PLAIN = ["plain1", "plain2"]
BROKEN = ["broken1", "broken2"]  # whose policy host has never heard of them
NONE = "NOTFOUND "


def full(name: str) -> str:
    return f"{name}.{PARENT}"


def secure(domain: str) -> str:
    return f"OK secure match=mx.{domain} servername=hostname"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with public_directory() as home:
        made = Cluster(home, plain=PLAIN, strict=[*STRICT, *LATER, *BROKEN])
        for name in BROKEN:
            del made.policies.answers[full(name)]
        with made.running():
            yield made


@pytest.fixture(scope="module")
def machines(cluster: Cluster) -> Iterator[list[Daemon]]:
    with ExitStack() as stack:
        yield [stack.enter_context(cluster.machine(f"machine{n}")) for n in range(3)]


def at_once(machines: list[Daemon], *domains: str) -> list[list[str]]:
    """What all of them say of these, asked at the same time."""
    with ThreadPoolExecutor(len(machines)) as clients:
        return list(clients.map(lambda machine: told(machine, *domains), machines))


def turns(machines: list[Daemon], outcome: str) -> float:
    return sum(number(each, f'unstrip_turns_total{{outcome="{outcome}"}}') for each in machines)


def test_each_policy_is_fetched_once_however_many_machines_ask(cluster, machines):
    names = [full(name) for name in (*STRICT, *PLAIN, *BROKEN)]
    answers = at_once(machines, *names)
    assert answers[1:] == answers[:1] * 2
    assert answers[0][:36] == [secure(domain) for domain in names[:36]]
    assert answers[0][36:38] == [NONE, NONE]
    announced = [*names[:36], *names[38:]]
    assert sorted(cluster.policies.asked) == sorted(announced)
    assert turns(machines, "first") == len(names)
    assert turns(machines, "late") == turns(machines, "free") == 0


def test_one_who_was_not_there_knows_what_the_others_found_out(cluster, machines):
    names = [full(name) for name in (*STRICT, *BROKEN)]
    first = told(machines[0], *names)
    cluster.policies.asked.clear()
    with cluster.machine("newcomer") as newcomer:
        assert told(newcomer, *names) == first
        assert cluster.policies.asked == []
        assert "failed" not in newcomer.log.read_text()


def test_who_is_killed_while_it_looks_holds_up_nobody(cluster, machines):
    domain = full("slow")
    cluster.policies.held.add(domain)
    with cluster.machine("mortal") as mortal, mortal.connect("socketmap") as asking:
        asking.sendall(b"%d:QUERY %s," % (len(domain) + 6, domain.encode()))
        cluster.policies.wait_until_asked(domain)
        with ThreadPoolExecutor(1) as clients:
            answers = clients.submit(at_once, machines, domain)
            until_true(lambda: cluster.waiting() == len(machines), "the others do not wait for it")
            assert not answers.done()
            assert mortal.stop(signal.SIGKILL) == -signal.SIGKILL
            assert answers.result() == [[secure(domain)]] * 3
    assert cluster.policies.asked.count(domain) == 2
    assert turns(machines, "late") == 0


def test_what_is_released_or_renewed_on_one_machine_is_noticed_by_all(cluster, machines):
    """Without that, nobody would look for another policy before a minute is over."""
    assert at_once(machines, *MOVING) == [[secure(domain) for domain in MOVING]] * 3
    for domain in MOVING:
        cluster.policies.answers[domain] = policy(domain, mode="none")
    cluster.announce("2")
    cluster.command("policy", "forget", FORGOTTEN)
    renewed = partial(cluster.command, "policy", "refresh", RENEWED)
    until_true(lambda: "none" in renewed(), "the new policy is not found")
    for each in machines:
        until_true(lambda each=each: told(each, *MOVING) == [NONE] * 2, "it says what was")
    assert [cluster.policies.asked.count(domain) for domain in MOVING] == [2, 2]


def test_without_the_database_mail_waits_unless_its_answer_is_ready(cluster, machines):
    known, new = full("ready"), full("new")
    assert at_once(machines, known) == [[secure(known)]] * 3
    cluster.database.off()
    try:
        answers = at_once(machines, known, new)
        for each in machines:
            until_true(lambda each=each: each.get("/healthz")[0] == 503, "nothing ails it")
    finally:
        cluster.database.on()
    assert [first for first, _ in answers] == [secure(known)] * 3
    assert all(second.startswith("TEMP ") for _, second in answers)
    for each in machines:
        until_true(lambda each=each: found(each, new), "it does not go on")
        until_true(lambda each=each: each.get("/healthz")[0] == 200, "something ails it yet")
    assert cluster.policies.asked.count(new) == 1


def found(machine: Daemon, domain: str) -> bool:
    """Whether it says what should happen; until then mail waits, and never goes out in clear."""
    (said,) = told(machine, domain)
    assert said == secure(domain) or said.startswith("TEMP ")
    return said == secure(domain)

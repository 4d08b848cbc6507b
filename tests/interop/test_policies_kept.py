"""A policy that was seen once, and what becomes of it when those who said it are silenced.

Killing name server, resolver or policy host must never turn an enforced destination into a clear
one, nor must anything that they may be made to say.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.interop.world import World, a_world
from tests.interop.world.answers import ANSWERS, By, Host
from tests.interop.world.cases import (
    BOGUS,
    BY_NAME,
    ENFORCED,
    HOSTS,
    HTTPS_FAILURES,
    STS_RECORD,
    Case,
    policy,
)
from tests.interop.world.operator import Operator
from tests.interop.world.policy_host import Served
from tests.interop.world.reading import agrees, goes_out_in_clear, hosts
from unstrip.derivation import Derivation
from unstrip.policy import Level
from unstrip.policy.mta_sts import Mode

OWNER = BY_NAME["sts-alone"]
NEW_RECORD = STS_RECORD.replace("20260101", "20260102")
PARTS = ["name_server", "resolver", "policy_host"]
NAMES = [
    *("all-dane-and-sts", "all-dane", "some-mx-without-tlsa-and-sts", "sts-alone"),
    *("insecure-sts-alone", "insecure-mx-with-tlsa-and-sts", "aliased-mx-and-sts"),
    *("all-tlsa-unusable", "mx-not-in-policy", "no-mx-and-sts", "bogus-tlsa"),
]
ENFORCING = [BY_NAME[name].domain for name in NAMES]


@pytest.fixture(scope="module")
def world(directory: Path) -> Iterator[World]:
    with a_world(directory) as made:
        yield made


@pytest.fixture
def operator(world: World, tmp_path: Path) -> Operator:
    return Operator(world, tmp_path)


# What they may be made to say


@contextmanager
def seen_before(operator: Operator, case: Case) -> Iterator[World]:
    """The world, to be changed; in the end it is as it was."""
    operator.explain(case.domain)
    try:
        yield operator.world
    finally:
        operator.world.publish(case)
        operator.world.serve(case.domain, case.served)


def announce(world: World, case: Case, served: Served | None) -> None:
    """Another policy, by another id."""
    world.publish(replace(case, records=case.records.replace(STS_RECORD, NEW_RECORD)))
    world.serve(case.domain, served)


@pytest.mark.parametrize(
    "case",
    [case for case in HTTPS_FAILURES if "{policies}" in case.records],
    ids=lambda case: case.name,
)
def test_a_policy_holds_whatever_becomes_of_its_host(operator, case):
    with seen_before(operator, OWNER) as world:
        announce(world, OWNER, case.served)
        found = operator.look_again(OWNER.domain).derivation
    assert hosts(found) == ANSWERS[OWNER.name].hosts
    assert found.sts.in_force(found.at).mode is Mode.ENFORCE
    assert found.sts.fetch.result is ANSWERS[case.name].report


@pytest.mark.parametrize(
    "record",
    [
        "",
        f"_mta-sts NS refusing.{HOSTS}.\n",
        '_mta-sts TXT "v=STSv1; id=not-an-id;"\n',
        STS_RECORD + NEW_RECORD,
    ],
    ids=["gone", "servfail", "broken", "two"],
)
def test_a_policy_holds_whatever_becomes_of_its_record(operator, record):
    with seen_before(operator, OWNER) as world:
        world.publish(replace(OWNER, records=OWNER.records.replace(STS_RECORD, record)))
        found = operator.look_again(OWNER.domain).derivation
    agrees(found, ANSWERS[OWNER.name])
    assert found.sts.record.words


def test_a_policy_is_withdrawn_by_another_one_and_that_is_an_alarm(operator):
    with seen_before(operator, OWNER) as world:
        world.serve(OWNER.domain, policy(mode="none"))
        unannounced = operator.look_again(OWNER.domain)
        announce(world, OWNER, policy(mode="none"))
        withdrawn = operator.look_again(OWNER.domain)
    agrees(unannounced.derivation, ANSWERS[OWNER.name])
    agrees(withdrawn.derivation, ANSWERS["none"])
    assert "from enforce to none" in withdrawn.alarms[0]


def test_a_new_policy_is_noticed_by_its_id(operator):
    owner = BY_NAME["mx-not-in-policy"]
    with seen_before(operator, owner) as world:
        announce(world, owner, ENFORCED)
        found = operator.look_again(owner.domain).derivation
    proven = [Host(name, Level.AUTHENTICATED, By.WEBPKI) for name in ("mx1", "mx2")]
    assert hosts(found) == tuple(proven)


# When they are killed


@pytest.mark.parametrize("parts", [[part] for part in PARTS] + [PARTS], ids="+".join)
def test_killing_those_who_answer_clears_no_destination(operator, parts):
    before = [operator.explain(domain).derivation for domain in ENFORCING]
    with operator.world.without(*parts):
        killed = operator.explain(random.choice(ENFORCING)).derivation
        found = asyncio.run(asked(operator)) + asyncio.run(asked(operator, again=True))
    assert not cleared([*before, killed, *found])
    for name, domain in zip(NAMES, ENFORCING, strict=True):
        agrees(operator.explain(domain).derivation, ANSWERS[name])


@pytest.mark.parametrize("parts", [PARTS[:1], PARTS[1:2]], ids="+".join)
@pytest.mark.parametrize("name", ["all-dane", "sts-alone", "no-policy"])
def test_without_dns_mail_waits_though_the_domain_was_never_seen(operator, parts, name):
    with operator.world.without(*parts):
        told = operator.explain(BY_NAME[name].domain)
    assert told.derivation.waits
    assert told.exit == 4


@pytest.mark.parametrize("silenced", [f"mx.{HOSTS}", BOGUS])
@pytest.mark.parametrize("name", ["all-dane", "all-tlsa-unusable"])
def test_silencing_a_name_of_the_self_test_does_not_turn_dane_off(operator, silenced, name):
    """Only the name is: the resolver goes on to answer everything else."""
    unanswered = f"mx.sub.{BY_NAME['address-servfail'].domain}"
    settings = operator.configuration.replace(f'"{silenced}"', f'"{unanswered}"')
    told = replace(operator, settings=settings).explain(BY_NAME[name].domain)
    assert told.derivation.waits
    assert "could not be found out" in told.derivation.waits


@pytest.mark.parametrize("part", PARTS)
def test_killing_one_of_them_in_mid_run_clears_no_destination(operator, part):
    for domain in ENFORCING:
        operator.explain(domain)
    with ThreadPoolExecutor(1) as other:
        killed = other.submit(kill_at_random, getattr(operator.world, part))
        found = asyncio.run(asked_until(operator, killed.done))
        killed.result()
    assert found
    assert not cleared(found)


def kill_at_random(switch) -> None:
    """Out and on again, a few times, while the others go on."""
    for _ in range(4):
        time.sleep(random.uniform(0.0, 0.3))
        switch.off()
        time.sleep(random.uniform(0.0, 0.3))
        switch.on()


async def asked_until(operator: Operator, over: Callable[[], bool]) -> list[Derivation]:
    """Everything that is derived until then."""
    found: list[Derivation] = []
    while not over():
        found += await asked(operator, again=True)
    return found


async def asked(operator: Operator, *, again: bool = False) -> list[Derivation]:
    """What is derived for all at once, each by a resolver that remembers nothing."""
    inquiries = (operator.inquire(domain, again=again) for domain in ENFORCING)
    return [inquired.derivation for inquired in await asyncio.gather(*inquiries)]


def cleared(found: list[Derivation]) -> set[str]:
    return {derivation.domain for derivation in found if goes_out_in_clear(derivation)}

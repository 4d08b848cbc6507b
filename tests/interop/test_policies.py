"""Policies end to end: real name servers, a real policy host, real mail servers, and the command.

Each case is a domain of its own in the world; what the safe answer is stands in a table that owes
nothing to the program (world/answers.py).
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.world import World, a_world
from tests.interop.world.answers import ANSWERS, UNMET, Answer, By, Host, Postfix
from tests.interop.world.cases import BY_NAME, CASES, CHAT
from tests.interop.world.operator import Operator
from tests.interop.world.reading import agrees, host, postfix
from unstrip.policy import Level

# the command would wait a minute for this one (RFC 8461, 3.3), and nobody may tell it otherwise
SLOW = "https-slow"
SILENT = ("tlsa-timeout", "txt-timeout")
# nothing of this is beyond somebody on the path
KEPT_FROM_US = [
    *("txt-servfail", "txt-timeout", "too-huge-txt", "https-wrong-name", "https-expired"),
    *("https-self-signed", "https-truncated", "https-nobody-there", "https-address-servfail"),
]


@pytest.fixture(scope="module")
def world(directory: Path) -> Iterator[World]:
    with a_world(directory) as made:
        yield made


@pytest.fixture
def operator(world: World, tmp_path: Path) -> Operator:
    return Operator(world, tmp_path)


def each(*without: str):
    """Every case but these."""
    cases = [case for case in CASES if case.name not in without]
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


# What is insisted on


NO_MAIL = "null-mx"  # nothing to protect


def is_protected(expected: Answer) -> bool:
    used = [host for host in expected.hosts if not (host.refused or host.unreachable)]
    return bool(used) and all(host.level >= Level.ENCRYPT for host in used)


@each(SLOW)
def test_every_domain_gets_the_safe_answer(operator, case):
    expected = ANSWERS[case.name]
    told = operator.explain(case.domain)
    agrees(told.derivation, expected)
    assert postfix(told.postfix_3_10) is expected.postfix
    assert (told.exit == 0) is (is_protected(expected) or case.name == NO_MAIL)


def test_a_policy_host_that_is_slow_is_given_up(operator):
    found = asyncio.run(operator.inquire(BY_NAME[SLOW].domain))
    agrees(found.derivation, ANSWERS[SLOW])


@pytest.mark.parametrize("name", KEPT_FROM_US)
def test_what_somebody_may_keep_from_us_is_not_called_absent(operator, name):
    told = operator.explain(BY_NAME[name].domain)
    assert told.derivation.sts.uncertain(told.derivation.at)
    assert told.exit == 4


@pytest.mark.parametrize("name", ["no-policy", "none", "testing", "https-404", "broken-sts-record"])
def test_what_the_domain_itself_says_is_certain(operator, name):
    assert operator.explain(BY_NAME[name].domain).exit == 1


def test_before_3_10_postfix_is_told_nothing_of_a_policy_that_is_only_tested(operator):
    told = operator.explain(BY_NAME["testing"].domain)
    assert postfix(told.postfix) is Postfix.NOTFOUND
    assert "policy_type=sts" in told.postfix_3_10.text


def test_a_person_is_told_what_postfix_is_told_and_by_which_rule(operator):
    ran = operator.command("explain", BY_NAME["some-mx-without-tlsa-and-sts"].domain)
    assert ran.code == 0
    assert "found: dane-only" in ran.out
    assert "(RFC 8461, 2)" in " ".join(ran.out.split())


@pytest.mark.parametrize("name", ["xmpp_client", "xmpp_server"])
def test_a_chat_server_that_srv_records_name_has_to_meet_its_tlsa_records(operator, world, name):
    told = operator.explain(CHAT, "--service", f"_{name.replace('_', '-')}._tcp")
    (server,) = told.derivation.destinations
    assert server.endpoint.port == getattr(world.chat, name)
    assert host(server, CHAT) == Host("server", Level.AUTHENTICATED, By.DANE)
    assert told.exit == 0


# Whether the servers do it


@each(SLOW, *SILENT)
def test_a_check_passes_where_every_server_meets_its_policy_and_nowhere_else(operator, case):
    hosts = ANSWERS[case.name].hosts
    used = [host for host in hosts if not (host.refused or host.unreachable)]
    met = bool(used) and used == list(hosts) and case.name not in UNMET
    nothing_to_meet = case.name == NO_MAIL
    assert (operator.command("check", case.domain).code == 0) is (met or nothing_to_meet)


def test_a_server_that_is_named_itself_is_found_where_its_policies_are(operator):
    ran = operator.command("check", f"smtp://mx1.{BY_NAME['all-dane-and-sts'].domain}")
    assert (ran.code, ran.out.count("dane met")) == (0, 1)


def test_a_check_meets_the_chat_server_as_well(operator):
    assert operator.command("check", CHAT).out.count("dane met") == 2

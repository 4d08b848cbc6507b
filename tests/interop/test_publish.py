"""`unstrip publish` in a world of real servers: what it prints is published, and then it holds."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.interop.world import World, a_world
from tests.interop.world.cases import BY_NAME, CASES, Case
from tests.interop.world.operator import Operator
from tests.interop.world.policy_host import Served
from unstrip.evidence import from_json
from unstrip.faces.cli.publication import PublicationRecord
from unstrip.policy.mta_sts import parse

REFUSED = {
    "aliased-mx": "is an alias of target.aliased-mx.example",
    "all-tlsa-unusable": "usage 1 is none that is used here",
    "clear-mx-and-sts": "leads to no TLS",
    "clear-mx-with-tlsa": "leads to no TLS: it gets no mail",
    "expired-certificate-and-sts": "does not count: expired",
    "mismatching-tlsa": "does not match what mx.mismatching-tlsa.example shows",
    "mx-not-in-policy": "mx2.mx-not-in-policy.example is an MX host, but not in the policy",
    "null-mx": "takes no mail: null MX",
    "private-certificate-and-sts": "no trusted issuer",
    "some-mx-without-address": "has no address",
    "wildcard-policy": "*.wildcard-policy.example is for one label more, and no less",
}
UNKNOWN = {
    "bogus-mx": "the MX of bogus-mx.example could not be found out",
    "bogus-tlsa": "no TLSA for mx.bogus-tlsa.example: TLSA of",
    "https-404": "announces a policy that could not be had: HTTP status 404",
    "https-wrong-name": "the record _mta-sts.https-wrong-name.example announces a policy that",
    "tlsa-servfail": "no TLSA for mx.tlsa-servfail.example: TLSA of",
    "txt-servfail": "whether txt-servfail.example has a policy could not be found out",
}
PRINTED = ["all-dane-and-sts", "sts-alone", "no-policy", "insecure-no-policy", "testing", "none"]


@pytest.fixture(scope="module")
def world(directory: Path) -> Iterator[World]:
    with a_world(directory) as made:
        yield made


@pytest.fixture
def operator(world: World, tmp_path: Path) -> Operator:
    return Operator(world, tmp_path)


def publish(operator: Operator, domain: str, *words: str) -> PublicationRecord:
    ran = operator.command("publish", domain, "--json", *words)
    found = from_json(PublicationRecord, ran.out)
    assert found.exit == ran.code
    return found


def fatal(found: PublicationRecord) -> str:
    return "\n".join(each.words for each in found.publication.objections if each.fatal)


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_lose_mail_is_refused(operator, name):
    mode = ("--mode", "enforce") if name == "some-mx-without-address" else ()
    found = publish(operator, BY_NAME[name].domain, *mode)
    assert found.exit == 1
    assert REFUSED[name] in fatal(found)
    assert found.publication.records == ()


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_could_not_be_found_out_is_refused(operator, name):
    found = publish(operator, BY_NAME[name].domain)
    assert found.exit == 4
    assert UNKNOWN[name] in fatal(found)
    assert found.publication.records == ()


@pytest.mark.parametrize("name", PRINTED)
def test_what_is_in_order_is_printed(operator, name):
    found = publish(operator, BY_NAME[name].domain)
    assert found.exit == 0, fatal(found)
    assert found.publication.policy


def test_a_host_in_the_unsigned_zone_of_somebody_else_is_told_from_one_of_ours(operator, world):
    case = Case("elsewhere", "@ MX 10 mx.unsigned-hosts.example.\n")
    with published(world, case):
        found = publish(operator, case.domain, "--tlsa")
    assert found.exit == 1
    assert "it is somebody else's" in fatal(found)


def test_the_record_of_a_host_is_the_one_that_openssl_makes_of_what_it_shows(operator, world):
    found = publish(operator, BY_NAME["no-policy"].domain)
    (record,) = (each for each in found.publication.records if each.kind == "TLSA")
    pipe = (
        f"echo | timeout 20 openssl s_client -connect {world.addresses.honest}:25 -starttls smtp "
        "| openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER "
        "| openssl dgst -sha256 -r"
    )
    ran = subprocess.run(["bash", "-c", pipe], capture_output=True, check=True, timeout=30)
    assert record.data == f"3 1 1 {ran.stdout.split()[0].decode()}"


@contextmanager
def published(world: World, case: Case, policy: str = "") -> Iterator[None]:
    """Have a domain published, and its policy served; in the end all is as it was."""
    before = world.policies.answers.get(case.domain)
    world.serve(case.domain, Served(policy) if policy else before)
    world.publish(case)
    try:
        yield
    finally:
        world.serve(case.domain, before)
        world.publish(next((c for c in CASES if c.domain == case.domain), case))


def test_from_nothing_to_testing_to_enforce_to_none_by_what_is_printed(operator, world):
    case = BY_NAME["no-policy"]
    policy = records = ""
    for mode in ("testing", "enforce", "none"):
        with published(world, replace(case, records=f"{case.records}{records}"), policy):
            printed = publish(operator, case.domain, "--mode", mode).publication
        policy = printed.policy
        zone = [each for each in (*printed.unchanged, *printed.records) if each.kind != "MX"]
        lines = [f"mta-sts A {world.addresses.policies}", *map(str, zone)]
        records = "\n".join([*lines, ""])
        with published(world, replace(case, records=f"{case.records}{records}"), policy):
            checked = operator.command("check", case.domain)
            again = publish(operator, case.domain).publication
        assert checked.code == 0, checked.out
        assert (again.policy, again.records) == (printed.policy, ())
        assert {each.data for each in zone} <= {each.data for each in again.unchanged}


def test_a_key_of_two_hosts_is_changed_when_both_have_its_record(operator, tmp_path):
    key = tmp_path / "next.pem"
    command = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", key]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    found = publish(operator, BY_NAME["all-dane"].domain, "--next-key", str(key))
    publishes, changes, drops, *_ = (step.words for step in found.publication.steps)
    hosts = "mx1.all-dane.example and mx2.all-dane.example"
    assert publishes.startswith(f"publish the TLSA records of {hosts}")
    assert changes.startswith(f"change the key of {hosts}")
    assert drops.startswith(f"drop the old TLSA records of {hosts}")


def test_a_host_goes_into_an_enforced_policy_before_it_goes_into_the_mx(operator):
    case = BY_NAME["sts-alone"]
    found = publish(operator, case.domain, "--mx", "mx.hosts.example")
    assert found.exit == 0, fatal(found)
    named = parse(found.publication.policy.encode()).mx
    assert named == ("mx.sts-alone.example", "mx.hosts.example")
    assert "add mx.hosts.example to the MX" in "".join(s.words for s in found.publication.steps)

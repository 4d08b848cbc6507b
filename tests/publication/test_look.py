"""What a domain has published, asked of a dictionary."""

from __future__ import annotations

import pytest

from tests.policy.answering import (
    N,
    U,
    addresses,
    alias,
    answered,
    bogus,
    failure,
    found,
    nothing,
)
from tests.publication.scene import DOMAIN, MX1, MX2, NOW, TESTING
from unstrip.hostname import is_host_name
from unstrip.policy.dane import Route
from unstrip.policy.mta_sts import Mode
from unstrip.policy.questions import Address, Dns, DnsAnswer, Kind, Mx, Security, Status
from unstrip.publication import look
from unstrip.publication.look import MOST_ADDRESSES


def test_hosts_policy_and_reports_are_looked_for(scene):
    scene.policy = TESTING
    told = answered(look(DOMAIN, NOW), scene.ask())
    assert [server.name for server in told.result.servers] == [MX1, MX2]
    assert [server.preference for server in told.result.servers] == [10, 20]
    assert told.result.servers[0].addresses == ("192.0.2.1",)
    assert told.result.served.policy.mode is Mode.TESTING
    assert f"_smtp._tls.{DOMAIN} TXT" in told.names


def test_the_zone_of_a_host_is_told_by_its_name_alone(scene):
    scene.zone = N
    (first, _) = scene.seen.servers
    assert first.named.security is Security.INSECURE
    assert first.host.published == ()


def test_an_alias_of_a_host_is_seen(scene):
    scene.answers = alias(MX1, "elsewhere.example.net")
    assert scene.seen.servers[0].named.status is Status.FOUND


def test_addresses_that_could_not_be_found_out_are_none(scene):
    forged = DnsAnswer(Status.SERVFAIL, security=Security.BOGUS)
    scene.answers = {Dns(MX1, Kind.A): forged, Dns(MX1, Kind.AAAA): forged}
    assert scene.seen.servers[0].addresses == ()


def test_of_many_addresses_some_are_visited(scene):
    many = found(*(Address(f"192.0.2.{n}") for n in range(100)))
    scene.answers = addresses(MX1) | {Dns(MX1, Kind.A): many}
    (server, _) = scene.seen.servers
    assert len(server.addresses) == MOST_ADDRESSES
    assert server.beyond == 100 - MOST_ADDRESSES


def test_addresses_of_both_kinds_are_visited_in_turn(scene):
    four = found(*(Address(f"192.0.2.{n}") for n in range(1, 4)))
    six = found(Address("2001:db8::1"), Address("192.0.2.1"))
    scene.answers = {Dns(MX1, Kind.A): four, Dns(MX1, Kind.AAAA): six}
    (server, _) = scene.seen.servers
    assert server.addresses == ("192.0.2.1", "2001:db8::1", "192.0.2.2", "192.0.2.3")
    assert (server.beyond, server.hidden) == (0, "")


@pytest.mark.parametrize("answer", [failure(), bogus(), failure(Status.TIMEOUT)])
@pytest.mark.parametrize(("kind", "seen"), [(Kind.A, "2001:db8::1"), (Kind.AAAA, "192.0.2.1")])
def test_addresses_that_could_not_be_found_out_may_be_there(scene, answer, kind, seen):
    scene.answers = addresses(MX1, six=found(Address("2001:db8::1"))) | {Dns(MX1, kind): answer}
    (server, _) = scene.seen.servers
    assert server.addresses == (seen,)
    assert server.hidden == f"{kind.value}: {answer.said()}"


def test_where_nothing_counts_no_records_are_asked_for_a_second_time(scene):
    scene.zone = N
    told = answered(look(DOMAIN, NOW), scene.ask())
    assert not [name for name in told.names if name.endswith("TLSA")]


def test_a_domain_without_mx_is_its_own_server(scene):
    scene.hosts = (DOMAIN,)
    scene.__post_init__()
    scene.answers = {Dns(DOMAIN, Kind.MX): nothing()}
    assert scene.seen.route.route is Route.ITSELF
    assert scene.seen.servers[0].preference is None


def test_nothing_more_is_asked_about_an_mx_that_names_an_address(scene):
    scene.answers = {Dns(DOMAIN, Kind.MX): found(Mx(10, "192.0.2.1"), security=U)}
    told = answered(look(DOMAIN, NOW), scene.ask())
    assert told.result.servers[0].addresses == ()
    assert not [name for name in told.names if name.startswith("192.")]


def test_a_host_that_is_to_come_is_looked_at_like_the_others(scene):
    scene.coming = ("mx3.example.org", MX1)
    scene.__post_init__()
    *_, last = servers = scene.seen.servers
    assert [server.coming for server in servers] == [False, False, True]
    assert (last.name, last.preference) == ("mx3.example.org", None)
    assert last.addresses == ("192.0.2.1",)


def test_where_no_mail_is_taken_no_host_is_to_come(scene):
    scene.answers = {Dns(DOMAIN, Kind.MX): found(Mx(0, ""))}
    scene.coming = ("mx3.example.org",)
    assert scene.seen.servers == ()


@pytest.mark.parametrize("name", ["192.0.2.1", "2001:db8::1", "MX.example", "a b.example", ""])
def test_what_is_no_name_of_a_host(name):
    assert not is_host_name(name)


def test_what_is_one():
    assert is_host_name(MX1)

"""A check of a domain: what it announces, each server, against what is said of it."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.conftest import SERVER
from tests.faces.servers import smtp
from tests.io.hostile import serving
from tests.policy.answering import N, S, bogus, failure, found, nothing
from unstrip.derivation import Beliefs
from unstrip.io.addresses import Unresolved
from unstrip.io.check import Plan
from unstrip.io.domain import DomainChecked, check_domain
from unstrip.io.inquiry import Inquiry
from unstrip.io.session import Terms
from unstrip.policy import Level, Policy
from unstrip.policy.dane import Route
from unstrip.policy.questions import (
    Address,
    Dns,
    HttpsFailure,
    Kind,
    Mx,
    ResultType,
    Srv,
    Status,
)
from unstrip.protocols import SERVICES
from unstrip.tlsa import Tlsa, public_key
from unstrip.verdict import Code, Reach

DOMAIN = "example.org"
VERIFY = Policy("default", Level.AUTHENTICATED)
UNREACHED = HttpsFailure(ResultType.STS_POLICY_FETCH_ERROR, "nobody is asked in this test")


def checked(answers: dict[Dns, Any], pki, **others: Any) -> DomainChecked:
    """Check the domain; what is not among the answers is not there."""

    async def ask(question: Dns):
        return answers.get(question, nothing(N, Status.NXDOMAIN))

    async def fetch(_):
        return UNREACHED

    async def main() -> DomainChecked:
        inquiry = Inquiry(ask, fetch, Beliefs())
        plan = Plan(Terms(timeout=5.0, roots=pki.roots), VERIFY, inquiry=inquiry, **others)
        return await check_domain(DOMAIN, plan, inquiry)

    return asyncio.run(main())


def submission(port: int, security=S, *more: Srv) -> dict[Dns, Any]:
    """A server of the domain, by an SRV record, on loopback."""
    served = found(Srv(0, 0, port, SERVER), *more, security=security)
    return {
        Dns(DOMAIN, Kind.MX): found(Mx(0, ""), security=security),
        Dns(f"_submission._tcp.{DOMAIN}", Kind.SRV): served,
        Dns(SERVER, Kind.A): found(Address("127.0.0.1"), security=security),
        Dns(SERVER, Kind.AAAA): nothing(security),
    }


def tlsa_of(pki, port: int, data: bytes | None = None) -> dict[Dns, Any]:
    """Whatever certificate is shown, its authority's key is known."""
    import ssl

    der = ssl.PEM_cert_to_DER_cert(pki.ca.cert_pem.bytes().decode())
    record = Tlsa(2, 1, 0, public_key(der) if data is None else data)
    return {Dns(f"_{port}._tcp.{SERVER}", Kind.TLSA): found(record)}


def test_what_an_srv_record_names_is_visited_where_our_resolver_says(pki):
    with serving(partial(smtp, pki=pki)) as server:
        port = server.port
        mail, sent = checked(submission(port), pki).services
    assert mail.servers == ()
    assert mail.inquired.derivation.route.route is Route.NOWHERE
    (only,) = sent.servers
    assert (only.endpoint.host, only.endpoint.port) == (SERVER, port)
    assert only.evidence.address == "127.0.0.1"
    assert only.verdict.code is Code.TLS_OK_AUTHENTICATED
    assert only.verdict.exposure.attacker is Reach.SAFE


def test_a_server_that_only_an_unsigned_answer_names_proves_nothing_by_its_certificate(pki):
    with serving(partial(smtp, pki=pki)) as server:
        (_, sent) = checked(submission(server.port, N), pki).services
    (only,) = sent.servers
    assert only.verdict.code is Code.TLS_OK_UNAUTHENTICATED
    assert only.verdict.exposure.attacker is Reach.READS
    assert not only.verdict.meets
    assert Code.ROUTE_UNPROVEN in {finding.code for finding in only.verdict.findings}


def test_records_that_the_certificate_meets_prove_the_server(pki):
    with serving(partial(smtp, pki=pki)) as server:
        answers = submission(server.port) | tlsa_of(pki, server.port)
        (only,) = checked(answers, pki).services[1].servers
    assert only.evidence.handshake.dane.valid
    assert only.verdict.code is Code.TLS_OK_AUTHENTICATED
    assert "dane" in only.verdict.decision.why()


def test_records_that_it_does_not_meet_refuse_it_however_good_it_is(pki):
    with serving(partial(smtp, pki=pki)) as server:
        wrong = {Dns(f"_{server.port}._tcp.{SERVER}", Kind.TLSA): found(Tlsa(3, 1, 1, bytes(32)))}
        (only,) = checked(submission(server.port) | wrong, pki).services[1].servers
    assert only.evidence.handshake.webpki.valid
    assert only.verdict.code is Code.DANE_MISMATCH
    assert not only.verdict.meets


def test_a_failed_look_up_of_records_refuses_the_server(pki):
    with serving(partial(smtp, pki=pki)) as server:
        lost = {Dns(f"_{server.port}._tcp.{SERVER}", Kind.TLSA): bogus()}
        (only,) = checked(submission(server.port) | lost, pki).services[1].servers
    assert only.verdict.code is Code.HOST_REFUSED
    assert not only.verdict.meets


def test_a_server_that_takes_the_offer_away_is_caught_by_what_dns_says(pki):
    with serving(partial(smtp, pki=pki, offer=False)) as server:
        answers = submission(server.port) | tlsa_of(pki, server.port)
        (only,) = checked(answers, pki).services[1].servers
    assert only.verdict.code is Code.OFFER_REMOVED
    assert "dane" in {policy.source for policy in only.verdict.decision.attested}


def test_every_server_of_a_service_is_visited(pki):
    with ExitStack() as stack:
        one, other = (stack.enter_context(serving(partial(smtp, pki=pki))) for _ in range(2))
        ports = [one.port, other.port]
        answers = submission(ports[0], S, Srv(5, 0, ports[1], SERVER))
        (_, sent) = checked(answers, pki).services
    assert [each.endpoint.port for each in sent.servers] == ports


def test_an_address_that_cannot_be_found_out_is_told(pki):
    answers = submission(1) | {Dns(SERVER, Kind.A): failure(), Dns(SERVER, Kind.AAAA): failure()}
    (only,) = checked(answers, pki).services[1].servers
    assert only.evidence.connected is None
    assert only.verdict.decision.refuses
    assert not only.verdict.meets


def test_a_service_that_could_not_be_found_out_is_not_one_that_is_not_there(pki):
    lost = {Dns(f"_imap._tcp.{DOMAIN}", Kind.SRV): failure(Status.TIMEOUT)}
    came = checked(submission(1) | lost, pki)
    (failed,) = [service for service in came.services if service.failed]
    assert failed.inquired.derivation.sought.name == "_imap._tcp"


def test_mail_is_told_of_even_where_there_is_nothing(pki):
    came = checked({}, pki)
    (mail,) = came.services
    assert mail.inquired.derivation.sought.name == "mail"
    assert (mail.servers, mail.failed) == ((), False)


def test_every_service_of_every_protocol_is_asked_for(pki):
    asked: set[str] = set()

    async def ask(question: Dns):
        asked.add(question.name)
        return nothing(N, Status.NXDOMAIN)

    async def main() -> None:
        inquiry = Inquiry(ask, lambda _: None, Beliefs())
        await check_domain(DOMAIN, Plan(Terms(roots=pki.roots), VERIFY), inquiry)

    asyncio.run(main())
    assert {f"{name}.{DOMAIN}" for name in SERVICES} <= asked


def test_the_addresses_come_from_the_resolver_and_no_other(pki):
    async def ask(question: Dns):
        return nothing(N)

    inquiry = Inquiry(ask, lambda _: None, Beliefs())
    with pytest.raises(Unresolved, match="localhost has no address"):
        asyncio.run(inquiry.addresses("localhost"))


def test_xmpp_proves_the_domain_whoever_named_the_server(pki):
    server = {
        Dns(f"_xmpp-client._tcp.{DOMAIN}", Kind.SRV): found(Srv(0, 0, 1, SERVER), security=N),
        Dns(SERVER, Kind.A): found(Address("127.0.0.1"), security=N),
        Dns(SERVER, Kind.AAAA): nothing(N),
    }
    (_, chat) = checked(server, pki).services
    (only,) = chat.servers
    assert only.endpoint.reference == DOMAIN
    assert only.destination.named
    assert replace(only.endpoint, server_name="").reference == SERVER

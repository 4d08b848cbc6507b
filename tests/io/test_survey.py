"""A survey of a domain: each address of each host is really visited."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from tests.conftest import SERVER
from tests.faces.servers import smtp
from tests.io.hostile import honest, serving
from tests.policy.answering import found, nothing
from unstrip.derivation import Beliefs
from unstrip.io.inquiry import Inquiry
from unstrip.io.session import Terms
from unstrip.io.store import open_store
from unstrip.io.survey import survey
from unstrip.policy.mta_sts import PATH, Mode
from unstrip.policy.questions import Address, Dns, Https, HttpsAnswer, Kind, Mx, Status, Txt
from unstrip.publication import Seen
from unstrip.trouble import Trouble

DOMAIN = "example.org"
ANSWERS = {
    Dns(DOMAIN, Kind.MX): found(Mx(10, SERVER)),
    Dns(SERVER, Kind.A): found(Address("127.0.0.1")),
    Dns(SERVER, Kind.AAAA): nothing(),
    Dns(SERVER, Kind.CNAME): nothing(),
}
POLICY = "version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 604800\n"
STS = {Dns(f"_mta-sts.{DOMAIN}", Kind.TXT): found(Txt((b"v=STSv1; id=1;",)))}


def surveyed(answers, pki, port: int, store=None, coming=(), **terms) -> Seen:
    """What is seen of the domain; what is not among the answers is not there."""

    async def ask(question: Dns):
        return answers.get(question, nothing(status=Status.NXDOMAIN))

    async def fetch(question: Https):
        assert question == Https(f"mta-sts.{DOMAIN}", PATH)
        return HttpsAnswer(200, "text/plain", POLICY.encode())

    async def main() -> Seen:
        inquiry = Inquiry(ask, fetch, Beliefs(), store)
        held = Terms(timeout=5.0, roots=pki.roots, **terms)
        return await survey(DOMAIN, inquiry, held, port, coming)

    return asyncio.run(main())


@pytest.fixture
def mx(pki):
    with serving(partial(honest, pki, "smtp")) as server:
        yield server


def test_what_dns_names_is_what_is_dialled(mx, pki):
    (server,) = surveyed(ANSWERS, pki, mx.port).servers
    (visit,) = server.visits
    assert visit.secured
    assert visit.address == "127.0.0.1"
    assert visit.handshake.webpki.valid


def test_every_address_is_visited(mx, pki):
    both = found(Address("127.0.0.1"), Address("127.99.99.99"))
    (server,) = surveyed(ANSWERS | {Dns(SERVER, Kind.A): both}, pki, mx.port).servers
    assert [visit.secured for visit in server.visits] == [True, False]
    assert server.visits[1].failure.trouble is Trouble.UNREACHABLE
    assert server.visits[1].address == "127.99.99.99"


def test_another_address_may_stand_for_all_of_them(mx, pki):
    many = found(*(Address(f"192.0.2.{n}") for n in range(1, 100)))
    gone = ANSWERS | {Dns(SERVER, Kind.A): many}
    (server,) = surveyed(gone, pki, mx.port, connect_to="127.0.0.1").servers
    assert [visit.address for visit in server.visits] == ["127.0.0.1"]
    assert server.beyond == 0


def test_it_stands_for_none_that_may_be_hidden(mx, pki):
    hiding = ANSWERS | {Dns(SERVER, Kind.AAAA): nothing(status=Status.SERVFAIL)}
    (server,) = surveyed(hiding, pki, mx.port, connect_to="127.0.0.1").servers
    assert server.hidden.startswith("AAAA: server failure")


def test_a_host_that_is_to_come_is_visited_if_it_is_there(mx, pki):
    there = {Dns("mx9.example.org", Kind.A): found(Address("127.0.0.1"))}
    told = surveyed(ANSWERS | there, pki, mx.port, coming=("mx9.example.org", "mx8.example.org"))
    _, ninth, eighth = told.servers
    assert ninth.visits[0].secured
    assert eighth.visits == ()


def test_starttls_is_not_asked_for_where_it_is_not_offered(pki):
    with serving(partial(smtp, pki=pki, offer=False)) as server:
        (seen,) = surveyed(ANSWERS, pki, server.port).servers
        assert b"STARTTLS" not in server.heard[0]
    assert not seen.visits[0].secured


def test_what_is_remembered_comes_from_the_store(mx, pki, tmp_path):
    store = open_store(tmp_path / "store.sqlite3")
    try:
        first = surveyed(ANSWERS | STS, pki, mx.port, store)
        second = surveyed(ANSWERS, pki, mx.port, store)
    finally:
        store.close()
    assert first.served.policy.mode is Mode.ENFORCE
    assert second.served.policy is None
    assert second.held.policy.mode is Mode.ENFORCE

"""One comparison, whole: how often each way is visited, and what our own servers make of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

import pytest

from tests.conftest import Pki
from tests.faces.servers import refuses, smtp
from tests.io.hostile import serving
from unstrip.comparison import Told
from unstrip.evidence import Endpoint
from unstrip.io.compare import Compared, compare_ways, ways
from unstrip.io.session import Terms
from unstrip.lab.servers import serve
from unstrip.protocols import REGISTRY
from unstrip.target import parse
from unstrip.upgrade import Asking
from unstrip.verdict import Code, Standing

HOST = "localhost"


@dataclass(frozen=True)
class Cost:
    """Round trips up to the first protected byte of ours: TLS 1.3, then TLS 1.2."""

    in_band: tuple[int, ...]
    implicit: tuple[int, ...] = ()


# TCP is one, a full handshake one with TLS 1.3 and two with TLS 1.2; each wait for the server is
# one. A greeting costs implicit TLS a wait with TLS 1.3 only: with 1.2 it comes with Finished.
COSTS = {
    "smtp": Cost((5, 6), (3, 3)),  # greeting, EHLO, STARTTLS
    "lmtp": Cost((5, 6)),
    "imap": Cost((5, 6), (3, 3)),  # greeting, CAPABILITY, STARTTLS
    "pop3": Cost((5, 6), (3, 3)),
    "nntp": Cost((5, 6), (3, 3)),
    "ftp": Cost((5, 6), (3, 3)),  # greeting, FEAT, AUTH TLS
    "irc": Cost((4, 5), (2, 3)),  # CAP LS, STARTTLS; nobody greets
    "xmpp-client": Cost((4, 5), (2, 3)),  # stream, starttls
    "xmpp-server": Cost((4, 5), (2, 3)),
    "ldap": Cost((4, 5), (2, 3)),  # root entry, StartTLS
    "http": Cost((3, 4), (2, 3)),  # OPTIONS, whose answer comes inside TLS
    "sieve": Cost((5, 5)),  # 4 up to TLS with 1.3, then the server speaks first, as in a greeting
    "acap": Cost((5, 5)),
    "postgresql": Cost((3, 4), (2, 3)),  # one byte
    "mysql": Cost((3, 4)),  # request and ClientHello share a flight
    "ms-sql-s": Cost((4,), (2, 3)),  # no TLS 1.3 in TDS 7
    "ms-wbt-server": Cost((3, 4)),
    "telnet": Cost((4, 5), (2, 3)),
    "rfb": Cost((7, 8)),  # version, security type, VeNCrypt's version, subtype, acknowledged
    "nut": Cost((3, 4)),
}


@dataclass(frozen=True)
class House:
    """Our own servers for one protocol: the port of each way, 0 where there is none."""

    protocol: str
    in_band: int
    implicit: int


@asynccontextmanager
async def house(
    protocol: str,
    context: ssl.SSLContext,
    implicit: ssl.SSLContext | None = None,
    *,
    offer: bool = True,
) -> AsyncIterator[House]:
    """Serve both ways, with one certificate unless another is given for implicit TLS."""
    async with AsyncExitStack() as stack:
        mine = await stack.enter_async_context(serve(protocol, context, offer=offer))
        port = 0
        if REGISTRY[protocol].IMPLICIT_PORTS:
            serving = serve(protocol, implicit or context, implicit=True)
            port = (await stack.enter_async_context(serving)).port
        yield House(protocol, mine.port, port)


def contexts(pki: Pki) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Two contexts with the same key: what one way limits TLS to is not the other's limit."""
    certificate = pki.ca.issue_cert(HOST)
    both = tuple(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2))
    for one in both:
        certificate.configure_cert(one)
    return both


def terms(pki: Pki, **others: object) -> Terms:
    return Terms(timeout=5.0, connect_to="127.0.0.1", roots=pki.roots, **others)


async def visited(served: House, pki: Pki, *, implicit: bool = False) -> Compared:
    """Compare the two, beginning with either."""
    if implicit:
        endpoint = Endpoint(HOST, served.implicit, served.protocol, implicit=True)
        return await compare_ways(endpoint, terms(pki), in_band_port=served.in_band)
    endpoint = Endpoint(HOST, served.in_band, served.protocol)
    return await compare_ways(endpoint, terms(pki), implicit_port=served.implicit or None)


def compared(pki: Pki, protocol: str, *, implicit: bool = False) -> Compared:
    async def main() -> Compared:
        async with asyncio.timeout(20), house(protocol, *contexts(pki)) as served:
            return await visited(served, pki, implicit=implicit)

    return asyncio.run(main())


# -- our own servers -------------------------------------------------------------------


def test_the_cost_of_every_protocol_is_known():
    assert set(COSTS) == set(REGISTRY)


@pytest.mark.parametrize("protocol", REGISTRY)
def test_what_is_measured_is_what_the_protocol_costs(protocol, pki):
    comparison = compared(pki, protocol).comparison
    assert tuple(trip.round_trips for trip in comparison.in_band.trips) == COSTS[protocol].in_band
    direct = comparison.implicit.trips if comparison.implicit else ()
    assert tuple(trip.round_trips for trip in direct) == COSTS[protocol].implicit


@pytest.mark.parametrize("protocol", REGISTRY)
def test_honest_servers_are_in_order_and_agree(protocol, pki):
    found = compared(pki, protocol)
    comparison = found.comparison
    assert comparison.standing is Standing.MEETS
    assert comparison.differences == ()
    assert comparison.in_band.certificate == (comparison.implicit or comparison.in_band).certificate
    assert all(seen.secured for seen in found.evidence)
    assert {seen.endpoint.host for seen in found.evidence} == {HOST}


@pytest.mark.parametrize("protocol", [name for name in REGISTRY if REGISTRY[name].IMPLICIT_PORTS])
def test_with_implicit_tls_only_tls_itself_tells_anything(protocol, pki):
    direct = compared(pki, protocol).comparison.implicit
    newest, older = direct.trips
    assert (newest.clear_sent, newest.clear_received) == (0, 0)
    told = {fact.told: fact.said for fact in newest.told}
    alpn = REGISTRY[protocol].ALPN
    assert told == {Told.SNI: (HOST,)} | ({Told.ALPN: (alpn,)} if alpn else {})
    assert {fact.told for fact in older.told} - set(told) == {Told.CERTIFICATE}


@pytest.mark.parametrize("protocol", REGISTRY)
def test_the_certificate_is_in_clear_below_tls_1_3_and_not_with_it(protocol, pki):
    for trip in compared(pki, protocol).comparison.in_band.trips:
        told = {fact.told for fact in trip.told}
        assert Told.SNI in told
        assert (Told.CERTIFICATE in told) == (trip.version == "TLSv1.2")


@pytest.mark.parametrize(
    ("protocol", "told"),
    [
        ("smtp", {Told.GREETING, Told.CAPABILITIES, Told.OUR_NAME}),
        ("imap", {Told.GREETING, Told.CAPABILITIES}),
        ("xmpp-client", {Told.GREETING, Told.CAPABILITIES, Told.HOST}),
        ("xmpp-server", {Told.GREETING, Told.CAPABILITIES, Told.HOST, Told.OUR_NAME}),
        ("http", {Told.HOST}),
        ("postgresql", {Told.CAPABILITIES}),
        ("ms-wbt-server", {Told.CAPABILITIES}),  # and no cookie with a user's name
    ],
)
def test_what_an_upgrade_tells_is_no_more_than_was_said(protocol, told, pki):
    newest, *_ = compared(pki, protocol).comparison.in_band.trips
    assert {fact.told for fact in newest.told} - {Told.SNI, Told.ALPN} == told


# -- how often -------------------------------------------------------------------------


def test_each_way_is_visited_with_both_versions_one_visit_after_the_other(pki):
    found = compared(pki, "imap")
    shown = [(seen.endpoint.implicit, seen.handshake.version) for seen in found.evidence]
    assert shown == [
        (False, "TLSv1.3"),
        (False, "TLSv1.2"),
        (True, "TLSv1.3"),
        (True, "TLSv1.2"),
    ]
    begun = [seen.began for seen in found.evidence]
    assert begun == sorted(begun)


def test_either_port_may_be_named(pki):
    found = compared(pki, "imap", implicit=True)
    assert found.endpoint.implicit
    assert found.comparison.standing is Standing.MEETS
    assert [seen.endpoint.implicit for seen in found.evidence] == [False, False, True, True]


def test_a_way_without_tls_1_3_is_visited_once(pki):
    found = compared(pki, "ms-sql-s")
    assert [seen.endpoint.implicit for seen in found.evidence] == [False, True, True]


def test_who_refuses_tls_is_not_asked_again(pki):
    async def main() -> Compared:
        served = house("smtp", pki.server_context(HOST), pki.server_context(HOST), offer=False)
        async with asyncio.timeout(20), served as open_house:
            return await visited(open_house, pki)

    found = asyncio.run(main())
    assert len(found.evidence) == 3
    assert found.evidence[0].insisted
    assert found.comparison.standing is Standing.FALLS_SHORT


def test_a_server_without_tls_1_2_is_asked_and_its_no_is_kept(pki):
    newer = pki.server_context(HOST)
    newer.minimum_version = ssl.TLSVersion.TLSv1_3

    async def main() -> Compared:
        async with asyncio.timeout(20), house("imap", newer) as served:
            return await visited(served, pki)

    found = asyncio.run(main())
    assert found.comparison.standing is Standing.MEETS
    for way in (found.comparison.in_band, found.comparison.implicit):
        assert [trip.version for trip in way.trips] == ["TLSv1.3", ""]
        assert way.versions == {"TLSv1.3"}


def test_who_is_busy_or_closed_is_left_alone(pki):
    with serving(partial(smtp, pki=pki, greeting=b"421 4.3.2 too busy")) as server:
        endpoint = Endpoint(HOST, server.port, "smtp")
        found = asyncio.run(compare_ways(endpoint, terms(pki), implicit_port=1))
        assert len(server.peers) == 1
    assert len(found.evidence) == 2
    assert found.comparison.in_band.code is Code.RATE_LIMITED
    assert found.comparison.implicit.code is Code.UNREACHABLE
    assert found.comparison.standing is Standing.UNKNOWN


def test_tls_is_asked_for_though_it_is_not_offered(pki):
    with serving(partial(smtp, pki=pki, offer=False, grant=refuses)) as server:
        endpoint = Endpoint(HOST, server.port, "smtp")
        held = replace(terms(pki), ask=Asking(helo="me.example", insist=False))
        asyncio.run(compare_ways(endpoint, held, implicit_port=1))
        assert server.heard[0].startswith(b"EHLO me.example\r\nSTARTTLS\r\n")


def test_a_deadline_is_for_each_visit(pki):
    with serving(lambda peer: peer.wait()) as server:
        endpoint = Endpoint(HOST, server.port, "smtp")
        held = replace(terms(pki), timeout=0.2)
        found = asyncio.run(compare_ways(endpoint, held, implicit_port=server.port))
    assert [seen.failure.trouble.value for seen in found.evidence] == ["deadline", "deadline"]


# -- which ports -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "ports", "expected"),
    [
        ("imap://x", (None, None), (143, 993)),
        ("imaps://x", (None, None), (143, 993)),
        ("imap://x:1143", (None, 1993), (1143, 1993)),
        ("imaps://x:1993", (1143, None), (1143, 1993)),
        ("submissions://x", (None, None), (587, 465)),
        ("postgresql://x", (None, None), (5432, 5432)),
        ("imap://x", (1143, None), (143, 993)),
        ("imaps://x", (None, 1993), (143, 993)),
    ],
)
def test_the_other_port_is_found_or_given(target, ports, expected):
    in_band, implicit = ways(parse(target), *ports)
    assert (in_band.port, implicit.port) == expected
    assert (in_band.implicit, implicit.implicit) == (False, True)


@pytest.mark.parametrize("port", [None, 33060])
def test_a_protocol_without_implicit_tls_has_one_way(port):
    assert ways(parse("mysql://x"), None, port) == (parse("mysql://x"), None)

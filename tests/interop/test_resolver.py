"""Our resolver with real ones: NSD has the zones, Unbound validates them, or libunbound in here."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import uvloop

from tests.interop.servers import (
    UNBOUND_SAYS_WHY,
    UNBOUND_WITHOUT_VALIDATION,
    DnsServer,
    UnavailableError,
    Zones,
    family,
    forged,
    nsd,
    signed,
    unbound,
    unsigned,
)
from unstrip.io.configuration import Configuration, ResolverSettings
from unstrip.io.resolver import BlockingResolver, Resolver
from unstrip.io.resolver.configured import distrust
from unstrip.io.resolver.configured import resolver as configured
from unstrip.io.resolver.servers import Server
from unstrip.io.resolver.stub import Stub
from unstrip.io.resolver.trust import SelfTest
from unstrip.io.resolver.unbound import Unavailable, Validator
from unstrip.policy.questions import (
    Address,
    Dns,
    DnsAnswer,
    Kind,
    Mx,
    Security,
    Srv,
    Status,
    Txt,
)
from unstrip.tlsa import Tlsa

DIGEST = "ab" * 32
RECORDS = f"""\
@ 60 IN MX 10 mail
@ 60 IN MX 20 alias
mail 60 IN A 192.0.2.1
mail 60 IN AAAA 2001:db8::1
alias 60 IN CNAME mail
away 60 IN CNAME mail.unsigned.example.
nowhere 60 IN CNAME no.signed.example.
round 60 IN CNAME about
about 60 IN CNAME round
_25._tcp.mail 60 IN TLSA 3 1 1 {DIGEST}
_26._tcp.mail 60 IN TLSA 3 1 1 {DIGEST}
_26._tcp.mail 60 IN TLSA \\# 5 030101abcd
_27._tcp.mail 60 IN TLSA \\# 4 030102ff
_mta-sts 60 IN TXT "v=STSv1; " "id=20260101T000000;"
_xmpp-client._tcp 60 IN SRV 5 0 15222 mail
"""
LONG = "".join(f'long 60 IN TXT "{n:0200}"\n' for n in range(100))
TEST = SelfTest(Dns("mail.signed.example", Kind.A), Dns("mail.bogus.example", Kind.A))
QUICK = (5.0, 5.0)  # seconds: a loaded machine may need a few

SECURE, INSECURE = Security.SECURE, Security.INSECURE


@pytest.fixture(scope="module")
def zones() -> Zones:
    honest = "mail 60 IN A 192.0.2.1\n@ 60 IN MX 10 mail\n"
    children = [
        signed("signed.example", RECORDS + LONG),
        unsigned("unsigned.example", RECORDS.replace("signed.example", "unsigned.example")),
        forged(signed("bogus.example", honest), {"192.0.2.1": "192.0.2.66", "10 mail": "10 evil"}),
        signed("expired.example", honest, timedelta(days=-1)),
    ]
    return family("example", children)


@pytest.fixture(scope="module")
def authority(directory: Path, zones: Zones) -> Iterator[DnsServer]:
    with nsd(directory, zones) as server:
        yield server


@pytest.fixture(scope="module")
def resolver(directory: Path, zones: Zones, authority: DnsServer) -> Iterator[DnsServer]:
    with unbound(directory, zones, authority) as server:
        yield server


def at(server: DnsServer) -> Server:
    return Server(server.host, server.dns)


def validator(directory: Path, zones: Zones, authority: DnsServer) -> Validator:
    anchors = directory / "anchors.ds"
    anchors.write_text(zones.anchor)
    try:
        return Validator(
            anchors,
            stubs=dict.fromkeys(zones.names, at(authority)),
            options={"do-not-query-localhost": "no"},
        )
    except Unavailable as error:
        raise UnavailableError(str(error)) from error


@contextmanager
def in_process(directory: Path, zones: Zones, authority: DnsServer) -> Iterator[Validator]:
    made = validator(directory, zones, authority)
    try:
        yield made
    finally:
        made.close()


Ask = Callable[[str, Kind], DnsAnswer]


@pytest.fixture(params=["unbound", "libunbound"])
def ask(request: pytest.FixtureRequest, directory: Path, zones: Zones, authority: DnsServer) -> Ask:
    """Asks one question, through either backend."""
    if request.param == "unbound":
        stub = Stub([at(request.getfixturevalue("resolver"))], TEST, waits=QUICK)
        return lambda name, kind: asyncio.run(stub.ask(Dns(name, kind)))

    def in_here(name: str, kind: Kind) -> DnsAnswer:
        with in_process(directory, zones, authority) as backend:
            return asyncio.run(backend.ask(Dns(name, kind)))

    return in_here


@pytest.mark.parametrize("zone", ["signed.example", "unsigned.example"])
@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        ("mail.", Kind.A, (Address("192.0.2.1"),)),
        ("mail.", Kind.AAAA, (Address("2001:db8::1"),)),
        ("alias.", Kind.A, (Address("192.0.2.1"),)),
        ("_25._tcp.mail.", Kind.TLSA, (Tlsa(3, 1, 1, bytes.fromhex(DIGEST)),)),
        ("_mta-sts.", Kind.TXT, (Txt((b"v=STSv1; ", b"id=20260101T000000;")),)),
    ],
)
def test_what_is_signed_is_secure_and_what_is_not_is_insecure(ask, zone, name, kind, records):
    found = ask(f"{name}{zone}", kind)
    assert found.status is Status.FOUND
    assert found.records == records
    assert found.security is (SECURE if zone == "signed.example" else INSECURE)
    assert 0 < found.ttl <= 60


@pytest.mark.parametrize("zone", ["signed.example", "unsigned.example"])
def test_a_tlsa_record_that_makes_no_sense_is_there_and_does_not_spoil_the_others(ask, zone):
    found = ask(f"_26._tcp.mail.{zone}", Kind.TLSA)
    assert set(found.records) == {
        Tlsa(3, 1, 1, bytes.fromhex(DIGEST)),
        Tlsa(3, 1, 1, b"\xab\xcd"),
    }
    alone = ask(f"_27._tcp.mail.{zone}", Kind.TLSA)
    assert alone.records == (Tlsa(3, 1, 2, b"\xff"),)
    expected = SECURE if zone == "signed.example" else INSECURE
    assert (found.security, alone.security) == (expected, expected)


def test_mx_and_srv_records_name_their_hosts(ask):
    hosts = ask("signed.example", Kind.MX).records
    assert sorted(hosts, key=lambda mx: mx.preference) == [
        Mx(10, "mail.signed.example"),
        Mx(20, "alias.signed.example"),
    ]
    service = ask("_xmpp-client._tcp.signed.example", Kind.SRV).records
    assert service == (Srv(5, 0, 15222, "mail.signed.example"),)


def test_an_alias_says_where_it_leads(ask):
    found = ask("alias.signed.example", Kind.A)
    assert found.canonical == "mail.signed.example"
    assert found.security is SECURE


def test_an_alias_into_an_unsigned_zone_is_insecure_as_a_whole(ask):
    found = ask("away.signed.example", Kind.A)
    assert found.records == (Address("192.0.2.1"),)
    assert found.security is INSECURE
    assert ask("away.signed.example", Kind.CNAME).security is SECURE


def test_that_nothing_is_there_is_vouched_for_too(ask):
    nothing = {
        "no.signed.example": (Status.NXDOMAIN, SECURE),
        "nowhere.signed.example": (Status.NXDOMAIN, SECURE),
        "_mta-sts.signed.example": (Status.NO_DATA, SECURE),
        "no.unsigned.example": (Status.NXDOMAIN, INSECURE),
        "_mta-sts.unsigned.example": (Status.NO_DATA, INSECURE),
    }
    for name, (status, security) in nothing.items():
        found = ask(name, Kind.TLSA)
        assert (found.status, found.security) == (status, security), name
        assert not found.failed
        assert 0 < found.ttl <= 60


@pytest.mark.parametrize("zone", ["bogus.example", "expired.example"])
@pytest.mark.parametrize(("name", "kind"), [("mail.", Kind.A), ("", Kind.MX)])
def test_what_was_forged_or_has_expired_is_bogus(ask, zone, name, kind):
    found = ask(f"{name}{zone}", kind)
    assert (found.status, found.security) == (Status.SERVFAIL, Security.BOGUS)
    assert found.records == ()


def test_aliases_in_a_circle_are_a_failure(ask):
    assert ask("round.signed.example", Kind.A).failed


def test_twenty_kilobytes_of_text_come_whole(ask):
    found = ask("long.signed.example", Kind.TXT)
    assert len(found.records) == 100
    assert found.security is SECURE


@pytest.mark.parametrize("zone", ["bogus.example", "expired.example"])
def test_unbound_that_says_why_is_believed_at_once(directory, zones, authority, zone):
    with unbound(directory, zones, authority, **UNBOUND_SAYS_WHY) as server:
        found = asyncio.run(Stub([at(server)], TEST).ask(Dns(f"mail.{zone}", Kind.A)))
    assert found.security is Security.BOGUS
    assert "EDE" in found.words


def test_unbound_that_does_not_validate_is_found_out(directory, zones, authority):
    with unbound(directory, zones, authority, **UNBOUND_WITHOUT_VALIDATION) as server:
        stub = Stub([at(server)], TEST)
        found = asyncio.run(stub.ask(Dns("_25._tcp.mail.signed.example", Kind.TLSA)))
    assert found.status is Status.FOUND
    assert found.security is Security.UNCHECKED
    assert "mail.signed.example is signed, and it does not say so" in found.words


def test_a_server_that_has_the_zones_but_is_no_resolver_is_found_out(authority):
    found = asyncio.run(Stub([at(authority)], TEST).ask(Dns("mail.signed.example", Kind.A)))
    assert found.status is Status.FOUND
    assert found.security is Security.UNCHECKED


def test_unbound_that_is_killed_is_a_timeout_and_nobody_else_is_asked_instead(
    directory, zones, authority
):
    async def before_and_after() -> tuple[DnsAnswer, DnsAnswer]:
        with unbound(directory, zones, authority) as server:
            stub = Stub([at(server), Server("127.0.0.11", authority.dns)], TEST, waits=[1.0])
            before = await stub.ask(Dns("mail.signed.example", Kind.A))
        return before, await stub.ask(Dns("mail.signed.example", Kind.A))

    before, later = asyncio.run(before_and_after())
    assert before.security is SECURE
    assert later.status is Status.TIMEOUT


def test_zones_that_their_server_refuses_are_a_server_failure_and_not_bogus(directory, zones):
    others = Zones((unsigned("elsewhere.test", ""),))
    with nsd(directory, others) as refusing, unbound(directory, zones, refusing) as server:
        stub = Stub([at(server)], SelfTest(None, None), waits=QUICK)
        found = asyncio.run(stub.ask(Dns("mail.signed.example", Kind.A)))
    assert found.status is Status.SERVFAIL
    assert found.security is Security.UNCHECKED


def test_zones_whose_server_is_dead_are_a_failure_and_not_bogus(directory, zones):
    with nsd(directory, zones) as dead:
        pass
    with unbound(directory, zones, dead) as server:
        stub = Stub([at(server)], SelfTest(None, None), waits=[1.0])
        found = asyncio.run(stub.ask(Dns("mail.signed.example", Kind.A)))
    assert found.failed
    assert found.security is Security.UNCHECKED


def test_libunbound_says_what_is_wrong_with_a_forged_answer(directory, zones, authority):
    with in_process(directory, zones, authority) as backend:
        found = asyncio.run(backend.ask(Dns("mail.bogus.example", Kind.A)))
    assert "validation failure" in found.words


def test_libunbound_answers_many_at_once_under_uvloop(directory, zones, authority):
    async def many() -> list[DnsAnswer]:
        with in_process(directory, zones, authority) as backend:
            names = [f"{n}.{zone}" for n in range(50) for zone in zones.names[1:3]]
            asked = (backend.ask(Dns(name, Kind.A)) for name in names)
            return await asyncio.gather(*asked)

    found = uvloop.run(many())
    assert {answer.status for answer in found} == {Status.NXDOMAIN}
    assert [answer.security for answer in found] == [SECURE, INSECURE] * 50


def test_libunbound_needs_a_trust_anchor_that_can_be_read(directory, zones, authority):
    with in_process(directory, zones, authority):
        pass
    with pytest.raises(Unavailable, match="can be read from"):
        Validator(directory)


def test_an_option_that_libunbound_does_not_have_is_an_error(directory, zones, authority):
    with in_process(directory, zones, authority):
        pass
    with pytest.raises(Unavailable, match="ub_ctx_set_option"):
        Validator(directory / "anchors.ds", options={"nonsense": "yes"})


def test_a_name_that_cannot_be_is_malformed(ask):
    assert ask("a" * 64, Kind.A).status is Status.MALFORMED


def test_who_stops_waiting_calls_the_question_off(directory, zones, authority):
    async def give_up(backend: Validator) -> None:
        waiting = asyncio.create_task(backend.ask(Dns("mail.signed.example", Kind.A)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        found = await backend.ask(Dns("mail.signed.example", Kind.A))
        assert found.security is SECURE

    with in_process(directory, zones, authority) as backend:
        asyncio.run(give_up(backend))


def test_closing_libunbound_tells_who_still_waits_and_whoever_comes_later(
    directory, zones, authority
):
    async def wait() -> None:
        with in_process(directory, zones, authority) as backend:
            resolver = Resolver(backend)
            waiting = asyncio.create_task(resolver.ask(Dns("mail.signed.example", Kind.A)))
            for _ in range(3):  # until it is asked
                await asyncio.sleep(0)
            assert backend._waiting
            resolver.close()
            for answer in (await waiting, await resolver.ask(Dns("signed.example", Kind.MX))):
                assert (answer.status, answer.words) == (Status.SERVFAIL, "libunbound: closed")

    asyncio.run(wait())


def test_what_libunbound_holds_is_given_back(directory, zones, authority):
    async def often() -> None:
        for _ in range(5):
            with in_process(directory, zones, authority) as backend:
                assert not (await backend.ask(Dns("mail.signed.example", Kind.A))).failed

    def held() -> int:
        asyncio.run(often())
        return len(list(Path("/proc/self/fd").iterdir()))

    assert abs(held() - held()) < 3


def test_blocking_callers_are_answered_as_well(resolver):
    with BlockingResolver(lambda: Resolver(Stub([at(resolver)], TEST))) as blocking:
        assert blocking.ask(Dns("mail.signed.example", Kind.A)).security is SECURE


def settings(kind: str, server: DnsServer, directory: Path, zones: Zones) -> ResolverSettings:
    """What an operator would write to have that server asked."""
    servers = (f"{server.host}@{server.dns}",)
    if kind == "unbound":
        names = {"validates": "mail.signed.example", "fails": "mail.bogus.example"}
        return ResolverSettings(servers=servers, mix_case=True, **names)
    anchors = directory / "configured.ds"
    anchors.write_text(zones.anchor)
    return ResolverSettings(
        servers=servers, backend="libunbound", trust_anchor=anchors, mix_case=True
    )


@pytest.mark.parametrize("kind", ["unbound", "libunbound"])
def test_a_configuration_comes_to_a_resolver_that_tells_what_is_signed(
    request, kind, directory, zones, authority
):
    with in_process(directory, zones, authority):
        pass  # or say that libunbound is not there
    server = request.getfixturevalue("resolver")
    configuration = Configuration(resolver=settings(kind, server, directory, zones))

    async def ask(name: str) -> DnsAnswer:
        return await configured(configuration).ask(Dns(name, Kind.A))

    assert distrust(configuration) == ""
    found = [asyncio.run(ask(f"mail.{zone}.example")) for zone in ("signed", "unsigned", "bogus")]
    assert [answer.security for answer in found] == [SECURE, INSECURE, Security.BOGUS]

"""The world of real servers, part by part: what is tried in it is worth no more than it is."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.interop.servers import PATIENCE
from tests.interop.world import World, a_world
from tests.interop.world.answers import ANSWERS, UNMET
from tests.interop.world.cases import (
    BACKGROUND,
    BOGUS,
    CASES,
    CHAT,
    ENFORCED,
    HOSTS,
    PARENT,
    UNSIGNED_HOSTS,
    Case,
)
from tests.interop.world.policy_host import HTTPS, Manner, Served
from unstrip.io.configuration import parse
from unstrip.io.resolver.configured import resolver
from unstrip.lab.authority import Flaw
from unstrip.policy.questions import Address, Dns, DnsAnswer, Kind, Security, Srv, Status

SAFE = f"sts-alone.{PARENT}"
KEY = f"_25._tcp.mx.{HOSTS}"


@pytest.fixture(scope="module")
def world(directory: Path) -> Iterator[World]:
    with a_world(directory) as made:
        yield made


def ask(world: World, name: str, kind: Kind) -> DnsAnswer:
    """What our resolver says, set up as a user would."""

    async def asking() -> DnsAnswer:
        return await resolver(parse(world.configuration, world.ca.parent)).ask(Dns(name, kind))

    return asyncio.run(asking())


def openssl(world: World, address: str, name: str, *more: str) -> str:
    """What OpenSSL says of a mail server."""
    command = ["openssl", "s_client", "-starttls", "smtp", "-connect", f"{address}:25"]
    command += ["-verify_return_error", "-verify_hostname", name, "-CAfile", f"{world.ca}", *more]
    run = subprocess.run(
        command, input="QUIT\n", capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return run.stdout + run.stderr


def get(world: World, domain: str) -> bytes:
    """Everything that the policy host says to one who trusts its authority."""
    context = ssl.create_default_context(cafile=world.ca)
    host = f"mta-sts.{domain}"
    with (
        socket.create_connection((world.addresses.policies, HTTPS), PATIENCE) as connection,
        context.wrap_socket(connection, server_hostname=host) as link,
    ):
        link.sendall(f"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return b"".join(iter(lambda: link.recv(4096), b""))


# The table


def test_every_domain_has_its_own_name_and_an_answer():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert set(names) == set(ANSWERS)
    assert set(names) >= UNMET
    assert not set(names) & {case.name for case in BACKGROUND}


# Names


@pytest.mark.parametrize(
    ("name", "kind", "status", "security"),
    [
        (f"mx.{HOSTS}", Kind.A, Status.FOUND, Security.SECURE),
        (f"mx.{UNSIGNED_HOSTS}", Kind.A, Status.FOUND, Security.INSECURE),
        (BOGUS, Kind.A, Status.SERVFAIL, Security.BOGUS),
        (KEY, Kind.TLSA, Status.FOUND, Security.SECURE),
        (f"bogus-mx.{PARENT}", Kind.MX, Status.SERVFAIL, Security.BOGUS),
        (f"_25._tcp.mx.bogus-tlsa.{PARENT}", Kind.TLSA, Status.SERVFAIL, Security.BOGUS),
        (f"_25._tcp.mx.tlsa-servfail.{PARENT}", Kind.TLSA, Status.SERVFAIL, Security.UNCHECKED),
        (f"_mta-sts.txt-servfail.{PARENT}", Kind.TXT, Status.SERVFAIL, Security.UNCHECKED),
        (f"mx.mx-alias-loop.{PARENT}", Kind.A, Status.SERVFAIL, Security.UNCHECKED),
        (f"no-policy.{PARENT}", Kind.TXT, Status.NO_DATA, Security.SECURE),
        (f"nobody.{PARENT}", Kind.MX, Status.NXDOMAIN, Security.SECURE),
    ],
)
def test_a_name_is_signed_unsigned_forged_or_has_no_server(world, name, kind, status, security):
    found = ask(world, name, kind)
    assert (found.status, found.security) == (status, security)


def test_a_name_server_that_is_silent_is_a_failure(world):
    assert ask(world, f"_25._tcp.mx.tlsa-timeout.{PARENT}", Kind.TLSA).failed


def test_text_of_forty_kilobytes_comes_whole_and_more_than_a_message_holds_does_not(world):
    assert len(ask(world, f"_mta-sts.huge-txt.{PARENT}", Kind.TXT).records) == 201
    assert ask(world, f"_mta-sts.too-huge-txt.{PARENT}", Kind.TXT).failed


def test_records_can_be_changed_while_it_runs(world):
    case = Case("no-policy", "@ MX 10 mx\nmx A {private}\n")
    before = ask(world, f"mx.{case.domain}", Kind.A)
    world.publish(case)
    after = ask(world, f"mx.{case.domain}", Kind.A)
    assert before.records == (Address(world.addresses.honest),)
    assert after.records == (Address(world.addresses.private),)
    assert after.security is Security.SECURE


@pytest.mark.parametrize("part", ["name_server", "resolver"])
def test_dns_can_be_put_out_and_on_again(world, part):
    switch = getattr(world, part)
    world.resolver.off()  # else it remembers
    switch.off()
    if part == "name_server":
        world.resolver.on()
    assert ask(world, KEY, Kind.TLSA).failed
    switch.on()
    world.resolver.off()
    world.resolver.on()
    assert ask(world, KEY, Kind.TLSA).security is Security.SECURE


# Mail


def test_the_mail_servers_show_what_they_are_named_after(world):
    name = f"mx1.all-dane.{PARENT}"
    assert "Verification: OK" in openssl(world, world.addresses.honest, name)
    assert "certificate has expired" in openssl(world, world.addresses.expired, name)
    assert "certificate in certificate chain" in openssl(world, world.addresses.private, name)
    assert "no peer certificate" in openssl(world, world.addresses.clear, name)


def test_openssl_meets_the_records_that_the_zone_has(world):
    for at, kind in (("all-dane", "mx1"), ("every-usable-tlsa", "mx-2-1-1")):
        name = f"{kind}.{at}.{PARENT}"
        (record,) = ask(world, f"_25._tcp.{name}", Kind.TLSA).records
        dane = ["-dane_tlsa_domain", name, "-dane_tlsa_rrdata", record.text]
        assert "Verification: OK" in openssl(world, world.addresses.honest, name, *dane)


# Policies


def test_the_policy_host_has_a_certificate_for_whatever_name_it_is_asked_for(world):
    head, _, body = get(world, SAFE).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: text/plain" in head
    assert body == ENFORCED.body.replace("{domain}", SAFE).encode()


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        (Flaw.WRONG_NAME, "Hostname mismatch"),
        (Flaw.EXPIRED, "certificate has expired"),
        (Flaw.SELF_SIGNED, "self-signed certificate"),
    ],
)
def test_its_certificate_may_have_a_flaw(world, flaw, words):
    world.serve("flawed.example", replace(ENFORCED, flaw=flaw))
    with pytest.raises(ssl.SSLCertVerificationError, match=words):
        get(world, "flawed.example")


@pytest.mark.parametrize(
    ("served", "said"),
    [
        (None, b"HTTP/1.1 404 Not Found\r\n"),
        (Served("", status="500 Internal Server Error"), b"HTTP/1.1 500 "),
        (Served("", status="302 Found", location="https://a.example/"), b"Location: https://a"),
        (Served("<html>", media="text/html"), b"Content-Type: text/html\r\n"),
        (Served("x", length=64 * 1024 + 1), b"Content-Length: 65537\r\n"),
    ],
)
def test_its_answer_may_be_wrong_in_every_way(world, served, said):
    world.serve("wrong.example", served)
    answer = get(world, "wrong.example")
    assert said in answer
    if served is not None:
        assert len(answer.partition(b"\r\n\r\n")[2]) == max(len(served.body), served.length)


def test_its_answer_may_end_too_early(world):
    world.serve("cut.example", replace(ENFORCED, manner=Manner.CUT))
    head, _, body = get(world, "cut.example").partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body) + 10}".encode() in head


def test_the_policy_host_can_be_put_out_and_on_again(world):
    world.policy_host.off()
    with pytest.raises(ConnectionRefusedError):
        get(world, SAFE)
    world.policy_host.on()
    assert get(world, SAFE).startswith(b"HTTP/1.1 200 OK\r\n")


# Chat


def test_the_chat_server_is_where_its_srv_records_point_and_is_there_for_its_domain(world):
    (record,) = ask(world, f"_xmpp-client._tcp.{CHAT}", Kind.SRV).records
    assert record == Srv(5, 0, world.chat.xmpp_client, f"server.{CHAT}")
    command = ["openssl", "s_client", "-starttls", "xmpp", "-xmpphost", CHAT]
    command += ["-connect", f"127.0.0.1:{record.port}", "-verify_return_error"]
    command += ["-verify_hostname", CHAT, "-CAfile", f"{world.ca}"]
    run = subprocess.run(
        command, input="", capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert "Verification: OK" in run.stdout

"""The resolver that the configuration asks for; with real ones: tests/interop/test_resolver.py."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from tests.io.resolver.nameserver import (
    QUESTION,
    Changing,
    address,
    name_server,
    silent,
    validating,
)
from unstrip.io.configuration import Configuration, parse
from unstrip.io.resolver import configured as configuring
from unstrip.io.resolver import servers, unbound
from unstrip.io.resolver.configured import distrust, resolver
from unstrip.io.resolver.configured import servers as servers_of
from unstrip.io.resolver.servers import Server
from unstrip.io.resolver.unbound import Unavailable
from unstrip.policy.questions import DnsAnswer, Security, Status

GOOD, BAD = "good.example", "bad.example"
NAMES = f'validates = "{GOOD}"\nfails = "{BAD}"'


def configured(text: str) -> Configuration:
    return parse(f"[resolver]\n{text}", Path("/etc/unstrip"))


def at(server: Server, more: str = NAMES) -> Configuration:
    return configured(f'servers = ["{server.address}@{server.port}"]\n{more}')


def asked(configuration: Configuration) -> DnsAnswer:
    async def ask() -> DnsAnswer:
        return await resolver(configuration).ask(QUESTION)

    return asyncio.run(ask())


@pytest.fixture
def system(monkeypatch, tmp_path):
    """What stands in /etc/resolv.conf."""

    def stands(text):
        path = tmp_path / "resolv.conf"
        path.write_text(text)
        monkeypatch.setattr(configuring, "system", partial(servers.system, path=path))

    return stands


@pytest.fixture
def no_library(monkeypatch):
    monkeypatch.setattr(unbound, "_NAMES", ("libnothing.so",))
    unbound._library.cache_clear()
    yield
    unbound._library.cache_clear()


def test_the_servers_that_are_named_are_asked_and_tried_with_the_names_that_are_set():
    with name_server(validating(GOOD, BAD, address)) as there:
        found = asked(at(there.server))
    assert found.status is Status.FOUND
    assert found.security is Security.INSECURE  # it was believed, and did not vouch for it


def test_a_server_that_does_not_pass_the_test_is_not_believed():
    with name_server(address) as there:
        found = asked(at(there.server))
    assert found.security is Security.UNCHECKED
    assert "good.example is signed, and it does not say so" in found.words


def test_an_empty_name_leaves_that_half_of_the_test_out():
    with name_server(address) as there:
        found = asked(at(there.server, 'validates = ""\nfails = ""'))
        assert [call.query.question[0].name.to_text() for call in there.calls] == [
            "mx.example.org."
        ]
    assert found.security is Security.INSECURE


def test_capitals_are_mixed_where_that_is_set():
    with name_server(address) as there:
        for text in ("mix-case = true", ""):
            asked(at(there.server, f'validates = ""\nfails = ""\n{text}'))
        mixed, plain = [call.query.question[0].name.to_text() for call in there.calls]
    assert mixed != plain == mixed.lower()


def test_a_question_takes_no_longer_than_is_set():
    with name_server(silent) as there:
        found = asked(at(there.server, f"timeout = 0.2\n{NAMES}"))
    assert found.status is Status.TIMEOUT
    assert found.words == "no answer in 0.2 seconds"


def test_what_could_be_believed_is_known_without_asking():
    with name_server(address) as there:
        assert distrust(at(there.server)) == ""
        assert there.calls == []


def test_why_none_could_be_believed_is_said_of_each_with_what_to_install():
    found = distrust(configured('servers = ["192.0.2.53", "127.0.0.53@5353"]'))
    assert found.startswith("192.0.2.53 is another machine, 127.0.0.53 port 5353 is systemd")
    assert "install unbound" in found


@pytest.mark.parametrize(
    "text",
    [
        'servers = ["192.0.2.53", "127.0.0.1"]',
        'servers = ["192.0.2.53"]\ntrusted = ["192.0.2.53"]',
        'servers = ["2001:DB8::53@5353"]\ntrusted = ["2001:db8:0::53"]',
        'servers = ["192.0.2.1", "192.0.2.53@5353"]\ntrusted = ["192.0.2.53"]',
    ],
)
def test_one_that_could_be_believed_is_enough(text):
    assert distrust(configured(text)) == ""


def test_where_no_server_is_named_those_of_the_system_are_asked(system):
    system("nameserver 192.0.2.53\n")
    assert "192.0.2.53 is another machine" in distrust(Configuration())
    assert distrust(configured('trusted = ["192.0.2.53"]')) == ""
    system("nameserver 127.0.0.1\n")
    assert distrust(Configuration()) == ""


def test_without_libunbound_there_is_no_resolver_and_no_other_in_its_place(no_library):
    configuration = configured('backend = "libunbound"')
    assert "apt-get install libunbound8" in distrust(configuration)
    with pytest.raises(Unavailable, match="apt-get install libunbound8"):
        resolver(configuration)


def test_the_servers_are_each_there_once_and_those_of_the_system_as_they_are_now(system):
    named = configured('servers = ["127.0.0.1", "::1", "127.0.0.1"]\ntrusted = ["::1"]')
    assert servers_of(named) == (Server("127.0.0.1"), Server("::1", trusted=True))
    for address_ in ("192.0.2.53", "127.0.0.1"):
        system(f"nameserver {address_}\n")
        assert servers_of(Configuration()) == (Server(address_),)
    assert servers_of(configured('backend = "libunbound"')) == ()


def test_the_next_resolver_knows_what_the_one_before_has_found_out():
    script = Changing(validating(GOOD, BAD, address))
    with name_server(script) as there:
        settings = at(there.server)

        async def within():
            before = resolver(settings)
            await before.ask(QUESTION)
            script.script = address
            return await resolver(settings, before).ask(QUESTION)

        assert asyncio.run(within()).status is Status.DISTRUSTED

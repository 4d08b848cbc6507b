"""Looking up: in a thread, so that nobody need wait for it, and with one kind of failure."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from unstrip.io.addresses import Unresolved, look_up, through


@pytest.fixture(autouse=True)
def no_complaints(monkeypatch):
    """No thread may die of an error: nobody would hear of it."""
    complaints = []
    monkeypatch.setattr(threading, "excepthook", complaints.append)
    yield
    assert not complaints


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "2001:db8::1"])
def test_an_address_is_its_own(address):
    assert look_up(address, 25).result(5) == [address]


def test_a_name_has_its_addresses_each_once():
    found = look_up("localhost", 25).result(5)
    assert set(found) <= {"127.0.0.1", "::1"}
    assert len(found) == len(set(found)) > 0


@pytest.mark.parametrize(
    "host", ["name.invalid", "a..b", ".example.org", "x" * 64 + ".example", "a\0b", "", "256.1.1.1"]
)
def test_a_name_without_address_is_unresolved_and_never_another_error(host):
    with pytest.raises(Unresolved, match="has no address: "):
        look_up(host, 25).result(10)


def test_the_order_of_the_system_is_kept(monkeypatch):
    def answers(*_, **__):
        return [(0, 0, 0, "", (a, 25)) for a in ("::1", "192.0.2.1", "::1", "192.0.2.2")]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    assert look_up("mx.example.org", 25).result(5) == ["::1", "192.0.2.1", "192.0.2.2"]


def test_nobody_waits_for_a_look_up_that_was_given_up(monkeypatch):
    asked, answer, answered = threading.Event(), threading.Event(), threading.Event()

    def slow(*_, **__):
        asked.set()
        answer.wait(5)
        answered.set()
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    found = look_up("mx.example.org", 25)
    assert asked.wait(5)
    with pytest.raises(TimeoutError):
        found.result(0.01)
    found.cancel()
    answer.set()
    assert answered.wait(5)


def test_a_look_up_holds_no_process_back(monkeypatch):
    answer = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer.wait(5) and [])
    before = set(threading.enumerate())
    found = look_up("mx.example.org", 25)
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon
    answer.set()
    assert found.result(5) == []


# By a resolver of ours


def asked_through(host: str) -> tuple[list[str], list[str]]:
    """Look a host up; return what was found, and what the resolver was asked for."""
    asked: list[str] = []

    async def resolve(name: str) -> list[str]:
        asked.append(name)
        if name == "name.invalid":
            raise Unresolved(f"{name} has no address: no such name")
        return ["192.0.2.25"]

    async def main() -> list[str]:
        return await asyncio.wrap_future(through(resolve)(host, 25))

    return asyncio.run(main()), asked


def test_a_name_is_asked_of_the_resolver_and_of_nobody_else(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", None)
    assert asked_through("mx.example.org") == (["192.0.2.25"], ["mx.example.org"])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_what_is_no_name_in_dns_is_not_asked_for(host):
    found, asked = asked_through(host)
    assert set(found) <= {"127.0.0.1", "::1"}
    assert asked == []


def test_what_the_resolver_does_not_find_is_not_looked_for_elsewhere(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", None)
    with pytest.raises(Unresolved, match="no such name"):
        asked_through("name.invalid")

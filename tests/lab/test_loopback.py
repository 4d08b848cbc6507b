import ast
import asyncio
import socket
from pathlib import Path

import pytest

import unstrip.lab
from tests.lab.stage import run
from unstrip.io.addresses import Unresolved
from unstrip.lab.loopback import NotLoopback, dial, listen, require_loopback
from unstrip.lab.middlebox import middlebox
from unstrip.lab.servers import serve

LAB = Path(unstrip.lab.__file__).parent
OPENERS = {
    "connect",
    "connect_accepted_socket",
    "create_connection",
    "create_datagram_endpoint",
    "create_server",
    "create_unix_connection",
    "create_unix_server",
    "fromfd",
    "open_connection",
    "open_unix_connection",
    "socket",
    "socketpair",
    "start_server",
    "start_unix_server",
}
EVERYWHERE = "0.0.0.0"  # noqa: S104  # which is what must not be listened on
ELSEWHERE = [EVERYWHERE, "192.0.2.1", "::", "2001:db8::1", "::ffff:192.0.2.1", "128.0.0.1", "0"]


def resolving(monkeypatch, *answers):
    """Let every name resolve to these, and return the list of names asked for."""
    asked = []

    def getaddrinfo(host, *_, **__):
        asked.append(host)
        return [(None, None, None, "", (address, 0)) for address in answers]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"])
def test_loopback_addresses_are_let_through(host):
    assert require_loopback(host) == [host]


def test_localhost_is_loopback_on_this_machine():
    assert set(require_loopback("localhost")) <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("host", ELSEWHERE)
def test_any_other_address_is_refused(host):
    with pytest.raises(NotLoopback, match="the lab stays on loopback"):
        require_loopback(host)


def test_a_name_that_resolves_elsewhere_is_refused(monkeypatch):
    resolving(monkeypatch, "192.0.2.1")
    with pytest.raises(NotLoopback, match=r"192\.0\.2\.1"):
        require_loopback("localhost")


def test_a_name_with_one_address_elsewhere_is_refused_as_a_whole(monkeypatch):
    resolving(monkeypatch, "127.0.0.1", "192.0.2.1")
    with pytest.raises(NotLoopback):
        require_loopback("localhost")


def test_a_name_without_an_address_is_refused(monkeypatch):
    resolving(monkeypatch)
    with pytest.raises(NotLoopback):
        require_loopback("localhost")


def test_a_name_that_does_not_resolve_is_said_not_to():
    with pytest.raises(Unresolved):
        require_loopback("nowhere.invalid.")


@pytest.mark.parametrize("host", [EVERYWHERE, "192.0.2.1"])
def test_nothing_listens_or_dials_elsewhere(host):
    async def main():
        with pytest.raises(NotLoopback):
            await listen(asyncio.Protocol, host, 0)
        with pytest.raises(NotLoopback):
            await dial(host, 25)

    run(main)


@pytest.mark.parametrize("host", [EVERYWHERE, "192.0.2.1"])
def test_no_server_and_no_middlebox_goes_elsewhere(authority, host):
    async def main():
        with pytest.raises(NotLoopback):
            async with serve("smtp", authority.context("localhost"), host=host):
                pass
        with pytest.raises(NotLoopback):
            async with middlebox("pass", "smtp", upstream=(host, 25)):
                pass
        home = ("127.0.0.1", 1)
        with pytest.raises(NotLoopback):
            async with middlebox("pass", "smtp", upstream=home, listen=(host, 0)):
                pass
        with pytest.raises(NotLoopback):
            async with middlebox("pass", "smtp", upstream=home, implicit_upstream=(host, 1)):
                pass

    run(main)


def test_what_is_dialled_is_the_address_that_was_checked(monkeypatch, authority):
    async def main():
        async with serve("smtp", authority.context("localhost")) as server:
            asked = resolving(monkeypatch, "127.0.0.1")
            _, writer = await dial("rebinding.invalid", server.port)
            assert writer.get_extra_info("peername")[0] == "127.0.0.1"
            assert asked == ["rebinding.invalid"]
            writer.close()
            await writer.wait_closed()

    run(main)


def test_a_name_that_moves_away_while_the_middlebox_runs_is_not_followed(monkeypatch):
    async def main():
        async with middlebox("pass", "smtp", upstream=("localhost", 1)) as box:
            monkeypatch_away = resolving(monkeypatch, "192.0.2.1")
            reader, writer = await asyncio.open_connection("127.0.0.1", box.port)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        assert monkeypatch_away == ["localhost"]
        assert [type(trouble) for trouble in box.troubles] == [NotLoopback]

    run(main)


def test_no_other_room_of_the_lab_opens_a_socket():
    for path in LAB.rglob("*.py"):
        if path != LAB / "loopback.py":
            calls = [
                n.func for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)
            ]
            named = {getattr(call, "attr", getattr(call, "id", "")) for call in calls}
            assert not named & OPENERS, path


def test_the_guard_asks_no_one_for_leave_to_open():
    tree = ast.parse((LAB / "loopback.py").read_text())
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imported for alias in node.names}
    assert names == {"annotations", "asyncio", "ipaddress", "Callable", "look_up"}
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    arguments = {argument.arg for function in functions for argument in function.args.args}
    assert arguments == {"host", "port", "factory", "addresses", "address"}
    assert not any(function.args.kwonlyargs for function in functions)

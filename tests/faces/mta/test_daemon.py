"""The daemon as a whole: every tongue, reload and stop, over real sockets."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
from contextlib import closing

import pytest

from tests.faces.cli.names import DOMAIN, HOSTS, MX, resolving
from tests.faces.mta.process import HERE, LISTEN, SERVER, TABLE, configure, serving, started
from tests.faces.mta.world import NOTHING, ask

ENCRYPT = b"10:OK encrypt,"
VERIFY = b"OK secure match="
ALL = (("socketmap", HERE), ("tcp-table", HERE), ("exim", HERE), ("http", HERE))


@pytest.fixture
def daemon(tmp_path):
    with serving(tmp_path, configure(tmp_path, *ALL)) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One for those who leave it as it is."""
    home = tmp_path_factory.mktemp("shared")
    with serving(home, configure(home, *ALL)) as running:
        yield running


def test_it_speaks_every_tongue_that_is_configured(shared):
    assert shared.ask("socketmap", ask(SERVER)) == ENCRYPT
    assert shared.ask("tcp-table", f"get {SERVER}\n".encode()) == b"200 encrypt\n"
    assert b' hosts_require_tls="*" ' in shared.ask("exim", f"options {SERVER}\n".encode())
    status, body = shared.get("/v1/decision/%5B127.0.0.1%5D")
    assert (status, json.loads(body)["postfix"]["text"]) == (200, "encrypt")


def test_where_nobody_can_be_asked_mail_waits(shared):
    assert b"TEMP" in shared.ask("socketmap", ask("example.org"))


def test_a_domain_is_looked_up(tmp_path):
    with resolving(tmp_path, MX, *HOSTS) as config:
        text = config.read_text() + "mix-case = false\n" + LISTEN.format("socketmap", HERE)
        config.write_text(f'store = "s"\n{text}')
        with serving(tmp_path, config) as daemon:
            assert daemon.ask("socketmap", ask(DOMAIN)) == NOTHING


def test_a_reload_changes_answers_and_drops_no_connection(daemon, tmp_path):
    with daemon.connect("socketmap") as sock:
        sock.sendall(ask(SERVER))
        assert sock.recv(100) == ENCRYPT
        (tmp_path / "table.toml").write_text(TABLE.format("may"))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait(" reloaded")
        sock.sendall(ask(SERVER))
        assert sock.recv(100) == NOTHING


def test_another_store_and_another_place_after_a_reload(daemon, tmp_path):
    config = configure(tmp_path, *ALL[:1])
    config.write_text(config.read_text().replace("store.sqlite3", "other.sqlite3"))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait(" restart needed")
    assert (tmp_path / "other.sqlite3").exists()
    assert daemon.ask("tcp-table", f"get {SERVER}\n".encode()) == b"200 encrypt\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_when_told_to(daemon, number):
    with daemon.connect("socketmap") as sock:
        sock.sendall(ask(SERVER))
        assert sock.recv(100) == ENCRYPT
        assert daemon.stop(number) == 0
        assert sock.recv(100) == b""
    daemon.wait(" stopped answers=1")


def test_what_was_asked_is_answered_before_it_stops(tmp_path):
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # a resolver that says nothing
    silent.bind(("127.0.0.1", 0))
    config = configure(tmp_path, *ALL[:1])
    config.write_text(config.read_text().replace("@1", f"@{silent.getsockname()[1]}"))
    with silent, serving(tmp_path, config) as daemon, daemon.connect("socketmap") as sock:
        sock.sendall(ask(DOMAIN))
        silent.settimeout(10)
        silent.recv(512)
        daemon.process.send_signal(signal.SIGTERM)
        assert b"TEMP" in sock.recv(1000)
        assert daemon.process.wait(10) == 0


def test_unix_sockets_are_gone_with_it_and_those_left_behind_are_replaced(tmp_path):
    path = tmp_path / "socketmap"
    config = configure(tmp_path, ("socketmap", f"unix:{path}"))
    with serving(tmp_path, config) as daemon:
        assert daemon.stop(signal.SIGKILL) == -signal.SIGKILL
    assert path.is_socket()
    with serving(tmp_path, config) as daemon:
        assert daemon.ask("socketmap", ask(SERVER)) == ENCRYPT
        assert daemon.stop() == 0
    assert not path.exists()


def test_health_says_whether_the_store_can_be_read(tmp_path):
    with serving(tmp_path, configure(tmp_path, ("http", HERE))) as daemon:
        assert daemon.get("/healthz") == (200, b'{"status":"ok"}')
        with closing(sqlite3.connect(tmp_path / "store.sqlite3")) as store:
            store.execute("drop table policy")
        assert b"cannot be used" in daemon.get("/v1/decision/example.org")[1]  # who tries it knows
        status, body = daemon.get("/healthz")
    assert status == 503
    assert "store.sqlite3 cannot be used" in json.loads(body)["error"]


def test_what_root_need_not_be_is_said_to_root_alone(shared):
    assert any(" warning root " in line for line in shared.lines) is (os.geteuid() == 0)


def test_its_log_can_be_json(tmp_path):
    config = configure(tmp_path, ALL[0], more='[serve.log]\nformat = "json"\nlevel = "debug"\n')
    with started(tmp_path, "--config", config) as daemon:
        daemon.wait('"ready"')
        daemon.places = {each["speaks"]: each["at"] for each in said(daemon, "listening")}
        daemon.ask("socketmap", ask(DOMAIN))
        assert daemon.stop() == 0
    asked = said(daemon, "asked")
    assert {"level": "debug", "of": "dns", "outcome": "no answer"}.items() <= asked[0].items()


def said(daemon, event):
    every = map(json.loads, daemon.lines)
    return [each for each in every if each["event"] == event]


def test_what_the_store_has_is_ready_before_it_says_so(tmp_path):
    with resolving(tmp_path, MX, *HOSTS) as config:
        text = config.read_text() + "mix-case = false\n"
        text += "".join(LISTEN.format(speaks, HERE) for speaks in ("socketmap", "http"))
        config.write_text(f'store = "s"\n{text}')
        for ready, misses in ((0, 1), (2, 0)):  # in each of two maps
            with serving(tmp_path, config) as daemon:
                assert _counted(daemon, "entries") == ready
                assert daemon.ask("socketmap", ask(DOMAIN)) == NOTHING
                assert _counted(daemon, "misses_total") == misses
                daemon.stop()


def _counted(daemon, what):
    name = f'unstrip_cache_{what}{{speaks="socketmap"}} '
    page = daemon.get("/metrics")[1].decode()
    return next(float(line.removeprefix(name)) for line in page.splitlines() if name in line)

"""The daemon as a whole: every tongue, reload and stop, over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import threading
from contextlib import closing

import pytest

from tests.faces.cli.names import DOMAIN, HOSTS, MX, resolving
from tests.faces.mta.process import (
    HERE,
    LISTEN,
    PATIENCE,
    SERVER,
    TABLE,
    configure,
    serving,
    started,
    without,
)
from tests.faces.mta.world import NOTHING, ask
from tests.io.tlsrpt.telling import told, wait_for
from unstrip.faces.mta import daemon as daemon_module
from unstrip.faces.mta.generation import generation
from unstrip.faces.mta.log import Log
from unstrip.faces.mta.systemd import Systemd
from unstrip.io.configuration import read
from unstrip.io.store import open_store

ENCRYPT = b"10:OK encrypt,"
VERIFY = b"OK secure match="
DAC_OVERRIDE = 1  # by which root writes whatever the mode is
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


def test_datagrams_are_counted_over_the_death_of_the_daemon(tmp_path):
    """Its reader takes what had come, and ends; the next one counts it."""
    path = tmp_path / "tlsrpt"
    config = configure(
        tmp_path,
        ("tlsrpt", f"unix:{path}"),
        ("http", HERE),
        more='[serve.spool]\nfolder = "spool"\n',
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        with serving(tmp_path, config) as daemon:
            sender.connect(str(path))
            for data in [told()] * 100 + [b"nonsense"]:
                sender.send(data)
            wait_for(lambda: b"\nunstrip_tlsrpt_counted_total 100.0\n" in daemon.get("/metrics")[1])
            page = daemon.get("/metrics")[1]
            assert b'\nunstrip_tlsrpt_uncounted_total{why="form"} 1.0\n' in page
            assert b"\nunstrip_tlsrpt_spool_bytes 8.388608e+06\n" in page
            for _ in range(100):
                sender.send(told())
            daemon.stop(signal.SIGKILL)
        with serving(tmp_path, config) as daemon:
            sender.connect(str(path))
            sender.send(told())
            assert daemon.stop() == 0
    assert not path.exists()
    with closing(open_store(tmp_path / "store.sqlite3")) as store:
        days = [found for day in store.days() for found in store.day(day)]
    assert sum(day.tallies[0].succeeded for day in days) == 201


def test_after_a_reload_datagrams_are_counted_into_another_store(tmp_path):
    path = tmp_path / "tlsrpt"
    places = (("tlsrpt", f"unix:{path}"), ("http", HERE))
    config = configure(tmp_path, *places, more='[serve.spool]\nfolder = "spool"\n')
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, serving(tmp_path, config) as daemon:
        sender.connect(str(path))
        sender.send(told("before.example"))
        daemon.until("unstrip_tlsrpt_counted_total")
        config.write_text(config.read_text().replace("store.sqlite3", "other.sqlite3"))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait(" reloaded")
        sender.send(told("after.example"))
        assert daemon.stop() == 0
        words = daemon.wait(" not listening ")
    assert "'socketmap, exim: the configuration has its own places'" in words
    assert counted(tmp_path / "store.sqlite3") == ["before.example"]
    assert counted(tmp_path / "other.sqlite3") == ["after.example"]


def counted(place):
    """The domains in a ledger."""
    with closing(open_store(place)) as store:
        return [found.domain for day in store.days() for found in store.day(day)]


def test_a_spool_that_cannot_be_used_is_an_error_at_the_start(tmp_path):
    config = configure(
        tmp_path,
        ("tlsrpt", f"unix:{tmp_path}/s"),
        more='[serve.spool]\nfolder = "table.toml"\n',
    )
    with started(tmp_path, "--config", config) as daemon:
        assert daemon.process.wait(PATIENCE) == 4
        assert "[serve.spool]" in daemon.log.read_text()
    assert not (tmp_path / "s").exists()


def test_health_says_whether_the_store_can_be_read(tmp_path):
    with serving(tmp_path, configure(tmp_path, ("http", HERE))) as daemon:
        assert daemon.get("/healthz") == (200, b'{"status":"ok"}')
        with closing(sqlite3.connect(tmp_path / "store.sqlite3")) as store:
            store.execute("drop table policy")
        assert b"cannot be used" in daemon.get("/v1/decision/example.org")[1]  # who tries it knows
        status, body = daemon.get("/healthz")
    assert status == 503
    assert "store.sqlite3 cannot be used" in json.loads(body)["error"]


def test_health_says_what_was_not_reloaded_until_it_is(daemon, tmp_path):
    def reloaded(level, words):
        (tmp_path / "table.toml").write_text(TABLE.format(level))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait(words)
        return json.loads(daemon.get("/healthz")[1])

    found = reloaded("always", " not reloaded ")
    assert found["status"] == "ailing"
    assert found["ails"][0].startswith("not reloaded: ")
    assert "'always' is none of" in found["ails"][0]
    assert reloaded("may", " info reloaded") == {"status": "ok"}
    assert [line.split()[3] for line in daemon.lines if " believes " in line] == ["rules=1"] * 2


def test_health_says_that_nobody_checks_dnssec_and_so_does_the_log(tmp_path):
    with resolving(tmp_path, MX, *HOSTS) as config:
        places = "".join(LISTEN.format(speaks, HERE) for speaks in ("socketmap", "http"))
        text = config.read_text().replace("bad.example", "good.example")  # which is answered
        config.write_text(f'store = "s"\n{text}{places}')
        with serving(tmp_path, config) as daemon:
            assert daemon.get("/healthz")[1] == b'{"status":"ok"}'
            daemon.ask("socketmap", ask(DOMAIN))
            assert "has wrong signatures" in daemon.wait(" warning no DANE ")
            (ails,) = json.loads(daemon.get("/healthz")[1])["ails"]
    assert ails.startswith("no DANE: 127.0.0.1 port ")


def test_a_store_that_cannot_be_written_is_told_before_anybody_asks(tmp_path):
    config, path = configure(tmp_path, ("http", HERE)), tmp_path / "store.sqlite3"
    open_store(path).close()
    path.chmod(0o444)
    with serving(tmp_path, config, command=without(DAC_OVERRIDE)) as daemon:
        assert "readonly" in daemon.wait(" error store fails to=write ")
        assert json.loads(daemon.get("/healthz")[1])["status"] == "ailing"


def test_a_store_that_never_comes_to_an_end_does_not_keep_the_daemon_from_it(tmp_path, monkeypatch):
    monkeypatch.setattr(daemon_module, "_LAST", 0.1)
    said, over, settings = [], threading.Event(), read(configure(tmp_path))
    daemon = daemon_module.Daemon(settings, lambda: settings, (), Log(said.append), Systemd({}))

    async def within():
        daemon._believed = await generation(settings, daemon._watch)
        daemon._believed.aside.later(over.wait, 60)
        await daemon._leave_store()

    asyncio.run(within())
    over.set()
    assert "what is under way is given up" in said[-1]
    daemon._believed.aside.later(daemon._believed.store.close).result(20)


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

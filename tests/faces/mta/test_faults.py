"""What clients and operators may do to the daemon: it goes on, answers as before, and counts it."""

from __future__ import annotations

import json
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faces.cli.names import DOMAIN, resolving
from tests.faces.mta.process import (
    HERE,
    LISTEN,
    PATIENCE,
    SERVER,
    Daemon,
    configure,
    serving,
    started,
)
from tests.faces.mta.world import NOTHING, ask
from tests.io.test_policy_list import KEY, PUBLIC
from unstrip.io.openpgp import sign

ENCRYPT = b"10:OK encrypt,"
CROWD = 1000
LIMITS = f"[serve.limits]\nhalf = 0.3\nunread = 0.5\nconnections = {CROWD}\n"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    home = tmp_path_factory.mktemp("faults")
    config = configure(home, ("socketmap", HERE), ("exim", HERE), ("http", HERE), more=LIMITS)
    with serving(home, config) as running:
        yield running
        assert running.process.poll() is None
        assert running.ask("socketmap", ask(SERVER)) == ENCRYPT
        assert not [line for line in running.lines if " error " in line]


# -- clients -----------------------------------------------------------------------------------


def left(sock: socket.socket) -> bytes:
    """What comes until the other side is gone."""
    heard = b""
    with suppress(ConnectionResetError):
        while more := sock.recv(65536):
            heard += more
    return heard


@pytest.mark.parametrize(
    ("speaks", "said"),
    [
        ("socketmap", ask(SERVER)[:-3]),
        ("socketmap", b"1"),
        ("exim", b"options [127.0.0"),
        ("http", b"GET /v1/decision/exa"),
    ],
)
def test_who_says_half_a_request_is_left_and_counted(daemon, speaks, said):
    before = daemon.count("unstrip_cut_off_total", speaks=speaks)
    with daemon.connect(speaks) as sock:
        sock.sendall(said)
        assert left(sock) == b""
    assert daemon.until("unstrip_cut_off_total", before + 1, speaks=speaks)


@pytest.mark.parametrize(
    ("speaks", "said"),
    [
        ("socketmap", b"999999999:" + b"x" * 100),
        ("socketmap", b"10001:"),
        ("socketmap", b"9" * 100_000),
        ("socketmap", b"3:QUERY,"),
        ("exim", b"options " + b"x" * 100_000),
    ],
)
def test_who_says_too_much_is_left_and_counted(daemon, speaks, said):
    before = daemon.count("unstrip_garbled_total", speaks=speaks)
    with daemon.connect(speaks) as sock:
        with suppress(OSError):  # it may have hung up on us in the midst of it
            sock.sendall(said)
        assert left(sock) == b""
    assert daemon.until("unstrip_garbled_total", before + 1, speaks=speaks)


def test_who_says_too_much_over_http_is_told_so_and_counted(daemon):
    before = daemon.count("unstrip_answers_total", speaks="http", kind="perm")
    with daemon.connect("http") as sock:
        with suppress(OSError):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000)
        assert left(sock)[:12] in (b"", b"HTTP/1.1 431")
    assert daemon.until("unstrip_answers_total", before + 1, speaks="http", kind="perm")


def test_who_never_reads_is_left_and_counted(daemon):
    before = daemon.count("unstrip_cut_off_total", speaks="socketmap")
    with daemon.connect("socketmap") as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with suppress(OSError):  # no more is heard of us, and then we are left
            while True:
                sock.sendall(ask(SERVER) * 1000)
    assert daemon.until("unstrip_cut_off_total", before + 1, speaks="socketmap")


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_descriptors")
def test_a_crowd_is_answered_and_one_more_is_turned_away_and_counted(daemon):
    with ExitStack() as stack:
        crowd = [stack.enter_context(daemon.connect("socketmap")) for _ in range(CROWD)]
        for sock in crowd:
            sock.sendall(ask(SERVER))
        assert {sock.recv(100) for sock in crowd} == {ENCRYPT}
        assert daemon.count("unstrip_connections", speaks="socketmap") == CROWD
        before = daemon.count("unstrip_turned_away_total", speaks="socketmap")
        with daemon.connect("socketmap") as another:
            assert left(another) == b""
        assert daemon.count("unstrip_turned_away_total", speaks="socketmap") == before + 1
        crowd[0].sendall(ask(SERVER))
        assert crowd[0].recv(100) == ENCRYPT


# -- operators ---------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["127.0.0.1:{}", "unix:{}"])
def test_another_one_at_the_same_place_does_not_begin_and_the_first_goes_on(tmp_path, at):
    config = configure(tmp_path, ("socketmap", at.format(0 if "127" in at else tmp_path / "s")))
    with serving(tmp_path, config) as first:
        (tmp_path / "second").mkdir()
        again = configure(tmp_path / "second", ("socketmap", first.places["socketmap"]))
        with started(tmp_path / "second", "--config", again) as second:
            assert second.process.wait(PATIENCE) == 4
            second.wait("error: " + first.places["socketmap"])
        assert first.ask("socketmap", ask(SERVER)) == ENCRYPT
        assert first.stop() == 0


@contextmanager
def asking(daemon: Daemon, request: bytes) -> Iterator[set[bytes]]:
    """Ask without a pause from two connections; every answer that there was."""
    heard: set[bytes] = set()
    over = threading.Event()

    def client() -> None:
        with daemon.connect("socketmap") as sock:
            while not over.is_set():
                sock.sendall(request)
                heard.add(sock.recv(1000))

    clients = [threading.Thread(target=client) for _ in range(2)]
    for each in clients:
        each.start()
    try:
        yield heard
    finally:
        over.set()
        for each in clients:
            each.join(PATIENCE)


BROKEN = {
    "[": "config.toml: Invalid",
    "\nstroe = 1": "config.toml: unknown key \\'stroe\\' (at line 2)",
    'policy = "none.toml"': "none.toml cannot be read",
    'store = "/proc/nowhere/x"': "cannot be used",
    '[list]\nfile = "l"\nkey = "k"': "k cannot be read",
}


def reload(daemon: Daemon, outcome: str = "done") -> None:
    before = daemon.count("unstrip_reloads_total", outcome=outcome)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.until("unstrip_reloads_total", before + 1, outcome=outcome)


def test_broken_files_change_no_answer_under_load_and_are_counted(tmp_path):
    config = configure(tmp_path, ("socketmap", HERE), ("http", HERE))
    good = config.read_text()
    with serving(tmp_path, config) as daemon, asking(daemon, ask(SERVER)) as heard:
        for text, words in BROKEN.items():
            config.write_text(text)
            reload(daemon, "failed")
            assert words in daemon.lines[-1]
        config.write_text(good)
        reload(daemon)
        (tmp_path / "table.toml").write_text("[[rule]]\nhost = 1")
        reload(daemon, "failed")
        assert "table.toml: rule 1: host: expected text" in daemon.lines[-1]
    assert heard == {ENCRYPT}


# -- a list, whose time is over while the daemon runs -------------------------------------------

MANY = [f"{DOMAIN} MX 10 mx1.{DOMAIN}.", f"mx1.{DOMAIN} A 127.0.0.1"]
TOLD = f"OK secure match=mx1.{DOMAIN} servername=hostname".encode()
SETTINGS = 'store = "store.sqlite3"\n{}[list]\nfile = "list.json"\nkey = "key.asc"\n'


def publish(home: Path, expires: timedelta) -> None:
    """Put a newer list in the place of the one that is there."""
    now = datetime.now(UTC)
    policies = {DOMAIN: {"mode": "enforce", "mxs": [f"mx1.{DOMAIN}"]}}
    times = {"timestamp": now.isoformat(), "expires": (now + expires).isoformat()}
    body = json.dumps({**times, "version": "0.1", "policy-aliases": {}, "policies": policies})
    (home / "list.json").write_text(body)
    (home / "list.json.asc").write_bytes(sign(body.encode(), bytes(KEY)))


def until_said(daemon: Daemon, words: bytes) -> None:
    until = time.monotonic() + PATIENCE
    while words not in (heard := daemon.ask("socketmap", ask(DOMAIN))):
        assert time.monotonic() < until, f"{heard!r}"
        time.sleep(0.05)


def test_a_list_counts_until_its_time_is_over_and_again_when_it_is_renewed(tmp_path):
    (tmp_path / "key.asc").write_bytes(PUBLIC)
    publish(tmp_path, timedelta(days=7))
    with resolving(tmp_path, *MANY) as config:
        places = LISTEN.format("socketmap", HERE) + LISTEN.format("http", HERE)
        config.write_text(SETTINGS.format(config.read_text()) + places)
        with serving(tmp_path, config) as daemon, asking(daemon, ask(DOMAIN)) as heard:
            until_said(daemon, TOLD)
            publish(tmp_path, timedelta(seconds=2))
            reload(daemon)
            until_said(daemon, NOTHING)
            reload(daemon)
            before = daemon.count("unstrip_alarms_total", of="list")
            assert before >= 1
            publish(tmp_path, timedelta(days=7))
            reload(daemon)
            until_said(daemon, TOLD)
            (tmp_path / "list.json").write_text("{}")  # and is signed by nobody
            reload(daemon)
            until_said(daemon, TOLD)
            assert daemon.count("unstrip_alarms_total", of="list") == before + 1
            (tmp_path / "key.asc").unlink()
            reload(daemon, "failed")
            until_said(daemon, TOLD)
    assert {answer.partition(b":")[2] for answer in heard} == {TOLD + b",", NOTHING[2:]}

"""What systemd and the daemon say to each other: in this process, and with a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import closing

import pytest

from tests.faces.mta.process import HERE, SERVER, configure, serving, started
from tests.faces.mta.world import ask
from tests.io.tlsrpt.telling import told, wait_for
from unstrip.faces.mta.systemd import BadHandover, Systemd, handed_over
from unstrip.io.store import open_store

OURS = str(os.getpid())
# what systemd does before it runs a service: sockets from descriptor 3 on, and our number
HANDING_OVER = (
    "import os, sys;"
    "os.dup2(int(sys.argv[1]), 3);"
    "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES=sys.argv[2]);"
    "os.execv(sys.argv[3], sys.argv[3:])"
)


@pytest.fixture
def manager(tmp_path):
    """Where systemd hears."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(20)
        yield sock


def test_what_is_said_is_heard(manager, tmp_path):
    systemd = Systemd({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    for saying in (systemd.ready, systemd.alive, systemd.stopping, systemd.reloading):
        saying()
    assert [manager.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]
    reloading, clock = manager.recv(100).split(b"\n")
    assert reloading == b"RELOADING=1"
    assert clock.startswith(b"MONOTONIC_USEC=")


def test_a_manager_may_have_an_address_that_is_no_file():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0unstrip-{OURS}")
        Systemd({"NOTIFY_SOCKET": f"@unstrip-{OURS}"}).ready()
        sock.settimeout(5)
        assert sock.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all", "vsock:2:1"])
def test_nobody_to_talk_to_is_no_error(address):
    Systemd({"NOTIFY_SOCKET": address}).ready()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "3000000"}, 3),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": OURS}, 3),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
    ],
)
def test_the_watchdog_is_ours_if_it_says_so(said, seconds):
    environment = dict(said)
    assert Systemd(environment).watchdog == seconds
    assert environment == {}


def test_sockets_for_somebody_else_are_not_taken():
    assert handed_over({}) == []
    assert handed_over({"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"}) == []


@pytest.mark.parametrize(("count", "names"), [("x", ""), ("1", ""), ("2", "http"), ("1000", "")])
def test_a_handover_that_makes_no_sense_is_an_error(count, names):
    with pytest.raises(BadHandover):
        handed_over({"LISTEN_PID": OURS, "LISTEN_FDS": count, "LISTEN_FDNAMES": names})


# -- the daemon --------------------------------------------------------------------------------


def test_the_daemon_says_how_it_is(manager, tmp_path):
    watched = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "50000"}
    heard = []

    def until(words):
        while not heard or not heard[-1].startswith(words):
            heard.append(manager.recv(100))

    config = configure(tmp_path, ("socketmap", HERE))
    with serving(tmp_path, config, environment=watched) as daemon:
        until(b"READY=1")
        until(b"WATCHDOG=1")
        daemon.process.send_signal(signal.SIGHUP)
        until(b"RELOADING=1")
        until(b"READY=1")
        daemon.process.send_signal(signal.SIGTERM)
        until(b"STOPPING=1")


def activated(home, listener, name):
    """The daemon with a socket of systemd's."""
    command = (sys.executable, "-c", HANDING_OVER, str(listener.fileno()), name)
    config = configure(home, ("socketmap", f"unix:{home}/unused"))
    return started(home, "--config", config, command=command, pass_fds=(listener.fileno(),))


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_socket_of_systemd_takes_the_place_of_those_that_are_configured(tmp_path, family):
    with closing(socket.socket(family)) as listener:
        listener.bind(("127.0.0.1", 0) if family == socket.AF_INET else str(tmp_path / "s"))
        listener.listen()
        with activated(tmp_path, listener, "socketmap") as daemon:
            daemon.wait(" ready")
            with closing(socket.socket(family)) as sock:
                sock.settimeout(10)
                sock.connect(listener.getsockname())
                sock.sendall(ask(SERVER))
                assert sock.recv(100) == b"10:OK encrypt,"
            assert daemon.stop() == 0
    assert not (tmp_path / "unused").exists()


def test_a_socket_of_systemd_stays_when_the_daemon_ends(tmp_path):
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        with activated(tmp_path, listener, "exim") as daemon:
            daemon.wait(" ready")
            assert daemon.stop() == 0
    assert (tmp_path / "s").is_socket()


def test_a_socket_of_systemd_that_is_for_nothing_is_an_error(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        with activated(tmp_path, listener, "smtp") as daemon:
            assert daemon.process.wait(20) == 4
        assert "FileDescriptorName smtp" in daemon.wait("error")


def test_a_socket_of_systemd_at_which_nobody_listens_is_an_error(tmp_path):
    with closing(socket.socket()) as idle, activated(tmp_path, idle, "http") as daemon:
        assert daemon.process.wait(20) == 4
        assert "nobody listens at descriptor 3" in daemon.wait("error")


@pytest.mark.parametrize(
    ("name", "kind"), [("tlsrpt", socket.SOCK_STREAM), ("exim", socket.SOCK_DGRAM)]
)
def test_a_socket_of_the_wrong_kind_is_an_error(tmp_path, name, kind):
    with closing(socket.socket(socket.AF_UNIX, kind)) as listener:
        listener.bind(str(tmp_path / "s"))
        with activated(tmp_path, listener, name) as daemon:
            assert daemon.process.wait(20) == 4
            assert "another kind of socket" in daemon.log.read_text()


def test_datagrams_that_come_to_a_socket_of_systemd_are_counted_or_stay_there(tmp_path):
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(str(tmp_path / "s"))
        with activated(tmp_path, listener, "tlsrpt") as daemon:
            daemon.wait(" ready")
            with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sender:
                sender.settimeout(20)
                sender.connect(str(tmp_path / "s"))
                sender.send(told())
                wait_for(lambda: counted(tmp_path / "store.sqlite3"))
                assert daemon.stop() == 0
                sender.send(told())
        listener.setblocking(False)
        assert listener.recv(1000) == told()
    assert counted(tmp_path / "store.sqlite3") == 1


def counted(path):
    with closing(open_store(path)) as store:
        days = [found for day in store.days() for found in store.day(day)]
        return sum(tally.succeeded + tally.failed for day in days for tally in day.tallies)

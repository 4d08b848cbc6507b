"""The units in packaging/, as systemd reads them, and the daemon under what they allow it.

No systemd runs in the tests. What it would do is done by hand: the user, the directories, the
filter of system calls, sockets that are handed over.
"""

from __future__ import annotations

import configparser
import grp
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from tests.faces.mta.process import PATIENCE, SERVER, Daemon, configure, started
from tests.faces.mta.world import ask
from tests.interop.guide import blocks
from tests.interop.servers import public_directory
from tests.interop.servers.machine import free_ports, program

postfix_servers = import_module(
    "tests.interop.servers.postfix"
)  # the package has a function of that name
PACKAGING = Path(__file__).resolve().parent.parent.parent / "packaging"
ANALYZE = Path("/usr/bin/systemd-analyze")
USER = 61_789  # one that systemd might make up, and that nobody has here
GROUP = "mail"
ENCRYPT = b"10:OK encrypt,"
# the rest of the command is run as that user, with sockets from descriptor 3 on, and under a filter
CONFINED = """
import ctypes, json, os, struct, sys
given = json.loads(sys.argv[1])
seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
seccomp.seccomp_init.restype = ctypes.c_void_p
wanted = ctypes.c_void_p(seccomp.seccomp_init(0x80000000))  # who calls another one is killed
for name in given["calls"]:
    number = seccomp.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:
        assert seccomp.seccomp_rule_add(wanted, 0x7FFF0000, number, 0) == 0
for number, descriptor in enumerate(given["sockets"], 3):
    os.dup2(descriptor, number, inheritable=True)
if given["sockets"]:
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(given["sockets"])))
os.setgroups(given["groups"])
os.setgid(given["user"])
libc = ctypes.CDLL(None)
assert libc.prctl(8, 1, 0, 0, 0) == 0  # what is dropped is said below
os.setuid(given["user"])
os.umask(0o077)
reading = 2  # CAP_DAC_READ_SEARCH, for a Python that is in root's own directory; nothing else
version, sets = struct.pack("Ii", 0x20080522, 0), struct.pack("6I", *[1 << reading] * 3, 0, 0, 0)
assert libc.capset(version, sets) == 0
assert libc.prctl(47, 2, reading, 0, 0) == 0
assert libc.prctl(38, 1, 0, 0, 0) == 0  # no new privileges
assert seccomp.seccomp_load(wanted) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""


def unit(name: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None, strict=False)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read_string((PACKAGING / name).read_text())
    return found


# -- as systemd reads them ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def units() -> Iterator[Path]:
    """Where all of them are, with a program that is there."""
    with public_directory() as folder:
        text = (PACKAGING / "unstrip.service").read_text()
        text = text.replace("/opt/unstrip/bin/unstrip", "/bin/true")
        (folder / "unstrip.service").write_text(text)
        shutil.copy(PACKAGING / "unstrip@.socket", folder / "unstrip@socketmap.socket")
        yield folder


def analyzed(*words: object) -> str:
    command = [program("systemd-analyze", ANALYZE), *map(str, words)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("name", ["unstrip.service", "unstrip@socketmap.socket"])
def test_systemd_finds_no_fault_with_a_unit(units, name):
    assert analyzed("verify", "--man=no", units / name) == ""


def test_the_service_has_few_rights(units):
    told = analyzed("security", "--offline=yes", "--no-pager", units / "unstrip.service")
    (exposure,) = re.findall(r"exposure level for unstrip.service: ([0-9.]+)", told)
    assert float(exposure) < 2


# -- under what they allow -----------------------------------------------------------------------


@cache
def sets() -> dict[str, list[str]]:
    """The sets of system calls, and what is in each."""
    found: dict[str, list[str]] = {}
    for line in analyzed("syscall-filter", "--no-pager").splitlines():
        if line.startswith("@"):
            found[line] = []
        elif found and line.startswith("    ") and not line.lstrip().startswith("#"):
            found[list(found)[-1]].append(line.strip())
    return found


def members(name: str) -> set[str]:
    if not name.startswith("@"):
        return {name}
    return set().union(*map(members, sets()[name]))


def allowed() -> set[str]:
    """What the service may call; the lines are read in their order (systemd.exec(5))."""
    text = (PACKAGING / "unstrip.service").read_text()
    found = members("@default")
    for line in re.findall("^SystemCallFilter=(.*)$", text, re.MULTILINE):
        named = set().union(*map(members, line.removeprefix("~").split()))
        found = found - named if line.startswith("~") else found | named
    return found


@contextmanager
def confined(
    home: Path, *listen: tuple[str, str], sockets: dict[str, socket.socket] | None = None
) -> Iterator[Daemon]:
    """The daemon as the service runs it, with the directories that systemd would have made."""
    config, state = home / "etc/unstrip", home / "lib"
    config.mkdir(parents=True)
    (state / "unstrip").mkdir(parents=True)
    os.chown(state / "unstrip", USER, USER)
    configure(config, *listen, more='group = "mail"\n' if listen else "")
    text = (config / "config.toml").read_text()
    (config / "config.toml").write_text(text.replace('store = "store.sqlite3"\n', ""))
    files = [sock.fileno() for sock in (sockets or {}).values()]
    groups = [grp.getgrnam(GROUP).gr_gid]
    given = {"calls": sorted(allowed()), "sockets": files, "user": USER, "groups": groups}
    environment = {
        "XDG_CONFIG_HOME": str(home / "etc"),
        "XDG_STATE_HOME": str(state),
        "LISTEN_FDNAMES": ":".join(sockets or {}),
    }
    prelude = (sys.executable, "-c", CONFINED, json.dumps(given))
    with started(home, command=prelude, environment=environment, pass_fds=files) as daemon:
        daemon.wait(" ready")
        daemon.places = daemon.said_places()
        yield daemon


def reached(path: Path, *, user: int, group: int) -> str:
    """What somebody hears at a socket: the answer, or why there is none."""
    code = (
        "import os, socket, sys; os.setgroups([]); os.setgid(int(sys.argv[2]));"
        "os.setuid(int(sys.argv[3])); sock = socket.socket(socket.AF_UNIX)\n"
        "try: sock.connect(sys.argv[1]); sock.sendall(sys.argv[4].encode()); print(sock.recv(99))\n"
        "except PermissionError as error: print(error.strerror)"
    )
    words = [path, str(group), str(user), ask(SERVER).decode()]
    command = [sys.executable, "-c", code, *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    return ran.stdout.strip()


def test_as_the_service_it_serves_reloads_and_stops(tmp_path):
    with public_directory() as home:
        (home / "run").mkdir()
        os.chown(home / "run", USER, USER)
        path = home / "run/socketmap"
        with confined(home, ("http", "127.0.0.1:0"), ("socketmap", f"unix:{path}")) as daemon:
            found = path.stat()
            assert (found.st_uid, found.st_gid) == (USER, grp.getgrnam(GROUP).gr_gid)
            assert reached(path, user=USER + 1, group=found.st_gid) == str(ENCRYPT)
            assert reached(path, user=USER + 1, group=USER + 1) == "Permission denied"
            assert b"TEMP" in daemon.ask("socketmap", ask("example.org"))  # and it has asked
            assert daemon.get("/healthz")[0] == 200
            daemon.process.send_signal(signal.SIGHUP)
            daemon.until("unstrip_reloads_total", outcome="done")
            store = home / "lib/unstrip/store.sqlite3"
            assert (store.stat().st_uid, store.stat().st_mode & 0o777) == (USER, 0o600)
            assert not any(" warning root " in line for line in daemon.lines)
            assert daemon.stop() == 0
        assert not path.exists()


def test_a_chrooted_smtp_reaches_it_by_the_socket_that_systemd_makes(
    monkeypatch, directory, certificates
):
    """Debian's smtp(8) is chrooted to the queue directory, where the daemon may make nothing."""
    services = postfix_servers.SENDING_SERVICES
    chrooted = services.replace("smtp unix - - n", "smtp unix - - y")
    assert chrooted != services
    monkeypatch.setattr(postfix_servers, "SENDING_SERVICES", chrooted)
    (line,) = [each for each in blocks("postfix.md") if "unix:" in each]
    told = dict([line.strip().split(" = ", 1)])
    listen = unit("unstrip@.socket")["Socket"]["ListenStream"].replace("%i", "socketmap")
    within = Path(listen).relative_to("/var/spool/postfix")
    (port,) = free_ports(1)  # nobody is there, and nobody has to be
    settings = {"relayhost": f"[127.0.0.1]:{port}", "smtp_tls_security_level": "may", **told}
    with ExitStack() as stack:
        sender = stack.enter_context(
            postfix_servers.postfix_sender(directory, certificates, **settings)
        )
        path = sender.home / "queue" / within
        path.parent.mkdir(mode=0o755)
        asking = stack.enter_context(socket.socket(socket.AF_UNIX))
        asking.bind(str(path))
        shutil.chown(path, group=unit("unstrip@.socket")["Socket"]["SocketGroup"])
        path.chmod(int(unit("unstrip@.socket")["Socket"]["SocketMode"], 8))
        asking.listen()
        pages = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        home = stack.enter_context(public_directory())
        sockets = {"socketmap": asking, "http": pages}
        daemon = stack.enter_context(confined(home, sockets=sockets))
        sender.give(("a@sender.example", "b@elsewhere.example", b"Subject: x\r\n\r\nx\r\n"))
        daemon.until("unstrip_answers_total", speaks="socketmap", level="encrypt")
        assert daemon.stop() == 0
        assert path.is_socket()

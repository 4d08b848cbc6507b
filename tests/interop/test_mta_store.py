"""What goes wrong with the store of a daemon: it goes on, forgets nothing, and says so.

The daemon is a process of its own, and so is each fault: a disk that is really full, a process that
really holds the lock, bytes that are really overwritten, SIGKILL.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import dns.rdatatype
import pytest

from tests.faces.cli.command import run
from tests.faces.cli.names import known
from tests.faces.mta.process import HERE, LISTEN, PATIENCE, SCRIPT, Daemon, serving
from tests.faces.mta.world import NOTHING, ask
from tests.interop.test_mta_faults import BAD, GOOD, POLICY, SETTINGS, address, told
from tests.interop.world.policy_host import PolicyHost, Served
from tests.io.resolver.nameserver import SOA, Call, name_server, validating
from tests.io.store.faults import damage, locked
from unstrip.io.store import open_store
from unstrip.lab.authority import Authority

FULL = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'
KEPT = tuple(f"kept{number}.example" for number in range(40))
STRICT, LATER, PLAIN, MUTE = (f"{name}.example" for name in ("strict", "later", "plain", "mute"))


@dataclass
class Out:
    """The world out there.

    Attributes: policies: the address of the policy host; silent: the domains of which nobody can
        say whether they have a policy.
    """

    policies: str
    authority: Authority
    web: PolicyHost
    port: int = 0
    silent: set[str] = field(default_factory=set)

    def names(self, call: Call) -> None:
        """Every domain has a server, and all but one have a policy."""
        question = call.query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        if kind == "TXT" and name.removeprefix("_mta-sts.") in self.silent:
            call.say(call.reply(rcode="SERVFAIL"))
            return
        data = {
            "MX": f"10 mx.{name}." if name.count(".") == 1 else "",
            "TXT": '"v=STSv1; id=1;"' if not name.endswith(PLAIN) else "",
            "A": self.policies if name.startswith("mta-sts.") else "127.0.0.1",
        }.get(kind, "")
        there = (f"{name}. 1 IN {kind} {data}",) if data else ()
        call.say(call.reply(*there, authority=() if there else (SOA,)))


@pytest.fixture(scope="module")
def out() -> Iterator[Out]:
    with Authority() as authority:
        policies = address()
        found = Out(policies, authority, PolicyHost(policies, authority))
        with name_server(validating(GOOD, BAD, found.names)) as resolver, found.web.serving():
            found.port = resolver.server.port
            yield found


@pytest.fixture(autouse=True)
def all_is_well_out_there(out: Out) -> None:
    out.silent.clear()
    for name in (STRICT, LATER, *KEPT):
        out.web.answers[name] = Served(POLICY)


@contextmanager
def daemon_of(home: Path, out: Out, **how: object) -> Iterator[Daemon]:
    config = home / "config.toml"
    places = "".join(LISTEN.format(speaks, HERE) for speaks in ("socketmap", "http"))
    config.write_text(SETTINGS.format(port=out.port).replace('"store.', '"kept/store.') + places)
    (home / "kept").mkdir(exist_ok=True)
    roots = {"SSL_CERT_FILE": str(out.authority.ca_file)}
    with serving(home, config, environment=roots, **how) as running:
        yield running


def said(daemon: Daemon, name: str) -> bytes:
    return daemon.ask("socketmap", ask(name))


def eventually(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 2 * PATIENCE
    while not what():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.05)


def health(daemon: Daemon) -> dict[str, object]:
    status, body = daemon.get("/healthz")
    assert status == 200
    return json.loads(body)


def forget_replies(daemon: Daemon) -> None:
    """Have nothing ready any more."""
    times = sum(" reloaded" in line for line in daemon.lines)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait(" reloaded", times + 1)


def fill_up(folder: Path) -> Path:
    path = folder / "filling"
    with path.open("wb", buffering=0) as filling, suppress(OSError):
        while True:
            filling.write(b"x" * 512)
    return path


def is_kept(daemon: Daemon, folder: Path, name: str) -> bool:
    """Whether that is on the daemon's own disk, which is mounted for it alone."""
    there = ("nsenter", "--mount", f"--target={daemon.process.pid}", SCRIPT)
    shown = ("policy", "show", name, "--store", folder / "store.sqlite3")
    return subprocess.run((*there, *shown), capture_output=True, check=False).returncode == 0


def test_what_is_found_out_while_the_disk_is_full_is_told_and_kept_and_written_later(tmp_path, out):
    folder = tmp_path / "kept"
    command = ("unshare", "--mount", "sh", "-c", FULL, str(folder))
    with daemon_of(tmp_path, out, command=command) as daemon:
        inside = Path(f"/proc/{daemon.process.pid}/root") / folder.relative_to("/")
        assert said(daemon, PLAIN) == NOTHING
        filling = fill_up(inside)
        assert said(daemon, STRICT) == told(STRICT)
        assert daemon.count("unstrip_store_failures_total", operation="write")
        assert daemon.count("unstrip_store_unsaved") == 1
        assert "is not written yet" in str(health(daemon)["ails"])
        assert daemon.wait(" store fails to=write ")
        out.silent.add(STRICT)
        out.web.answers[STRICT] = Served("", status="503 Service Unavailable")
        forget_replies(daemon)
        assert said(daemon, STRICT) == told(STRICT)
        assert not is_kept(daemon, folder, STRICT)
        filling.unlink()
        eventually(lambda: health(daemon) == {"status": "ok"})
        assert is_kept(daemon, folder, STRICT)
        assert daemon.count("unstrip_store_unsaved") == 0
        assert daemon.wait(" store works to=write")


def test_while_another_process_has_the_store_what_is_ready_and_what_is_new_is_told(tmp_path, out):
    with daemon_of(tmp_path, out) as daemon:
        assert said(daemon, STRICT) == told(STRICT)
        with locked(tmp_path / "kept" / "store.sqlite3"):
            assert b"TEMP" in said(daemon, LATER)  # it has its patience, and the store has its own
            assert [said(daemon, STRICT) for _ in range(20)] == [told(STRICT)] * 20
            eventually(lambda: said(daemon, LATER) == told(LATER))
            assert "locked" in health(daemon)["ails"][0]
            assert daemon.count("unstrip_store_failures_total", operation="write")
        assert daemon.count("unstrip_store_failures_total", operation="read") == 0


def keep(home: Path) -> Path:
    """A store with many policies, beside which nothing has to be asked."""
    path = home / "kept" / "store.sqlite3"
    with closing(open_store(path)) as store:
        for name in KEPT:
            store.remember(None, known(POLICY.replace("{domain}", name), domain=name))
    return path


@pytest.mark.parametrize("running", [True, False], ids=["while-running", "at-the-start"])
def test_a_damaged_store_is_put_aside_and_no_answer_is_looser(tmp_path, out, running):
    path = keep(tmp_path)
    if not running:
        damage(path, slice(7, 12))
    out.silent |= {*KEPT, MUTE}
    with daemon_of(tmp_path, out) as daemon:
        if running:
            assert said(daemon, KEPT[0]) == told(KEPT[0])
            damage(path)
            forget_replies(daemon)
        answers = {name: said(daemon, name) for name in (*KEPT, MUTE, PLAIN)}
        assert answers[PLAIN] == NOTHING
        assert b"TEMP the store was damaged on " in answers[MUTE]
        held = [name for name in KEPT if answers[name] == told(name)]
        assert held if running else len(held) > 20
        assert all(b"TEMP the store was damaged" in answers[n] for n in KEPT if n not in held)
        assert daemon.wait(" alarm of=store words='a damaged store was moved to ")
        assert daemon.count("unstrip_store_rescues_total") == 1
        assert daemon.count("unstrip_store_lost_seconds") > 0
        assert "unstrip policy forget --lost" in health(daemon)["ails"][0]
        assert len(list(path.parent.glob("store.sqlite3.damaged-*Z"))) == 1
        assert run("policy", "forget", "--lost", "--store", path).code == 0
        forget_replies(daemon)
        assert said(daemon, MUTE) == NOTHING  # RFC 8461, 5.1
        eventually(lambda: health(daemon) == {"status": "ok"})


def test_whatever_was_told_is_kept_though_the_daemon_was_killed_while_it_wrote(tmp_path, out):
    chance, heard = random.Random(7), {}
    path = tmp_path / "kept" / "store.sqlite3"
    for life in range(4):
        names = [f"life{life}-{number}.example" for number in range(40)]
        out.web.answers |= dict.fromkeys(names, Served(POLICY))
        with daemon_of(tmp_path, out) as daemon, ThreadPoolExecutor(len(names)) as clients:

            def asked(name: str, daemon: Daemon = daemon) -> None:
                with suppress(OSError):
                    heard[name] = said(daemon, name)

            over = clients.map(asked, names)
            eventually(lambda life=life: any(f"life{life}-" in name for name in heard))
            time.sleep(chance.uniform(0, 0.2))
            daemon.process.send_signal(signal.SIGKILL)
            list(over)
        with closing(open_store(path)) as store:
            assert store._database.rows("pragma integrity_check") == [("ok",)]
            assert all(store.known(name) for name in heard if heard[name] == told(name))
    assert sum(heard[name] == told(name) for name in heard) > 4

"""What mail servers are told on the wire, heard by the servers' own programs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faces.mta.world import PLAIN, STRICT, policy, world
from tests.interop.daemon import serving
from tests.interop.servers import public_directory
from tests.interop.servers.exim import exim_program
from tests.interop.servers.machine import make_home, program
from tests.io.test_inquiry import World
from unstrip.io.store import open_store
from unstrip.mta.readsocket import ReadSocket
from unstrip.mta.socketmap import Socketmap
from unstrip.mta.tcp_table import TcpTable

POSTMAP = Path("/usr/sbin/postmap")
PATIENCE = 30.0  # seconds
TOLD = f"secure match=mx.{STRICT} servername=hostname"
SMART = f"mx.{PLAIN}"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with public_directory() as directory:
        yield directory


# -- Postfix -----------------------------------------------------------------------------------


def postmap(home: Path, table: str, key: str) -> tuple[int, str, str]:
    """What postmap says of a key: its exit status, what it found, and its complaints."""
    file = home / "etc/main.cf"
    file.parent.mkdir(exist_ok=True)
    file.write_text("compatibility_level = 3.6\n")
    os.utime(file, (0, 0))  # Postfix waits until nobody could still be writing it
    command = [program("postmap", POSTMAP), "-c", str(file.parent), "-q", key, table]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    return ran.returncode, ran.stdout.strip(), ran.stderr


def some_world() -> World:
    there = world()
    there.say(*policy(SMART, SMART))
    return there


@pytest.fixture(scope="module", params=["inet", "unix", "tcp"])
def table(request, home) -> Iterator[str]:
    """A table as it stands in Postfix's configuration."""
    tcp = request.param == "tcp"
    path = home / "socketmap" if request.param == "unix" else None

    def make():
        return some_world().inquiry(memory=open_store(home / f"{request.param}.sqlite3"))

    with serving(TcpTable() if tcp else Socketmap(), make, path) as place:
        yield place.replace("inet:", "tcp:") if tcp else f"socketmap:{place}:QUERY"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (STRICT, TOLD),
        (STRICT.upper(), TOLD),
        (f"{STRICT}.", TOLD),
        (f"{STRICT}:2525", TOLD),
        (f"[{SMART}]:587", f"secure match={SMART} servername=hostname"),
    ],
)
def test_postfix_finds_a_policy_under_each_key_that_it_asks_with(home, table, key, text):
    assert postmap(home, table, key) == (0, text, "")


@pytest.mark.parametrize("key", [PLAIN, f".{STRICT}", ".example", "[192.0.2.1]", "/run/lmtp"])
def test_postfix_finds_none_where_there_is_none(home, table, key):
    assert postmap(home, table, key) == (1, "", "")


@pytest.mark.parametrize("key", [f"[{STRICT}", "a b", "unheard.example"])
def test_postfix_waits_where_it_cannot_be_said(home, table, key):
    status, text, complaint = postmap(home, table, key)
    assert (status, text) == (1, "")
    assert "query error" in complaint


def test_postfix_is_told_why_it_has_to_wait(home):
    with serving(Socketmap(), _Broken) as place:
        _, _, complaint = postmap(home, f"socketmap:{place}:QUERY", PLAIN)
        assert "socketmap server temporary error: ZeroDivisionError: no answer" in complaint
        _, _, complaint = postmap(home, f"socketmap:{place}:OTHER", PLAIN)
        assert "socketmap server permanent error: no map is named 'OTHER' here" in complaint


class _Broken:
    async def decided(self, domain, port):
        raise ZeroDivisionError("no answer")

    next_hop = decided


# -- Exim --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "option", "value"),
    [
        (STRICT, "tls_verify_hosts", r"^mx\.strict\.example$"),
        (STRICT, "hosts_require_tls", "*"),
        (PLAIN, "hosts_require_tls", ""),
        (f"[{SMART}]:587", "hosts_avoid_tls", r"!^mx\.plain\.example$ : *"),
        ("[192.0.2.1]", "hosts_avoid_tls", ""),
        ("a b", "defer", ":defer: 'a b' is no next hop"),
        ("a b", "hosts_avoid_tls", "*"),
    ],
)
def test_exim_reads_each_option_out_of_the_line(home, key, option, value):
    with serving(ReadSocket(), some_world().inquiry, make_home(home, "expansion") / "s") as place:
        path = place.removeprefix("unix:")
        asked = rf"${{readsocket{{{path}}}{{options {key}\n}}{{5s}}}}"
        text = f"<${{extract{{{option}}}{{{asked}}}{{$value}}{{NONE}}}}>"
        command = [exim_program(), "-C", "/dev/null", "-be", text]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert ran.stdout == f"<{value}>\n"

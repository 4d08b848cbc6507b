"""What the guides for mail operators say, done with the real programs and the real daemon."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faces.cli.names import resolving
from tests.faces.mta.process import HERE, LISTEN, Daemon, serving
from tests.interop.guide import at_home, blocks
from tests.interop.servers import Certificates, SmtpServer, exim, public_directory
from tests.interop.servers.exim import EXIM_WITHOUT_STARTTLS, TO_THIS_MACHINE, exim_sender
from tests.interop.servers.machine import make_home, program

POSTMAP, POSTCONF = Path("/usr/sbin/postmap"), Path("/usr/sbin/postconf")
PATIENCE = 30.0  # seconds
STRICT, PLAIN, LOST = "strict.example", "plain.example", "lost.example"
RECORDS = [
    *(f"{name} MX 10 localhost." for name in (STRICT, PLAIN)),
    "localhost A 127.0.0.1",
]
TABLE = f'[[rule]]\nhost = "{STRICT}"\nrequire = "verify"\n'


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with public_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def daemon(home: Path) -> Iterator[Daemon]:
    with a_daemon(make_home(home, "daemon")) as running:
        yield running


@contextmanager
def a_daemon(home: Path) -> Iterator[Daemon]:
    """The daemon, with a table and a resolver of its own, at any free ports."""
    (home / "table.toml").write_text(TABLE)
    with resolving(home, *RECORDS, failing=LOST) as config:
        places = "".join(LISTEN.format(speaks, HERE) for speaks in ("socketmap", "exim"))
        top = 'store = "store.sqlite3"\npolicy = "table.toml"\n'
        config.write_text(f"{top}{config.read_text()}{places}")
        with serving(home, config) as running:
            yield running


# -- Postfix -----------------------------------------------------------------------------------


@pytest.fixture(params=[0, 1], ids=["any", "from 3.10 on"])
def postfix(request, home: Path, daemon: Daemon) -> tuple[Path, str]:
    """A Postfix's directory with what the guide says in its main.cf, and its map."""
    _, first, newer = blocks("postfix.md")[:3]
    lines = first.splitlines()
    if request.param:
        lines[0] = newer.strip()
    directory = make_home(home, "postfix")
    file = directory / "main.cf"
    file.write_text("compatibility_level = 3.6\n" + at_home("\n".join(lines), daemon) + "\n")
    os.utime(file, (0, 0))  # Postfix waits until nobody could still be writing it
    command = [program("postconf", POSTCONF), "-c", directory, "-h", "smtp_tls_policy_maps"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    return directory, ran.stdout.strip()


def postmap(postfix: tuple[Path, str], key: str) -> tuple[int, str, str]:
    """What postmap says of a key: its exit status, what it found, and its complaints."""
    directory, table = postfix
    command = [program("postmap", POSTMAP), "-c", directory, "-q", key, table]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    return ran.returncode, ran.stdout.strip(), ran.stderr


def test_postfix_knows_each_line_of_the_guide(postfix):
    directory, _ = postfix
    command = [program("postconf", POSTCONF), "-c", directory, "-n"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert "unused parameter" not in ran.stderr
    names = [line.partition(" =")[0] for line in blocks("postfix.md")[1].splitlines()]
    assert set(names) <= {line.partition(" =")[0] for line in ran.stdout.splitlines()}


def test_postfix_is_told_of_a_policy_of_none_and_to_wait(postfix):
    assert postmap(postfix, STRICT) == (0, "secure match=localhost servername=hostname", "")
    assert postmap(postfix, PLAIN) == (1, "", "")
    status, _, complaint = postmap(postfix, LOST)
    assert status == 1
    assert "temporary error" in complaint


# -- Exim --------------------------------------------------------------------------------------


def sent(
    home: Path, certificates: Certificates, server: SmtpServer, asked: Daemon, domain: str
) -> str:
    """What an Exim set as the guide says logs of one message: "=>" delivered, "==" it waits."""
    router, _, transport = blocks("exim.md")
    routers = at_home(router, asked) + TO_THIS_MACHINE
    sender = exim_sender(home, certificates.ca, server.smtp, routers=routers, transport=transport)
    return sender.sent(domain)


@pytest.fixture(scope="module")
def clear_server(home: Path, certificates: Certificates) -> Iterator[SmtpServer]:
    with exim(home, certificates, **EXIM_WITHOUT_STARTTLS) as running:
        yield running


def test_exim_verifies_where_a_policy_says_so(home, certificates, exim_server, daemon):
    line = sent(home, certificates, exim_server, daemon, STRICT)
    assert " => " in line
    assert " CV=yes " in line


def test_exim_keeps_mail_where_tls_is_stripped(home, certificates, clear_server, daemon):
    line = sent(home, certificates, clear_server, daemon, STRICT)
    assert " == " in line
    assert "a TLS session is required" in line


def test_exim_sends_in_clear_where_there_is_no_policy(home, certificates, clear_server, daemon):
    line = sent(home, certificates, clear_server, daemon, PLAIN)
    assert " => " in line
    assert " X=TLS" not in line


def test_exim_keeps_mail_where_it_cannot_be_found_out(home, certificates, exim_server, daemon):
    line = sent(home, certificates, exim_server, daemon, LOST)
    assert " == " in line
    assert "R=unstrip defer" in line


def test_exim_keeps_mail_where_the_daemon_is_gone(home, certificates, clear_server):
    with a_daemon(make_home(home, "gone")) as daemon:
        assert daemon.stop() == 0
    line = sent(home, certificates, clear_server, daemon, PLAIN)
    assert " == " in line
    assert "onnect" in line

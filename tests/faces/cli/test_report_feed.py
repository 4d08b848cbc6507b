"""`unstrip report feed`: from a log on the disk into the store, with real DNS."""

from __future__ import annotations

import subprocess
from contextlib import closing
from datetime import UTC, datetime

import pytest

from tests.faces.cli.command import PATIENCE, SCRIPT, run
from tests.faces.cli.names import DOMAIN, HOSTS, MX, resolving
from tests.tlsrpt.test_exim import HERE, ID, THERE, TLS, C
from unstrip.io.store import default_path, open_store

TXT = f'_smtp._tls.{DOMAIN} TXT "v=TLSRPTv1; rua=mailto:a@{DOMAIN}"'
WORLD = (MX, *HOSTS)


@pytest.fixture
def log(home):
    """One session, just now."""
    path = home / "mainlog"
    path.write_text(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} +0000 {ID} => {THERE} {HERE} {TLS} {C}\n"
    )
    return path


def sessions() -> int:
    with closing(open_store(default_path())) as store:
        tallies = [
            each for day in store.days() for found in store.day(day) for each in found.tallies
        ]
    return sum(each.succeeded + each.failed for each in tallies)


def test_a_log_is_counted_and_not_again(home, log):
    with resolving(home, *WORLD, TXT) as config:
        feed = ("report", "feed", "exim", log, "--config", config)
        assert run(*feed).out == "1 session counted\n"
        again = run(*feed)
    assert (again.code, again.out) == (0, "0 sessions counted\n")
    assert sessions() == 1


def test_why_sessions_are_not_counted_is_said(home, log):
    with resolving(home, *WORLD) as config:
        ran = run("report", "feed", "exim", log, "--config", config)
    assert (ran.code, sessions()) == (0, 0)
    assert ran.out.splitlines()[1:] == ["1 session not: their domains ask for no reports"]


def test_what_could_not_be_looked_up_is_an_exit_code(home, log):
    with resolving(home, *WORLD, failing=f"_smtp._tls.{DOMAIN}") as config:
        ran = run("report", "feed", "exim", log, "--config", config)
    assert ran.code == 4
    assert "1 session not: their domains could not be looked up" in ran.out


def test_what_comes_by_a_pipe_is_counted_whole(home, log):
    with resolving(home, *WORLD, TXT) as config:
        ran = subprocess.run(
            [SCRIPT, "report", "feed", "exim", "-", "--config", config],
            input=log.read_bytes().removesuffix(b"\n"),
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
    assert (ran.returncode, ran.stdout) == (0, b"1 session counted\n"), ran.stderr


def test_a_log_that_is_not_there_is_said(home):
    with resolving(home) as config:
        ran = run("report", "feed", "exim", home / "nothing", "--config", config)
    assert ran.code == 2
    assert "nothing cannot be read: no such file or directory" in ran.err

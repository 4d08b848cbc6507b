"""`unstrip lab --test-server`: a line for each attempt, and an exit code that fails."""

from __future__ import annotations

import json
import socket
from functools import partial

import pytest

from tests.faces.cli.command import run
from tests.io.hostile import honest, serving
from tests.lab.probing.bench import gullibly
from unstrip.faces.cli import tester
from unstrip.lab.probing import SUBJECTS, Result, Trial, attempts
from unstrip.wire import Wire


@pytest.fixture
def good(pki):
    with serving(partial(honest, pki, "smtp")) as server:
        yield server


def trying(server, *words):
    where = f"127.0.0.1:{server.port}"
    return run("lab", "--test-server", where, "--protocol", "smtp", *words)


def test_a_clean_server_ends_well(good):
    ran = trying(good)
    assert ran.code == 0, ran
    first, _, *lines, _, last = ran.out.splitlines()
    assert "its certificate is not verified" in first
    assert len(lines) == len(list(attempts(SUBJECTS["smtp"])))
    assert all(line.startswith("clean ") for line in lines)
    assert last == f"{len(lines)} clean, 0 vulnerable, 0 could not tell   exit 0"


def test_a_vulnerable_server_ends_badly_with_the_bytes_that_prove_it(good, monkeypatch):
    monkeypatch.setattr(Wire, "accept_tls", gullibly)
    ran = trying(good)
    assert ran.code == 1
    (line,) = [line for line in ran.out.splitlines() if " B-01 " in line]
    assert line.startswith("vulnerable ")
    assert line.endswith(r"'250 2.0.0 Ok\r\n'")


def test_as_json_it_is_an_object_for_each_attempt(good):
    ran = trying(good, "--json")
    told = [json.loads(line) for line in ran.out.splitlines()]
    assert {one["result"] for one in told} == {"clean"}
    assert {one["number"] for one in told} >= {"B-01", "B-02", "B-03", "B-04", "B-05", "T-08"}
    assert all(one["what"] and one["why"] for one in told)


def test_a_server_that_grants_no_tls_could_not_be_trying(pki):
    with serving(lambda peer: peer.say(b"220 a server\r\n")) as server:
        ran = trying(server)
    assert ran.code == 4
    assert "an honest upgrade goes wrong" in ran.err


def test_a_server_that_breaks_down_when_it_was_found_out_was_found_out(good, monkeypatch):
    monkeypatch.setattr(Wire, "accept_tls", gullibly)
    monkeypatch.setattr(tester, "examine", breaking_down)
    ran = trying(good)
    assert ran.code == 1
    assert "gone" in ran.err


async def breaking_down(protocol, host, port, *, login):
    yield Trial("B-01", "a command", Result.VULNERABLE, "it answers", b"250")
    raise ConnectionResetError("gone")


def test_nobody_there_could_not_be_trying():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ran = run("lab", "--test-server", f"127.0.0.1:{port}", "--protocol", "smtp")
    assert ran.code == 4


def test_a_login_is_tried_where_there_is_an_account(good):
    ran = trying(good, "--login", "somebody:secret")
    assert " T-07 " in ran.out
    assert "secret" not in ran.out
    assert " T-07 " not in trying(good).out


WRONG = {
    "no protocol": ("--test-server", "127.0.0.1:25"),
    "unknown protocol": ("--test-server", "127.0.0.1:25", "--protocol", "gopher"),
    "another machine": ("--test-server", "192.0.2.1:25", "--protocol", "smtp"),
    "no port": ("--test-server", "127.0.0.1", "--protocol", "smtp"),
    "no password": (
        *("--test-server", "127.0.0.1:25", "--protocol", "smtp"),
        *("--login", "somebody"),
    ),
    "no use for one": (
        *("--test-server", "127.0.0.1:25", "--protocol", "nut"),
        *("--login", "somebody:secret"),
    ),
}


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG)
def test_what_cannot_be_understood_is_said_and_not_tried(words):
    ran = run("lab", *words)
    assert ran.code == 2
    assert ran.err.startswith("unstrip: error: ")
    assert "secret" not in ran.err
    assert not ran.out

"""`unstrip explain --via-daemon`: a daemon that runs, and what it believes, told as our own."""

from __future__ import annotations

import json
import re
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faces.cli.command import Ran, run
from tests.faces.cli.names import BAD, DOMAIN, GOOD, HOSTS, MX, NOWHERE, SECOND, TLSA, served
from tests.faces.mta.process import LISTEN, Daemon, serving

FREED, LOST = "freed.example", "lost.example"
RECORDS = (MX, SECOND, *HOSTS, TLSA, f"{FREED} MX 10 mx1.{DOMAIN}.")
RULE = '[[rule]]\nhost = "{}"\nrequire = "{}"\noverride = true\n'
TABLE = "".join(
    RULE.format(*words) for words in ((FREED, "may"), (LOST, "encrypt"), ("127.0.0.1", "encrypt"))
)


@dataclass(frozen=True)
class World:
    """A daemon, the same configuration for ourselves, and where it speaks HTTP."""

    daemon: Daemon
    config: Path
    url: str
    path: str

    def explain(self, *words: object, url: str = "") -> Ran:
        return run("explain", *words, f"--via-daemon={url or self.url}")

    def ourselves(self, *words: object) -> Ran:
        return run("explain", *words, "--config", self.config, "--no-store")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    home = tmp_path_factory.mktemp("daemon")
    unix = f"unix:{home}/http"
    (home / "table.toml").write_text(TABLE)
    with served(RECORDS, failing=LOST, secure=True) as server:
        config = home / "config.toml"
        places = LISTEN.format("http", unix) + LISTEN.format("http", "127.0.0.1:0")
        config.write_text(
            'store = "store.sqlite3"\npolicy = "table.toml"\n'
            f'[resolver]\nservers = ["127.0.0.1@{server.server.port}"]\n'
            f'validates = "{GOOD}"\nfails = "{BAD}"\n{places}'
        )
        with serving(home, config) as daemon:
            yield World(daemon, config, f"http://{daemon.places['http']}", unix)


def without_times(text: str) -> str:
    """What is said from there on where nobody's clock is in it."""
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "then", text.partition("\nfound\n")[2])


@pytest.mark.parametrize("domain", [DOMAIN, FREED, LOST, NOWHERE])
def test_what_the_daemon_believes_is_told_as_what_we_find_out_ourselves(world, domain):
    ran, ours = world.explain(domain), world.ourselves(domain)
    assert ran.err == ours.err == ""
    assert ran.code == ours.code
    assert f"the daemon at {world.url}: from " in ran.out
    assert without_times(ran.out)
    mended = re.sub(r"  mta-sts: known from .*\n", "", without_times(ran.out))
    assert mended == without_times(ours.out)


def test_a_daemon_that_starts_with_rules_that_override_says_so(world):
    told = world.daemon.wait(" overriding ")
    assert f"all other policies are overridden by rule 1: {FREED} require may; rule 2" in told


def test_what_the_operator_overrides_is_said(world):
    ran = world.explain(FREED)
    assert "so: may, by rule 1 of your own table alone, which overrides dane (verify)" in ran.out
    assert "found: may\n" in ran.out
    assert ran.code == 1
    lost = world.explain(LOST)
    assert "whichever its servers are" in lost.out
    assert "found: encrypt\n" in lost.out
    assert "its servers could not be found out" in lost.out
    assert lost.code == 4


def test_it_is_told_as_json_too_and_of_several_in_their_order(world):
    ran = world.explain(DOMAIN, "[127.0.0.1]:587", "--json", url=world.path)
    first, second = map(json.loads, ran.out.splitlines())
    assert (first["domain"], second["domain"]) == (DOMAIN, "127.0.0.1")
    assert (first["daemon"], first["asked"]) == (world.path, [])
    (server,) = second["derivation"]["destinations"]
    assert server["endpoint"]["port"] == 587
    assert server["decision"]["because"][0]["overrides"] is True
    own = json.loads(world.ourselves(DOMAIN, "--json").out)
    assert own.keys() == first.keys()
    for key in ("postfix", "postfix_3_10", "exim", "exit"):
        assert own[key] == first[key]


def test_a_daemon_that_is_not_there_is_told_with_what_could_be_done():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    ran = run("explain", DOMAIN, f"--via-daemon=http://127.0.0.1:{port}")
    assert (ran.code, ran.out) == (4, "")
    assert f"unstrip: error: http://127.0.0.1:{port} cannot be asked: " in ran.err
    assert "unstrip: hint: is `unstrip serve` running" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--via-daemon", DOMAIN), "write DOMAIN before it"),
        ((DOMAIN, "--via-daemon", "--no-store"), "is for the daemon to say"),
        ((DOMAIN, "--via-daemon", "--service", "_imaps._tcp"), "knows nothing but mail"),
        ((DOMAIN, "--via-daemon=https://127.0.0.1:8463"), "neither http://ADDRESS:PORT"),
        (("a@b", "--via-daemon"), "is no next hop"),
        ((f".{DOMAIN}", "--via-daemon"), "is no next hop"),
    ],
)
def test_what_cannot_be_meant_is_a_mistake(words, said):
    ran = run("explain", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_by_default_it_is_asked_where_it_is_by_default():
    """If somebody runs one there it answers, else it is told that nobody does."""
    ran = run("explain", NOWHERE, "--via-daemon")
    assert ran.code == 4
    assert "http://127.0.0.1:8463" in ran.out + ran.err

"""`unstrip lab`: a hostile path on this machine, and on no other."""

from __future__ import annotations

import json
import re
import signal
from functools import partial

import pytest

from tests.conftest import SERVER
from tests.faces.cli.command import PATIENCE, interrupt, run, run_apart, started
from tests.io.hostile import honest, serving
from unstrip.lab.tricks import TRICKS
from unstrip.verdict import Code

WHERE = re.compile(r"127\.0\.0\.1:(\d+)")


@pytest.fixture
def good(pki):
    with serving(partial(honest, pki, "smtp")) as server:
        yield server


def through(trick, server, *words):
    """The lab with this trick before the server."""
    to = f"127.0.0.1:{server.port}"
    return started("lab", "--protocol", "smtp", "--trick", trick, "--to", to, *words)


def test_list_tells_every_trick():
    ran = run("lab", "--list")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()[::2]] == list(TRICKS)
    assert all(" on " in line for line in ran.out.splitlines()[1::2])


def test_list_as_json_is_an_object_a_trick():
    told = [json.loads(line) for line in run("lab", "--list", "--json").out.splitlines()]
    assert [one["name"] for one in told] == list(TRICKS)
    assert all(one["what"] and one["protocols"] and one["id"] for one in told)


def test_the_check_sees_the_trick_that_the_lab_plays(good, pki):
    with through("mask-offer", good) as lab:
        port = WHERE.search(lab.stdout.readline().decode())[1]
        words = ("--ca-file", pki.ca_file, "--connect-to", "127.0.0.1", "--json")
        ran = run("check", f"smtp://{SERVER}:{port}", *words)
        shown = interrupt(lab).out
    assert ran.record.code is Code.OFFER_MASKED
    assert "EHLO localhost" in shown
    assert "XXXXXXXA" in shown


def test_ctrl_c_is_the_way_to_end_it(good):
    with through("pass", good) as lab:
        lab.stdout.readline()
        lab.send_signal(signal.SIGINT)
        assert lab.wait(PATIENCE) == 0
        assert lab.stderr.read() == b""


def test_it_may_end_by_itself(good):
    to = f"127.0.0.1:{good.port}"
    words = ("--protocol", "smtp", "--trick", "pass", "--to", to, "--for", "0.1")
    assert run_apart("lab", *words).code == 0


BASE = ("--protocol", "smtp", "--trick", "pass")
MISTAKES = {
    "nothing": (),
    "no server": BASE,
    "no trick": ("--protocol", "smtp", "--to", "127.0.0.1:25"),
    "no protocol": ("--trick", "pass", "--to", "127.0.0.1:25"),
    "unknown trick": ("--protocol", "smtp", "--trick", "magic", "--to", "127.0.0.1:25"),
    "unknown protocol": ("--protocol", "gopher", "--trick", "pass", "--to", "127.0.0.1:25"),
    "no port": (*BASE, "--to", "127.0.0.1"),
    "port too high": (*BASE, "--to", "127.0.0.1:65536"),
    "another machine": (*BASE, "--to", "192.0.2.1:25"),
    "for another machine": (*BASE, "--to", "127.0.0.1:25", "--listen", "192.0.2.1:0"),
    "for every machine": (*BASE, "--to", "127.0.0.1:25", "--listen", "0.0.0.0:0"),
}


@pytest.mark.parametrize("words", MISTAKES.values(), ids=MISTAKES)
def test_what_it_does_not_do_is_told_with_a_hint(words):
    ran = run("lab", *words)
    assert ran.code == 2
    error, hint = ran.err.splitlines()
    assert error.startswith("unstrip: error: ")
    assert hint.startswith("unstrip: hint: ")

"""`unstrip compare`: every option, every exit code, for every protocol there is."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from tests.conftest import SERVER, Pki
from tests.faces.cli.command import (
    PATIENCE,
    Ran,
    interrupt,
    run,
    run_apart,
    run_on_terminal,
    started,
)
from tests.faces.servers import refuses, smtp
from tests.io.hostile import Peer, Server, honest, serving
from unstrip.evidence import from_json
from unstrip.faces.cli.compare import compare
from unstrip.faces.cli.record import ComparisonRecord
from unstrip.faces.cli.speech import Exit
from unstrip.protocols import REGISTRY
from unstrip.transcript import Layer, Side, said
from unstrip.verdict import Code, Standing


@dataclass
class Pair:
    """Both ports of one honest server; the second only where the protocol has it."""

    protocol: str
    in_band: Server
    implicit: Server | None

    @property
    def words(self) -> tuple[object, ...]:
        """The target, and where the other port is."""
        other = ("--implicit-port", self.implicit.port) if self.implicit else ()
        return f"{self.protocol}://{SERVER}:{self.in_band.port}", *other


@contextmanager
def pair(pki: Pki, protocol: str) -> Iterator[Pair]:
    with ExitStack() as stack:
        in_band = stack.enter_context(serving(partial(honest, pki, protocol)))
        implicit = None
        if REGISTRY[protocol].IMPLICIT_PORTS:
            script = partial(honest, pki, protocol, implicit=True)
            implicit = stack.enter_context(serving(script))
        yield Pair(protocol, in_band, implicit)


@pytest.fixture
def imap(pki):
    with pair(pki, "imap") as both:
        yield both


@pytest.fixture
def strict(pki):
    """An SMTP server that neither offers TLS nor grants it."""
    with serving(partial(smtp, pki=pki, offer=False, grant=refuses)) as server:
        yield server


@pytest.fixture
def options(pki):
    """Whom to trust, and where to go whatever the target's name."""
    return ("--ca-file", pki.ca_file, "--connect-to", "127.0.0.1", "--timeout", "5")


def records(ran: Ran) -> list[ComparisonRecord]:
    return [from_json(ComparisonRecord, line) for line in ran.out.splitlines()]


# -- exit codes ------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", REGISTRY)
def test_0_every_protocol_is_compared_and_in_order(protocol, pki, options):
    with pair(pki, protocol) as both:
        ran = run("compare", *both.words, *options)
        upgraded = f"{REGISTRY[protocol].VERB}, port {both.in_band.port}"
    assert ran.code == 0, ran.out
    assert ran.err == ""
    assert upgraded in ran.out
    only = f"{protocol} has no implicit TLS"
    assert ("implicit TLS is there" if both.implicit else only) in ran.out
    assert "1 of 1 in order" in ran.out
    assert "exit 0" in ran.out


def test_1_a_port_that_is_closed(imap, options):
    target, *_ = imap.words
    ran = run("compare", target, "--implicit-port", 1, *options)
    assert ran.code == 1
    assert "the ports disagree: one is closed" in ran.out
    assert "only STARTTLS leads to TLS: port 1 is closed" in ran.out
    assert "0 of 1 in order, 1 short" in ran.out


def test_1_one_way_in_clear(strict, pki, options):
    with serving(partial(honest, pki, "smtp", implicit=True)) as direct:
        target = f"smtp://{SERVER}:{strict.port}"
        ran = run("compare", target, "--implicit-port", direct.port, *options)
    assert ran.code == 1
    assert "one is protected, the other is not" in ran.out
    assert "unstrip check --probe" in ran.out


def test_1_a_certificate_that_proves_nothing(imap, options):
    ran = run("compare", *imap.words, "--server-name", "other.example.org", *options)
    assert ran.code == 1
    assert "wrong name" in ran.out
    assert "the ports disagree" not in ran.out


@pytest.mark.parametrize(
    "protocol", [name for name in REGISTRY if not REGISTRY[name].IMPLICIT_PORTS]
)
def test_2_a_port_for_what_a_protocol_does_not_have(protocol):
    ran = run("compare", f"{protocol}://localhost", "--implicit-port", "10993")
    assert ran.code == 2
    assert f"{protocol} has no implicit TLS" in ran.err
    assert "unstrip: hint: " in ran.err


@pytest.mark.parametrize("option", ["--starttls-port", "--implicit-port"])
@pytest.mark.parametrize("port", ["0", "65536", "imap"])
def test_2_what_is_no_port(option, port):
    ran = run("compare", "imap://localhost", option, port)
    assert ran.code == 2
    assert option in ran.err


def test_4_nobody_is_there(options):
    ran = run("compare", "imap://localhost:1", "--implicit-port", 1, *options)
    assert ran.code == 4
    assert "nothing could be told of either way" in ran.out
    assert "exit 4" in ran.out


def test_4_who_is_busy(pki, imap, options):
    with serving(partial(smtp, pki=pki, greeting=b"421 4.3.2 too busy")) as busy:
        target = f"smtp://{SERVER}:{busy.port}"
        assert run("compare", target, "--implicit-port", 1, *options).code == 4
        ran = run("compare", target, *imap.words, *options)
    assert ran.code == 4
    assert "1 of 2 in order, 1 unknown" in ran.out


def test_130_ctrl_c_ends_it_at_once_with_a_sentence(options):
    with serving(lambda peer: peer.wait()) as silent:
        target = f"imap://{SERVER}:{silent.port}"
        with started("compare", target, *options, "--timeout", "600") as process:
            until = time.monotonic() + PATIENCE
            while not silent.peers and time.monotonic() < until:
                time.sleep(0.01)
            ran = interrupt(process)
    assert ran.code == 130
    assert ran.err.strip() == "unstrip: error: interrupted"
    assert ran.out == ""


def test_the_help_tells_every_exit_code_it_may_end_with():
    words = run("compare", "-h").out
    codes = (Exit.MEETS, Exit.FALLS_SHORT, Exit.USAGE, Exit.UNKNOWN)
    assert all(f"{code.value} " in words.partition("exit codes:")[2] for code in codes)


@pytest.mark.parametrize("option", [name for one in compare.params for name in one.opts])
def test_the_help_lists_every_option(option):
    assert option in run("compare", "--help").out or option == "targets"


# -- options ---------------------------------------------------------------------------


def test_either_port_may_be_the_target(imap, options):
    target = f"imaps://{SERVER}:{imap.implicit.port}"
    ran = run("compare", target, "--starttls-port", imap.in_band.port, *options)
    assert ran.code == 0
    assert ran.out.startswith(f"{SERVER}:{imap.implicit.port}: imap")
    assert f"STARTTLS, port {imap.in_band.port}" in ran.out


def test_protocol_says_what_a_target_without_scheme_speaks(imap, options):
    target, *other = imap.words
    bare = str(target).removeprefix("imap://")
    assert run("compare", bare, *other, "--protocol", "imap", *options).code == 0
    assert run("compare", bare, *other, *options).code == 2


def test_helo_is_the_name_that_is_given_and_told(strict, options):
    target = f"smtp://{SERVER}:{strict.port}"
    ran = run("compare", target, "--implicit-port", 1, "--helo", "me.example", *options)
    assert strict.heard[0].startswith(b"EHLO me.example\r\n")
    assert "client: the name we gave: me.example" in ran.out


def test_timeout_is_for_each_session(options):
    with serving(lambda peer: peer.wait()) as silent:
        target = f"imap://{SERVER}:{silent.port}"
        begun = time.monotonic()
        ran = run("compare", target, "--implicit-port", 1, *options, "--timeout", "0.3")
    assert ran.code == 4
    assert 0.3 <= time.monotonic() - begun < 2.0


# -- several ---------------------------------------------------------------------------


def test_several_targets_are_shown_in_their_order_and_the_worst_counts(imap, strict, options):
    target, *_ = imap.words
    bad = f"smtp://{SERVER}:{strict.port}"
    ran = run("compare", bad, *imap.words, *options)
    assert ran.code == 1
    assert ran.out.index(str(strict.port)) < ran.out.index(str(target).removeprefix("imap://"))
    assert "1 of 2 in order, 1 short" in ran.out


def test_one_host_is_never_visited_twice_at_a_time(pki, options):
    lock, overlaps = threading.Lock(), []

    def alone(peer: Peer) -> None:
        overlaps.append(not lock.acquire(blocking=False))
        time.sleep(0.05)
        if not overlaps[-1]:
            lock.release()
        peer.say(b"421 later\r\n")

    with serving(alone) as first, serving(alone) as second:
        targets = [f"smtp://{SERVER}:{server.port}" for server in (first, second)]
        run("compare", *targets, "--implicit-port", 1, *options)
    assert overlaps == [False, False]


def test_different_hosts_are_visited_at_the_same_time(options):
    gate = threading.Barrier(2, timeout=PATIENCE)

    def together(peer: Peer) -> None:
        gate.wait()
        peer.say(b"421 later\r\n")

    with serving(together) as first, serving(together) as second:
        targets = [f"smtp://{n}.example.org:{one.port}" for n, one in enumerate((first, second))]
        ran = run("compare", *targets, "--implicit-port", 1, *options)
    assert "0 of 2 in order, 2 unknown" in ran.out
    assert not gate.broken


# -- what is printed -------------------------------------------------------------------


def test_json_has_an_object_a_target_with_all_the_evidence(imap, options):
    ran = run("compare", *imap.words, "--json", *options)
    (found,) = records(ran)
    assert found.target == f"{SERVER}:{imap.in_band.port}"
    assert found.exit == ran.code == 0
    assert found.comparison.standing is Standing.MEETS
    assert [trip.round_trips for trip in found.comparison.in_band.trips] == [5, 6]
    assert [trip.round_trips for trip in found.comparison.implicit.trips] == [3, 3]
    assert len(found.evidence) == 4
    clear = said(found.evidence[0].transcript, Side.CLIENT, Layer.CLEAR)
    assert len(clear) == found.comparison.in_band.trips[0].clear_sent


def test_json_prints_nothing_else(imap, strict, options):
    bad = f"smtp://{SERVER}:{strict.port}"
    ran = run("compare", *imap.words, bad, "--json", *options)
    assert ran.err == ""
    codes = {found.comparison.in_band.code: found.exit for found in records(ran)}
    assert codes == {Code.TLS_OK_AUTHENTICATED: 0, Code.OFFER_ABSENT_UNEXPLAINED: 1}
    assert all(isinstance(json.loads(line), dict) for line in ran.out.splitlines())
    assert ran.out.isascii()


def test_the_real_command_says_the_same_as_in_the_tests(imap, options):
    def timeless(ran: Ran) -> str:
        return " ".join(re.sub(r"until TLS stood.*", "", ran.out).split())

    apart = run_apart("compare", *imap.words, *options)
    here = run("compare", *imap.words, *options)
    assert apart.code == here.code == 0
    assert apart.err == here.err == ""
    assert timeless(apart) == timeless(here)


def test_a_terminal_gets_colour_and_nothing_else_does(imap, options):
    target, *_ = imap.words
    words = ("compare", target, "--implicit-port", 1, *options)
    assert "\x1b[3" in run_on_terminal(*words).out
    assert "\x1b" not in run_apart(*words).out


def test_a_reader_who_has_gone_is_no_reason_for_a_traceback(imap, options):
    with started("compare", *imap.words, "--json", *options) as process:
        process.stdout.close()
        err = process.stderr.read().decode()
        assert process.wait(PATIENCE) == Exit.UNKNOWN
    assert err == ""


def test_escapes_of_a_peer_never_reach_the_terminal(pki, options):
    greeting = b"220 \x1b]0;title\x07"
    with serving(partial(smtp, pki=pki, greeting=greeting, grant=refuses)) as server:
        target = f"smtp://{SERVER}:{server.port}"
        ran = run("compare", target, "--implicit-port", 1, *options)
    assert "title" in ran.out
    assert all(line.isprintable() for line in ran.out.splitlines())

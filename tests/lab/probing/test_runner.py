"""One session after another, and what is made of the way they end."""

from __future__ import annotations

from contextlib import suppress
from itertools import count

import pytest

from tests.io.hostile import Peer, serving
from tests.lab.probing.bench import LOCALHOST, collected, listening, tried
from tests.lab.stage import run_asyncio
from unstrip.lab.probing import SUBJECTS, Result, Untestable
from unstrip.lab.probing.attempt import Injection, Relapse, State
from unstrip.lab.probing.runner import Bench
from unstrip.protocols import REGISTRY
from unstrip.upgrade import Serving

GREETING, HELLO = b"220 a server\r\n", b"250-a server\r\n250 STARTTLS\r\n"
FEATURES = b"211-list\r\n AUTH TLS\r\n211 end\r\n"
ALERT = b"\x15\x03"
GLUED = Injection(number="B-01", what="a command behind the request", glued=b"NOOP\r\n")


def tried_in_clear(protocol, attempt, greeting, answers, deadline=2.0):
    """Try one thing on a server that knows no TLS and answers by a table; None is the end."""

    def attend(peer):
        peer.sock.sendall(greeting)
        with suppress(OSError):
            while said := peer.sock.recv(4096):
                answer = next((answers[word] for word in answers if word in said), b"")
                if answer is None:
                    return
                peer.sock.sendall(answer)

    async def main(port):
        bench = Bench(SUBJECTS[protocol], "localhost", (LOCALHOST, port), deadline)
        return await bench._try(attempt)

    with serving(attend) as server:
        return run_asyncio(lambda: main(server.port))


def test_a_server_that_goes_on_in_clear_after_a_failed_handshake_is_found():
    answers = {b"AUTH TLS": b"234 go\r\n", b"FEAT": FEATURES}
    trial = tried_in_clear("ftp", Relapse("F-FTP-7"), GREETING, answers)
    assert trial.result is Result.VULNERABLE
    assert trial.proof == FEATURES


def test_one_that_ends_there_is_not():
    answers = {b"AUTH TLS": b"234 go\r\n", ALERT: None, b"FEAT": FEATURES}
    trial = tried_in_clear("ftp", Relapse("F-FTP-7"), GREETING, answers)
    assert trial.result is Result.CLEAN


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"501 no\r\n250 ok\r\n", Result.CLEAN),
        (b"220 go\r\n250 ok\r\n", Result.CLEAN),  # run in clear, where it was said
        (b"421 too many\r\n", Result.UNKNOWN),
        (b"", Result.UNKNOWN),
        (None, Result.CLEAN),
    ],
)
def test_without_tls_nothing_runs_inside_it(answer, expected):
    answers = {b"EHLO": HELLO, b"STARTTLS": answer}
    trial = tried_in_clear("smtp", GLUED, GREETING, answers, deadline=0.3)
    assert trial.result is expected, trial
    assert trial.why
    assert not trial.proof


@pytest.mark.parametrize("hello", [b"421 too many\r\n", None])
def test_what_was_never_said_tells_nothing(hello):
    trial = tried_in_clear("smtp", GLUED, GREETING, {b"EHLO": hello})
    assert trial.result is Result.UNKNOWN, trial


def test_a_state_that_is_not_accepted_in_clear_is_not_carried_over():
    state: State = SUBJECTS["smtp"].states[0]
    answers = {b"EHLO": HELLO, b"MAIL": b"530 TLS first\r\n", b"STARTTLS": b"501 no\r\n"}
    trial = tried_in_clear("smtp", state, GREETING, answers)
    assert trial.result is Result.CLEAN
    assert "530" in trial.why


def test_a_state_that_cannot_be_compared_tells_nothing():
    state: State = SUBJECTS["smtp"].states[0]
    answers = {b"EHLO": HELLO, b"MAIL": b"250 ok\r\n", b"STARTTLS": b"421 too many\r\n"}
    trial = tried_in_clear("smtp", state, GREETING, answers)
    assert trial.result is Result.UNKNOWN


def test_a_server_that_has_had_enough_has_passed_no_test(authority):
    visits = count(1)

    def tiring(wire):
        return REGISTRY["smtp"].server(wire, Serving(offer=next(visits) < 5))

    async def main():
        async with listening(tiring, authority.context("localhost")) as port:
            return await collected("smtp", port)

    with pytest.raises(Untestable, match="honest"):
        run_asyncio(main)


def test_a_server_that_says_nothing_ends_at_the_deadline():
    with serving(Peer.wait) as server, pytest.raises(Untestable, match="no answer in time"):
        tried("smtp", server.port, deadline=0.2)

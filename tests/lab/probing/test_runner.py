"""One session after another, and what is made of the way they end."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from itertools import count

import pytest

from tests.io.hostile import Peer, serving
from tests.lab.probing.bench import LOCALHOST, collected, listening, tried
from tests.lab.stage import run_asyncio
from unstrip.lab.probing import SUBJECTS, Result, Untestable
from unstrip.lab.probing.attempt import Injection, Relapse, State
from unstrip.lab.probing.runner import Bench
from unstrip.protocols import REGISTRY, postgresql, rdp
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


def vulnerable(protocol, negotiate, answers, context, *, delay=0.0, deadline=10.0):
    """Try B-01 on a server that takes what came early for what is said inside TLS."""

    async def attend(reader, writer):
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            early = await negotiate(reader, writer)
            await writer.start_tls(context)
            early = early or await reader.readexactly(1)
            await asyncio.sleep(delay)
            writer.write(answers(early))
            if answers(early):
                await reader.read()
        writer.close()

    async def main():
        server = await asyncio.start_server(attend, LOCALHOST, 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            subject = SUBJECTS[protocol]
            bench = Bench(subject, "localhost", (LOCALHOST, port), deadline)
            attempt = Injection(number=subject.number, what="", glued=subject.command)
            trials = bench.run([attempt])
            return [trial async for trial in trials]

    (trial,) = run_asyncio(main)
    return trial


def asked(request, go_ahead):
    async def negotiate(reader, writer):
        await reader.readexactly(len(request))
        await asyncio.sleep(0.02)
        early = bytes(reader._buffer)
        reader._buffer.clear()
        writer.write(go_ahead)
        return early

    return negotiate


GRANTED = rdp.packet(0xD0, struct.pack("<BBHI", 2, 0, 8, 1))


@pytest.mark.parametrize("answer", [b"", rdp.packet(0x80)])
def test_one_that_hangs_up_on_who_said_too_much_cannot_be_told(answer, authority):
    trial = vulnerable(
        "ms-wbt-server",
        asked(rdp.CONNECTION_REQUEST, GRANTED),
        lambda _: answer,
        authority.context("localhost"),
    )
    assert trial.result is Result.UNKNOWN, trial


@pytest.mark.parametrize(
    ("deadline", "expected"), [(10.0, Result.VULNERABLE), (4.0, Result.UNKNOWN)]
)
def test_a_server_is_listened_to_as_long_as_it_takes_to_answer(deadline, expected, authority):
    trial = vulnerable(
        "postgresql",
        asked(postgresql.SSL_REQUEST, b"S"),
        lambda _: b"R\0\0\0\x0c\0\0\0\x05abcd",
        authority.context("localhost"),
        delay=0.7 if deadline > 5.0 else 1.5,
        deadline=deadline,
    )
    assert trial.result is expected, trial


def test_where_a_login_comes_first_silence_tells_nothing(authority):
    async def negotiate(reader, writer):
        steps = (b"RFB 003.008\n", 12), (b"\x01\x13", 1), (b"\0\2", 2), (b"\0\x01\0\0\x01\5", 4)
        for said, length in steps:
            writer.write(said)
            await reader.readexactly(length)
        await asyncio.sleep(0.02)
        early = bytes(reader._buffer)
        reader._buffer.clear()
        writer.write(b"\x01")
        return early

    context = authority.context("localhost")
    trial = vulnerable("rfb", negotiate, lambda _: b"", context)
    assert trial.result is Result.UNKNOWN, trial
    assert "login" in trial.why


def test_a_server_that_says_nothing_ends_at_the_deadline():
    with serving(Peer.wait) as server, pytest.raises(Untestable, match="no answer in time"):
        tried("smtp", server.port, deadline=0.2)

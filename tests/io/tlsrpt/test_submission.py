"""Handing a mail to a mail server: what it says, and what we make of it."""

from __future__ import annotations

import asyncio

import pytest

from tests.io.policy_host import PATIENCE, hangs_up, mute, policy_host, resets
from tests.io.tlsrpt.mail_server import mail_server
from tests.io.tlsrpt.telling import wait_for
from unstrip.io.tlsrpt.submission import submit
from unstrip.tlsrpt.schedule import Fate

FROM, TO = "postmaster@sender.example", "tls@example.org"
MAIL = b"Subject: x\r\n\r\n.\r\n..\r\n.hidden\r\nlast\r\n"


def handed_over(port, mail=MAIL, sender=FROM, **settings):
    place = ("127.0.0.1", port)
    settings.setdefault("timeout", 10.0)
    return asyncio.run(submit(place, sender, TO, mail, helo="sender.example", **settings))


def test_a_mail_is_handed_over_as_it_is():
    with mail_server(taken := []) as server:
        tried = handed_over(server.port)
    assert (tried.fate, tried.words) == (Fate.ACCEPTED, "250 2.0.0 queued as 4711")
    assert taken[0].mail == MAIL
    assert taken[0].commands == (
        "EHLO sender.example",
        f"MAIL FROM:<{FROM}>",
        f"RCPT TO:<{TO}>",
        "DATA",
    )


def test_a_mail_may_come_from_nobody():
    with mail_server(taken := []) as server:
        assert handed_over(server.port, sender="").fate is Fate.ACCEPTED
    assert taken[0].commands[1] == "MAIL FROM:<>"


@pytest.mark.parametrize("step", ["RCPT", "DATA", "DOT"])
def test_what_is_refused_for_good_is_refused_for_good(step):
    with mail_server(taken := [], **{step: "550 5.1.1 no\x1b such user"}) as server:
        tried = handed_over(server.port)
    assert tried.fate is Fate.NEVER
    assert tried.words == "550 5.1.1 no\\x1b such user"
    assert not taken


@pytest.mark.parametrize("step", ["GREETING", "EHLO", "MAIL"])
def test_that_we_are_not_let_in_is_not_for_good(step):
    with mail_server([], **{step: "554 5.7.1 go away"}) as server:
        tried = handed_over(server.port)
    assert (tried.fate, tried.words) == (Fate.LATER, "554 5.7.1 go away")


@pytest.mark.parametrize("step", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("451 4.3.0 later", "451 4.3.0 later"),
        ("", "hung up"),
        ("hello", "'hello' is no reply of SMTP"),
        ("250-" + "x" * 5000, "a line of more than 2048 bytes"),
        ("250-x\r\n" * 200 + "250 x", "a reply of more than 100 lines"),
    ],
    ids=["later", "nothing", "nonsense", "long", "endless"],
)
def test_whatever_else_happens_it_is_tried_again(step, reply, words):
    with mail_server(taken := [], **{step: reply}) as server:
        tried = handed_over(server.port)
    assert tried.fate is Fate.LATER
    assert words in tried.words
    assert not taken or step == "DOT"  # it may have been taken, and that was not said


def test_once_it_is_taken_nothing_is_waited_for():
    """Who is killed meanwhile would send it again."""

    async def script(caller):
        for reply in (b"220 x", b"250 x", b"250 x", b"250 x", b"354 x"):
            await caller.say(reply + b"\r\n")
            await caller.reader.readuntil(b"\r\n")
        await caller.reader.readuntil(b"\r\n.\r\n")
        await caller.say(b"250 taken\r\n")
        said.append(await caller.reader.readuntil(b"\r\n"))
        await mute(caller)

    said = []
    with policy_host(script, None) as server:
        tried = handed_over(server.port, timeout=PATIENCE)
        wait_for(lambda: said)
    assert (tried.fate, tried.words) == (Fate.ACCEPTED, "250 taken")
    assert said == [b"QUIT\r\n"]


@pytest.mark.parametrize("script", [hangs_up, resets])
def test_a_server_that_goes_away_is_no_error(script):
    with policy_host(script, None) as server:
        assert handed_over(server.port).fate is Fate.LATER


def test_a_server_that_says_nothing_is_left():
    with policy_host(mute, None) as server:
        tried = handed_over(server.port, timeout=0.2)
    assert tried.fate is Fate.LATER
    assert "did not take it in 0.2 seconds" in tried.words


def test_a_server_that_never_comes_to_an_end_is_left():
    async def drip(caller):
        while True:
            await caller.say(b"220-x", b"\r\n", gap=0.01)

    with policy_host(drip, None) as server:
        assert handed_over(server.port, timeout=0.5).fate is Fate.LATER


def test_where_no_server_is_it_is_tried_again():
    with policy_host(mute, None) as server:
        port = server.port
    tried = handed_over(port)
    assert tried.fate is Fate.LATER
    assert tried.words == f"mail server at 127.0.0.1:{port} (report.submit): connection refused"

"""Links to real servers: log in, read mail, send mail, all of it through TLS."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import unstrip
from tests.interop.servers import (
    DOVECOT_WITHOUT_TLS,
    EXIM_WITHOUT_STARTTLS,
    PASSWORD,
    POSTFIX_HIDING_STARTTLS,
    Certificates,
    MailboxServer,
    SmtpServer,
    dovecot,
    exim,
    issue,
    postfix,
)
from unstrip.io import asyncio as aio
from unstrip.transcript import Layer, Side, said

PATIENCE = 10.0  # seconds


class Talk:
    """Questions and answers over a link of either colour."""

    def __init__(self, link: Any) -> None:
        self.link = link
        self._heard = b""

    async def say(self, text: str) -> None:
        data = text.encode() + b"\r\n"
        if isinstance(self.link, unstrip.Link):
            await self.link.send(data)
        else:
            self.link.send(data, PATIENCE)

    async def line(self) -> str:
        while b"\n" not in self._heard:
            if isinstance(self.link, unstrip.Link):
                more = await self.link.receive()
            else:
                more = self.link.receive(timeout=PATIENCE)
            assert more, "the server hung up"
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode().rstrip()

    async def until(self, start: str) -> str:
        """Hear lines up to one that begins so."""
        while not (line := await self.line()).startswith(start):
            pass
        return line


Body = Callable[[Talk], Coroutine[Any, Any, Any]]


def over_asyncio(url: str, requirement: unstrip.Requirement, body: Body) -> Any:
    async def main() -> Any:
        async with unstrip.connect(url, requirement) as link:
            return await body(Talk(link))

    return aio.run(main)


def over_blocking(url: str, requirement: unstrip.Requirement, body: Body) -> Any:
    with unstrip.connect_blocking(url, requirement) as link:
        try:
            body(Talk(link)).send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError("a body may only wait for the link")


both_colours = pytest.mark.parametrize(
    "opened", [over_blocking, over_asyncio], ids=["blocking", "asyncio"]
)
Opened = Callable[[str, unstrip.Requirement, Body], Any]


def url(server: SmtpServer | MailboxServer, scheme: str) -> str:
    return f"{scheme}://localhost:{getattr(server, scheme)}"


def need(
    certificates: Certificates, level: unstrip.Level = unstrip.Level.AUTHENTICATED
) -> unstrip.Requirement:
    return unstrip.Requirement(
        level, connect_to="127.0.0.1", ca_file=certificates.ca, timeout=PATIENCE
    )


async def logs_in_over_imap(talk: Talk) -> unstrip.Evidence:
    await talk.say(f"a LOGIN somebody {PASSWORD}")
    assert (await talk.until("a ")).startswith("a OK")
    await talk.say("b SELECT INBOX")
    assert (await talk.until("b ")).startswith("b OK")
    await talk.say("c LOGOUT")
    assert (await talk.until("c ")).startswith("c OK")
    return talk.link.evidence


async def logs_in_over_pop3(talk: Talk) -> unstrip.Evidence:
    await talk.say("USER somebody")
    assert (await talk.line()).startswith("+OK")
    await talk.say(f"PASS {PASSWORD}")
    assert (await talk.line()).startswith("+OK")
    await talk.say("STAT")
    assert (await talk.line()).startswith("+OK 0 ")
    await talk.say("QUIT")
    return talk.link.evidence


async def sends_mail(talk: Talk) -> unstrip.Evidence:
    dialog = [
        ("MAIL FROM:<a@example.org>", "250"),
        ("RCPT TO:<b@localhost>", "250"),
        ("DATA", "354"),
        ("Subject: hello\r\n\r\n" + "x" * 70 + "\r\n.", "250"),
        ("QUIT", "221"),
    ]
    for said_, code in dialog:
        await talk.say(said_)
        assert (await talk.line()).startswith(code)
    return talk.link.evidence


async def nothing(talk: Talk) -> bool:
    return bool(talk.link.secure)


@both_colours
@pytest.mark.parametrize(
    ("scheme", "body"),
    [
        ("imap", logs_in_over_imap),
        ("imaps", logs_in_over_imap),
        ("pop3", logs_in_over_pop3),
        ("pop3s", logs_in_over_pop3),
    ],
)
def test_a_user_logs_in_to_dovecot(
    opened: Opened,
    scheme: str,
    body: Body,
    dovecot_server: MailboxServer,
    certificates: Certificates,
) -> None:
    evidence = opened(url(dovecot_server, scheme), need(certificates), body)
    assert evidence.secured
    assert PASSWORD.encode() not in said(evidence.transcript, Side.CLIENT, Layer.CLEAR)


@both_colours
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize("kind", ["postfix_server", "exim_server"])
def test_a_mail_is_sent(
    opened: Opened,
    scheme: str,
    kind: str,
    certificates: Certificates,
    request: pytest.FixtureRequest,
) -> None:
    server: SmtpServer = request.getfixturevalue(kind)
    evidence = opened(url(server, scheme), need(certificates), sends_mail)
    assert evidence.secured
    assert b"MAIL" not in said(evidence.transcript, Side.CLIENT, Layer.CLEAR)


@dataclass(frozen=True)
class Stripped:
    """A way to start a server without TLS, and the port to come to."""

    start: Callable[..., AbstractContextManager[SmtpServer | MailboxServer]]
    settings: dict[str, str]
    scheme: str


STRIPPED = {
    "postfix": Stripped(postfix, POSTFIX_HIDING_STARTTLS, "smtp"),
    "exim": Stripped(exim, EXIM_WITHOUT_STARTTLS, "smtp"),
    "imap": Stripped(dovecot, DOVECOT_WITHOUT_TLS, "imap"),
    "pop3": Stripped(dovecot, DOVECOT_WITHOUT_TLS, "pop3"),
}


@both_colours
@pytest.mark.parametrize("stripped", STRIPPED.values(), ids=STRIPPED)
def test_there_is_no_link_to_a_server_without_tls_unless_that_is_asked_for(
    opened: Opened, stripped: Stripped, directory: Path, certificates: Certificates
) -> None:
    with stripped.start(directory, certificates, **stripped.settings) as server:
        for level in (unstrip.Level.ENCRYPT, unstrip.Level.AUTHENTICATED):
            with pytest.raises(unstrip.Unprotected) as caught:
                opened(url(server, stripped.scheme), need(certificates, level), nothing)
            assert caught.value.verdict.code is unstrip.Code.OFFER_ABSENT_UNEXPLAINED
        clear = need(certificates, unstrip.Level.MAY)
        assert opened(url(server, stripped.scheme), clear, nothing) is False


@both_colours
@pytest.mark.parametrize("scheme", ["imap", "imaps", "pop3", "pop3s"])
def test_there_is_no_link_to_a_server_that_does_not_prove_who_it_is(
    opened: Opened, scheme: str, dovecot_server: MailboxServer, tmp_path: Path
) -> None:
    stranger = issue(tmp_path)
    with pytest.raises(unstrip.Unprotected) as caught:
        opened(url(dovecot_server, scheme), need(stranger), nothing)
    assert caught.value.verdict.code is unstrip.Code.CERTIFICATE_INVALID
    assert said(caught.value.evidence.transcript, Side.CLIENT, Layer.SECURE) == b""
    assert opened(url(dovecot_server, scheme), need(stranger, unstrip.Level.ENCRYPT), nothing)

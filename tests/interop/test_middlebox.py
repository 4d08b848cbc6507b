"""Real servers behind the lab's middlebox: each trick has its verdict, whatever the server.

The same is asked of both drivers, and of what crossed in clear, read at the middlebox.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.servers import (
    EXIM_WITHOUT_CERTIFICATE,
    POSTFIX_HIDING_STARTTLS,
    POSTFIX_TOO_BUSY,
    Certificates,
    MailboxServer,
    SmtpServer,
    exim,
    postfix,
)
from unstrip.evidence import Endpoint, Evidence
from unstrip.io import asyncio as aio
from unstrip.io import blocking
from unstrip.io.session import Terms
from unstrip.io.trust import anchors
from unstrip.lab.crossings import Leg
from unstrip.lab.middlebox import middlebox
from unstrip.policy import Decision, Level
from unstrip.protocols import REGISTRY
from unstrip.verdict import Code, judge
from unstrip.wire import Asking

INSISTING = Decision(Level.AUTHENTICATED)
PATIENCE = 2.0  # seconds: everything is on this machine, and silence has to be waited for

VERDICTS = {  # of every trick that needs no second look, on whatever protocol
    "pass": Code.TLS_OK_AUTHENTICATED,
    "remove-offer": Code.OFFER_HIDDEN,
    "mask-offer": Code.OFFER_MASKED,
    "mask-banner": Code.TLS_OK_AUTHENTICATED,
    "refuse": Code.REJECTED_AFTER_OFFER,
    "refuse-temporary": Code.REJECTED_AFTER_OFFER,
    "bogus-success": Code.BOGUS_ANSWER,
    "silence": Code.SILENT_AFTER_REQUEST,
    "reset": Code.RESET_AT_UPGRADE,
    "inject": Code.PLAINTEXT_INJECTED,
    "inject-fragment": Code.PLAINTEXT_INJECTED,
    "inject-late": Code.PLAINTEXT_INSTEAD_OF_TLS,
    "clear-answer": Code.PLAINTEXT_INSTEAD_OF_TLS,
    "own-certificate": Code.TLS_OK_UNAUTHENTICATED,
    "greet-inside": Code.DESYNC_GREETING_IN_TLS,
}
IMAP_ONLY = {"preauth": Code.STATE_SPOOFED, "early-ok": Code.STATE_SPOOFED}


@dataclass(frozen=True)
class Door:
    """One real server's two ports."""

    protocol: str
    port: int
    implicit_port: int


@pytest.fixture(params=["postfix", "exim", "dovecot imap", "dovecot pop3"])
def door(
    request: pytest.FixtureRequest,
    postfix_server: SmtpServer,
    exim_server: SmtpServer,
    dovecot_server: MailboxServer,
) -> Door:
    """Each of the real servers in turn."""
    doors = {
        "postfix": Door("smtp", postfix_server.smtp, postfix_server.smtps),
        "exim": Door("smtp", exim_server.smtp, exim_server.smtps),
        "dovecot imap": Door("imap", dovecot_server.imap, dovecot_server.imaps),
        "dovecot pop3": Door("pop3", dovecot_server.pop3, dovecot_server.pop3s),
    }
    return doors[str(request.param)]


@pytest.fixture(params=["asyncio", "blocking"])
def driver(request: pytest.FixtureRequest) -> str:
    """Both drivers in turn."""
    return str(request.param)


@dataclass(frozen=True)
class Scene:
    """What came of one attempt through the middlebox."""

    evidence: Evidence
    in_clear: bytes

    @property
    def code(self) -> Code:
        """What is to be thought of it."""
        return judge(INSISTING, self.evidence).code


def play(trick: str, door: Door, driver: str, ca_file: Path) -> Scene:
    """Try the server through the middlebox."""

    async def scene() -> Scene:
        box = middlebox(
            trick,
            door.protocol,
            upstream=("127.0.0.1", door.port),
            implicit_upstream=("127.0.0.1", door.implicit_port),
        )
        async with box as playing:
            endpoint = Endpoint("localhost", playing.port, door.protocol)
            if driver == "asyncio":
                evidence = await aio.attend(endpoint, terms(ca_file))
            else:
                evidence = await asyncio.to_thread(blocking.attend, endpoint, terms(ca_file))
            await asyncio.sleep(0.05)
            return Scene(evidence, playing.crossings.in_clear(Leg.FROM_CLIENT))

    return aio.run(scene)


def terms(ca_file: Path) -> Terms:
    """Insist, and do not wait long."""
    roots = anchors(ca_file)
    asking = Asking(insist=True)
    return Terms(ask=asking, timeout=PATIENCE, connect_to="127.0.0.1", roots=roots)


@pytest.mark.parametrize("trick", VERDICTS)
def test_each_trick_has_its_verdict_before_every_real_server(
    trick: str, door: Door, driver: str, certificates: Certificates
) -> None:
    scene = play(trick, door, driver, certificates.ca)
    assert scene.code is VERDICTS[trick], scene.evidence.failure
    assert only_permitted(door.protocol, scene.in_clear), scene.in_clear


@pytest.mark.parametrize("trick", IMAP_ONLY)
def test_states_that_cannot_be_are_spoofed_before_dovecot(
    trick: str, driver: str, dovecot_server: MailboxServer, certificates: Certificates
) -> None:
    door = Door("imap", dovecot_server.imap, dovecot_server.imaps)
    scene = play(trick, door, driver, certificates.ca)
    assert scene.code is IMAP_ONLY[trick]
    assert only_permitted("imap", scene.in_clear)


def test_a_masked_request_is_named_where_the_server_echoes_it_or_seen_to_be_refused(
    door: Door, driver: str, certificates: Certificates
) -> None:
    scene = play("mask-verb", door, driver, certificates.ca)
    assert scene.code in (Code.COMMAND_MASKED, Code.REJECTED_AFTER_OFFER)
    assert not scene.evidence.secured


def test_a_refused_question_for_capabilities_never_ends_in_clear(
    door: Door, driver: str, certificates: Certificates
) -> None:
    scene = play("refuse-hello", door, driver, certificates.ca)
    if REGISTRY[door.protocol].MUST_LIST:
        assert scene.code in (Code.OFFER_HIDDEN, Code.CAPABILITIES_REFUSED)
    else:  # POP3: a server need not know CAPA, and grants STLS all the same
        assert scene.code is Code.TLS_OK_AUTHENTICATED
    assert only_permitted(door.protocol, scene.in_clear)


def test_eight_servers_that_are_not_ours_have_eight_different_verdicts(
    postfix_server: SmtpServer, certificates: Certificates, directory: Path
) -> None:
    """Good, stripped, masked, hidden, refused, injected, plaintext after 220, and 421."""
    honest = Door("smtp", postfix_server.smtp, postfix_server.smtps)

    def behind(trick: str) -> Code:
        return play(trick, honest, "asyncio", certificates.ca).code

    def plain(server: SmtpServer) -> Code:
        door = Door("smtp", server.smtp, server.smtps)
        return play("pass", door, "asyncio", certificates.ca).code

    with (
        postfix(directory, certificates, **POSTFIX_HIDING_STARTTLS) as stripped,
        exim(directory, certificates, **EXIM_WITHOUT_CERTIFICATE) as refusing,
        postfix(directory, certificates, **POSTFIX_TOO_BUSY) as busy,
    ):
        codes = {
            "good": plain(postfix_server),
            "stripped": plain(stripped),
            "masked": behind("mask-offer"),
            "hidden": behind("remove-offer"),
            "refused": plain(refusing),
            "injected": behind("inject"),
            "plaintext after 220": behind("clear-answer"),
            "421": plain(busy),
        }
    assert codes == {
        "good": Code.TLS_OK_AUTHENTICATED,
        "stripped": Code.OFFER_ABSENT_UNEXPLAINED,
        "masked": Code.OFFER_MASKED,
        "hidden": Code.OFFER_HIDDEN,
        "refused": Code.REJECTED_AFTER_OFFER,
        "injected": Code.PLAINTEXT_INJECTED,
        "plaintext after 220": Code.PLAINTEXT_INSTEAD_OF_TLS,
        "421": Code.RATE_LIMITED,
    }
    assert len(set(codes.values())) == len(codes)


def only_permitted(protocol: str, said: bytes) -> bool:
    """Tell whether a client said nothing in clear but what its protocol allows before TLS."""
    permitted: Callable[[bytes], object] = REGISTRY[protocol].IN_CLEAR.fullmatch
    return all(permitted(line) for line in lines(said))


def lines(said: bytes) -> Iterator[bytes]:
    """Cut what was said into lines."""
    return (found[0] for found in re.finditer(rb"[^\n]*\n|[^\n]+\Z", said))

"""The servers do what the interop tests rely on, as Python's own clients see it."""

import imaplib
import os
import poplib
import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path

import pytest

from tests.interop.servers import (
    DOVECOT_TLS_1_2,
    DOVECOT_WITHOUT_TLS,
    EXIM_TLS_1_2,
    EXIM_WITHOUT_CERTIFICATE,
    EXIM_WITHOUT_STARTTLS,
    PASSWORD,
    POSTFIX_HIDING_STARTTLS,
    POSTFIX_TLS_1_2,
    POSTFIX_TOO_BUSY,
    POSTFIX_WITHOUT_TLS,
    Certificates,
    MailboxServer,
    SmtpServer,
    dovecot,
    exim,
    free_ports,
    issue,
    loopbacks,
    members,
    postfix,
)

Start = Callable[..., AbstractContextManager[SmtpServer | MailboxServer]]

every_address = pytest.mark.parametrize("host", loopbacks())
every_server = pytest.mark.parametrize("start", [postfix, exim, dovecot])


@pytest.fixture(params=["postfix_server", "exim_server"])
def smtp_server(request: pytest.FixtureRequest) -> SmtpServer:
    server: SmtpServer = request.getfixturevalue(request.param)
    return server


# -- as they come ----------------------------------------------------------------------


@every_address
def test_an_smtp_server_upgrades_and_then_takes_a_message(
    smtp_server: SmtpServer, certificates: Certificates, host: str
) -> None:
    with smtplib.SMTP(host, smtp_server.smtp) as client:
        client.starttls(context=certificates.context())
        client.ehlo()
        assert not client.has_extn("starttls")
        assert client.sendmail("a@example.org", ["b@localhost"], "Subject: hello\r\n\r\n") == {}


@every_address
def test_an_smtp_server_speaks_tls_from_the_first_byte(
    smtp_server: SmtpServer, certificates: Certificates, host: str
) -> None:
    with smtplib.SMTP_SSL(host, smtp_server.smtps, context=certificates.context()) as client:
        assert client.noop()[0] == 250


@every_address
def test_imap_upgrades_and_then_lets_a_user_in(
    dovecot_server: MailboxServer, certificates: Certificates, host: str
) -> None:
    with imaplib.IMAP4(host, dovecot_server.imap) as client:
        assert "STARTTLS" in client.capabilities
        client.starttls(certificates.context())
        assert "STARTTLS" not in client.capabilities
        assert client.login("somebody", PASSWORD)[0] == "OK"


@every_address
def test_imaps_lets_a_user_in(
    dovecot_server: MailboxServer, certificates: Certificates, host: str
) -> None:
    context = certificates.context()
    with imaplib.IMAP4_SSL(host, dovecot_server.imaps, ssl_context=context) as client:
        assert client.login("somebody", PASSWORD)[0] == "OK"


@every_address
def test_pop3_upgrades_and_then_lets_a_user_in(
    dovecot_server: MailboxServer, certificates: Certificates, host: str
) -> None:
    with closing(poplib.POP3(host, dovecot_server.pop3)) as client:
        assert "STLS" in client.capa()
        client.stls(certificates.context())
        assert "STLS" not in client.capa()
        client.user("somebody")
        assert client.pass_(PASSWORD) == b"+OK Logged in."


@every_address
def test_pop3s_speaks_tls_from_the_first_byte(
    dovecot_server: MailboxServer, certificates: Certificates, host: str
) -> None:
    context = certificates.context()
    with closing(poplib.POP3_SSL(host, dovecot_server.pop3s, context=context)) as client:
        assert "STLS" not in client.capa()


def test_a_client_that_trusts_another_ca_refuses_the_certificate(
    smtp_server: SmtpServer, tmp_path: Path
) -> None:
    stranger = issue(tmp_path)
    with (
        smtplib.SMTP(smtp_server.host, smtp_server.smtp) as client,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        client.starttls(context=stranger.context())


def test_a_certificate_is_for_the_names_asked_for(directory: Path, tmp_path: Path) -> None:
    certificates = issue(tmp_path, "mail.example.org")
    with (
        postfix(directory, certificates) as server,
        shake_hands(server.smtps, certificates, "mail.example.org") as tls,
    ):
        assert tls.recv(4) == b"220 "


# -- Postfix in special ways -----------------------------------------------------------


def test_postfix_without_tls_serves_both_ports_in_clear(
    directory: Path, certificates: Certificates
) -> None:
    with postfix(directory, certificates, **POSTFIX_WITHOUT_TLS) as server:
        assert offer_and_answer(server.smtp) == (False, 502, "5.5.1 Error: command not implemented")
        assert offer_and_answer(server.smtps)[:2] == (False, 502)


def test_postfix_that_hides_starttls_does_not_take_it_either(
    directory: Path, certificates: Certificates
) -> None:
    with postfix(directory, certificates, **POSTFIX_HIDING_STARTTLS) as server:
        assert offer_and_answer(server.smtp) == (False, 502, "5.5.1 Error: command not implemented")


def test_postfix_too_busy_greets_with_421(directory: Path, certificates: Certificates) -> None:
    with (
        postfix(directory, certificates, **POSTFIX_TOO_BUSY) as server,
        pytest.raises(smtplib.SMTPConnectError) as refusal,
    ):
        smtplib.SMTP(server.host, server.smtp)
    assert refusal.value.smtp_code == 421
    assert b"too many connections" in refusal.value.smtp_error


# -- Exim in special ways --------------------------------------------------------------


def test_exim_that_does_not_offer_starttls_answers_503(
    directory: Path, certificates: Certificates
) -> None:
    with exim(directory, certificates, **EXIM_WITHOUT_STARTTLS) as server:
        expected = (False, 503, "STARTTLS command used when not advertised")
        assert offer_and_answer(server.smtp) == expected


def test_exim_without_certificate_offers_starttls_and_answers_454(
    directory: Path, certificates: Certificates
) -> None:
    with exim(directory, certificates, **EXIM_WITHOUT_CERTIFICATE) as server:
        assert offer_and_answer(server.smtp) == (True, 454, "TLS currently unavailable")


# -- Dovecot in special ways -----------------------------------------------------------


def test_dovecot_without_tls_neither_offers_nor_takes_an_upgrade(
    directory: Path, certificates: Certificates
) -> None:
    with dovecot(directory, certificates, **DOVECOT_WITHOUT_TLS) as server:
        with imaplib.IMAP4(server.host, server.imap) as client:
            assert "STARTTLS" not in client.capabilities
        with closing(poplib.POP3(server.host, server.pop3)) as client:
            assert "STLS" not in client.capa()
        assert answer(server.imap, "a STARTTLS") == "a BAD TLS support isn't enabled."
        assert answer(server.pop3, "STLS") == "-ERR TLS support isn't enabled."


def test_dovecot_without_tls_leaves_the_tls_ports_closed(
    directory: Path, certificates: Certificates
) -> None:
    with dovecot(directory, certificates, **DOVECOT_WITHOUT_TLS) as server:
        for port in (server.imaps, server.pop3s):
            with pytest.raises(ConnectionRefusedError):
                dial(port)


# -- all of them -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "settings", "port"),
    [
        (postfix, POSTFIX_TLS_1_2, "smtps"),
        (exim, EXIM_TLS_1_2, "smtps"),
        (dovecot, DOVECOT_TLS_1_2, "imaps"),
        (dovecot, DOVECOT_TLS_1_2, "pop3s"),
    ],
)
def test_a_server_can_be_kept_to_tls_1_2(
    directory: Path, certificates: Certificates, start: Start, settings: dict[str, str], port: str
) -> None:
    with (
        start(directory, certificates, **settings) as server,
        shake_hands(getattr(server, port), certificates) as tls,
    ):
        assert tls.version() == "TLSv1.2"


@every_server
def test_a_server_comes_back_on_the_same_ports(
    directory: Path, certificates: Certificates, start: Start
) -> None:
    with start(directory, certificates) as server:
        pass
    with start(directory, certificates, server) as again:
        assert again == server


@every_server
def test_a_server_leaves_no_process_and_no_open_port_behind(
    directory: Path, certificates: Certificates, start: Start
) -> None:
    before = children()
    with suppress(ZeroDivisionError), start(directory, certificates) as server:
        (group,) = children() - before
        assert members(group)
        raise ZeroDivisionError
    assert members(group) == []
    with pytest.raises(ConnectionRefusedError):
        dial(server.smtp if isinstance(server, SmtpServer) else server.imap)


def test_a_server_that_cannot_start_says_why(directory: Path, certificates: Certificates) -> None:
    with (
        pytest.raises(RuntimeError, match='main option "nonsense" unknown'),
        exim(directory, certificates, nonsense="yes"),
    ):
        pass


def test_free_ports_differ() -> None:
    assert len(set(free_ports(50))) == 50


# -- what the tests above say to a server ----------------------------------------------


def offer_and_answer(port: int) -> tuple[bool, int, str]:
    """Whether STARTTLS is offered, and the reply to asking for it anyway."""
    with smtplib.SMTP("localhost", port) as client:
        client.ehlo()
        code, text = client.docmd("STARTTLS")
        return client.has_extn("starttls"), code, text.decode()


def answer(port: int, command: str) -> str:
    """The line that a command gets right after the greeting."""
    with dial(port) as raw, raw.makefile("rb") as lines:
        lines.readline()
        raw.sendall(f"{command}\r\n".encode())
        return lines.readline().decode().rstrip()


def dial(port: int) -> socket.socket:
    return socket.create_connection(("localhost", port), timeout=5)


def shake_hands(port: int, certificates: Certificates, name: str = "localhost") -> ssl.SSLSocket:
    return certificates.context().wrap_socket(dial(port), server_hostname=name)


def children() -> set[int]:
    """The processes that this one has started, each leading a group of its own."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(pid) for pid in pids.split()}

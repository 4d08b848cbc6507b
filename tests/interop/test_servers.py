"""The servers do what the interop tests rely on, as Python's own clients see it."""

import imaplib
import os
import poplib
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import astuple, dataclass
from pathlib import Path

import pytest

from tests.interop.servers import (
    DOVECOT_TLS_1_2,
    DOVECOT_WITHOUT_TLS,
    EXIM_TLS_1_2,
    EXIM_WITHOUT_CERTIFICATE,
    EXIM_WITHOUT_STARTTLS,
    INN_TLS_1_2,
    INN_WITHOUT_TLS,
    INSPIRCD_WITHOUT_CERTIFICATE,
    INSPIRCD_WITHOUT_TLS,
    PASSWORD,
    POSTFIX_HIDING_STARTTLS,
    POSTFIX_TLS_1_2,
    POSTFIX_TOO_BUSY,
    POSTFIX_WITHOUT_TLS,
    PROFTPD_TLS_1_2,
    PROFTPD_WITHOUT_TLS,
    PROSODY_WITHOUT_CERTIFICATE,
    PROSODY_WITHOUT_TLS,
    VSFTPD_WITHOUT_TLS,
    Certificates,
    ChatServer,
    FtpServer,
    IrcServer,
    MailboxServer,
    NewsServer,
    SmtpServer,
    dovecot,
    exim,
    free_ports,
    inn,
    inspircd,
    issue,
    loopbacks,
    members,
    postfix,
    proftpd,
    prosody,
    vsftpd,
)

Server = SmtpServer | MailboxServer | NewsServer | ChatServer | IrcServer | FtpServer
Start = Callable[..., AbstractContextManager[Server]]

every_address = pytest.mark.parametrize("host", loopbacks())
every_server = pytest.mark.parametrize(
    "start", [postfix, exim, dovecot, inn, prosody, inspircd, vsftpd, proftpd]
)


@dataclass(frozen=True, slots=True)
class Upgrade:
    """How a client asks for TLS: whatever it says ends in what it waits for in the answer."""

    start: Start
    port: str
    opening: tuple[tuple[bytes, bytes], ...]
    offer: bytes  # in the answers to the opening
    request: bytes
    granted: bytes
    question: tuple[bytes, bytes]  # the first one in TLS


STREAM = (
    b"<?xml version='1.0'?><stream:stream to='localhost' version='1.0' "
    b"xmlns='%s' xmlns:stream='http://etherx.jabber.org/streams'>"
)
TO_CLIENT, TO_SERVER = STREAM % b"jabber:client", STREAM % b"jabber:server"
XMPP = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
PROCEED = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
FAILURE = b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>"
UNSUPPORTED = (
    b"<stream:error><unsupported-stanza-type xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
    b"</stream:error></stream:stream>"
)
FEATURES = b"</stream:features>"

NNTP = Upgrade(
    inn,
    "nntp",
    ((b"", b"200 localhost InterNetNews"), (b"CAPABILITIES\r\n", b"\r\n.\r\n")),
    b"\r\nSTARTTLS\r\n",
    b"STARTTLS\r\n",
    b"382 Begin TLS negotiation now\r\n",
    (b"CAPABILITIES\r\n", b"AUTHINFO USER"),
)
XMPP_CLIENT = Upgrade(
    prosody,
    "xmpp_client",
    ((TO_CLIENT, FEATURES),),
    b"<starttls",
    XMPP,
    PROCEED,
    (TO_CLIENT, b"<mechanism>PLAIN</mechanism>"),
)
XMPP_SERVER = Upgrade(
    prosody,
    "xmpp_server",
    ((TO_SERVER, FEATURES),),
    b"<starttls",
    XMPP,
    PROCEED,
    (TO_SERVER, FEATURES),
)
IRC = Upgrade(
    inspircd,
    "irc",
    ((b"CAP LS 302\r\n", b"\r\n"),),
    b" tls ",
    b"STARTTLS\r\n",
    b":irc.localhost 670 * :STARTTLS successful, go ahead with TLS handshake\r\n",
    (b"CAP LS 302\r\n", b" LS "),
)
VSFTPD = Upgrade(
    vsftpd,
    "ftp",
    ((b"", b"220 (vsFTPd 3"), (b"FEAT\r\n", b"211 End\r\n")),
    b" AUTH TLS\r\n",
    b"AUTH TLS\r\n",
    b"234 Proceed with negotiation.\r\n",
    (b"USER anonymous\r\n", b"230 Login successful."),
)
PROFTPD = Upgrade(
    proftpd,
    "ftp",
    ((b"", b"220 ProFTPD Server"), (b"FEAT\r\n", b"211 End\r\n")),
    b" AUTH TLS\r\n",
    b"AUTH TLS\r\n",
    b"234 AUTH TLS successful\r\n",
    (b"USER anonymous\r\n", b"331 Anonymous login ok"),
)
LMTP = Upgrade(
    dovecot,
    "lmtp",
    ((b"", b"220 "), (b"LHLO a\r\n", b"\r\n250 ")),
    b"STARTTLS\r\n",
    b"STARTTLS\r\n",
    b"220 2.0.0 Begin TLS negotiation now.\r\n",
    (b"LHLO a\r\n", b"250 PIPELINING"),
)
SIEVE = Upgrade(
    dovecot,
    "sieve",
    ((b"", b'OK "Dovecot'),),
    b'\r\n"STARTTLS"\r\n',
    b"STARTTLS\r\n",
    b'OK "Begin TLS negotiation now."\r\n',
    (b"", b'OK "TLS negotiation successful."'),
)


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


@pytest.mark.parametrize(
    "upgrade",
    [NNTP, XMPP_CLIENT, XMPP_SERVER, IRC, VSFTPD, PROFTPD, LMTP, SIEVE],
    ids=lambda upgrade: f"{upgrade.start.__name__}-{upgrade.port}",
)
def test_what_a_server_offers_it_grants_and_then_it_speaks_tls(
    directory: Path, certificates: Certificates, upgrade: Upgrade
) -> None:
    with upgrade.start(directory, certificates) as server:
        for host in loopbacks():
            with dial(getattr(server, upgrade.port), host) as raw:
                assert upgrade.offer in opened(raw, upgrade)
                assert say(raw, upgrade.request, upgrade.granted).endswith(upgrade.granted)
                with wrapped(raw, certificates) as tls:
                    assert say(tls, *upgrade.question)


@pytest.mark.parametrize(
    ("start", "port", "said", "awaited"),
    [
        (inn, "nntps", b"", b"200 localhost InterNetNews"),
        (prosody, "xmpps_client", TO_CLIENT, FEATURES),
        (prosody, "xmpps_server", TO_SERVER, FEATURES),
        (inspircd, "ircs", b"CAP LS\r\n", b" LS "),
        (vsftpd, "ftps", b"", b"220 (vsFTPd"),
        (proftpd, "ftps", b"", b"220 ProFTPD"),
    ],
)
def test_a_server_speaks_tls_from_the_first_byte(
    directory: Path,
    certificates: Certificates,
    *,
    start: Start,
    port: str,
    said: bytes,
    awaited: bytes,
) -> None:
    with start(directory, certificates) as server:
        for host in loopbacks():
            with (
                dial(getattr(server, port), host) as raw,
                wrapped(raw, certificates) as tls,
            ):
                assert say(tls, said, awaited)


@pytest.mark.parametrize("start", [vsftpd, proftpd])
def test_an_ftp_server_lists_its_files_through_tls(
    directory: Path, certificates: Certificates, start: Start
) -> None:
    options = ["--silent", "--show-error", "--ssl-reqd", "--cacert", certificates.ca]
    with start(directory, certificates) as server:
        url = f"ftp://localhost:{server.ftp}/"
        assert (
            subprocess.run(["curl", *options, url], check=True, capture_output=True).stdout == b""
        )


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


# -- the others without TLS ------------------------------------------------------------


@pytest.mark.parametrize(
    ("upgrade", "settings", "offered", "refusal"),
    [
        (NNTP, INN_WITHOUT_TLS, True, b"580 Error initializing TLS\r\n"),
        *(
            (upgrade, settings, False, refusal)
            for upgrade in (XMPP_CLIENT, XMPP_SERVER)
            for settings, refusal in (
                (PROSODY_WITHOUT_TLS, UNSUPPORTED),
                (PROSODY_WITHOUT_CERTIFICATE, FAILURE),
            )
        ),
        (
            IRC,
            INSPIRCD_WITHOUT_CERTIFICATE,
            False,
            b":irc.localhost 691 * :STARTTLS is not enabled\r\n",
        ),
        (VSFTPD, VSFTPD_WITHOUT_TLS, False, b"530 Please login with USER and PASS.\r\n"),
        (PROFTPD, PROFTPD_WITHOUT_TLS, False, b"500 AUTH not understood\r\n"),
        (LMTP, DOVECOT_WITHOUT_TLS, False, b"502 5.5.1 TLS support is not enabled.\r\n"),
        (SIEVE, DOVECOT_WITHOUT_TLS, False, b'NO "TLS support isn\'t enabled."\r\n'),
    ],
)
def test_a_server_without_tls_refuses_it_in_words_of_its_own(
    directory: Path,
    certificates: Certificates,
    *,
    upgrade: Upgrade,
    settings: dict[str, str],
    offered: bool,
    refusal: bytes,
) -> None:
    with (
        upgrade.start(directory, certificates, **settings) as server,
        dial(getattr(server, upgrade.port)) as raw,
    ):
        assert (upgrade.offer in opened(raw, upgrade)) == offered
        assert say(raw, upgrade.request, refusal) == refusal


def test_inspircd_without_tls_does_not_answer_before_a_user_is_registered(
    directory: Path, certificates: Certificates
) -> None:
    with (
        inspircd(directory, certificates, **INSPIRCD_WITHOUT_TLS) as server,
        dial(server.irc) as raw,
    ):
        assert say(raw, b"CAP LS 302\r\n", b"\r\n").endswith(b"standard-replies \r\n")
        both = say(raw, b"STARTTLS\r\nCAP END\r\nNICK a\r\nUSER a 0 * a\r\n", b" 422 a ")
        assert both.startswith(b":irc.localhost 001 a ")
        assert say(raw, b"STARTTLS\r\n", b" 421 a STARTTLS :Unknown command\r\n")


@pytest.mark.parametrize(
    ("start", "settings", "port", "greeting"),
    [
        (inn, INN_WITHOUT_TLS, "nntps", b"400 Error initializing TLS\r\n"),
        (vsftpd, VSFTPD_WITHOUT_TLS, "ftps", b"220 (vsFTPd 3"),
        (proftpd, PROFTPD_WITHOUT_TLS, "ftps", b"220 ProFTPD Server"),
    ],
)
def test_without_tls_the_port_that_is_for_it_speaks_in_clear(
    directory: Path,
    certificates: Certificates,
    *,
    start: Start,
    settings: dict[str, str],
    port: str,
    greeting: bytes,
) -> None:
    with start(directory, certificates, **settings) as server, dial(getattr(server, port)) as raw:
        assert say(raw, b"", greeting).startswith(greeting)


# -- all of them -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "settings", "port"),
    [
        (postfix, POSTFIX_TLS_1_2, "smtps"),
        (exim, EXIM_TLS_1_2, "smtps"),
        (dovecot, DOVECOT_TLS_1_2, "imaps"),
        (dovecot, DOVECOT_TLS_1_2, "pop3s"),
        (inn, INN_TLS_1_2, "nntps"),
        (proftpd, PROFTPD_TLS_1_2, "ftps"),
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
        dial(astuple(server)[0])


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


def opened(raw: socket.socket, upgrade: Upgrade) -> bytes:
    return b"".join(say(raw, said, awaited) for said, awaited in upgrade.opening)


def say(link: socket.socket, words: bytes, awaited: bytes) -> bytes:
    """All that is answered, up to what is awaited and the end of its line or stanza."""
    link.sendall(words)
    heard = b""
    while awaited not in heard or not heard.endswith((b"\n", b">")):
        more = link.recv(4096)
        assert more, heard
        heard += more
    return heard


def dial(port: int, host: str = "localhost") -> socket.socket:
    return socket.create_connection((host, port), timeout=15)


def wrapped(
    raw: socket.socket, certificates: Certificates, name: str = "localhost"
) -> ssl.SSLSocket:
    return certificates.context().wrap_socket(raw, server_hostname=name)


def shake_hands(port: int, certificates: Certificates, name: str = "localhost") -> ssl.SSLSocket:
    return wrapped(dial(port), certificates, name)


def children() -> set[int]:
    """The processes that this one has started, each leading a group of its own."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(pid) for pid in pids.split()}

"""The servers beside the mail servers do what the interop tests rely on, byte by byte.

Nothing of unstrip is used here: what they say is taken from a plain socket, and from the
clients that come with them.
"""

import os
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.interop.servers.cups import CUPS_TLS_1_2, CUPS_WITHOUT_CERTIFICATE, cups
from tests.interop.servers.machine import (
    HOSTNAME,
    LOCALHOST,
    PATIENCE,
    Certificates,
    loopbacks,
    program,
)
from tests.interop.servers.mariadb import MARIADB_TLS_1_2, MARIADB_WITHOUT_TLS, mariadb
from tests.interop.servers.nut import NUT_WITHOUT_TLS, nut
from tests.interop.servers.openldap import (
    OPENLDAP_TLS_1_2,
    OPENLDAP_WITHOUT_CERTIFICATE,
    OPENLDAP_WITHOUT_TLS,
    openldap,
)
from tests.interop.servers.postgresql import (
    POSTGRESQL_TLS_1_2,
    POSTGRESQL_WITHOUT_TLS,
    postgresql,
)
from tests.interop.servers.stunnel import STUNNEL_TLS_1_2, STUNNEL_TOO_OLD, stunnel
from tests.interop.servers.tigervnc import (
    TIGERVNC_ANONYMOUS,
    TIGERVNC_TLS_1_2,
    TIGERVNC_WITHOUT_CERTIFICATE,
    TIGERVNC_WITHOUT_TLS,
    tigervnc,
)
from tests.interop.servers.xrdp import (
    XRDP_TLS_1_2,
    XRDP_WITHOUT_CERTIFICATE,
    XRDP_WITHOUT_TLS,
    xrdp,
)

# -- what asks for TLS, and what grants it ---------------------------------------------

# an ExtendedRequest with the name of StartTLS, and the plainest success
LDAP_REQUEST = bytes.fromhex("301d020101771880 16") + b"1.3.6.1.4.1.1466.20037"
LDAP_SUCCESS = bytes.fromhex("300c02010178070a010004000400")
# a search of the root for supportedExtension
LDAP_SEARCH = (
    bytes.fromhex("3038020102633304000a01000a0100020100020100010100870b")
    + b"objectClass"
    + bytes.fromhex("30140412")
    + b"supportedExtension"
)
IPP_REQUEST = (
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n"
)
POSTGRESQL_REQUEST = bytes.fromhex("0000000804d2162f")
# 4.1, secure connection, plugin names, and CLIENT_SSL
MYSQL_REQUEST = bytes.fromhex("20000001 008a0800 00000001 2d") + bytes(23)
CLIENT_SSL = 0x0800
RDP_CONFIRM = bytes.fromhex("030000130ed000001234 00")
RDP_FAREWELL = bytes.fromhex("0300000902f0802180")
VNC_VERSION = b"RFB 003.008\n"
VENCRYPT, X509_NONE, TLS_NONE, NONE = 19, 260, 257, 1


def ask_ldap(connection: socket.socket) -> None:
    assert ask(connection, LDAP_REQUEST, len(LDAP_SUCCESS)) == LDAP_SUCCESS


def ask_ipp(connection: socket.socket) -> None:
    assert head(connection, IPP_REQUEST).startswith(b"HTTP/1.1 101 Switching Protocols\r\n")


def ask_postgresql(connection: socket.socket) -> None:
    assert ask(connection, POSTGRESQL_REQUEST, 1) == b"S"


def ask_mysql(connection: socket.socket) -> None:
    assert capabilities(mysql_packet(connection)) & CLIENT_SSL
    connection.sendall(MYSQL_REQUEST)


def ask_rdp(connection: socket.socket) -> None:
    granted = RDP_CONFIRM + bytes.fromhex("0201080001000000")
    assert ask(connection, rdp_request(1), len(granted)) == granted


def ask_vnc(connection: socket.socket) -> None:
    assert VENCRYPT in security_types(connection)
    assert X509_NONE in subtypes(connection)
    assert ask(connection, X509_NONE.to_bytes(4), 1) == b"\1"


def ask_nut(connection: socket.socket) -> None:
    assert ask(connection, b"STARTTLS\n", 12) == b"OK STARTTLS\n"


def ask_smtp(connection: socket.socket) -> None:
    assert ask(connection, b"", 30) == b"220 behind stunnel for ESMTP\r\n"
    assert ask(connection, b"EHLO c\r\n", 26) == b"250-behind\r\n250 STARTTLS\r\n"
    assert ask(connection, b"STARTTLS\r\n", 14) == b"220 Go ahead\r\n"


def ask_imap(connection: socket.socket) -> None:
    # stunnel makes the list of capabilities unreadable, so that it is asked for
    assert ask(connection, b"", 46) == b"* OK [KAPABILITY IMAP4rev1] behind (stunnel)\r\n"
    offer = b"* CAPABILITY IMAP4rev1 STARTTLS\r\na OK done\r\n"
    assert ask(connection, b"a CAPABILITY\r\n", len(offer)) == offer
    assert ask(connection, b"b STARTTLS\r\n", 32) == b"b OK Begin TLS negotiation now\r\n"


def ask_pop3(connection: socket.socket) -> None:
    assert ask(connection, b"", 22) == b"+OK behind + stunnel\r\n"
    offer = b"+OK Stunnel capability list follows\r\nSTLS\r\n.\r\n"
    assert ask(connection, b"CAPA\r\n", len(offer)) == offer
    assert ask(connection, b"STLS\r\n", 36) == b"+OK Stunnel starts TLS negotiation\r\n"


# -- what holds for all ----------------------------------------------------------------


@dataclass(frozen=True)
class Upgrade:
    start: Callable[..., AbstractContextManager[Any]]
    port: str
    ask: Callable[[socket.socket], None]
    up_to_1_2: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.start.__name__}-{self.port}"


UPGRADES = (
    Upgrade(openldap, "ldap", ask_ldap, OPENLDAP_TLS_1_2),
    Upgrade(cups, "ipp", ask_ipp, CUPS_TLS_1_2),
    Upgrade(postgresql, "postgresql", ask_postgresql, POSTGRESQL_TLS_1_2),
    Upgrade(mariadb, "mysql", ask_mysql, MARIADB_TLS_1_2),
    Upgrade(xrdp, "rdp", ask_rdp, XRDP_TLS_1_2),
    Upgrade(tigervnc, "vnc", ask_vnc, TIGERVNC_TLS_1_2),
    Upgrade(nut, "nut", ask_nut),
    Upgrade(stunnel, "smtp", ask_smtp, STUNNEL_TLS_1_2),
    Upgrade(stunnel, "imap", ask_imap, STUNNEL_TLS_1_2),
    Upgrade(stunnel, "pop3", ask_pop3, STUNNEL_TLS_1_2),
    Upgrade(stunnel, "postgresql", ask_postgresql, STUNNEL_TLS_1_2),
)
every_upgrade = pytest.mark.parametrize("upgrade", UPGRADES, ids=str)
every_upgrade_with_a_choice = pytest.mark.parametrize(
    "upgrade", [upgrade for upgrade in UPGRADES if upgrade.up_to_1_2], ids=str
)
# one of the tunnel's is enough where a server is started twice
every_server = pytest.mark.parametrize("upgrade", UPGRADES[:8], ids=str)


@every_upgrade
def test_tls_is_granted_and_the_certificate_holds_at_every_address(
    upgrade: Upgrade, directory: Path, certificates: Certificates
) -> None:
    with upgrade.start(directory, certificates) as server:
        for host in loopbacks():
            with dial(getattr(server, upgrade.port), host) as connection:
                upgrade.ask(connection)
                with inside(connection, certificates) as tls:
                    assert tls.version() == "TLSv1.3"


@every_upgrade_with_a_choice
def test_tls_can_be_kept_at_1_2(
    upgrade: Upgrade, directory: Path, certificates: Certificates
) -> None:
    with (
        upgrade.start(directory, certificates, **upgrade.up_to_1_2) as server,
        dial(getattr(server, upgrade.port)) as connection,
    ):
        upgrade.ask(connection)
        with inside(connection, certificates) as tls:
            assert tls.version() == "TLSv1.2"


@every_server
def test_two_of_a_kind_run_beside_each_other_and_leave_no_process(
    upgrade: Upgrade, directory: Path, certificates: Certificates
) -> None:
    before = descendants(os.getpid())
    with (
        upgrade.start(directory, certificates) as one,
        upgrade.start(directory, certificates) as other,
    ):
        for server in (one, other):
            with dial(getattr(server, upgrade.port)) as connection:
                upgrade.ask(connection)
        started = descendants(os.getpid()) - before
        assert len(started) >= 2
    assert not any(map(parent, started))


@every_server
def test_a_server_can_take_the_ports_of_one_that_was_stopped(
    upgrade: Upgrade, directory: Path, certificates: Certificates
) -> None:
    with upgrade.start(directory, certificates) as first:
        pass
    with upgrade.start(directory, certificates, first) as second:
        assert second == first


@pytest.mark.parametrize(("start", "port"), [(openldap, "ldaps"), (cups, "ipps")])
def test_some_speak_tls_from_the_first_byte_on_a_port_of_its_own(
    start: Callable[..., AbstractContextManager[Any]],
    port: str,
    directory: Path,
    certificates: Certificates,
) -> None:
    with start(directory, certificates) as server:
        for host in loopbacks():
            with dial(getattr(server, port), host) as connection, inside(connection, certificates):
                pass


# -- OpenLDAP --------------------------------------------------------------------------


def test_openldap_without_tls_neither_lists_nor_knows_starttls(
    directory: Path, certificates: Certificates
) -> None:
    refusal = bytes.fromhex("302a02010178250a01020400041e") + b"unsupported extended operation"
    with (
        openldap(directory, certificates, **OPENLDAP_WITHOUT_TLS) as server,
        dial(server.ldap) as connection,
    ):
        assert ask(connection, LDAP_REQUEST, len(refusal)) == refusal
        assert b"1.3.6.1.4.1.1466.20037" not in ask(connection, LDAP_SEARCH, 160)


def test_openldap_without_a_certificate_grants_and_then_closes(
    directory: Path, certificates: Certificates
) -> None:
    with (
        openldap(directory, certificates, **OPENLDAP_WITHOUT_CERTIFICATE) as server,
        dial(server.ldap) as connection,
    ):
        ask_ldap(connection)
        assert_closed_at_the_first_byte(connection, certificates)


def test_openldap_serves_its_own_client(directory: Path, certificates: Certificates) -> None:
    client = program("ldapsearch", Path("/usr/bin/ldapsearch"))
    with openldap(directory, certificates) as server:
        # by address: libldap takes "localhost" for the machine's own name
        url = f"ldap://{LOCALHOST}:{server.ldap}"
        search = "-ZZ", "-x", "-LLL", "-H", url, "-b", "", "-s", "base", "supportedExtension"
        found = run(client, *search, LDAPTLS_CACERT=f"{certificates.ca}")
    assert "supportedExtension: 1.3.6.1.4.1.1466.20037\n" in found


# -- CUPS ------------------------------------------------------------------------------


def test_cups_answers_the_request_itself_inside_tls(
    directory: Path, certificates: Certificates
) -> None:
    with cups(directory, certificates) as server, dial(server.ipp) as connection:
        ask_ipp(connection)
        with inside(connection, certificates) as tls:
            assert head(tls).startswith(b"HTTP/1.1 200 OK\r\n")


def test_cups_understands_upgrade_only_where_it_stands_alone(
    directory: Path, certificates: Certificates
) -> None:
    with cups(directory, certificates) as server, dial(server.ipp) as connection:
        request = IPP_REQUEST.replace(b"Connection: Upgrade", b"Connection: Upgrade, Keep-Alive")
        assert head(connection, request).startswith(b"HTTP/1.1 200 OK\r\n")


def test_cups_answers_inside_tls_what_was_sent_in_clear(
    directory: Path, certificates: Certificates
) -> None:
    with cups(directory, certificates) as server, dial(server.ipp) as connection:
        head(connection, IPP_REQUEST + b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with inside(connection, certificates) as tls:
            assert head(tls).startswith(b"HTTP/1.1 200 OK\r\n")
            assert head(tls).startswith(b"HTTP/1.1 200 OK\r\n")


def test_cups_without_a_certificate_grants_and_then_closes(
    directory: Path, certificates: Certificates
) -> None:
    with (
        cups(directory, certificates, **CUPS_WITHOUT_CERTIFICATE) as server,
        dial(server.ipp) as connection,
    ):
        ask_ipp(connection)
        assert_closed_at_the_first_byte(connection, certificates)


# -- PostgreSQL ------------------------------------------------------------------------


def test_postgresql_without_tls_answers_n_and_goes_on(
    directory: Path, certificates: Certificates
) -> None:
    with (
        postgresql(directory, certificates, **POSTGRESQL_WITHOUT_TLS) as server,
        dial(server.postgresql) as connection,
    ):
        assert ask(connection, POSTGRESQL_REQUEST, 1) == b"N"
        startup = b"\0\3\0\0user\0postgres\0\0"
        reply = ask(connection, (len(startup) + 4).to_bytes(4) + startup, 9)
        assert reply == b"R\0\0\0\x08\0\0\0\0"  # AuthenticationOk


def test_postgresql_serves_its_own_client(directory: Path, certificates: Certificates) -> None:
    client = program("psql", Path("/usr/bin/psql"))
    with postgresql(directory, certificates) as server:
        where = f"host={HOSTNAME} port={server.postgresql} user=postgres"
        how = f"sslmode=verify-full sslrootcert={certificates.ca}"
        question = "select version from pg_stat_ssl where pid = pg_backend_pid()"
        assert run(client, f"{where} {how}", "-Atc", question) == "TLSv1.3\n"


# -- MariaDB ---------------------------------------------------------------------------


def test_mariadb_without_tls_does_not_offer_it_and_takes_the_request_for_a_login(
    directory: Path, certificates: Certificates
) -> None:
    with (
        mariadb(directory, certificates, **MARIADB_WITHOUT_TLS) as server,
        dial(server.mysql) as connection,
    ):
        assert not capabilities(mysql_packet(connection)) & CLIENT_SSL
        connection.sendall(MYSQL_REQUEST)
        refusal = bytes.fromhex("16000002 ff1304") + b"#08S01Bad handshake"
        assert everything(connection) == refusal


def test_mariadb_serves_its_own_client(directory: Path, certificates: Certificates) -> None:
    client = program("mariadb", Path("/usr/bin/mariadb"))
    with mariadb(directory, certificates) as server:
        where = "--no-defaults", f"--host={LOCALHOST}", f"--port={server.mysql}", "--user=root"
        how = f"--ssl-ca={certificates.ca}", "--ssl-verify-server-cert", "--skip-column-names"
        answer = run(client, *where, *how, "--execute=show status like 'ssl_version'")
    assert answer.split() == ["Ssl_version", "TLSv1.3"]


# -- xrdp ------------------------------------------------------------------------------


def test_xrdp_without_tls_selects_its_own_security(
    directory: Path, certificates: Certificates
) -> None:
    with (
        xrdp(directory, certificates, **XRDP_WITHOUT_TLS) as server,
        dial(server.rdp) as connection,
    ):
        refusal = RDP_CONFIRM + bytes.fromhex("0201080000000000")
        assert ask(connection, rdp_request(1), len(refusal)) == refusal


def test_xrdp_without_a_certificate_says_so_and_takes_its_leave(
    directory: Path, certificates: Certificates
) -> None:
    with (
        xrdp(directory, certificates, **XRDP_WITHOUT_CERTIFICATE) as server,
        dial(server.rdp) as connection,
    ):
        connection.sendall(rdp_request(1))
        failure = RDP_CONFIRM + bytes.fromhex("0300080003000000")
        assert everything(connection) == failure + RDP_FAREWELL


def test_xrdp_answers_an_old_client_without_a_word_about_security(
    directory: Path, certificates: Certificates
) -> None:
    with xrdp(directory, certificates) as server, dial(server.rdp) as connection:
        request, confirm = "0300000b06e00000000000", "0300000b06d00000123400"
        assert ask(connection, bytes.fromhex(request), 11) == bytes.fromhex(confirm)


# -- TigerVNC --------------------------------------------------------------------------


def test_tigervnc_without_tls_ends_the_session_when_asked_for_it(
    directory: Path, certificates: Certificates
) -> None:
    with (
        tigervnc(directory, certificates, **TIGERVNC_WITHOUT_TLS) as server,
        dial(server.vnc) as connection,
    ):
        assert security_types(connection) == bytes([NONE])
        connection.sendall(bytes([VENCRYPT]))
        assert everything(connection) == b""


def test_tigervnc_without_a_certificate_refuses_the_subtype_with_a_reason(
    directory: Path, certificates: Certificates
) -> None:
    reason = b"Authentication failure: Error loading X509 certificate or key"
    with (
        tigervnc(directory, certificates, **TIGERVNC_WITHOUT_CERTIFICATE) as server,
        dial(server.vnc) as connection,
    ):
        assert VENCRYPT in security_types(connection)
        assert X509_NONE in subtypes(connection)
        connection.sendall(X509_NONE.to_bytes(4))
        failed = b"\0" + (1).to_bytes(4)
        assert everything(connection) == failed + len(reason).to_bytes(4) + reason


def test_tigervnc_can_offer_nothing_that_shows_a_certificate(
    directory: Path, certificates: Certificates
) -> None:
    with (
        tigervnc(directory, certificates, **TIGERVNC_ANONYMOUS) as server,
        dial(server.vnc) as connection,
    ):
        assert VENCRYPT in security_types(connection)
        assert subtypes(connection) == [TLS_NONE, NONE]


def test_tigervnc_leaves_no_file_where_others_look(
    directory: Path, certificates: Certificates
) -> None:
    with tigervnc(directory, certificates) as server:
        assert not Path(f"/tmp/.X11-unix/X{server.vnc}").exists()
        assert not Path(f"/tmp/.X{server.vnc}-lock").exists()


# -- NUT -------------------------------------------------------------------------------


def test_nut_without_tls_says_that_it_is_not_configured(
    directory: Path, certificates: Certificates
) -> None:
    with nut(directory, certificates, **NUT_WITHOUT_TLS) as server, dial(server.nut) as connection:
        assert ask(connection, b"STARTTLS\n", 27) == b"ERR FEATURE-NOT-CONFIGURED\n"
        assert ask(connection, b"NETVER\n", 4) == b"1.3\n"


def test_nut_answers_inside_tls_what_was_sent_in_clear(
    directory: Path, certificates: Certificates
) -> None:
    with nut(directory, certificates) as server, dial(server.nut) as connection:
        assert ask(connection, b"STARTTLS\nNETVER\n", 12) == b"OK STARTTLS\n"
        with inside(connection, certificates) as tls:
            assert take(tls, 4) == b"1.3\n"


# -- stunnel ---------------------------------------------------------------------------


def test_stunnel_hands_on_what_comes_inside_tls(
    directory: Path, certificates: Certificates
) -> None:
    with stunnel(directory, certificates) as server, dial(server.smtp) as connection:
        ask_smtp(connection)
        with inside(connection, certificates) as tls:
            offer = b"250-behind\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n"
            assert ask(tls, b"EHLO c\r\n", len(offer)) == offer


def test_stunnel_can_be_too_old_for_any_client(directory: Path, certificates: Certificates) -> None:
    with (
        stunnel(directory, certificates, **STUNNEL_TOO_OLD) as server,
        dial(server.postgresql) as connection,
    ):
        ask_postgresql(connection)
        with pytest.raises(ssl.SSLError, match="alert protocol version"):
            certificates.context().wrap_socket(connection, server_hostname=HOSTNAME)


@pytest.mark.parametrize("first", ["NOOP", "STARTTLS"])
def test_stunnel_resets_who_does_not_say_ehlo_first(
    first: str, directory: Path, certificates: Certificates
) -> None:
    with stunnel(directory, certificates) as server, dial(server.smtp) as connection:
        take(connection, 30)
        with pytest.raises(ConnectionResetError):
            ask(connection, first.encode() + b"\r\n", 1)


# -- parts of the protocols ------------------------------------------------------------


def mysql_packet(connection: socket.socket) -> bytes:
    return take(connection, int.from_bytes(take(connection, 4)[:3], "little"))


def capabilities(greeting: bytes) -> int:
    """The low word of them: behind the version, a number, a salt and a zero."""
    start = greeting.index(0, 1) + 1 + 4 + 8 + 1
    return int.from_bytes(greeting[start : start + 2], "little")


def rdp_request(protocols: int) -> bytes:
    return bytes.fromhex("030000130ee00000000000 01000800") + protocols.to_bytes(4, "little")


def security_types(connection: socket.socket) -> bytes:
    assert ask(connection, b"", 12) == VNC_VERSION
    return take(connection, ask(connection, VNC_VERSION, 1)[0])


def subtypes(connection: socket.socket) -> list[int]:
    assert ask(connection, bytes([VENCRYPT]), 2) == b"\0\2"
    accepted, count = ask(connection, b"\0\2", 2)
    assert accepted == 0
    return [int.from_bytes(take(connection, 4)) for _ in range(count)]


# -- parts of any conversation ---------------------------------------------------------


@contextmanager
def dial(port: int, host: str = LOCALHOST) -> Iterator[socket.socket]:
    with socket.create_connection((host, port), timeout=PATIENCE) as connection:
        yield connection


@contextmanager
def inside(connection: socket.socket, certificates: Certificates) -> Iterator[ssl.SSLSocket]:
    context = certificates.context()
    with context.wrap_socket(connection, server_hostname=HOSTNAME) as tls:
        yield tls


def assert_closed_at_the_first_byte(connection: socket.socket, certificates: Certificates) -> None:
    with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
        certificates.context().wrap_socket(connection, server_hostname=HOSTNAME)


def ask(connection: socket.socket, question: bytes, size: int) -> bytes:
    connection.sendall(question)
    return take(connection, size)


def take(connection: socket.socket, size: int) -> bytes:
    """So many bytes, or fewer if the connection ends."""
    taken = b""
    while len(taken) < size and (more := connection.recv(size - len(taken))):
        taken += more
    return taken


def head(connection: socket.socket, question: bytes = b"") -> bytes:
    """Of an HTTP response, without reading beyond it."""
    connection.sendall(question)
    taken = b""
    while not taken.endswith(b"\r\n\r\n") and (more := connection.recv(1)):
        taken += more
    return taken


def everything(connection: socket.socket) -> bytes:
    taken = b""
    with suppress(ConnectionResetError):
        while more := connection.recv(4096):
            taken += more
    return taken


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return done.stdout


# -- processes -------------------------------------------------------------------------


def descendants(ancestor: int) -> set[int]:
    children = {pid for pid in map(int, numbered_processes()) if parent(pid) == ancestor}
    return children.union(*map(descendants, children))


def numbered_processes() -> list[str]:
    return [path.name for path in Path("/proc").glob("[0-9]*")]


def parent(process: int) -> int:
    """The parent of a living process; a dead one has none."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return 0
    state, its_parent = status.rpartition(") ")[2].split()[:2]
    return 0 if state in "ZX" else int(its_parent)

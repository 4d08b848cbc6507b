"""The server tester, and the lab, on software that is known: mended, or with its flaws.

What is vulnerable here is so in the version that Debian or PyPI has; a version that is clean
would be good news, and ends the test all the same.
"""

import asyncio
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interop.servers import (
    LOCALHOST,
    PASSWORD,
    Certificates,
    UnavailableError,
    dovecot,
    exim,
    free_ports,
    inn,
    inspircd,
    postfix,
    proftpd,
    prosody,
    vsftpd,
)
from tests.interop.servers.cups import cups
from tests.interop.servers.machine import UNPACKED, running
from tests.interop.servers.mariadb import mariadb
from tests.interop.servers.nut import nut
from tests.interop.servers.openldap import openldap
from tests.interop.servers.postgresql import postgresql
from tests.interop.servers.tigervnc import tigervnc
from tests.interop.servers.xrdp import xrdp
from unstrip.io.asyncio import run
from unstrip.lab.middlebox import middlebox
from unstrip.lab.probing import Result, Trial, examine
from unstrip.lab.servers import serve

OVERALL = 120.0  # seconds for one server: some are slow to refuse a password
SCRIPTS = Path(__file__).parent / "specimens"

CLEAN = {
    "postfix": (postfix, "smtp", "smtp"),
    "exim": (exim, "smtp", "smtp"),
    "dovecot imap": (dovecot, "imap", "imap"),
    "dovecot lmtp": (dovecot, "lmtp", "lmtp"),
    "dovecot sieve": (dovecot, "sieve", "sieve"),
    "inn": (inn, "nntp", "nntp"),
    "prosody for clients": (prosody, "xmpp_client", "xmpp-client"),
    "prosody for servers": (prosody, "xmpp_server", "xmpp-server"),
    "vsftpd": (vsftpd, "ftp", "ftp"),
    "proftpd": (proftpd, "ftp", "ftp"),
    "slapd": (openldap, "ldap", "ldap"),
    "postgresql": (postgresql, "postgresql", "postgresql"),
    "mariadb": (mariadb, "mysql", "mysql"),
    "xrdp": (xrdp, "rdp", "ms-wbt-server"),
    "tigervnc": (tigervnc, "vnc", "rfb"),
}
LOGINS = {"imap": ("somebody", PASSWORD), "pop3": ("somebody", PASSWORD)}


def tried(protocol: str, port: int, **options: float) -> list[Trial]:
    async def main() -> list[Trial]:
        async with asyncio.timeout(OVERALL):
            trials = examine(protocol, LOCALHOST, port, login=LOGINS.get(protocol), **options)
            return [trial async for trial in trials]

    return run(main)  # as the command line does: uvloop is stricter


def vulnerable(trials: list[Trial]) -> set[str]:
    """What was found; not B-02, since two segments may arrive as one or as two."""
    return {trial.number for trial in trials if trial.result is Result.VULNERABLE} - {"B-02"}


@pytest.mark.parametrize("name", CLEAN)
def test_this_server_withstands_everything(
    name: str, directory: Path, certificates: Certificates
) -> None:
    start, port, protocol = CLEAN[name]
    with start(directory, certificates) as server:
        trials = tried(protocol, getattr(server, port))
    assert {trial.result for trial in trials} == {Result.CLEAN}, trials


def test_inspircd_keeps_the_nickname_and_obeys_what_came_in_clear(
    directory: Path, certificates: Certificates
) -> None:
    with inspircd(directory, certificates) as server:
        trials = tried("irc", server.irc)
    assert vulnerable(trials) == {"B-01", "B-04", "B-05", "T-09"}, trials


def test_upsd_answers_inside_tls_what_came_in_clear(
    directory: Path, certificates: Certificates
) -> None:
    with nut(directory, certificates) as server:
        trials = tried("nut", server.nut, deadline=2.0)  # it waits for ever for TLS after some
    assert vulnerable(trials) == {"B-01", "B-04", "B-05"}, trials


def test_cups_answers_inside_tls_what_came_in_clear(
    directory: Path, certificates: Certificates
) -> None:
    with cups(directory, certificates) as server:
        trials = tried("http", server.ipp)
    assert "B-01" in vulnerable(trials), trials


def test_dovecot_s_pop3_keeps_the_user_named_in_clear(
    directory: Path, certificates: Certificates
) -> None:
    with dovecot(directory, certificates) as server:
        trials = tried("pop3", server.pop3)
    assert vulnerable(trials) == {"T-10"}, trials


# Specimens in environments of their own


def python_of(specimen: str) -> Path:
    """The interpreter that has the specimen, and nothing else."""
    home = UNPACKED / "specimens" / specimen
    if not (home / ".ready").exists():
        raise UnavailableError(f"{specimen} is missing; tests/interop/specimens.sh would make it")
    return home / "bin/python"


@contextmanager
def aiosmtpd(version: str, directory: Path, certificates: Certificates) -> Iterator[int]:
    python = python_of(f"aiosmtpd-{version}")
    (port,) = free_ports(1)
    home = directory / f"aiosmtpd-{version}"
    home.mkdir(exist_ok=True)
    arguments = [f"{port}", f"{certificates.chain}", f"{certificates.key}"]
    with running([f"{python}", f"{SCRIPTS}/server.py", *arguments], home, port):
        yield port


def test_the_tester_finds_aiosmtpd_1_4_4_vulnerable(
    directory: Path, certificates: Certificates
) -> None:
    with aiosmtpd("1.4.4", directory, certificates) as port:
        trials = tried("smtp", port)
    assert vulnerable(trials) == {"B-01", "B-04", "B-05"}, trials


def test_the_tester_finds_aiosmtpd_1_4_6_clean(directory: Path, certificates: Certificates) -> None:
    with aiosmtpd("1.4.6", directory, certificates) as port:
        trials = tried("smtp", port)
    assert {trial.result for trial in trials} == {Result.CLEAN}, trials


@pytest.mark.parametrize(("version", "code"), [("1.4.4", 1), ("1.4.6", 0)])
def test_the_exit_code_tells_them_apart(
    version: str, code: int, directory: Path, certificates: Certificates
) -> None:
    command = [str(Path(sys.executable).with_name("unstrip")), "lab", "--protocol", "smtp"]
    with aiosmtpd(version, directory, certificates) as port:
        ran = subprocess.run([*command, "--test-server", f"{LOCALHOST}:{port}"], check=False)
    assert ran.returncode == code


async def answer_to_ehlo(version: str, trick: str, certificates: Certificates) -> str:
    """What a client built on aiosmtplib takes for the answer inside TLS, behind a trick."""
    command = [f"{python_of(f'aiosmtplib-{version}')}", f"{SCRIPTS}/client.py"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    async with (
        serve("smtp", context) as server,
        middlebox(trick, "smtp", upstream=(server.host, server.port)) as box,
    ):
        client = await asyncio.create_subprocess_exec(
            *command, f"{box.port}", f"{certificates.ca}", stdout=subprocess.PIPE
        )
        said, _ = await asyncio.wait_for(client.communicate(), OVERALL)
    return said.decode()


HONEST = "localhost\nSIZE 10240000\nENHANCEDSTATUSCODES\n8BITMIME"
INJECTED = {
    "inject": "localhost\nAUTH PLAIN LOGIN",
    "inject-fragment": f"X-INJECTED250-{HONEST}",
}


@pytest.mark.parametrize("trick", INJECTED)
def test_the_lab_finds_a_client_on_aiosmtplib_5_1_0_vulnerable(
    trick: str, certificates: Certificates
) -> None:
    assert asyncio.run(answer_to_ehlo("5.1.0", "pass", certificates)) == HONEST
    assert asyncio.run(answer_to_ehlo("5.1.0", trick, certificates)) == INJECTED[trick]


@pytest.mark.parametrize("trick", INJECTED)
def test_the_lab_finds_a_client_on_aiosmtplib_5_1_2_clean(
    trick: str, certificates: Certificates
) -> None:
    assert asyncio.run(answer_to_ehlo("5.1.2", trick, certificates)) == HONEST

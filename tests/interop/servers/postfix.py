"""Postfix, and what it shares with every other SMTP server."""

import json
import os
import smtplib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from tests.interop.servers.machine import (
    HOSTNAME,
    LOCALHOST,
    PATIENCE,
    Certificates,
    assignments,
    free_ports,
    make_home,
    make_private,
    program,
    running,
)

# STARTTLS is then answered by "502 5.5.1 Error: command not implemented", on both ports:
# `smtps` is in clear, too.
POSTFIX_WITHOUT_TLS: Final = {"smtpd_tls_security_level": "none", "implicit_tls": "no"}
# The same answer, but TLS is still there on `smtps`.
POSTFIX_HIDING_STARTTLS: Final = {"smtpd_discard_ehlo_keywords": "starttls"}
# The one connection a minute goes to the wait for the greeting; each later one from that
# address gets "421 4.7.0 localhost Error: too many connections from 127.0.0.1". Each port
# counts for itself, so `smtps` still serves its first.
POSTFIX_TOO_BUSY: Final = {
    "smtpd_client_connection_rate_limit": "1",
    "smtpd_client_event_limit_exceptions": "",  # else loopback would be one
}
POSTFIX_TLS_1_2: Final = {
    "smtpd_tls_protocols": ">=TLSv1.2, <=TLSv1.2",
    "smtpd_tls_mandatory_protocols": ">=TLSv1.2, <=TLSv1.2",  # for implicit TLS
}

POSTFIX: Final = Path("/usr/lib/postfix/sbin/master")
POSTFIX_QUEUES: Final = (
    *("maildrop", "incoming", "active", "deferred", "defer", "bounce", "trace", "hold"),
)
# Enough to take a message and discard it. Nothing is chrooted: Debian's own list is, and
# needs half of /etc copied into the queue.
POSTFIX_SERVICES: Final = """\
{smtp} inet n - n - - smtpd
{smtps} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=$implicit_tls
anvil unix - - n - 1 anvil
cleanup unix n - n - 0 cleanup
discard unix - - n - - discard
postlog unix-dgram n - n - 1 postlogd
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
tlsmgr unix - - n 1000? 1 tlsmgr
"""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """STARTTLS on `smtp`, TLS from the first byte on `smtps`."""

    smtp: int
    smtps: int
    host: ClassVar[str] = LOCALHOST


# What it takes to send as well.
SENDING_SERVICES: Final = """\
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
pickup unix n - n 60 1 pickup
lmtp unix - - n - - lmtp
showq unix n - n - - showq
scache unix - - n - 1 scache
smtp unix - - n - - smtp
"""
SENDER: Final = {
    "myhostname": "sender.example",
    "mydestination": "sender.example",  # bounces
    "mynetworks": "127.0.0.0/8",
    "inet_protocols": "ipv4",
    "in_flow_delay": "0",
    "smtp_tls_loglevel": "1",
    "compatibility_level": "2",  # an old configuration: pins are then of MD5 by default
}
POSTQUEUE: Final = Path("/usr/sbin/postqueue")


@contextmanager
def postfix(
    directory: Path, certificates: Certificates, on: SmtpServer | None = None, /, **settings: str
) -> Iterator[SmtpServer]:
    """Postfix, with any parameter of main.cf by keyword."""
    master = program("postfix", POSTFIX)
    home = make_home(directory, "postfix")
    server = on or SmtpServer(*free_ports(2))
    make_postfix_directories(home)
    write_postfix_files(home / "etc", server, postfix_parameters(home, certificates) | settings)
    with running([master, "-c", f"{home}/etc", "-d"], home, server.smtp):
        yield server


@dataclass(frozen=True, slots=True)
class PostfixSender:
    """A Postfix that sends what it is given on `smtp`; `home` has its log and its queue."""

    smtp: int
    home: Path

    @property
    def log(self) -> str:
        return (self.home / "mail.log").read_text(errors="replace")

    def give(self, *letters: tuple[str, str, bytes]) -> None:
        """Have it send these: from whom, to whom, and what."""
        with smtplib.SMTP(LOCALHOST, self.smtp, timeout=PATIENCE) as client:
            for sender, recipient, text in letters:
                client.sendmail(sender, recipient, text)

    def waiting(self) -> dict[str, str]:
        """The recipients of what is in the queue, and why it waits; "" where that is not known."""
        found = map(json.loads, self._postqueue("-j").splitlines())
        recipients = (recipient for letter in found for recipient in letter["recipients"])
        return {each["address"]: each.get("delay_reason", "") for each in recipients}

    def flush(self) -> None:
        """Have it try again at once with all that waits."""
        self._postqueue("-f")

    def _postqueue(self, what: str) -> str:
        command = [program("postqueue", POSTQUEUE), "-c", self.home / "etc", what]
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
        return run.stdout


@contextmanager
def postfix_sender(
    directory: Path,
    certificates: Certificates,
    within: Sequence[str] = (),
    services: str = "",
    /,
    **settings: str,
) -> Iterator[PostfixSender]:
    """Postfix as a sender.

    Args: within: a command that runs the one that follows it; services: more lines of master.cf.
    """
    master = program("postfix", POSTFIX)
    home = make_home(directory, "postfix-sender")
    server = SmtpServer(*free_ports(2))
    make_postfix_directories(home)
    parameters = postfix_parameters(home, certificates) | SENDER | settings
    write_postfix_files(home / "etc", server, parameters, SENDING_SERVICES + services)
    with running([*within, master, "-c", f"{home}/etc", "-d"], home, server.smtp):
        yield PostfixSender(server.smtp, home)


def make_postfix_directories(home: Path) -> None:
    """Only those in use, hence in no time: `postfix check` takes most of a second."""
    (home / "etc").mkdir()
    (home / "queue/pid").mkdir(parents=True)
    for name in ("public", "private", *POSTFIX_QUEUES):
        make_private(home / "queue" / name, "postfix")
    make_private(home / "data", "postfix")


def write_postfix_files(
    etc: Path, server: SmtpServer, parameters: Mapping[str, str], services: str = ""
) -> None:
    usual = POSTFIX_SERVICES.format(smtp=server.smtp, smtps=server.smtps)
    (etc / "master.cf").write_text(usual + services)
    (etc / "main.cf").write_text(assignments(parameters))
    # Postfix waits, up to two seconds, until this file is too old to be still being written.
    os.utime(etc / "main.cf", (0, 0))


def postfix_parameters(home: Path, certificates: Certificates) -> dict[str, str]:
    return {
        "compatibility_level": "3.6",
        "queue_directory": f"{home}/queue",
        "data_directory": f"{home}/data",
        "maillog_file": f"{home}/mail.log",
        "maillog_file_prefixes": f"{home}",
        "myhostname": HOSTNAME,
        "inet_interfaces": "loopback-only",
        "local_recipient_maps": "",
        "local_transport": "discard:",
        "smtpd_relay_restrictions": "permit_mynetworks, reject",
        "implicit_tls": "yes",
        "smtpd_tls_security_level": "may",
        "smtpd_tls_chain_files": f"{certificates.key}, {certificates.chain}",
    }

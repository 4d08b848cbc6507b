"""Exim, as a server and as one that sends."""

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.interop.servers.machine import (
    HOSTNAME,
    PATIENCE,
    UNPACKED,
    Certificates,
    assignments,
    copy_private,
    free_ports,
    loopbacks,
    make_home,
    make_private,
    program,
    running,
)
from tests.interop.servers.postfix import SmtpServer

# STARTTLS is then answered by "503 STARTTLS command used when not advertised".
EXIM_WITHOUT_STARTTLS: Final = {"tls_advertise_hosts": ""}
# STARTTLS is offered all the same, and answered by "454 TLS currently unavailable"; on
# `smtps` the connection is reset.
EXIM_WITHOUT_CERTIFICATE: Final = {"tls_certificate": "/nonexistent/chain.pem"}
EXIM_TLS_1_2: Final = {"tls_require_ciphers": "NORMAL:-VERS-TLS1.3"}

EXIM_USER: Final = "Debian-exim"
# Unpacked by install.sh, since Debian does not install it beside Postfix.
EXIM_UNPACKED: Final = UNPACKED / "exim/usr/sbin/exim4"
EXIM_INSTALLED: Final = Path("/usr/sbin/exim4")


def exim_program() -> str:
    return program("exim", EXIM_UNPACKED, EXIM_INSTALLED)


@contextmanager
def exim(
    directory: Path, certificates: Certificates, on: SmtpServer | None = None, /, **settings: str
) -> Iterator[SmtpServer]:
    """Exim, with any main option by keyword."""
    home = make_home(directory, "exim")
    server = on or SmtpServer(*free_ports(2))
    configuration = home / "exim.conf"
    configuration.write_text(assignments(exim_options(home, certificates, server) | settings))
    with running([exim_program(), "-C", f"{configuration}", "-bdf"], home, server.smtp):
        yield server


def exim_options(home: Path, certificates: Certificates, server: SmtpServer) -> dict[str, str]:
    spool = make_private(home / "spool", EXIM_USER)
    return {
        "primary_hostname": HOSTNAME,
        "spool_directory": f"{spool}",
        "log_file_path": f"{spool}/%s.log",
        "local_interfaces": f"<; {' ; '.join(loopbacks())}",
        "daemon_smtp_ports": f"{server.smtp} : {server.smtps}",
        "tls_on_connect_ports": f"{server.smtps}",
        "tls_advertise_hosts": "*",
        "tls_certificate": f"{certificates.chain}",
        "tls_privatekey": f"{copy_private(certificates.key, spool, EXIM_USER)}",
        "acl_smtp_rcpt": "accept",
        "acl_smtp_data": "discard",
        "host_lookup": "",
        "rfc1413_query_timeout": "0s",
        "keep_environment": "",
    }


# -- one that sends ----------------------------------------------------------------------------

SENDER: Final = "sender.example"
# All mail goes to one server, whoever it is for.
TO_THIS_MACHINE: Final = f"""\
there:
  driver = manualroute
  route_list = * {HOSTNAME}
  transport = remote_smtp
  self = send
"""
SENDING: Final = """\
primary_hostname = {name}
spool_directory = {spool}
log_file_path = {spool}/%s.log
exim_path = {program}
domainlist local_domains = {name}
keep_environment =
host_lookup =
begin routers
{routers}
begin transports
remote_smtp:
  driver = smtp
  port = {port}
  allow_localhost
  tls_verify_certificates = {roots}
{transport}
begin retry
* * F,2h,15m
"""
FLUSHED: Final = 180.0  # seconds until a whole queue was tried
AT_ONCE: Final = 8  # runners of a queue: most of the time, one of them waits for somebody
LETTER: Final = "MAIL FROM:<{}>\r\n{}DATA\r\n{}.\r\n"
ENVELOPE: Final = "RCPT TO:<{}>\r\n"
OUTCOME: Final = re.compile(r" (?:=>|==|\*\*) ([^\s:]+)")


@dataclass(frozen=True, slots=True)
class EximSender:
    """An Exim that sends what it is given; `command` starts it, `spool` has its queue and log."""

    command: tuple[str, ...]
    spool: Path

    @property
    def log(self) -> str:
        return (self.spool / "main.log").read_text(errors="replace")

    def sent(self, domain: str) -> str:
        """Send one letter at once; what is logged: "=>" delivered, "==" it waits, "**" lost."""
        recipient = f"b@{domain}"
        self._run("-odf", "-oi", "-f", f"a@{SENDER}", recipient, said=b"\n")
        return self.outcomes()[recipient][-1]

    def expand(self, text: str) -> str:
        """What Exim makes of a text of its configuration."""
        return self._run("-be", text).strip()

    def outcomes(self) -> dict[str, list[str]]:
        """What is logged of each recipient, try by try."""
        found = defaultdict(list)
        for line in self.log.splitlines():
            if told := OUTCOME.search(line):
                found[told[1]].append(line)
        return found

    def give(self, *letters: tuple[str, Sequence[str], bytes]) -> None:
        """Put these into the queue: from whom, to whom, and what."""
        said = (
            LETTER.format(sender, "".join(map(ENVELOPE.format, recipients)), text.decode())
            for sender, recipients, text in letters
        )
        self._run("-odq", "-bS", said="".join(said).encode())

    def waiting(self) -> set[str]:
        """The recipients of what is in the queue."""
        listed = self._run("-bpr").split()
        return {word for word in listed if "@" in word and not word.startswith("<")}

    def flush(self, *, new: bool = False) -> None:
        """Try to send all that waits, or what is `new` and was never tried."""
        command = [*self.command, "-qif" if new else "-qf"]
        runners = [subprocess.Popen(command) for _ in range(AT_ONCE)]
        try:
            for runner in runners:
                assert runner.wait(FLUSHED) == 0
        finally:
            for runner in runners:
                runner.kill()
                runner.wait()

    def _run(self, *words: str, said: bytes = b"") -> str:
        command = [*self.command, *words]
        ran = subprocess.run(command, input=said, capture_output=True, check=True, timeout=PATIENCE)
        return ran.stdout.decode()


def exim_sender(
    directory: Path,
    roots: Path,
    port: int = 25,
    *,
    routers: str = TO_THIS_MACHINE,
    transport: str = "",
    within: Sequence[str] = (),
) -> EximSender:
    """An Exim that sends.

    Args: roots: PEM; transport: more lines of its smtp transport; within: a command that runs the
        one that follows it.
    """
    home = make_home(directory, "exim-sender")
    spool = make_private(home / "spool", EXIM_USER)
    file = home / "exim.conf"
    text = SENDING.format(
        name=SENDER,
        spool=spool,
        program=exim_program(),
        routers=routers,
        port=port,
        roots=roots,
        transport=transport,
    )
    file.write_text(text)
    return EximSender((*within, exim_program(), "-C", f"{file}"), spool)

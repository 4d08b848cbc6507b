"""Exim."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.interop.servers.machine import (
    HOSTNAME,
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


@contextmanager
def exim(
    directory: Path, certificates: Certificates, on: SmtpServer | None = None, /, **settings: str
) -> Iterator[SmtpServer]:
    """Exim, with any main option by keyword."""
    daemon = program("exim", EXIM_UNPACKED, EXIM_INSTALLED)
    home = make_home(directory, "exim")
    server = on or SmtpServer(*free_ports(2))
    configuration = home / "exim.conf"
    configuration.write_text(assignments(exim_options(home, certificates, server) | settings))
    with running([daemon, "-C", f"{configuration}", "-bdf"], home, server.smtp):
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

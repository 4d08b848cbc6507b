"""CUPS: IPP over HTTP/1.1, upgraded to TLS in-band (RFC 2817)."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from tests.interop.servers.machine import (
    HOSTNAME,
    LOCALHOST,
    Certificates,
    assignments,
    free_ports,
    loopbacks,
    make_home,
    program,
    running,
)

# No setting makes cupsd refuse: whatever "Encryption" says, it grants each upgrade that it
# understands. But a certificate is looked for under this name, and there is none: so it
# says "HTTP/1.1 101 Switching Protocols" all the same, then closes at the first byte of TLS.
CUPS_WITHOUT_CERTIFICATE: Final = {"ServerName": "nonexistent"}
CUPS_TLS_1_2: Final = {"SSLOptions": "MaxTLS1.2"}

CUPSD: Final = Path("/usr/sbin/cupsd")
CUPS_ACCESS: Final = """\
<Location />
  Order allow,deny
  Allow all
</Location>
<Policy default>
  <Limit All>
    Order deny,allow
    Allow all
  </Limit>
</Policy>
"""


@dataclass(frozen=True, slots=True)
class PrintServer:
    """Upgrade on `ipp`, TLS from the first byte on `ipps`."""

    ipp: int
    ipps: int
    host: ClassVar[str] = LOCALHOST


@contextmanager
def cups(
    directory: Path, certificates: Certificates, on: PrintServer | None = None, /, **settings: str
) -> Iterator[PrintServer]:
    """A scheduler without printers, with any plain directive of cupsd.conf by keyword."""
    daemon = program("cups", CUPSD)
    home = make_home(directory, "cups")
    server = on or PrintServer(*free_ports(2))
    (home / "cupsd.conf").write_text(
        assignments(cups_directives() | settings, " ") + cups_listeners(server) + CUPS_ACCESS
    )
    (home / "cups-files.conf").write_text(assignments(cups_files(home, certificates), " "))
    command = [daemon, "-f", "-c", f"{home}/cupsd.conf", "-s", f"{home}/cups-files.conf"]
    with running(command, home, server.ipp, greets=False):
        yield server


def cups_directives() -> dict[str, str]:
    return {
        "ServerName": HOSTNAME,
        "ServerAlias": "*",
        "Browsing": "No",
        "DefaultAuthType": "None",
        "DefaultEncryption": "IfRequested",
    }


def cups_listeners(server: PrintServer) -> str:
    hosts = [f"[{host}]" if ":" in host else host for host in loopbacks()]
    return "".join(
        f"Listen {host}:{server.ipp}\nSSLListen {host}:{server.ipps}\n" for host in hosts
    )


def cups_files(home: Path, certificates: Certificates) -> dict[str, str]:
    for name in ("ssl", "state", "cache", "spool", "tmp"):
        (home / name).mkdir()
    shutil.copyfile(certificates.chain, home / f"ssl/{HOSTNAME}.crt")
    shutil.copyfile(certificates.key, home / f"ssl/{HOSTNAME}.key")
    return {
        "ServerRoot": f"{home}",
        "ServerKeychain": f"{home}/ssl",
        "CreateSelfSignedCerts": "no",
        "StateDir": f"{home}/state",
        "CacheDir": f"{home}/cache",
        "RequestRoot": f"{home}/spool",
        "TempDir": f"{home}/tmp",
        "AccessLog": f"{home}/access.log",
        "ErrorLog": f"{home}/error.log",
        "PageLog": f"{home}/page.log",
    }

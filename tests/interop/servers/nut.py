"""NUT's upsd, which watches the power supply: STARTTLS in lines that end with LF alone."""

import subprocess
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
    make_private,
    program,
    running,
)

# There is no database of certificates, and STARTTLS is answered by
# "ERR FEATURE-NOT-CONFIGURED" and LF. The path itself must exist, or upsd does not start.
NUT_WITHOUT_TLS: Final = {"CERTPATH": "/"}

UPSD: Final = Path("/lib/nut/upsd")
CERTUTIL: Final = Path("/usr/bin/certutil")
NUT_USER: Final = "nut"


@dataclass(frozen=True, slots=True)
class PowerServer:
    """STARTTLS on `nut`."""

    nut: int
    host: ClassVar[str] = LOCALHOST


@contextmanager
def nut(
    directory: Path, certificates: Certificates, on: PowerServer | None = None, /, **settings: str
) -> Iterator[PowerServer]:
    """No power supply, and any directive of upsd.conf by keyword."""
    daemon = program("nut", UPSD)
    program("nut", CERTUTIL)
    home = make_home(directory, "nut")
    server = on or PowerServer(*free_ports(1))
    configuration = make_private(home / "etc", NUT_USER)
    (configuration / "upsd.conf").write_text(
        assignments(nut_directives(home, certificates) | settings, " ") + nut_listeners(server)
    )
    for name in ("ups.conf", "upsd.users"):
        (configuration / name).touch()
    command = [daemon, "-D", "-u", NUT_USER]
    with running(command, home, server.nut, greets=False, NUT_CONFPATH=f"{configuration}"):
        yield server


def nut_directives(home: Path, certificates: Certificates) -> dict[str, str]:
    return {
        "STATEPATH": f"{make_private(home / 'state', NUT_USER)}",
        "ALLOW_NO_DEVICE": "true",
        "CERTPATH": f"{make_nss_database(home, certificates)}",
        "CERTIDENT": f'{HOSTNAME} ""',
    }


def nut_listeners(server: PowerServer) -> str:
    return "".join(f"LISTEN {host} {server.nut}\n" for host in loopbacks())


def make_nss_database(home: Path, certificates: Certificates) -> Path:
    """Debian's upsd is built with NSS, which takes no PEM files."""
    database, bundle = make_private(home / "nss", NUT_USER), home / "bundle.p12"
    keys = "-in", certificates.chain, "-inkey", certificates.key, "-name", HOSTNAME
    for command in (
        ["openssl", "pkcs12", "-export", *keys, "-out", bundle, "-passout", "pass:"],
        [CERTUTIL, "-N", "-d", f"sql:{database}", "--empty-password"],
        ["pk12util", "-i", bundle, "-d", f"sql:{database}", "-W", ""],
        ["chown", "-R", NUT_USER, database],
    ):
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return database

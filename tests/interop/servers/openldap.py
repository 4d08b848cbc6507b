"""OpenLDAP's slapd: StartTLS as an extended operation."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from tests.interop.servers.machine import (
    LOCALHOST,
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

# StartTLS is then not in supportedExtension, and answered by protocolError (2) with the words
# "unsupported extended operation", without a responseName:
# 30 2a 02 01 01 78 25 0a 01 02 04 00 04 1e 75 6e 73 75 ...; `ldaps` closes at the first byte.
OPENLDAP_WITHOUT_TLS: Final = {
    "TLSCACertificateFile": "",
    "TLSCertificateFile": "",
    "TLSCertificateKeyFile": "",
}
# StartTLS is offered all the same, and answered by success; then slapd closes.
OPENLDAP_WITHOUT_CERTIFICATE: Final = {"TLSCertificateFile": "", "TLSCertificateKeyFile": ""}
OPENLDAP_TLS_1_2: Final = {"TLSCipherSuite": "NORMAL:-VERS-TLS1.3"}

SLAPD: Final = Path("/usr/sbin/slapd")


@dataclass(frozen=True, slots=True)
class DirectoryServer:
    """StartTLS on `ldap`, TLS from the first byte on `ldaps`."""

    ldap: int
    ldaps: int
    host: ClassVar[str] = LOCALHOST


@contextmanager
def openldap(
    directory: Path,
    certificates: Certificates,
    on: DirectoryServer | None = None,
    /,
    **settings: str,
) -> Iterator[DirectoryServer]:
    """An empty directory, with any global directive of slapd.conf by keyword; "" leaves it out."""
    daemon = program("openldap", SLAPD)
    home = make_home(directory, "openldap")
    server = on or DirectoryServer(*free_ports(2))
    configuration = home / "slapd.conf"
    given = openldap_directives(home, certificates) | settings
    configuration.write_text(assignments({name: given[name] for name in given if given[name]}, " "))
    command = [daemon, "-d", "0", "-u", "openldap", "-g", "openldap", "-f", f"{configuration}"]
    with running([*command, "-h", openldap_urls(server)], home, server.ldap, greets=False):
        yield server


def openldap_directives(home: Path, certificates: Certificates) -> dict[str, str]:
    key = copy_private(certificates.key, make_private(home / "private", "openldap"), "openldap")
    return {
        "TLSCACertificateFile": f"{certificates.ca}",
        "TLSCertificateFile": f"{certificates.chain}",
        "TLSCertificateKeyFile": f"{key}",
    }


def openldap_urls(server: DirectoryServer) -> str:
    hosts = [f"[{host}]" if ":" in host else host for host in loopbacks()]
    ports = server.ldap, server.ldaps
    return " ".join(
        f"{scheme}://{host}:{port}/"
        for scheme, port in zip(("ldap", "ldaps"), ports, strict=True)
        for host in hosts
    )

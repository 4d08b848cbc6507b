"""TigerVNC's Xvnc: VeNCrypt, which is one of RFB's security types and has types of its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from tests.interop.servers.machine import (
    LOCALHOST,
    Certificates,
    free_ports,
    make_home,
    program,
    running,
)

# The list of security types is then 01 01; chosen all the same, VeNCrypt (13) is answered
# by silence and the end of the connection.
TIGERVNC_WITHOUT_TLS: Final = {"SecurityTypes": "None"}
# X509None (00 00 01 04) is offered all the same, and answered by 00 in place of 01, with a
# SecurityResult behind it: 00 00 00 01, 00 00 00 3d, and the words "Authentication failure:
# Error loading X509 certificate or key".
TIGERVNC_WITHOUT_CERTIFICATE: Final = {"X509Cert": "/nonexistent/chain.pem"}
# The list of subtypes has TLSNone (00 00 01 01), where the key exchange is anonymous, and
# None (00 00 00 01), but none with a certificate.
TIGERVNC_ANONYMOUS: Final = {"SecurityTypes": "TLSNone,None"}
TIGERVNC_TLS_1_2: Final = {"GnuTLSPriority": "NORMAL:-VERS-TLS1.3"}

XVNC: Final = Path("/usr/bin/Xtigervnc")
# What draws on the screen would come through an abstract socket, since the usual one and
# the lock would be files in /tmp.
XVNC_SCREEN: Final = ("-nolisten", "unix", "-nolisten", "tcp", "-nolock", "-geometry", "64x64")


@dataclass(frozen=True, slots=True)
class ScreenServer:
    """VeNCrypt on `vnc`."""

    vnc: int
    host: ClassVar[str] = LOCALHOST


@contextmanager
def tigervnc(
    directory: Path, certificates: Certificates, on: ScreenServer | None = None, /, **settings: str
) -> Iterator[ScreenServer]:
    """A small dark screen, with any VNC parameter by keyword."""
    xvnc = program("tigervnc", XVNC)
    home = make_home(directory, "tigervnc")
    server = on or ScreenServer(*free_ports(1))
    parameters = xvnc_parameters(certificates, server) | settings
    command = [xvnc, f":{server.vnc}", *XVNC_SCREEN, *xvnc_options(parameters)]
    with running(command, home, server.vnc):
        yield server


def xvnc_parameters(certificates: Certificates, server: ScreenServer) -> dict[str, str]:
    return {
        "rfbport": f"{server.vnc}",
        "localhost": "1",
        "SecurityTypes": "X509None,X509Plain,None",
        "X509Cert": f"{certificates.chain}",
        "X509Key": f"{certificates.key}",
        "UseBlacklist": "0",  # it would count the tests that leave early
    }


def xvnc_options(parameters: Mapping[str, str]) -> list[str]:
    return [f"-{name}={value}" for name, value in parameters.items()]

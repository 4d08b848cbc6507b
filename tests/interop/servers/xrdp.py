"""xrdp: RDP, where the connection request names the protocols of security."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from tests.interop.servers.machine import (
    LOCALHOST,
    Certificates,
    assignments,
    free_ports,
    loopbacks,
    make_home,
    program,
    running,
)

# Whatever is requested, standard RDP security (0) is then selected:
# 03 00 00 13 0e d0 00 00 12 34 00 02 01 08 00 00 00 00 00. The same comes if there is no
# certificate, unless TLS is required.
XRDP_WITHOUT_TLS: Final = {"security_layer": "rdp"}
# Then SSL_CERT_NOT_ON_SERVER (3) comes, and MCS's farewell with it:
# 03 00 00 13 0e d0 00 00 12 34 00 03 00 08 00 03 00 00 00, 03 00 00 09 02 f0 80 21 80.
XRDP_WITHOUT_CERTIFICATE: Final = {
    "security_layer": "tls",
    "certificate": "/nonexistent/chain.pem",
}
XRDP_TLS_1_2: Final = {"ssl_protocols": "TLSv1.2"}

XRDP: Final = Path("/usr/sbin/xrdp")


@dataclass(frozen=True, slots=True)
class RemoteDesktopServer:
    """An RDP negotiation request on `rdp`."""

    rdp: int
    host: ClassVar[str] = LOCALHOST


@contextmanager
def xrdp(
    directory: Path,
    certificates: Certificates,
    on: RemoteDesktopServer | None = None,
    /,
    **settings: str,
) -> Iterator[RemoteDesktopServer]:
    """No desktops behind it, and any global setting of xrdp.ini by keyword."""
    daemon = program("xrdp", XRDP)
    home = make_home(directory, "xrdp")
    server = on or RemoteDesktopServer(*free_ports(1))
    configuration = home / "xrdp.ini"
    configuration.write_text(
        "[Globals]\n"
        + assignments(xrdp_settings(certificates, server) | settings)
        + "[Logging]\n"
        + assignments(xrdp_logging(home))
    )
    with running(
        [daemon, "--nodaemon", "--config", f"{configuration}"], home, server.rdp, greets=False
    ):
        yield server


def xrdp_settings(certificates: Certificates, server: RemoteDesktopServer) -> dict[str, str]:
    schemes = {host: "tcp6" if ":" in host else "tcp" for host in loopbacks()}
    listeners = (f"{scheme}://{{{host}}}:{server.rdp}" for host, scheme in schemes.items())
    return {
        "ini_version": "1",
        "fork": "true",
        "port": " ".join(listeners),
        "use_vsock": "false",
        "security_layer": "negotiate",
        "crypt_level": "high",
        "certificate": f"{certificates.chain}",
        "key_file": f"{certificates.key}",
        "ssl_protocols": "TLSv1.2, TLSv1.3",
    }


def xrdp_logging(home: Path) -> dict[str, str]:
    return {"LogFile": f"{home}/xrdp.log", "LogLevel": "INFO", "EnableSyslog": "false"}

"""vsftpd: FTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import ClassVar, Final

from tests.interop.servers.machine import (
    LOCALHOST,
    UNPACKED,
    Certificates,
    assignments,
    free_ports,
    loopbacks,
    make_home,
    program,
    running,
    together,
)

# AUTH TLS is then not in FEAT, and answered as any command before login: "530 Please login with
# USER and PASS."; the session goes on. `ftps` is in clear, too.
VSFTPD_WITHOUT_TLS: Final = {"ssl_enable": "NO"}

# Unpacked by install.sh: Debian lets only one FTP server be installed.
VSFTPD: Final = UNPACKED / "vsftpd/usr/sbin/vsftpd"


@dataclass(frozen=True, slots=True)
class FtpServer:
    """AUTH TLS on `ftp`, TLS from the first byte on `ftps`."""

    ftp: int
    ftps: int
    host: ClassVar[str] = LOCALHOST


@contextmanager
def vsftpd(
    directory: Path, certificates: Certificates, on: FtpServer | None = None, /, **settings: str
) -> Iterator[FtpServer]:
    """An empty vsftpd for anonymous users, with any parameter of vsftpd.conf by keyword."""
    daemon = program("vsftpd", VSFTPD)
    home = make_home(directory, "vsftpd")
    server = on or FtpServer(*free_ports(2))
    configuration = home / "vsftpd.conf"
    configuration.write_text(assignments(vsftpd_parameters(home, certificates) | settings, "="))
    commands = [
        [daemon, f"{configuration}", *vsftpd_listens(address, port), f"-oimplicit_ssl={implicit}"]
        for address in loopbacks()
        for port, implicit in ((server.ftp, "NO"), (server.ftps, "YES"))
    ]
    with running(together(*commands), home, server.ftp, *astuple(server)):
        yield server


def vsftpd_listens(address: str, port: int) -> list[str]:
    if ":" in address:
        where = ["-olisten=NO", "-olisten_ipv6=YES", f"-olisten_address6={address}"]
    else:
        where = [f"-olisten_address={address}"]
    return [*where, f"-olisten_port={port}"]


def vsftpd_parameters(home: Path, certificates: Certificates) -> dict[str, str]:
    for name in ("files", "empty"):
        (home / name).mkdir(0o755)
    return {
        "listen": "YES",
        "background": "NO",
        "secure_chroot_dir": f"{home}/empty",
        "nopriv_user": "nobody",
        "anonymous_enable": "YES",
        "anon_root": f"{home}/files",
        "no_anon_password": "YES",
        "ftp_username": "mail",  # one whose home directory is there
        "ssl_enable": "YES",
        "allow_anon_ssl": "YES",
        "force_anon_logins_ssl": "YES",
        "force_anon_data_ssl": "YES",
        "ssl_tlsv1": "YES",
        "ssl_ciphers": "HIGH",
        "require_ssl_reuse": "NO",  # many clients shake hands anew for each file
        "rsa_cert_file": f"{certificates.chain}",
        "rsa_private_key_file": f"{certificates.key}",
        "seccomp_sandbox": "NO",  # with it, the session is killed in its first handshake
        "vsftpd_log_file": f"{home}/vsftpd.log",
        "xferlog_enable": "YES",
    }

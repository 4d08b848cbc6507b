"""ProFTPD: FTP."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Final

from tests.interop.servers.machine import (
    UNPACKED,
    Certificates,
    assignments,
    free_ports,
    loopbacks,
    make_home,
    program,
    running,
)
from tests.interop.servers.vsftpd import FtpServer

# AUTH TLS is then not in FEAT, and answered by "500 AUTH not understood"; the session goes on.
# `ftps` is in clear, too.
PROFTPD_WITHOUT_TLS: Final = {"TLSEngine": "off"}
PROFTPD_TLS_1_2: Final = {"TLSProtocol": "TLSv1.2"}

# Unpacked by install.sh: Debian lets only one FTP server be installed.
PROFTPD: Final = UNPACKED / "proftpd/usr/sbin/proftpd"
PROFTPD_MODULES: Final = UNPACKED / "proftpd/usr/lib/proftpd"
PROFTPD_CONFIGURATION: Final = """\
ModulePath {modules}
LoadModule mod_tls.c
ServerType standalone
PidFile {home}/pid
ScoreboardFile {home}/scoreboard
SystemLog {home}/proftpd.log
UseReverseDNS off
SocketBindTight on
DefaultAddress {addresses}
Port {server.ftp}
<Global>
{directives}
<Anonymous {files}>
User nobody
Group nogroup
UserAlias anonymous nobody
AnonRequirePassword off
</Anonymous>
</Global>
<VirtualHost {addresses}>
Port {server.ftps}
TLSOptions UseImplicitSSL NoSessionReuseRequired
</VirtualHost>
"""


@contextmanager
def proftpd(
    directory: Path, certificates: Certificates, on: FtpServer | None = None, /, **settings: str
) -> Iterator[FtpServer]:
    """An empty ProFTPD for anonymous users, with any directive by keyword."""
    daemon = program("proftpd", PROFTPD)
    home = make_home(directory, "proftpd")
    server = on or FtpServer(*free_ports(2))
    configuration = home / "proftpd.conf"
    directives = proftpd_directives(home, certificates) | settings
    configuration.write_text(proftpd_text(directives, home, server))
    with running([daemon, "-n", "-c", f"{configuration}"], home, server.ftp, *astuple(server)):
        yield server


def proftpd_text(directives: Mapping[str, str], home: Path, server: FtpServer) -> str:
    """Each port is a server of its own; what is global holds for both."""
    addresses = " ".join(loopbacks())
    files = home / "files"
    files.mkdir(0o755)
    return PROFTPD_CONFIGURATION.format(
        modules=PROFTPD_MODULES,
        home=home,
        addresses=addresses,
        server=server,
        directives=assignments(directives, " "),
        files=files,
    )


def proftpd_directives(home: Path, certificates: Certificates) -> dict[str, str]:
    return {
        "User": "nobody",
        "Group": "nogroup",
        "WtmpLog": "off",
        "RequireValidShell": "off",
        "TLSEngine": "on",
        "TLSRequired": "on",
        "TLSProtocol": "TLSv1.2 TLSv1.3",
        "TLSOptions": "NoSessionReuseRequired",  # many clients shake hands anew for each file
        "TLSLog": f"{home}/tls.log",
        "TLSECCertificateFile": f"{certificates.chain}",
        "TLSECCertificateKeyFile": f"{certificates.key}",
    }

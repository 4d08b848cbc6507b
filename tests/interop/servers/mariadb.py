"""MariaDB: a flag in the greeting offers TLS, a short packet asks for it."""

import shutil
import subprocess
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

# CLIENT_SSL is then not among the capabilities: their low word is fe f7, not fe ff. An
# SSLRequest is read as a login that was cut short, and answered by ERR 1043 (08S01),
# "Bad handshake": 16 00 00 02 ff 13 04 23 30 38 53 30 31 42 61 64 ...; then it closes.
MARIADB_WITHOUT_TLS: Final = {"ssl": "OFF"}
MARIADB_TLS_1_2: Final = {"tls_version": "TLSv1.2"}

MARIADBD: Final = Path("/usr/sbin/mariadbd")
MARIADB_INSTALL: Final = Path("/usr/bin/mariadb-install-db")
MARIADB_USER: Final = "mysql"
# Root needs no password, and may come over TCP.
MARIADB_USERS: Final = (
    "--no-defaults",
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
    "--skip-name-resolve",
)
# As small as it goes, where the log alone would take 96 MB, and waiting for no disk.
MARIADB_THRIFT: Final = {
    "innodb_log_file_size": "4M",
    "innodb_buffer_pool_size": "8M",
    "innodb_flush_method": "nosync",
    "debug_no_sync": "ON",
}


@dataclass(frozen=True, slots=True)
class MysqlServer:
    """CLIENT_SSL on `mysql`."""

    mysql: int
    host: ClassVar[str] = LOCALHOST


@contextmanager
def mariadb(
    directory: Path, certificates: Certificates, on: MysqlServer | None = None, /, **settings: str
) -> Iterator[MysqlServer]:
    """Empty databases, where root needs no password, with any variable of mariadbd by keyword."""
    daemon = program("mariadb", MARIADBD)
    home = make_home(directory, "mariadb")
    server = on or MysqlServer(*free_ports(1))
    configuration = home / "my.cnf"
    with new_mariadb_databases(home / "data") as data:
        variables = mariadb_variables(data, certificates, server) | settings
        configuration.write_text("[mariadbd]\n" + assignments(variables))
        with running([daemon, f"--defaults-file={configuration}"], home, server.mysql):
            yield server


@contextmanager
def new_mariadb_databases(data: Path) -> Iterator[Path]:
    """Removed at once at the end, while they are still in memory: later it takes seconds."""
    variables = MARIADB_THRIFT | {
        "datadir": f"{make_private(data, MARIADB_USER)}",
        "tmpdir": f"{data}",  # whoever starts deletes what others have in a shared one
        "user": MARIADB_USER,
    }
    try:
        subprocess.run(
            [
                MARIADB_INSTALL,
                *MARIADB_USERS,
                *(f"--{name}={variables[name]}" for name in variables),
            ],
            stdout=subprocess.DEVNULL,
            check=True,
        )
        yield data
    finally:
        shutil.rmtree(data)


def mariadb_variables(
    data: Path, certificates: Certificates, server: MysqlServer
) -> dict[str, str]:
    return MARIADB_THRIFT | {
        "user": MARIADB_USER,
        "datadir": f"{data}",
        "tmpdir": f"{data}",
        "socket": f"{data}/socket",
        "pid_file": f"{data}/pid",
        "bind_address": ",".join(loopbacks()),
        "port": f"{server.mysql}",
        "ssl_cert": f"{certificates.chain}",
        "ssl_key": f"{copy_private(certificates.key, data, MARIADB_USER)}",
        "performance_schema": "OFF",
        "skip_name_resolve": "ON",
    }

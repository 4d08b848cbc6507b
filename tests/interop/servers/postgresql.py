"""PostgreSQL: SSLRequest, answered by a single byte."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Final

from tests.interop.servers.machine import (
    LOCALHOST,
    PATIENCE,
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

# SSLRequest is then answered by "N" (4e), and the server waits for whatever comes in clear.
POSTGRESQL_WITHOUT_TLS: Final = {"ssl": "off"}
POSTGRESQL_TLS_1_2: Final = {"ssl_max_protocol_version": "TLSv1.2"}

POSTGRESQL_USER: Final = "postgres"
# Everybody who comes over loopback is whoever they say.
POSTGRESQL_ACCESS: Final = "host all all samehost trust\n"


@dataclass(frozen=True, slots=True)
class PostgresqlServer:
    """SSLRequest on `postgresql`."""

    postgresql: int
    host: ClassVar[str] = LOCALHOST


@contextmanager
def postgresql(
    directory: Path,
    certificates: Certificates,
    on: PostgresqlServer | None = None,
    /,
    **settings: str,
) -> Iterator[PostgresqlServer]:
    """Empty databases, with any parameter of postgresql.conf by keyword."""
    with (
        new_postgresql_databases(directory) as data,
        postgresql_over(data, certificates, on, **settings) as server,
    ):
        yield server


@contextmanager
def postgresql_over(
    data: Path,
    certificates: Certificates,
    on: PostgresqlServer | None = None,
    /,
    access: str = "",
    **settings: str,
) -> Iterator[PostgresqlServer]:
    """The server of databases that outlive it; `access` goes before what else pg_hba.conf says."""
    server = on or PostgresqlServer(*free_ports(1))
    write_postgresql_files(
        data, postgresql_parameters(data, certificates, server) | settings, access
    )
    command = [postgresql_program("postgres"), "-D", f"{data}"]
    with running(command, data.parent, server.postgresql, greets=False, user=POSTGRESQL_USER):
        wait_for_postgresql(data / "postmaster.pid")
        try:
            yield server
        finally:
            end_postgresql(data)


def postgresql_program(name: str) -> str:
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    # The newest: 9 sorts after 15, but there has been no 9 for long.
    return program("postgresql", *(path / name for path in sorted(versions, reverse=True)))


@contextmanager
def new_postgresql_databases(directory: Path) -> Iterator[Path]:
    """Removed at once at the end, while they are still in memory: later it takes seconds."""
    initdb = postgresql_program("initdb")
    data = make_home(directory, "postgresql") / "data"
    try:
        subprocess.run(
            [initdb, "-D", make_private(data, POSTGRESQL_USER), "-A", "trust", "--no-sync"],
            stdout=subprocess.DEVNULL,
            user=POSTGRESQL_USER,  # it refuses to run as root
            check=True,
        )
        yield data
    finally:
        shutil.rmtree(data)


def postgresql_parameters(
    data: Path, certificates: Certificates, server: PostgresqlServer
) -> dict[str, str]:
    return {
        "listen_addresses": f"'{','.join(loopbacks())}'",
        "port": f"{server.postgresql}",
        "unix_socket_directories": "''",
        "ssl": "on",
        "ssl_cert_file": f"'{certificates.chain}'",
        "ssl_key_file": f"'{copy_private(certificates.key, data, POSTGRESQL_USER)}'",
        "shared_buffers": "1MB",
        "dynamic_shared_memory_type": "mmap",  # files of its own, not the machine's
        "fsync": "off",
    }


def write_postgresql_files(data: Path, parameters: Mapping[str, str], access: str) -> None:
    (data / "postgresql.conf").write_text(assignments(parameters))
    (data / "pg_hba.conf").write_text(access + POSTGRESQL_ACCESS)


def wait_for_postgresql(lock: Path) -> None:
    """Until it is ready: it listens before that, to say that it is starting up."""
    deadline = time.monotonic() + PATIENCE
    while "ready" not in lock.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)


def end_postgresql(data: Path) -> None:
    """Its processes leave the group, but not the directory; and a piece of shared memory stays.

    A tidy end is no better: asked for one while it starts a child, the server may never end.
    """
    segment = (data / "postmaster.pid").read_text().splitlines()[6].split()[1]
    while processes := list(filter(partial(works_in, data), Path("/proc").glob("[0-9]*"))):
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(int(process.name), signal.SIGKILL)
    subprocess.run(["ipcrm", "--shmem-id", segment], check=True)


def works_in(directory: Path, process: Path) -> bool:
    try:
        return (process / "cwd").readlink() == directory
    except OSError:  # it has just ended
        return False

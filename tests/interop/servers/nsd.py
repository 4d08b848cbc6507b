"""NSD, an authoritative name server: says what is in its zones, and knows nothing else."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from tests.interop.servers.machine import (
    LOCALHOST,
    free_ports,
    make_home,
    program,
    running,
)
from tests.interop.servers.zones import Zones

NSD: Final = Path("/usr/sbin/nsd")
NSD_USER: Final = "nsd"


@dataclass(frozen=True, slots=True)
class DnsServer:
    """DNS by UDP and TCP on `dns`."""

    dns: int
    host: ClassVar[str] = LOCALHOST


@contextmanager
def nsd(
    directory: Path, zones: Zones, on: DnsServer | None = None, /, **settings: str
) -> Iterator[DnsServer]:
    """These zones, and any option of nsd.conf's "server:" by keyword, with "_" for "-"."""
    daemon = program("nsd", NSD)
    home = make_home(directory, "nsd")
    server = on or DnsServer(*free_ports(1))
    for zone in zones.zones:
        (home / f"{zone.name}.zone").write_text(zone.text)
    (home / "nsd.conf").write_text(nsd_configuration(home, server, zones, settings))
    shutil.chown(home, NSD_USER)
    command = [daemon, "-d", "-c", f"{home / 'nsd.conf'}"]
    with running(command, home, server.dns, greets=False, user=NSD_USER):
        yield server


def nsd_configuration(home: Path, server: DnsServer, zones: Zones, settings: dict[str, str]) -> str:
    options = {
        "ip_address": f"{LOCALHOST}@{server.dns}",
        "username": '""',
        "chroot": '""',
        "database": '""',
        "server_count": "1",
        "zonesdir": f"{home}",
        "xfrdir": f"{home}",
        "pidfile": f"{home / 'nsd.pid'}",
        "xfrdfile": f"{home / 'xfrd.state'}",
        "zonelistfile": f"{home / 'zone.list'}",
    }
    served = "".join(f"zone:\n  name: {name}\n  zonefile: {name}.zone\n" for name in zones.names)
    return f"server:\n{clauses(options | settings)}remote-control:\n  control-enable: no\n{served}"


def clauses(options: dict[str, str]) -> str:
    """As NLnet Labs' servers have it; an option given twice is written twice."""
    return "".join(f"  {name.replace('_', '-')}: {value}\n" for name, value in options.items())

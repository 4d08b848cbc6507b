"""Unbound, a resolver that validates, from a trust anchor of our own instead of the root's."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.interop.servers.machine import (
    LOCALHOST,
    free_ports,
    make_home,
    program,
    running,
)
from tests.interop.servers.nsd import DnsServer, clauses
from tests.interop.servers.zones import Zones

# It does not say which kind of SERVFAIL it is, as by default.
UNBOUND_SAYS_WHY: Final = {"ede": "yes"}
UNBOUND_WITHOUT_VALIDATION: Final = {"module_config": '"iterator"'}

UNBOUND: Final = Path("/usr/sbin/unbound")
UNBOUND_USER: Final = "unbound"


@contextmanager
def unbound(
    directory: Path,
    zones: Zones,
    authority: DnsServer,
    on: DnsServer | None = None,
    /,
    **settings: str,
) -> Iterator[DnsServer]:
    """Asks the authority for these zones and nobody else; any option of "server:" by keyword."""
    daemon = program("unbound", UNBOUND)
    home = make_home(directory, "unbound")
    server = on or DnsServer(*free_ports(1))
    (home / "anchor.ds").write_text(zones.anchor)
    configuration = home / "unbound.conf"
    configuration.write_text(unbound_configuration(home, server, zones, authority, settings))
    shutil.chown(home, UNBOUND_USER)
    command = [daemon, "-d", "-c", f"{configuration}"]
    with running(command, home, server.dns, greets=False):
        yield server


def unbound_configuration(
    home: Path,
    server: DnsServer,
    zones: Zones,
    authority: DnsServer,
    settings: dict[str, str],
) -> str:
    options = {
        "interface": LOCALHOST,
        "port": f"{server.dns}",
        "do_daemonize": "no",
        "username": UNBOUND_USER,  # gives up root by itself, so that it may have port 53
        "chroot": '""',
        "directory": f"{home}",
        "pidfile": f"{home / 'unbound.pid'}",
        "logfile": '""',
        "use_syslog": "no",
        "do_not_query_localhost": "no",
        "module_config": '"validator iterator"',
        "trust_anchor_file": f"{home / 'anchor.ds'}",
        "num_threads": "1",
    }
    # nobody but the authority is asked: there is no way from these tests to the Internet
    stubs = "".join(
        f"stub-zone:\n  name: {name}\n  stub-addr: {LOCALHOST}@{authority.dns}\n"
        for name in zones.names
    )
    rest = '  local-zone: "." refuse\n' + "".join(
        f'  local-zone: "{name}" transparent\n' for name in zones.names
    )
    control = "remote-control:\n  control-enable: no\n"
    return f"server:\n{clauses(options | settings)}{rest}{control}{stubs}"

"""InspIRCd: IRC.

Version 3.15 has a known flaw: a NICK from before STARTTLS is still in force after it, and
what is sent behind STARTTLS in one go is obeyed as if it had come through TLS.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import ClassVar, Final

from tests.interop.servers.machine import (
    HOSTNAME,
    LOCALHOST,
    Certificates,
    copy_private,
    free_ports,
    loopbacks,
    make_home,
    make_private,
    program,
    running,
)

# Nothing is then in the answer to CAP LS, and STARTTLS gets no answer at all: InspIRCd is
# silent about unknown commands until a user is registered; then it is ":irc.localhost 421 NICK
# STARTTLS :Unknown command". `ircs` sends "ERROR :Closing link: ..." in clear and closes.
INSPIRCD_WITHOUT_TLS: Final = {"modules": "cap"}
# Nothing is offered either, but STARTTLS is answered by ":irc.localhost 691 * :STARTTLS is not
# enabled"; `ircs` is as above.
INSPIRCD_WITHOUT_CERTIFICATE: Final = {"modules": "cap starttls"}

INSPIRCD: Final = Path("/usr/sbin/inspircd")
INSPIRCD_USER: Final = "irc"  # it refuses to run as root


@dataclass(frozen=True, slots=True)
class IrcServer:
    """STARTTLS on `irc`, TLS from the first byte on `ircs`."""

    irc: int
    ircs: int
    host: ClassVar[str] = LOCALHOST


@contextmanager
def inspircd(
    directory: Path, certificates: Certificates, on: IrcServer | None = None, /, **settings: str
) -> Iterator[IrcServer]:
    """InspIRCd, with any tag by keyword, given as its attributes; `modules` are names."""
    daemon = program("inspircd", INSPIRCD)
    home = make_home(directory, "inspircd")
    server = on or IrcServer(*free_ports(2))
    configuration = home / "inspircd.conf"
    tags = inspircd_tags(home, certificates) | settings
    configuration.write_text(inspircd_text(tags, server))
    command = [daemon, "--nofork", "--config", f"{configuration}"]
    with running(command, home, server.irc, *astuple(server), greets=False, user=INSPIRCD_USER):
        yield server


def inspircd_tags(home: Path, certificates: Certificates) -> dict[str, str]:
    data = make_private(home / "data", INSPIRCD_USER)
    key = copy_private(certificates.key, data, INSPIRCD_USER)
    tls = f'certfile="{certificates.chain}" keyfile="{key}"'
    return {
        "server": f'name="irc.{HOSTNAME}" description="test" network="Test"',
        "admin": f'name="a" nick="a" email="a@{HOSTNAME}"',
        "path": f'configdir="{home}" datadir="{data}" logdir="{data}" runtimedir="{data}"',
        "pid": f'file="{data}/pid"',
        "log": f'method="file" type="*" level="default" target="{data}/inspircd.log"',
        # else it is three connections from one address, and a wait for the client's name
        "connect": 'allow="*" localmax="1000" globalmax="1000" resolvehostnames="no"',
        "sslprofile": f'name="tls" provider="gnutls" {tls}',
        "starttls": 'profile="tls"',
        "modules": "ssl_gnutls cap starttls",
    }


def inspircd_text(tags: Mapping[str, str], server: IrcServer) -> str:
    tags = dict(tags)
    modules = [("module", f'name="{name}"') for name in tags.pop("modules").split()]
    binds = [
        ("bind", f'address="{address}" port="{port}" type="clients"{profile}')
        for address in loopbacks()
        for port, profile in ((server.irc, ""), (server.ircs, ' sslprofile="tls"'))
    ]
    tags = [("config", 'format="xml"'), *modules, *tags.items(), *binds]
    return "".join(f"<{name} {attributes}>\n" for name, attributes in tags)

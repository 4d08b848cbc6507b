"""The mail servers of this world: one Postfix, with a certificate for each of its addresses."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.interop.servers import Certificates, SmtpServer, free_ports
from tests.interop.servers.machine import make_home, program, running
from tests.interop.servers.postfix import (
    POSTFIX,
    make_postfix_directories,
    postfix_parameters,
    write_postfix_files,
)
from tests.interop.world.addresses import Addresses
from tests.interop.world.papers import Papers

LISTENER: Final = """\
{address}:25 inet n - n - - smtpd
  -o {{ smtpd_tls_chain_files = {chain} }}
"""
CLEAR_LISTENER: Final = """\
{address}:25 inet n - n - - smtpd
  -o smtpd_tls_security_level=none
"""


@contextmanager
def mail_hosts(directory: Path, addresses: Addresses, made: Papers) -> Iterator[None]:
    """Postfix, with a listener at each address; two more on ports of no use here."""
    master = program("postfix", POSTFIX)
    home = make_home(directory, "postfix")
    server = SmtpServer(*free_ports(2))
    make_postfix_directories(home)
    usual = Certificates(made.honest, made.honest, made.ca)
    write_postfix_files(home / "etc", server, postfix_parameters(home, usual))
    with (home / "etc/master.cf").open("a") as services:
        services.write("".join(listeners(addresses, made)))
    with running([master, "-c", f"{home}/etc", "-d"], home, server.smtp):
        yield


def listeners(addresses: Addresses, made: Papers) -> Iterator[str]:
    shown: Mapping[str, Path] = {
        addresses.honest: made.honest,
        addresses.private: made.private,
        addresses.expired: made.expired,
    }
    for address, paper in shown.items():
        yield LISTENER.format(address=address, chain=paper)
    yield CLEAR_LISTENER.format(address=addresses.clear)

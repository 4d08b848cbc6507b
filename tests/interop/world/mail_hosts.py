"""The mail servers of this world: one Postfix, with a certificate for each of its addresses."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from tests.interop.world.cases import BY_SNI
from tests.interop.world.papers import Papers

LISTENER: Final = """\
{address}:{port} inet n - n - - smtpd
  -o {{ smtpd_tls_chain_files = {chain} }}
"""
CLEAR_LISTENER: Final = """\
{address}:{port} inet n - n - - smtpd
  -o smtpd_tls_security_level=none
"""


@dataclass(frozen=True, slots=True)
class Receivers:
    """How mail is taken, and what becomes of it; else it is thrown away.

    Attributes: port: another one where somebody is to stand in between; settings: of main.cf;
        services: lines of master.cf.
    """

    port: int = 25
    settings: Mapping[str, str] = field(default_factory=dict)
    services: str = ""


@contextmanager
def mail_hosts(
    directory: Path, addresses: Addresses, made: Papers, receivers: Receivers
) -> Iterator[None]:
    """Postfix, with a listener at each address; two more on ports of no use here."""
    master = program("postfix", POSTFIX)
    home = make_home(directory, "postfix")
    server = SmtpServer(*free_ports(2))
    make_postfix_directories(home)
    usual = Certificates(made.honest, made.honest, made.ca)
    parameters = postfix_parameters(home, usual) | by_name(made) | receivers.settings
    listening = "".join(listeners(addresses, made, receivers.port))
    write_postfix_files(home / "etc", server, parameters, listening + receivers.services)
    with running([master, "-c", f"{home}/etc", "-d"], home, server.smtp):
        yield


def by_name(made: Papers) -> dict[str, str]:
    """Whoever is asked for this name shows the honest certificate, at every address."""
    return {"tls_server_sni_maps": f"inline:{{ {{ mx.{BY_SNI} = {made.honest} }} }}"}


def listeners(addresses: Addresses, made: Papers, port: int) -> Iterator[str]:
    shown: Mapping[str, Path] = {
        addresses.honest: made.honest,
        addresses.private: made.private,
        addresses.expired: made.expired,
    }
    for address, paper in shown.items():
        yield LISTENER.format(address=address, port=port, chain=paper)
    yield CLEAR_LISTENER.format(address=addresses.clear, port=port)

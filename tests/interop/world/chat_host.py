"""The chat server of this world: Prosody, for one domain that is not its own name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

from tests.interop.servers import Certificates, ChatServer, free_ports
from tests.interop.servers.machine import assignments, make_home, program, running
from tests.interop.servers.prosody import PROSODY, PROSODY_USER, prosody_options


@contextmanager
def chat_host(
    directory: Path, certificates: Certificates, domain: str, on: ChatServer | None = None, /
) -> Iterator[ChatServer]:
    """Prosody for the domain."""
    daemon = program("prosody", PROSODY)
    home = make_home(directory, "prosody")
    server = on or ChatServer(*free_ports(4))
    options = assignments(prosody_options(home, certificates, server))
    configuration = home / "prosody.cfg.lua"
    configuration.write_text(f'{options}VirtualHost "{domain}"\n')
    command = [daemon, "--config", f"{configuration}", "-F"]
    ports = astuple(server)
    with running(command, home, server.xmpp_client, *ports, greets=False, user=PROSODY_USER):
        yield server

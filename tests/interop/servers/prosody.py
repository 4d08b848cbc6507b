"""Prosody: XMPP for clients and for other servers."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import ClassVar, Final

from tests.interop.servers.machine import (
    HOSTNAME,
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

# STARTTLS is then answered by "<stream:error><unsupported-stanza-type xmlns='urn:ietf:params:
# xml:ns:xmpp-streams'/></stream:error></stream:stream>", and the connection closed. If encryption
# were still required, the stream to a client would end in an error before STARTTLS. The ports
# with TLS from the first byte serve as ever.
PROSODY_WITHOUT_TLS: Final = {
    "modules_disabled": '{ "tls" }',
    "c2s_require_encryption": "false",
    "s2s_require_encryption": "false",
}
# Nothing is offered either, but STARTTLS is answered by "<failure xmlns='urn:ietf:params:xml:ns:
# xmpp-tls'/></stream:stream>", and then the connection closed.
PROSODY_WITHOUT_CERTIFICATE: Final = {
    "ssl": '{ certificate = "/nonexistent/chain.pem" }',
    "c2s_require_encryption": "false",
    "s2s_require_encryption": "false",
}

PROSODY: Final = Path("/usr/bin/prosody")
PROSODY_USER: Final = "prosody"  # it refuses to run as root


@dataclass(frozen=True, slots=True)
class ChatServer:
    """STARTTLS on `xmpp_client` and `xmpp_server`, TLS from the first byte on the others."""

    xmpp_client: int
    xmpp_server: int
    xmpps_client: int
    xmpps_server: int
    host: ClassVar[str] = LOCALHOST


@contextmanager
def prosody(
    directory: Path, certificates: Certificates, on: ChatServer | None = None, /, **settings: str
) -> Iterator[ChatServer]:
    """Prosody for the domain localhost, with any option by keyword, written in Lua."""
    daemon = program("prosody", PROSODY)
    home = make_home(directory, "prosody")
    server = on or ChatServer(*free_ports(4))
    configuration = home / "prosody.cfg.lua"
    options = prosody_options(home, certificates, server) | settings
    configuration.write_text(assignments(options) + f'VirtualHost "{HOSTNAME}"\n')
    command = [daemon, "--config", f"{configuration}", "-F"]
    ports = astuple(server)
    with running(command, home, server.xmpp_client, *ports, greets=False, user=PROSODY_USER):
        yield server


def prosody_options(home: Path, certificates: Certificates, server: ChatServer) -> dict[str, str]:
    data = make_private(home / "data", PROSODY_USER)
    key = copy_private(certificates.key, data, PROSODY_USER)
    tls = f'{{ certificate = "{certificates.chain}", key = "{key}" }}'
    return {
        "data_path": f'"{data}"',
        "pidfile": f'"{data}/pid"',
        "log": f'{{ info = "{data}/prosody.log" }}',
        "interfaces": lua_list(f'"{address}"' for address in loopbacks()),
        "c2s_ports": f"{{ {server.xmpp_client} }}",
        "s2s_ports": f"{{ {server.xmpp_server} }}",
        "c2s_direct_tls_ports": f"{{ {server.xmpps_client} }}",
        "s2s_direct_tls_ports": f"{{ {server.xmpps_server} }}",
        "http_ports": "{ }",
        "https_ports": "{ }",
        "modules_enabled": '{ "saslauth", "tls", "dialback", "disco" }',
        "certificates": f'"{data}"',  # where it would look for others
        "ssl": tls,
        "c2s_direct_tls_ssl": tls,
        "s2s_direct_tls_ssl": tls,
    }


def lua_list(values: Iterable[str]) -> str:
    return f"{{ {', '.join(values)} }}"

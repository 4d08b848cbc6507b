"""stunnel: TLS put before plain servers, with the upgrade spoken on their behalf."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import ClassVar, Final

from tests.interop.servers.machine import (
    LOCALHOST,
    Certificates,
    assignments,
    free_ports,
    loopbacks,
    make_home,
    program,
    running,
)

# There is no way to make it refuse: it grants whatever its protocol asks for. But these
# versions are too old for any client of today, so it grants, and then sends an alert,
# protocol_version: 15 03 03 00 02 02 46.
STUNNEL_TOO_OLD: Final = {"sslVersionMax": "TLSv1.1"}
STUNNEL_TLS_1_2: Final = {"sslVersionMax": "TLSv1.2"}

STUNNEL: Final = Path("/usr/bin/stunnel4")
# What stunnel calls a protocol, in the order of the ports.
STUNNEL_PROTOCOLS: Final = ("smtp", "imap", "pop3", "pgsql")


@dataclass(frozen=True, slots=True)
class Tunnel:
    """STARTTLS on `smtp` and `imap`, STLS on `pop3`, SSLRequest on `postgresql`."""

    smtp: int
    imap: int
    pop3: int
    postgresql: int
    host: ClassVar[str] = LOCALHOST


@contextmanager
def stunnel(
    directory: Path, certificates: Certificates, on: Tunnel | None = None, /, **settings: str
) -> Iterator[Tunnel]:
    """Before plain servers of our own, with any global or default setting by keyword."""
    daemon = program("stunnel", STUNNEL)
    home = make_home(directory, "stunnel")
    server = on or Tunnel(*free_ports(4))
    with ExitStack() as backends:
        behind = [backends.enter_context(plain_server(talk)) for talk in (smtp, imap, pop3, mute)]
        configuration = home / "stunnel.conf"
        configuration.write_text(
            assignments(stunnel_settings(certificates) | settings)
            + "".join(map(stunnel_services, STUNNEL_PROTOCOLS, astuple(server), behind))
        )
        with running([daemon, f"{configuration}"], home, server.smtp):
            yield server


def stunnel_settings(certificates: Certificates) -> dict[str, str]:
    return {
        "foreground": "yes",
        "pid": "",
        "syslog": "no",
        "cert": f"{certificates.chain}",
        "key": f"{certificates.key}",
    }


def stunnel_services(protocol: str, port: int, behind: int) -> str:
    shared = {"connect": f"{LOCALHOST}:{behind}", "protocol": protocol}
    return "".join(
        f"[{protocol} at {host}]\n" + assignments({"accept": f"{host}:{port}"} | shared)
        for host in loopbacks()
    )


# -- what is behind it: just enough to answer each line --------------------------------

Talk = Callable[[bytes], bytes]


@contextmanager
def plain_server(talk: Talk) -> Iterator[int]:
    """The port of a server that says what `talk` makes of each line, the greeting first."""

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(ConnectionError):  # stunnel resets what it does not understand
                self.wfile.write(talk(b""))
                for line in self.rfile:
                    self.wfile.write(talk(line.strip()))

    with socketserver.ThreadingTCPServer((LOCALHOST, 0), Conversation) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def smtp(line: bytes) -> bytes:
    match line[:4].upper():
        case b"":
            return b"220 behind ESMTP\r\n"
        case b"EHLO":
            return b"250-behind\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n"
        case b"QUIT":
            return b"221 bye\r\n"
    return b"250 ok\r\n"


def imap(line: bytes) -> bytes:
    if not line:
        return b"* OK [CAPABILITY IMAP4rev1] behind\r\n"
    tag, _, command = line.partition(b" ")
    if command.upper() == b"CAPABILITY":
        return b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n"
    return tag + b" OK done\r\n"


def pop3(line: bytes) -> bytes:
    match line.upper():
        case b"":
            return b"+OK behind\r\n"
        case b"CAPA":
            return b"+OK\r\nUSER\r\n.\r\n"
    return b"+OK\r\n"


def mute(line: bytes) -> bytes:
    """What PostgreSQL would say comes after TLS, and does not matter here."""
    return b""

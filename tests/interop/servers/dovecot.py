"""Dovecot: IMAP, POP3, LMTP and ManageSieve."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from tests.interop.servers.machine import (
    LOCALHOST,
    Certificates,
    assignments,
    free_ports,
    loopbacks,
    make_home,
    make_private,
    program,
    running,
)

# The upgrade is then answered by "BAD", "-ERR" or "NO" and "TLS support isn't enabled.", or on
# `lmtp` by "502 5.5.1 TLS support is not enabled."; nothing listens on `imaps` and `pop3s`.
DOVECOT_WITHOUT_TLS: Final = {"ssl": "no"}
# Dovecot 2.3 can only set a lowest version, so the highest is set in OpenSSL itself.
DOVECOT_TLS_1_2: Final = {
    "import_environment": f"OPENSSL_CONF={Path(__file__).parents[1] / 'tls_1_2.cnf'}"
}

DOVECOT: Final = Path("/usr/sbin/dovecot")
DOVECOT_PARTS: Final = Path("/usr/lib/dovecot")  # one package each
PASSWORD: Final = "secret"
DOVECOT_USERS: Final = f"""\
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid=mail gid=mail allow_all_users=yes
}}
"""


@dataclass(frozen=True, slots=True)
class MailboxServer:
    """STARTTLS, or STLS on `pop3`; TLS from the first byte on `imaps` and `pop3s`."""

    imap: int
    imaps: int
    pop3: int
    pop3s: int
    lmtp: int
    sieve: int
    host: ClassVar[str] = LOCALHOST


@contextmanager
def dovecot(
    directory: Path, certificates: Certificates, on: MailboxServer | None = None, /, **settings: str
) -> Iterator[MailboxServer]:
    """Dovecot, where every user's password is `PASSWORD`, with any plain setting by keyword."""
    master = program("dovecot", DOVECOT)
    for part in ("imap", "pop3", "lmtp", "managesieve"):
        program(f"dovecot with {part}", DOVECOT_PARTS / part)
    home = make_home(directory, "dovecot")
    server = on or MailboxServer(*free_ports(6))
    configuration = home / "dovecot.conf"
    configuration.write_text(
        assignments(dovecot_settings(home, certificates) | settings)
        + DOVECOT_USERS
        + dovecot_service("imap-login", imap=server.imap, imaps=server.imaps)
        + dovecot_service("pop3-login", pop3=server.pop3, pop3s=server.pop3s)
        + dovecot_service("lmtp", lmtp=server.lmtp)
        + dovecot_service("managesieve-login", sieve=server.sieve)
    )
    with running([master, "-c", f"{configuration}", "-F"], home, server.imap):
        yield server


def dovecot_settings(home: Path, certificates: Certificates) -> dict[str, str]:
    return {
        "base_dir": f"{home}/run",
        "state_dir": f"{home}/state",
        "log_path": "/dev/stderr",
        "protocols": "imap pop3 lmtp sieve",
        "listen": ", ".join(loopbacks()),
        "ssl": "yes",
        "ssl_cert": f"<{certificates.chain}",
        "ssl_key": f"<{certificates.key}",
        "mail_location": f"maildir:{make_private(home / 'mail', 'mail')}/%n",
        "first_valid_uid": "1",
    }


def dovecot_service(service: str, **listeners: int) -> str:
    inside = "".join(
        f"  inet_listener {name} {{\n    port = {port}\n  }}\n" for name, port in listeners.items()
    )
    return f"service {service} {{\n{inside}}}\n"

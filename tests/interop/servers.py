"""Real mail servers on loopback, each a private instance that leaves no process behind.

Postfix, Exim and Dovecot run in the foreground, in a process group of their own, with
their own configuration, queue and log; what the machine itself serves is not touched.
Settings given by keyword are the server's own and override the ones in this file. The
ports are any free ones, or those of the server it starts `on`, say one that was stopped:

    with postfix(directory, certificates) as server:
        ...
    with postfix(directory, certificates, server, **POSTFIX_WITHOUT_TLS):
        ...

The directory must be one that every user can enter (see `public_directory`), since each
server gives up root for a user of its own.
"""

import os
import random
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import ClassVar, Final

import trustme

HOSTNAME: Final = "localhost"
LOCALHOST: Final = "127.0.0.1"
PATIENCE: Final = 15.0  # seconds to start or to stop; a loaded machine may need a few

# -- settings that make a server behave in one special way -----------------------------

# STARTTLS is then answered by "502 5.5.1 Error: command not implemented", on both ports:
# `smtps` is in clear, too.
POSTFIX_WITHOUT_TLS: Final = {"smtpd_tls_security_level": "none", "implicit_tls": "no"}
# The same answer, but TLS is still there on `smtps`.
POSTFIX_HIDING_STARTTLS: Final = {"smtpd_discard_ehlo_keywords": "starttls"}
# The one connection a minute goes to the wait for the greeting; each later one from that
# address gets "421 4.7.0 localhost Error: too many connections from 127.0.0.1". Each port
# counts for itself, so `smtps` still serves its first.
POSTFIX_TOO_BUSY: Final = {
    "smtpd_client_connection_rate_limit": "1",
    "smtpd_client_event_limit_exceptions": "",  # else loopback would be one
}
POSTFIX_TLS_1_2: Final = {
    "smtpd_tls_protocols": ">=TLSv1.2, <=TLSv1.2",
    "smtpd_tls_mandatory_protocols": ">=TLSv1.2, <=TLSv1.2",  # for implicit TLS
}

# STARTTLS is then answered by "503 STARTTLS command used when not advertised".
EXIM_WITHOUT_STARTTLS: Final = {"tls_advertise_hosts": ""}
# STARTTLS is offered all the same, and answered by "454 TLS currently unavailable"; on
# `smtps` the connection is reset.
EXIM_WITHOUT_CERTIFICATE: Final = {"tls_certificate": "/nonexistent/chain.pem"}
EXIM_TLS_1_2: Final = {"tls_require_ciphers": "NORMAL:-VERS-TLS1.3"}

# STARTTLS and STLS are then answered by "BAD" or "-ERR" and "TLS support isn't enabled.";
# nothing listens on `imaps` and `pop3s`.
DOVECOT_WITHOUT_TLS: Final = {"ssl": "no"}
# Dovecot 2.3 can only set a lowest version, so the highest is set in OpenSSL itself.
DOVECOT_TLS_1_2: Final = {
    "import_environment": f"OPENSSL_CONF={Path(__file__).with_name('tls_1_2.cnf')}"
}

# -- what a caller brings, and what it gets --------------------------------------------


class UnavailableError(Exception):
    """Why a server cannot be started on this machine."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: the server's chain and key, and the CA that its clients trust."""

    chain: Path
    key: Path
    ca: Path

    def context(self) -> ssl.SSLContext:
        """A client's context that trusts this CA alone."""
        return ssl.create_default_context(cafile=self.ca)


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """STARTTLS on `smtp`, TLS from the first byte on `smtps`."""

    smtp: int
    smtps: int
    host: ClassVar[str] = LOCALHOST


@dataclass(frozen=True, slots=True)
class MailboxServer:
    """STARTTLS on `imap`, STLS on `pop3`, TLS from the first byte on `imaps` and `pop3s`."""

    imap: int
    imaps: int
    pop3: int
    pop3s: int
    host: ClassVar[str] = LOCALHOST


def issue(directory: Path, *names: str) -> Certificates:
    """Certificates of a new CA, for the names given or else for this machine's loopback."""
    ca = trustme.CA()
    leaf = ca.issue_cert(*names or (HOSTNAME, LOCALHOST, "::1"))
    directory.mkdir(parents=True, exist_ok=True)
    paths = Certificates(directory / "chain.pem", directory / "key.pem", directory / "ca.pem")
    paths.chain.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(str(paths.key))
    ca.cert_pem.write_to_path(str(paths.ca))
    return paths


# -- Postfix ---------------------------------------------------------------------------

POSTFIX: Final = Path("/usr/lib/postfix/sbin/master")
POSTFIX_QUEUES: Final = ("incoming", "active", "deferred", "defer", "bounce", "trace", "hold")
# Enough to take a message and discard it. Nothing is chrooted: Debian's own list is, and
# needs half of /etc copied into the queue.
POSTFIX_SERVICES: Final = """\
{smtp} inet n - n - - smtpd
{smtps} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=$implicit_tls
anvil unix - - n - 1 anvil
cleanup unix n - n - 0 cleanup
discard unix - - n - - discard
postlog unix-dgram n - n - 1 postlogd
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
tlsmgr unix - - n 1000? 1 tlsmgr
"""


@contextmanager
def postfix(
    directory: Path, certificates: Certificates, on: SmtpServer | None = None, /, **settings: str
) -> Iterator[SmtpServer]:
    """Postfix, with any parameter of main.cf by keyword."""
    master = program("postfix", POSTFIX)
    home = make_home(directory, "postfix")
    server = on or SmtpServer(*free_ports(2))
    make_postfix_directories(home)
    write_postfix_files(home / "etc", server, postfix_parameters(home, certificates) | settings)
    with running([master, "-c", f"{home}/etc", "-d"], home, server.smtp):
        yield server


def make_postfix_directories(home: Path) -> None:
    """Only those in use, hence in no time: `postfix check` takes most of a second."""
    (home / "etc").mkdir()
    (home / "queue/pid").mkdir(parents=True)
    for name in ("public", "private", *POSTFIX_QUEUES):
        make_private(home / "queue" / name, "postfix")
    make_private(home / "data", "postfix")


def write_postfix_files(etc: Path, server: SmtpServer, parameters: Mapping[str, str]) -> None:
    services = POSTFIX_SERVICES.format(smtp=server.smtp, smtps=server.smtps)
    (etc / "master.cf").write_text(services)
    (etc / "main.cf").write_text(assignments(parameters))
    # Postfix waits, up to two seconds, until this file is too old to be still being written.
    os.utime(etc / "main.cf", (0, 0))


def postfix_parameters(home: Path, certificates: Certificates) -> dict[str, str]:
    return {
        "compatibility_level": "3.6",
        "queue_directory": f"{home}/queue",
        "data_directory": f"{home}/data",
        "maillog_file": f"{home}/mail.log",
        "maillog_file_prefixes": f"{home}",
        "myhostname": HOSTNAME,
        "inet_interfaces": "loopback-only",
        "local_recipient_maps": "",
        "local_transport": "discard:",
        "smtpd_relay_restrictions": "permit_mynetworks, reject",
        "implicit_tls": "yes",
        "smtpd_tls_security_level": "may",
        "smtpd_tls_chain_files": f"{certificates.key}, {certificates.chain}",
    }


# -- Exim ------------------------------------------------------------------------------

EXIM_USER: Final = "Debian-exim"
# Unpacked by install.sh, since Debian does not install it beside Postfix.
EXIM_UNPACKED: Final = Path(__file__).parents[2] / ".interop/exim/usr/sbin/exim4"
EXIM_INSTALLED: Final = Path("/usr/sbin/exim4")


@contextmanager
def exim(
    directory: Path, certificates: Certificates, on: SmtpServer | None = None, /, **settings: str
) -> Iterator[SmtpServer]:
    """Exim, with any main option by keyword."""
    daemon = program("exim", EXIM_UNPACKED, EXIM_INSTALLED)
    home = make_home(directory, "exim")
    server = on or SmtpServer(*free_ports(2))
    configuration = home / "exim.conf"
    configuration.write_text(assignments(exim_options(home, certificates, server) | settings))
    with running([daemon, "-C", f"{configuration}", "-bdf"], home, server.smtp):
        yield server


def exim_options(home: Path, certificates: Certificates, server: SmtpServer) -> dict[str, str]:
    spool = make_private(home / "spool", EXIM_USER)
    return {
        "primary_hostname": HOSTNAME,
        "spool_directory": f"{spool}",
        "log_file_path": f"{spool}/%s.log",
        "local_interfaces": f"<; {' ; '.join(loopbacks())}",
        "daemon_smtp_ports": f"{server.smtp} : {server.smtps}",
        "tls_on_connect_ports": f"{server.smtps}",
        "tls_advertise_hosts": "*",
        "tls_certificate": f"{certificates.chain}",
        "tls_privatekey": f"{copy_private(certificates.key, spool, EXIM_USER)}",
        "acl_smtp_rcpt": "accept",
        "acl_smtp_data": "discard",
        "host_lookup": "",
        "rfc1413_query_timeout": "0s",
        "keep_environment": "",
    }


# -- Dovecot ---------------------------------------------------------------------------

DOVECOT: Final = Path("/usr/sbin/dovecot")
PASSWORD: Final = "secret"
DOVECOT_USERS: Final = f"""\
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid=mail gid=mail
}}
"""


@contextmanager
def dovecot(
    directory: Path, certificates: Certificates, on: MailboxServer | None = None, /, **settings: str
) -> Iterator[MailboxServer]:
    """Dovecot, where every user's password is `PASSWORD`, with any plain setting by keyword."""
    master = program("dovecot", DOVECOT)
    home = make_home(directory, "dovecot")
    server = on or MailboxServer(*free_ports(4))
    configuration = home / "dovecot.conf"
    configuration.write_text(
        assignments(dovecot_settings(home, certificates) | settings)
        + DOVECOT_USERS
        + dovecot_service("imap-login", imap=server.imap, imaps=server.imaps)
        + dovecot_service("pop3-login", pop3=server.pop3, pop3s=server.pop3s)
    )
    with running([master, "-c", f"{configuration}", "-F"], home, server.imap):
        yield server


def dovecot_settings(home: Path, certificates: Certificates) -> dict[str, str]:
    return {
        "base_dir": f"{home}/run",
        "state_dir": f"{home}/state",
        "log_path": "/dev/stderr",
        "protocols": "imap pop3",
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


# -- ports -----------------------------------------------------------------------------


@cache
def loopbacks() -> tuple[str, ...]:
    """The loopback addresses of this machine: some containers have no IPv6."""
    return tuple(filter(can_listen, (LOCALHOST, "::1")))


def free_ports(count: int) -> list[int]:
    """So many different ports that nobody listens on, below those that Linux gives to clients."""
    candidates = range(16_384, 32_768)
    return list(islice(filter(is_free, random.sample(candidates, len(candidates))), count))


def is_free(port: int) -> bool:
    return all(can_listen(host, port) for host in loopbacks())


def can_listen(host: str, port: int = 0) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with suppress(OSError):
        socket.create_server((host, port), family=family).close()
        return True
    return False


# -- files -----------------------------------------------------------------------------


@contextmanager
def public_directory() -> Iterator[Path]:
    """A directory that every user can enter: those of pytest let in their owner alone."""
    with tempfile.TemporaryDirectory(prefix="interop-", dir="/tmp") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


def make_home(directory: Path, name: str) -> Path:
    """A new directory each time, so that one server can run in several ways at once."""
    home = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=directory))
    home.chmod(0o755)
    if not all(parent.stat().st_mode & stat.S_IXOTH for parent in home.parents):
        raise PermissionError(f"{name} cannot enter {directory}, use public_directory()")
    return home


def make_private(directory: Path, user: str) -> Path:
    directory.mkdir(0o700)
    shutil.chown(directory, user)
    return directory


def copy_private(path: Path, directory: Path, user: str) -> Path:
    copy = directory / path.name
    copy.touch(0o600)
    shutil.copyfile(path, copy)
    shutil.chown(copy, user)
    return copy


def assignments(settings: Mapping[str, str]) -> str:
    """The one syntax that all three servers share."""
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


# -- processes -------------------------------------------------------------------------


def program(name: str, *paths: Path) -> str:
    """Where the server's program is, when it can be run at all."""
    if os.geteuid() != 0:
        raise UnavailableError(f"{name} can only be started by root")
    for path in paths:
        if path.exists():
            return str(path)
    raise UnavailableError(f"{name} is not installed; tests/interop/install.sh would do it")


@contextmanager
def running(command: Sequence[str], home: Path, port: int) -> Iterator[None]:
    """The server, from its first greeting on this port until the last of its processes ended."""
    with (home / "output.log").open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for_greeting(process, home, port)
        yield
    finally:
        kill_group(process.pid)
        process.wait()


def wait_for_greeting(process: subprocess.Popen[bytes], home: Path, port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while not greets(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} does not greet on port {port}\n{logs(home)}")
        time.sleep(0.01)


def greets(port: int) -> bool:
    try:
        with socket.create_connection((LOCALHOST, port), timeout=PATIENCE) as client:
            return bool(client.recv(1))
    except OSError:
        return False


def logs(home: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in sorted(home.rglob("*.log")))


def kill_group(group: int) -> None:
    """End the server and its children at once: nothing of theirs is worth a tidy end."""
    deadline = time.monotonic() + PATIENCE
    while members(group) and time.monotonic() < deadline:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        time.sleep(0.01)


def members(group: int) -> list[int]:
    """The living processes of a group: the dead are in it, too, until init takes note."""
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if lives_in(group, path)]


def lives_in(group: int, process: Path) -> bool:
    try:
        status = (process / "stat").read_text()
    except OSError:  # it has just ended
        return False
    state, _parent, its_group = status.rpartition(") ")[2].split()[:3]
    return int(its_group) == group and state not in "ZX"

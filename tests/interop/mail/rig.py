"""Everything between a sender and the mailboxes, running."""

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.faces.mta.process import HERE, LISTEN, Daemon, serving
from tests.interop.mail.receivers import Destination
from tests.interop.mail.road import BEHIND, Road, a_road
from tests.interop.mail.tricks import own_tricks
from tests.interop.servers import LOCALHOST, Certificates, UnavailableError, dovecot, issue
from tests.interop.servers.machine import make_home, make_private
from tests.interop.servers.postfix import SENDING_SERVICES
from tests.interop.world import World, a_world
from tests.interop.world.cases import PARENT
from tests.interop.world.mail_hosts import Receivers
from tests.interop.world.operator import Operator
from tests.interop.world.world import EVERYBODY
from unstrip.certificates import spki
from unstrip.io.store import open_store
from unstrip.policy.history import STEADY_TIME

TABLE_NAME: Final = "table.toml"
TABLE: Final = """\
[[rule]]
host = "ruled-encrypt.{parent}"
require = "encrypt"

[[rule]]
host = "ruled-encrypt-insecure-mx-with-tlsa.{parent}"
require = "encrypt"

[[rule]]
host = "relay.{parent}"
require = "verify"

[[rule]]
host = "ruled-verify.{parent}"
require = "verify"

[[rule]]
host = "ruled-pin.{parent}"
require = "verify"
pin = ["sha256:{pin}"]

[[rule]]
host = "overridden.{parent}"
require = "may"
override = true

[[rule]]
host = "not-found-out.{parent}"
require = "may"
unknown = "wait"
"""
TAUGHT: Final = tuple(f"{name}.{PARENT}" for name in ("visited", "steady"))
RESOLVER: Final = "nameserver {}\noptions trust-ad edns0 timeout:5 attempts:1\n"
# a view of the files in which one is another, for whatever is run by it
ALONE: Final = ("unshare", "--mount", "--propagation", "private")
WITHIN: Final = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


@dataclass(frozen=True, slots=True)
class Rig:
    """All of it.

    Attributes: home: a directory that every user can enter; table: that of the daemon's operator;
        certificates: for a sender's own listener, and the roots that it is to trust; within: what a
        sender is run by.
    """

    home: Path
    world: World
    road: Road
    destination: Destination
    daemon: Daemon
    table: Path
    certificates: Certificates
    within: Sequence[str]

    def rule(self, text: str) -> None:
        """Have the operator write one more rule, and the daemon read it."""
        reloads = sum(" reloaded" in line for line in self.daemon.lines)
        self.table.write_text(f"{self.table.read_text()}\n{text}")
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait(" reloaded", reloads + 1)


@contextmanager
def a_rig(directory: Path) -> Iterator[Rig]:
    """A new one, with an honest road, and a daemon that has learnt its table and its history."""
    home = make_home(directory, "mail")
    with ExitStack() as stack:
        enter = stack.enter_context
        mailboxes = make_private(home / "mailboxes", "mail")
        own = issue(home / "certificates")
        boxes = enter(dovecot(home, own, mail_location=f"maildir:{mailboxes}/%d"))
        world = enter(a_world(home, receivers(home, boxes.lmtp)))
        at = world.addresses
        own_ones = own_tricks(world.authority, EVERYBODY)
        road = enter(a_road(own_ones, at.honest, at.private, at.expired, at.clear))
        operator = Operator(world, make_home(home, "operator"))
        teach(operator)
        daemon = enter(a_daemon(operator))
        destination = Destination(home / "receivers.log", mailboxes)
        trusting = replace(own, ca=world.ca)
        table, runner = operator.home / TABLE_NAME, within(home, at.resolver)
        yield Rig(home, world, road, destination, daemon, table, trusting, runner)


def receivers(home: Path, lmtp: int) -> Receivers:
    """They take everything, and hand it on to the mailboxes."""
    settings = {
        "maillog_file": f"{home}/receivers.log",
        "maillog_file_prefixes": f"{home}",
        "mydestination": "",
        "default_transport": f"lmtp:inet:{LOCALHOST}:{lmtp}",
        "smtpd_tls_loglevel": "1",
        "smtpd_tls_received_header": "yes",
        "smtpd_peername_lookup": "no",
    }
    return Receivers(BEHIND, settings, SENDING_SERVICES)


def within(home: Path, resolver: str) -> list[str]:
    """A command that runs the one behind it where /etc/resolv.conf names this resolver."""
    if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        raise UnavailableError("nobody may have a view of the files of his own here (unshare)")
    file = home / "resolv.conf"
    file.write_text(RESOLVER.format(resolver))
    return [*ALONE, "sh", "-c", WITHIN, f"{file}"]


def teach(operator: Operator) -> None:
    """Visit those of whom history is to know something; one of them long ago and often."""
    for domain in TAUGHT:
        assert not operator.command("check", domain).err
    store = open_store(operator.store)
    try:
        (visit,) = store.visits_of(f"mx.{TAUGHT[1]}", "smtp")
        for ago in (STEADY_TIME, STEADY_TIME + timedelta(days=1)):
            store.keep(replace(visit, began=visit.began - ago))
    finally:
        store.close()


@contextmanager
def a_daemon(operator: Operator) -> Iterator[Daemon]:
    """Ours, as a process of its own, at any free ports, with this operator's store and a table."""
    pem = operator.world.papers.honest.read_text("ascii")
    (operator.home / TABLE_NAME).write_text(TABLE.format(parent=PARENT, pin=pin(pem)))
    config = operator.home / "daemon.toml"
    places = "".join(LISTEN.format(speaks, HERE) for speaks in ("socketmap", "exim", "http"))
    top = f'store = "{operator.store}"\npolicy = "{TABLE_NAME}"\n'
    config.write_text(f"{top}{operator.configuration}{places}")
    trust = {"SSL_CERT_FILE": f"{operator.world.ca}"}
    with serving(operator.home, config, environment=trust) as daemon:
        yield daemon


def pin(pem: str) -> str:
    """The digest of a public key, as a table has it."""
    leaf = x509.load_pem_x509_certificates(pem.encode())[0]
    return spki(leaf.public_bytes(Encoding.DER))

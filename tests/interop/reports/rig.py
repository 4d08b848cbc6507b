"""Who sends mail and reports on it, and who takes both, running."""

import re
import smtplib
import socket
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from sysconfig import get_path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

import unstrip
from tests.faces.cli.command import Ran, run
from tests.faces.mta.process import HERE, LISTEN, Daemon, serving
from tests.interop.attempts import loop_apart
from tests.interop.reports.names import (
    CONFIGURATION,
    DOMAINS,
    REFUSED,
    REPORTS,
    SELECTOR,
    SENDER,
    Addresses,
    a_resolver,
    addresses,
    served,
)
from tests.interop.reports.telling import Delivery, datagram, deliveries
from tests.interop.servers import LOCALHOST, Certificates, UnavailableError, issue
from tests.interop.servers.machine import make_home, make_private
from tests.interop.servers.postfix import PostfixSender, postfix_sender
from tests.interop.world.papers import encoded
from tests.interop.world.policy_host import PolicyHost
from tests.io.policy_host import Caller, answer, policy_host
from tests.io.tlsrpt.telling import wait_for
from unstrip.io.store import Store, open_store
from unstrip.lab.authority import Authority
from unstrip.lab.middlebox import Middlebox, middlebox
from unstrip.lab.tricks import TRICKS, trick_named
from unstrip.tlsrpt.report import Reporter

NOBODY: Final = "nobody"
WHO: Final = Reporter("Sender Inc", f"postmaster@{SENDER}", SENDER)
HONEST: Final = "pass"
TIMES: Final = 3  # that mail goes to each domain on the honest road
LETTER: Final = b"Subject: hello\r\n\r\nhello\r\n"
RESOLVER: Final = "nameserver {}\noptions trust-ad edns0 timeout:5 attempts:1\n"
# A view of the files in which DNS is ours, and the program is where any user may go: whoever runs
# the tests may have it elsewhere.
ALONE: Final = ("unshare", "--mount", "--propagation", "private")
BIND: Final = (
    'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit; shift 2; done; shift; exec "$@"'
)
RUN: Final = """\
#!/bin/sh
export PYTHONPATH={view}/source:{view}/packages LD_LIBRARY_PATH={view}/python/lib
exec {view}/python/bin/python3 -m unstrip "$@"
"""
PROGRAM: Final = {
    "python": Path(sys.base_prefix),
    "packages": Path(get_path("purelib")),
    "source": Path(unstrip.__file__).parents[1],
}
REPORTING: Final = """\
[report]
organization = "{who.organization}"
contact = "{who.contact}"
submit = "127.0.0.1:{port}"
dkim-key = "{home}/{selector}.pem"
dkim-selector = "{selector}"
private-https = true
"""
# So that each letter is tried at once under each trick, and then never again.
SENDING: Final = {
    "smtp_dns_support_level": "dnssec",
    "smtp_tls_security_level": "may",
    "default_destination_concurrency_failed_cohort_limit": "0",
    "minimal_backoff_time": "1h",
    "queue_run_delay": "1h",
    "smtp_connection_cache_on_demand": "no",
    "smtp_starttls_timeout": "3",
    "smtp_helo_timeout": "3",
    "dnssec_probe": "ns:dane.example",
}
TAKING: Final = """\
{address}:25 inet n - n - - smtpd
virtual unix - n n - - virtual
tlsrpt unix - n n - 2 pipe
  user={user} argv={view}/run report take --config {config} -
"""
# what becomes of mail: some is kept, some goes into the pipe, all else is thrown away
TAKEN: Final = {
    "myhostname": f"mx.{REPORTS}",
    "mydestination": "",
    "default_transport": "discard:",
    "virtual_mailbox_domains": REPORTS,
    "virtual_uid_maps": "static:65534",
    "virtual_gid_maps": "static:65534",
    "smtpd_peername_lookup": "no",
    "virtual_mailbox_maps": f"inline:{{ {{ box@{REPORTS} = box/ }} {{ pipe@{REPORTS} = pipe/ }} }}",
    "transport_maps": f"inline:{{ {{ pipe@{REPORTS} = tlsrpt: }} }}",
    "tlsrpt_destination_recipient_limit": "1",
    "smtpd_recipient_restrictions": f"check_recipient_access inline:{{ {{ {REFUSED} = REJECT }} }}",
}


@dataclass
class Sink:
    """A web server that keeps what is posted; `statuses` are its first answers, then it is 201."""

    bodies: list[bytes] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)

    async def script(self, caller: Caller) -> None:
        head = await caller.head()
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        assert length
        body = await caller.reader.readexactly(int(length[1]))
        status = self.statuses.pop(0) if self.statuses else "201 Created"
        if status.startswith("2"):
            self.bodies.append(body)
        await caller.say(answer(status, "Content-Length: 0"))


@dataclass
class Rig:
    """All of it.

    Attributes: home: of the sender; ca: the roots to trust; at_pipe, posted: the stores of those
        who take reports in; maildir: where they are kept as mails.
    """

    home: Path
    at: Addresses
    ca: Path
    record: str
    tlsa: str
    box: Middlebox
    sink: Sink
    daemon: Daemon
    sender: PostfixSender
    receiver: PostfixSender
    taking: Path
    posted: Path
    maildir: Path

    @property
    def at_pipe(self) -> Path:
        return self.taking / "store.sqlite3"

    # -- mail ---------------------------------------------------------------------------------

    def deliver(self) -> list[Delivery]:
        """Send mail to every domain under every trick, tell of it, and have it counted."""
        for trick in TRICKS:
            self.box.trick = trick_named(trick)
            self._give(trick, 1)
        self.box.trick = trick_named(HONEST)
        self._give("honest", TIMES)
        found = list(deliveries(self.sender.log))
        self.tell(found)
        return found

    def _give(self, name: str, times: int) -> None:
        to = [f"{name}-{n}@{domain}" for domain in DOMAINS for n in range(times)]
        self.sender.give(*((WHO.contact, each, LETTER) for each in to))
        wait_for(lambda: set(to) <= {each.recipient for each in deliveries(self.sender.log)})

    def tell(self, found: Sequence[Delivery]) -> None:
        """Tell the daemon of these, and wait until it has counted them."""
        told = [
            datagram(each, self.policy_of, self.tlsa, self.record, self.at.road)
            for each in found
            if each.told
        ]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect(self.daemon.places["tlsrpt"].removeprefix("unix:"))
            for data in told:
                sock.send(data)
        with self.store() as store:
            wait_for(lambda: counted(store) == len(told))

    def policy_of(self, domain: str) -> str:
        """What the daemon tells a Postfix that reports."""
        asked = f"QUERYwithTLSRPT {domain}"
        reply = self.daemon.ask("socketmap", f"{len(asked)}:{asked},".encode())
        return reply.decode().partition(":")[2].rstrip(",").removeprefix("OK ")

    # -- reports ------------------------------------------------------------------------------

    @contextmanager
    def store(self, path: Path | None = None) -> Iterator[Store]:
        """The sender's store, or another one."""
        with closing(open_store(path or self.home / "store.sqlite3")) as opened:
            yield opened

    def send(self, day: date, clock: str = "04:10", *, port: int | None = None) -> Ran:
        """Send a day's reports when it is so late on the next one (UTC), to this mail server."""
        port = port or self.sender.smtp
        words = REPORTING.format(who=WHO, port=port, home=self.home, selector=SELECTOR)
        config = self.home / "sending.toml"
        config.write_text(f'store = "store.sqlite3"\n{self.resolving}{words}')
        now = f"{day + timedelta(days=1)}T{clock}Z"
        options = ("--day", day, "--now", now, "--early", "--json", "--ca-file", self.ca)
        return run("report", "send", "--config", config, *options)

    @property
    def resolving(self) -> str:
        return CONFIGURATION.format(resolver=self.at.resolver)

    def take(self, source: Path, store: Path) -> Ran:
        """Take reports in as whoever gets them."""
        words = ("--config", self.taking / "config.toml", "--store", store)
        return run("report", "take", *words, source)

    def hand_in(self, mail: bytes) -> None:
        """Give a mail to the Postfix that takes reports, for its pipe, as anybody may."""
        with smtplib.SMTP(self.at.reports, timeout=60) as client:
            client.sendmail("somebody@elsewhere.example", f"pipe@{REPORTS}", mail)

    def taken(self, words: str) -> int:
        """How often the Postfix that takes reports has said this."""
        return len(re.findall(words, self.receiver.log))


def counted(store: Store) -> int:
    """How many sessions there are in a ledger."""
    days = [each for day in store.days() for each in store.day(day)]
    return sum(tally.succeeded + tally.failed for day in days for tally in day.tallies)


@contextmanager
def a_rig(directory: Path) -> Iterator[Rig]:
    """A new one, in which nothing has been sent."""
    home, at = make_home(directory, "reports"), addresses()
    sender_home, taking = make_home(home, "sender"), make_private(home / "taking", NOBODY)
    webs = [f"{name}.{REPORTS}" for name in ("intake", "sink")]
    papers = issue(home / "papers", *(f"mx.{domain}" for domain in DOMAINS), *webs)
    sink, boxes = Sink(), make_private(home / "boxes", NOBODY)
    with ExitStack() as stack:
        enter = stack.enter_context
        authority = enter(Authority())
        ca = home / "roots.pem"
        ca.write_bytes(papers.ca.read_bytes() + authority.ca_file.read_bytes())
        policies = PolicyHost(at.policies, authority)
        policies.answers |= served()
        enter(policies.serving())
        web = enter(policy_host(sink.script, server_context(papers)))
        intake = enter(an_intake(make_home(home, "intake"), papers))
        port = intake.places["reports"].rpartition(":")[2]
        said = records(int(port), web.port)
        tlsa = f"3 1 1 {digest(papers)}"
        words = {"tlsa": tlsa, "road": at.road, "reports": at.reports, "policies": at.policies}
        enter(a_resolver(home, at.resolver, words | said | {"key": a_key(sender_home)}))
        resolving = CONFIGURATION.format(resolver=at.resolver)
        (taking / "config.toml").write_text(f'store = "store.sqlite3"\n{resolving}')
        view = home / "view"
        view.mkdir()
        within = a_view(home, at.resolver, view)
        services = TAKING.format(
            address=at.reports, user=NOBODY, view=view, config=taking / "config.toml"
        )
        receiver = enter(
            postfix_sender(home, papers, within, services, **TAKEN, virtual_mailbox_base=f"{boxes}")
        )
        box = enter(a_road(at.road, receiver.smtp))
        daemon = enter(a_daemon(sender_home, resolving, ca))
        asks = {"smtp_tls_policy_maps": f"socketmap:inet:{daemon.places['socketmap']}:QUERY"}
        asks["smtp_tls_CAfile"] = f"{ca}"
        sender = enter(postfix_sender(home, papers, within, **SENDING | asks))
        yield Rig(
            *(sender_home, at, ca, said["record"], tlsa, box, sink, daemon, sender, receiver),
            *(taking, intake.log.parent / "store.sqlite3", boxes / "box"),
        )


def records(intake: int, sink: int) -> dict[str, str]:
    """Who is to get reports, by what stands for it in a zone."""
    mails = f"mailto:pipe@{REPORTS}, mailto:box@{REPORTS}"
    posts = f"https://intake.{REPORTS}:{intake}/v1,https://sink.{REPORTS}:{sink}/"
    return {
        "record": f"v=TLSRPTv1; rua={mails},{posts}",
        "late": f"v=TLSRPTv1; rua=mailto:tls@late.example,https://sink.{REPORTS}:{sink}/",
    }


def a_key(home: Path) -> str:
    """A new key for signatures; what DNS has of it."""
    made = rsa.generate_private_key(65537, 2048)
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (home / f"{SELECTOR}.pem").write_bytes(pem)
    public = made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = f"v=DKIM1; k=rsa; s=tlsrpt; p={b64encode(public).decode()}"
    return f'"{text[:200]}" "{text[200:]}"'


def digest(papers: Certificates) -> str:
    (leaf, *_) = x509.load_pem_x509_certificates(papers.chain.read_bytes())
    return sha256(encoded(leaf, 1)).hexdigest()


def server_context(papers: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers.chain, papers.key)
    return context


def a_view(home: Path, resolver: str, view: Path) -> list[str]:
    """A command that runs the one behind it with this resolver, and the program here."""
    if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        raise UnavailableError("nobody may have a view of the files of his own here (unshare)")
    file = home / "resolv.conf"
    file.write_text(RESOLVER.format(resolver))
    program = view / "run"
    program.write_text(RUN.format(view=view))
    program.chmod(0o755)
    binds = {file: Path("/etc/resolv.conf")}
    for name, path in PROGRAM.items():
        binds[path] = view / name
        binds[path].mkdir()
    pairs = (f"{path}" for pair in binds.items() for path in pair)
    return [*ALONE, "sh", "-c", BIND, "bind", *pairs, "--"]


@contextmanager
def a_road(address: str, port: int) -> Iterator[Middlebox]:
    """The lab's middlebox where the MX records point; honest, to begin with."""
    stack = AsyncExitStack()
    box = middlebox(HONEST, "smtp", upstream=(LOCALHOST, port), listen=(address, 25))
    with loop_apart() as wait:
        try:
            yield wait(stack.enter_async_context(box))
        finally:
            wait(stack.aclose())


@contextmanager
def a_daemon(home: Path, resolving: str, ca: Path) -> Iterator[Daemon]:
    """The sender's: it tells Postfix of policies, and is told of deliveries."""
    places = (("socketmap", HERE), ("tlsrpt", f"unix:{home}/tlsrpt"))
    config = home / "daemon.toml"
    listen = "".join(LISTEN.format(*place) for place in places)
    config.write_text(f'store = "store.sqlite3"\n{resolving}{listen}')
    with serving(home, config, environment={"SSL_CERT_FILE": f"{ca}"}) as daemon:
        yield daemon


@contextmanager
def an_intake(home: Path, papers: Certificates) -> Iterator[Daemon]:
    """That of someone who has reports posted."""
    config = home / "config.toml"
    proof = f'certificate = "{papers.chain}"\nkey = "{papers.key}"\n'
    nowhere = '[resolver]\nservers = ["127.0.0.1@1"]\n'
    listen = LISTEN.format("reports", HERE)
    config.write_text(f'store = "store.sqlite3"\n{nowhere}{listen}{proof}')
    with serving(home, config) as daemon:
        yield daemon

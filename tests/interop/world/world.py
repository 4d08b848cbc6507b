"""All of it: who serves what in this world, and what can be changed while it is running.

NSD has the zones, Unbound validates them from a trust anchor of ours, the policy host speaks HTTPS
on 443, Postfix takes mail on 25, Prosody waits where SRV records point. The whole world is on
loopback, and nobody in it asks anybody outside.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tests.interop.servers import (
    ChatServer,
    DnsServer,
    family,
    forged,
    nsd,
    signed,
    unbound,
    unsigned,
)
from tests.interop.servers.machine import make_home
from tests.interop.servers.zones import Zone
from tests.interop.world.addresses import Addresses, addresses
from tests.interop.world.cases import (
    BACKGROUND,
    BOGUS,
    CASES,
    CHAT,
    HOSTS,
    OPERATORS,
    PARENT,
    USAGES,
    Case,
)
from tests.interop.world.chat_host import chat_host
from tests.interop.world.mail_hosts import Receivers, mail_hosts
from tests.interop.world.papers import Papers, papers, tlsa
from tests.interop.world.policy_host import PolicyHost, Served
from tests.interop.world.switch import Switch
from tests.interop.world.troublesome import refusing, silent
from unstrip.lab.authority import Authority

EVERYBODY: Final = {case.domain: case for case in (*BACKGROUND, *OPERATORS, *USAGES, *CASES)}
ANYHOW: Final = Receivers()
CONFIGURATION: Final = """\
[resolver]
servers = ["{resolver.host}@{resolver.dns}"]
timeout = 5
validates = "mx.{signed}"
fails = "{bogus}"
"""


class World:
    """The world while it is running.

    Attributes: ca: the roots to trust, PEM; authority: one of them, for more certificates; papers:
        what the servers show; addresses: of its servers; chat: its ports; policies: the policy
        host, whose answers may be changed; policy_host, name_server, resolver: to be put out and on
        again.
    """

    def __init__(self, directory: Path, authority: Authority, receivers: Receivers) -> None:
        self.addresses: Addresses = addresses()
        self._home, self._receivers = directory, receivers
        self.authority = authority
        self.papers = papers(directory / "papers", mail_names(), [CHAT, f"server.{CHAT}"])
        self.ca = directory / "roots.pem"
        self.ca.write_bytes(self.papers.ca.read_bytes() + authority.ca_file.read_bytes())
        self.policies = PolicyHost(self.addresses.policies, authority)
        self.policies.answers |= {
            name: case.served for name, case in EVERYBODY.items() if case.served is not None
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start everything, and end it."""
        with ExitStack() as stack:
            enter = stack.enter_context
            enter(refusing(self.addresses.refusing))
            enter(silent(self.addresses.silent))
            enter(mail_hosts(self._home, self.addresses, self.papers, self._receivers))
            self.chat: ChatServer = enter(chat_host(self._home, self.papers.chat, CHAT))
            self._words = dict(words(self.addresses, self.papers, self.chat))
            self._children = {name: self._signed(case) for name, case in EVERYBODY.items()}
            self._zones = family(PARENT, self._children.values())
            self.policy_host = enter(Switch[None](lambda _: self.policies.serving()))
            self.name_server = enter(Switch[DnsServer](self._name_server))
            self.resolver = enter(Switch[DnsServer](self._resolver))
            yield

    @property
    def configuration(self) -> str:
        """TOML: whom to ask, and by which names to see that it validates."""
        return CONFIGURATION.format(resolver=self.resolver.server, signed=HOSTS, bogus=BOGUS)

    def serve(self, domain: str, served: Served | None) -> None:
        """Have the policy host say something else of a domain; None is that it knows of none."""
        self.policies.answers.pop(domain, None)
        if served is not None:
            self.policies.answers[domain] = served

    def publish(self, *cases: Case) -> None:
        """Put other zones in domains' place, with nothing of the old ones in any cache."""
        self._children |= {case.domain: self._signed(case) for case in cases}
        self._zones = family(PARENT, self._children.values())
        with self.without("name_server"):
            pass  # both begin anew, with the zones as they are now

    @contextmanager
    def without(self, *parts: str) -> Iterator[None]:
        """Kill these parts by name, and what Unbound remembers; in the end they are there again."""
        dead = [getattr(self, part) for part in parts]
        for part in (self.resolver, *dead):
            part.off()
        if self.resolver not in dead:
            self.resolver.on()
        try:
            yield
        finally:
            self.resolver.off()
            for part in dict.fromkeys((*dead, self.resolver)):
                part.on()

    def _name_server(self, on: DnsServer | None) -> AbstractContextManager[DnsServer]:
        return nsd(self._home, self._zones, on)

    def _resolver(self, on: DnsServer | None) -> AbstractContextManager[DnsServer]:
        usual = f"{self.addresses.resolver}@53"
        return unbound(self._home, self._zones, self.name_server.server, on, ip_address=usual)

    def _signed(self, case: Case) -> Zone:
        """The zone as it is served."""
        records = f"$TTL 60\n{case.records.format_map(self._words)}"
        zone = signed(case.domain, records) if case.signed else unsigned(case.domain, records)
        return forged(zone, {was.format_map(self._words): now for was, now in case.forged.items()})


def mail_names() -> list[str]:
    """Every name that a mail server may be reached by."""
    return [name for domain in EVERYBODY for name in (domain, f"*.{domain}")]


def words(addresses: Addresses, papers: Papers, chat: ChatServer) -> Iterator[tuple[str, str]]:
    """What stands in braces in a case."""
    yield from asdict(addresses).items()
    yield from ((name, str(port)) for name, port in asdict(chat).items())
    yield from tlsa(papers.honest)
    others = {"private": papers.private, "expired": papers.expired, "chat": papers.chat.chain}
    for name, paper in others.items():
        yield from ((f"{name}-{kind}", record) for kind, record in tlsa(paper))
    yield "ee", dict(tlsa(papers.honest))["3-1-1"].split()[-1]


@contextmanager
def a_world(directory: Path, receivers: Receivers = ANYHOW) -> Iterator[World]:
    """A new one."""
    with Authority() as authority:
        made = World(make_home(directory, "world"), authority, receivers)
        with made.running():
            yield made

"""A domain as it is seen: what DNS and its policy host answer, and what its MX hosts show."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tests.conftest import Pki
from tests.policy.answering import S, addresses, answered, found, nothing, page, text
from unstrip.certificates import webpki
from unstrip.evidence import Endpoint, Evidence, Failure
from unstrip.handshake import Handshake
from unstrip.policy.mta_sts import PATH, Known
from unstrip.policy.questions import Answer, Dns, Kind, Mx, Question, Security
from unstrip.publication import Publication, Seen, Wish, look, publish
from unstrip.publication.case import Case
from unstrip.publication.dane import of_key
from unstrip.tlsa import Tlsa, public_key
from unstrip.transcript import Layer, Side, Utterance
from unstrip.trouble import Trouble
from unstrip.upgrade import Manner, Outcome, Upgrade

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
DOMAIN = "example.org"
MX1, MX2 = "mx1.example.org", "mx2.example.org"
TESTING = "version: STSv1\r\nmode: testing\r\nmx: mx1.example.org\r\nmx: mx2.example.org\r\n"
TESTING += "max_age: 86400\r\n"
ENFORCE = TESTING.replace("testing", "enforce").replace("86400", "604800")
NONE = "version: STSv1\nmode: none\nmax_age: 86400\n"

Chain = tuple[bytes, ...]


def chain(pki: Pki, *names: str, days: float = 90) -> Chain:
    """A new key, and its certificate for these names."""
    leaf = pki.ca.issue_cert(*names, not_before=NOW - 90 * DAY, not_after=NOW + days * DAY)
    pems = [part.bytes().decode() for part in leaf.cert_chain_pems]
    return tuple(map(ssl.PEM_cert_to_DER_cert, pems))


def record(shown: Chain) -> Tlsa:
    """The record of a chain's key."""
    return of_key(public_key(shown[0]))


def visit(pki: Pki, host: str, shown: Chain, address: str = "192.0.2.1") -> Evidence:
    """A visit that went well, whatever the certificate."""
    said = webpki(shown, host, pki.roots, NOW)
    shake = Handshake("TLSv1.3", "TLS_AES_256_GCM_SHA384", None, True, None, host, shown, said)
    seen = Upgrade(Outcome.UPGRADED, advertised=True)
    return replace(clear(host, Outcome.UPGRADED, address), upgrade=seen, handshake=shake)


def clear(host: str, outcome: Outcome, address: str = "192.0.2.1") -> Evidence:
    """A visit without TLS."""
    greeting = (Utterance(Side.SERVER, Layer.CLEAR, b"220 mx\r\n", 0.1),)
    there = Endpoint(host, 25, "smtp")
    upgrade = Upgrade(outcome)
    return Evidence(there, address, NOW, Manner.PLAIN, False, greeting, 0.1, upgrade)


def mute(host: str, address: str = "192.0.2.1") -> Evidence:
    """A visit to somebody who was not there."""
    failure = Failure(Trouble.UNREACHABLE, "connection refused")
    return Evidence(
        Endpoint(host, 25, "smtp"), address, NOW, Manner.PLAIN, False, (), failure=failure
    )


@dataclass
class Scene:
    """Two MX hosts that are in order, in a signed zone, with nothing published yet.

    Attributes:
        mx, zone: what DNSSEC says of the MX record, and of the hosts.
        chains: what each host shows; visits: what else happened there.
        tlsa: what each has published.
        policy: what is served, under `id`; reports: at `_smtp._tls`.
        coming: hosts that are to be in the MX.
        answers: those that are not as all this says.
    """

    pki: Pki
    hosts: tuple[str, ...] = (MX1, MX2)
    mx: Security = S
    zone: Security = S
    chains: dict[str, Chain] = field(default_factory=dict)
    visits: dict[str, tuple[Evidence, ...]] = field(default_factory=dict)
    tlsa: Mapping[str, Iterable[Tlsa]] = field(default_factory=dict)
    policy: str | None = None
    id: str = "1"
    reports: tuple[bytes, ...] = ()
    held: Known | None = None
    coming: tuple[str, ...] = ()
    answers: dict[Question, Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for host in (*self.hosts, *self.coming):
            self.chains.setdefault(host, chain(self.pki, host))

    def shows(self, host: str, shown: Chain) -> None:
        """Give a host another certificate."""
        self.chains[host] = shown

    def ask(self) -> dict[Question, Answer]:
        """Every answer there is."""
        names = enumerate(self.hosts, 1)
        told: dict[Question, Answer] = {
            Dns(DOMAIN, Kind.MX): found(*(Mx(10 * n, host) for n, host in names), security=self.mx),
            Dns(f"_smtp._tls.{DOMAIN}", Kind.TXT): nothing(),
            Dns(f"_mta-sts.{DOMAIN}", Kind.TXT): nothing(),
        }
        for host in (*self.hosts, *self.coming):
            told |= addresses(host, self.zone)
            told[Dns(host, Kind.CNAME)] = nothing(self.zone)
            records = tuple(self.tlsa.get(host, ()))
            told[Dns(f"_25._tcp.{host}", Kind.TLSA)] = found(*records) if records else nothing()
        if self.reports:
            told |= text(f"_smtp._tls.{DOMAIN}", *self.reports)
        if self.policy is not None:
            told |= text(f"_mta-sts.{DOMAIN}", f"v=STSv1; id={self.id};".encode())
            told |= page(f"mta-sts.{DOMAIN}", PATH, self.policy.encode())
        return told | self.answers

    @property
    def seen(self) -> Seen:
        """What is seen of it."""
        looked: Seen = answered(look(DOMAIN, NOW, coming=self.coming), self.ask()).result
        servers = [
            replace(s, visits=self._visited(s.name) if s.addresses else ()) for s in looked.servers
        ]
        return replace(looked, servers=tuple(servers), held=self.held)

    def _visited(self, host: str) -> tuple[Evidence, ...]:
        return self.visits.get(host) or (visit(self.pki, host, self.chains[host]),)

    def case(self, **wish: object) -> Case:
        """What the rules look at."""
        return Case(self.seen, self._wish(wish), self.pki.roots)

    def publish(self, **wish: object) -> Publication:
        """What comes of it."""
        return publish(self.seen, self._wish(wish), self.pki.roots)

    def _wish(self, wish: dict[str, object]) -> Wish:
        return Wish(**{"mx": self.coming, **wish})  # type: ignore[arg-type]


def refusals(publication: Publication) -> list[str]:
    """What keeps it from being published."""
    return [f"{o.weight.value}: {o.words}" for o in publication.objections if o.fatal]


def notes(publication: Publication) -> list[str]:
    return [o.words for o in publication.objections if not o.fatal]

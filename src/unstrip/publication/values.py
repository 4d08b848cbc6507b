"""The values of a publication: what was seen, what is wished, what is to be published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from unstrip.evidence import Evidence
from unstrip.policy import dane
from unstrip.policy.mta_sts import Known, Mode
from unstrip.policy.questions import DnsAnswer


class Weight(Enum):
    """What an objection does."""

    REFUSED = "refused"  # mail would be lost, or is being lost
    UNKNOWN = "not found out"  # nobody knows whether it would: refused as well
    NOTED = "noted"  # worth a word


@dataclass(frozen=True, slots=True)
class Objection:
    """Why something is not to be published, or not without thought.

    Attributes: words: what is wrong; rule: the clause; hint: what to do.
    """

    weight: Weight
    words: str
    rule: str = ""
    hint: str = ""

    @property
    def fatal(self) -> bool:
        """Nothing is published."""
        return self.weight is not Weight.NOTED


@dataclass(frozen=True, slots=True)
class Key:
    """A key that is to come.

    Attributes: spki: its SubjectPublicKeyInfo, DER; chain: the certificates that come with it, DER,
        leaf first; none where only the key is known.
    """

    spki: bytes
    chain: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What the domain's owner wants.

    Attributes:
        mode: of the policy; None keeps the one that is published, or begins with testing.
        max_age: of the policy, in seconds; None keeps that, or takes one that suits the mode.
        rua: where reports go, as `destination` returns URIs; none keeps what is published.
        tlsa: print TLSA records: insist, or never; None where they can be had.
        next: the key that every MX host will have next.
    """

    mode: Mode | None = None
    max_age: int | None = None
    rua: tuple[str, ...] = ()
    tlsa: bool | None = None
    next: Key | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """One MX host.

    Attributes:
        host: what DANE says of it.
        preference: of its MX record; None where the domain is its own server.
        named: what DNS says of an alias of that name: there must be none. It tells as well
            whether the zone is signed that the name is in.
        addresses: those to be visited.
        visits: what each of them showed.
    """

    host: dane.Host
    preference: int | None
    named: DnsAnswer
    addresses: tuple[str, ...] = ()
    visits: tuple[Evidence, ...] = ()

    @property
    def name(self) -> str:
        """Its name, as the MX record has it."""
        return self.host.name


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was found out about a domain.

    Attributes:
        domain: whose mail it is.
        port: of its MX hosts.
        at: when.
        route: how its servers were found, and what DANE says of them.
        servers: its MX hosts, by preference.
        served: the MTA-STS policy that is published now, looked for as by somebody new.
        reports: what is published about reports.
        held: what we remember, as senders do who came earlier; None where nothing is kept.
    """

    domain: str
    port: int
    at: datetime
    route: dane.Domain
    servers: tuple[Server, ...]
    served: Known
    reports: DnsAnswer
    held: Known | None = None


@dataclass(frozen=True, slots=True)
class ZoneRecord:
    """One record of a zone: `data` in presentation form, `name` without the final dot."""

    name: str
    ttl: int
    kind: str
    data: str

    def __str__(self) -> str:
        """As a line of a zone file, good in any zone."""
        return f"{self.name}. {self.ttl} IN {self.kind} {self.data}"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    Attributes: words: what; not_before: the earliest time; lines: what to publish then; rule: the
        clause.
    """

    words: str
    not_before: datetime | None = None
    lines: tuple[str, ...] = ()
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """What to publish for a domain.

    Attributes:
        domain, at: of which, and when it was made.
        mode: of the policy.
        url: where the policy goes; policy: the file, with the line ends that it has to have.
        unchanged: records that are left alone.
        records: records to publish, each set of them whole. None, and no policy, if refused.
        objections: gravest first.
        steps: what to do, in order.
    """

    domain: str
    at: datetime
    mode: Mode
    url: str
    policy: str
    unchanged: tuple[ZoneRecord, ...]
    records: tuple[ZoneRecord, ...]
    objections: tuple[Objection, ...]
    steps: tuple[Step, ...]

    @property
    def refused(self) -> bool:
        """Nothing is to be published as things are."""
        return any(objection.fatal for objection in self.objections)

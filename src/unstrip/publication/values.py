"""The values of a publication: what was seen, what is wished, what is to be published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from unstrip.evidence import Evidence
from unstrip.policy import dane
from unstrip.policy.mta_sts import BadRecord, Known, Mode, Trouble, record_id
from unstrip.policy.questions import DnsAnswer, Txt


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
        leaf first; none where only the key is known; host: whose, "" for all that have no other.
    """

    spki: bytes
    chain: tuple[bytes, ...] = ()
    host: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the domain's owner wants.

    Attributes:
        mode: of the policy; None keeps the one that is published, or begins with testing.
        max_age: of the policy, in seconds; None keeps that, or takes one that suits the mode.
        rua: where reports go, as `destination` returns URIs; none keeps what is published.
        tlsa: print TLSA records: insist, or never; None where they can be had.
        next: the keys that the MX hosts will have next; one for all of them, or one for a host.
        mx: hosts that the policy is to have: before they go into the MX, or though they are there.
    """

    mode: Mode | None = None
    max_age: int | None = None
    rua: tuple[str, ...] = ()
    tlsa: bool | None = None
    next: tuple[Key, ...] = ()
    mx: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """One MX host.

    Attributes:
        host: what DANE says of it.
        preference: of its MX record; None where the domain is its own server, or it is to come.
        named: what DNS says of an alias of that name: there must be none. It tells as well
            whether the zone is signed that the name is in.
        addresses: those to be visited; beyond: how many more there are.
        hidden: why there may be others still, for people; "" if none can be.
        alias: the name that its TLSA records are at, if that is an alias; "" if it is none.
        visits: what each of them showed; one that is mute has its address, too.
        coming: it is no MX host yet.
    """

    host: dane.Host
    preference: int | None
    named: DnsAnswer
    addresses: tuple[str, ...] = ()
    visits: tuple[Evidence, ...] = ()
    coming: bool = False
    beyond: int = 0
    hidden: str = ""
    alias: str = ""

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
        mx: what DNS says of its MX.
        route: how its servers were found, and what DANE says of them.
        servers: its MX hosts, by preference; then those that are to come.
        served: the MTA-STS policy that is published now, looked for as by somebody new.
        record: what is published about that policy; reports: about reports.
        held: what we remember, as senders do who came earlier; None where nothing is kept.
    """

    domain: str
    port: int
    at: datetime
    mx: DnsAnswer
    route: dane.Domain
    servers: tuple[Server, ...]
    served: Known
    record: DnsAnswer
    reports: DnsAnswer
    held: Known | None = None

    @property
    def unheeded(self) -> str:
        """Why senders heed no record of a policy though there is one; "" if that is not so."""
        if self.record.failed:
            return ""
        try:
            record_id(text.joined for text in self.record.of(Txt))
        except BadRecord as error:
            return str(error)
        return ""

    @property
    def hidden(self) -> Trouble | None:
        """Why it is not known whether there is a policy, or which; None if it is."""
        return self.served.fetch if self.unheeded else self.served.record or self.served.fetch


@dataclass(frozen=True, slots=True)
class ZoneRecord:
    """One record of a zone: `data` in presentation form, `name` without the final dot.

    `ttl` is None where it is not ours to say: a cache tells only what is left of it.
    """

    name: str
    ttl: int | None
    kind: str
    data: str

    def __str__(self) -> str:
        """As a line of a zone file, good in any zone."""
        ttl = "" if self.ttl is None else f" {self.ttl}"
        return f"{self.name}.{ttl} IN {self.kind} {self.data}"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    Attributes: words: what; not_before: the earliest time, None for now, or where it is not known
        what it is to be counted from; lines: what to publish then; rule: the clause; options: with
        which to ask for a publication then, none for the same again; None if it is not asked for.
    """

    words: str
    not_before: datetime | None = None
    lines: tuple[str, ...] = ()
    rule: str = ""
    options: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """What to publish for a domain.

    Attributes:
        domain, at: of which, and when it was made.
        mode: of the policy.
        url: where the policy goes; policy: the file, with the line ends that it has to have.
        served: it is served already, to the letter.
        unchanged: records that are left alone, for they are published already.
        records: records to publish, each set of them whole. None, and no policy, if refused.
        objections: gravest first.
        steps: what to do, in order.
    """

    domain: str
    at: datetime
    mode: Mode
    url: str
    policy: str
    served: bool
    unchanged: tuple[ZoneRecord, ...]
    records: tuple[ZoneRecord, ...]
    objections: tuple[Objection, ...]
    steps: tuple[Step, ...]

    @property
    def refused(self) -> bool:
        """Nothing is to be published as things are."""
        return any(objection.fatal for objection in self.objections)

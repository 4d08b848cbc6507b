"""DANE: who a server is, by TLSA records that DNSSEC vouches for.

For mail by RFC 7672, where an MX names the servers; by SRV, RFC 7673; by port, RFC 6698 and 7671.
What all three have in common is what is asked about one server, and how much of it may be believed:

- Only what is secure counts. What is insecure is there or not, and proves nothing.
- A failed look-up is an attack until it is found out what it was: the server is not used (P-06).
- Where an answer was insecure, no TLSA record is asked for: nothing could come of it but trouble
  (RFC 7672, 2.2.2), for there are name servers that fail on records they do not know.
- Records which are there, but which nobody can use, still say that there is TLS (P-07).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from unstrip.hostname import is_host_name
from unstrip.policy.questions import (
    Dns,
    DnsAnswer,
    Kind,
    Mx,
    ResultType,
    Security,
    Source,
    Srv,
    Status,
    dns,
)
from unstrip.policy.values import Level, Policy
from unstrip.tlsa import DANE, EVERY, Tlsa, TlsaSet, Usage, unusable, usable

SOURCE = "dane"
MOST_HOSTS = 50  # of one domain: each costs three look-ups or more
MOST_RECORDS = 100  # of one host: each may cost a signature
_DAY = 86400  # seconds for which it holds that the user named a server


class Standing(Enum):
    """What DANE says of one server."""

    AUTHENTICATED = "dane"  # there are records to be met
    ENCRYPTED = "dane, unusable"  # there are, but none that can be used (RFC 7672, 2.2)
    ABSENT = "no dane"  # it is certain that there are none that count
    FAILED = "failed"  # it could not be found out: not to be used, try again later
    UNREACHABLE = "no address"
    UNCHECKED = "not checked"  # nobody whom we believe has looked


@dataclass(frozen=True, slots=True)
class Host:
    """What DANE says of one server.

    Attributes:
        name: as MX, SRV or the user names it; port: where.
        standing: what it comes to.
        resistant: how we came to this server is secure too. If not, records tell that somebody
            interferes with this server, and not that the domain meant another (P-11).
        base: the TLSA base domain, which is the SNI to send (RFC 7672, 8.1); "" without records.
        names: reference identifiers for usages that check names (RFC 7672, 3.2.2), base first.
        records: those to be met, by any usage that may be used here; see `tlsa.match`.
        published: all that there are, for reports.
        ttl: seconds for which this holds: the least of all answers that it rests on.
        result: as it is reported (RFC 8460, 4.3), if something is wrong.
        words: why, for people.
    """

    name: str
    port: int
    standing: Standing
    resistant: bool = False
    base: str = ""
    names: tuple[str, ...] = ()
    records: tuple[Tlsa, ...] = ()
    published: tuple[Tlsa, ...] = ()
    ttl: int = 0
    result: ResultType | None = None
    words: str = ""


def opinion(host: Host) -> Policy | None:
    """Return what DANE asks of one server, None where it asks nothing.

    It has no time of its own: what was found out just now holds for the attempt that follows.
    """
    at = f"_{host.port}._tcp.{host.base}"
    match host.standing:
        case Standing.AUTHENTICATED:
            how_many = "1 TLSA record" if len(host.records) == 1 else f"{len(host.records)} records"
            return Policy(
                SOURCE,
                Level.AUTHENTICATED,
                f"{how_many} at {at}" + ("" if host.resistant else ", reached by an unsigned name"),
                attests=True,
                tlsa=TlsaSet(host.records, host.names),
                overrules=host.resistant,
                rule="RFC 7672, 2.2" if host.resistant else "RFC 7672, 2.2.1",
            )
        case Standing.ENCRYPTED:
            text = f"no usable TLSA record at {at}"
            return Policy(SOURCE, Level.ENCRYPT, text, attests=True, rule="RFC 7672, 2.2")
        case Standing.FAILED:  # RFC 7672, 2.1.2: as if it could not be reached
            words = f"DANE could not be looked up: {host.words}"
            return Policy(SOURCE, Level.MAY, words, refuses=words, rule="RFC 7672, 2.1.2")
    return None


class Route(Enum):
    """How one gets from a domain to its servers."""

    NAMED = "as its MX or SRV say"
    ITSELF = "it is its own server"  # RFC 5321, 5.1: without an MX
    NOWHERE = "it takes none"  # RFC 7505; RFC 2782: the target "."
    FAILED = "it could not be found out"
    MISSING = "there is no such domain"  # or no such service, or no server at all


@dataclass(frozen=True, slots=True)
class Domain:
    """What DANE says of all servers of a domain.

    Attributes: name: the domain; route: how its servers were found; security: of that; hosts: in
        the order in which they are to be tried; ttl: seconds for which the list of them holds;
        result: as it is reported, if something is wrong; words: why, for people; left_out: how
        many more there are, at which nobody looked.
    """

    name: str
    route: Route
    security: Security
    hosts: tuple[Host, ...] = ()
    ttl: int = 0
    result: ResultType | None = None
    words: str = ""
    left_out: int = 0

    @property
    def everywhere(self) -> bool:
        """Every server that can be reached has usable records, and none can be put in its place.

        Only then may a mail server be told to insist on DANE for the whole domain.
        """
        reached = [host for host in self.hosts if host.standing is not Standing.UNREACHABLE]
        return bool(reached and not self.left_out) and all(
            host.resistant and host.standing is Standing.AUTHENTICATED for host in reached
        )


def mail(domain: str, port: int = 25) -> Source[Domain]:
    """Find out what DANE says of the servers that take a domain's mail (RFC 7672, 2.2)."""
    answer = yield from dns(domain, Kind.MX)
    found = _found(domain, answer)
    if answer.failed or answer.status is Status.NXDOMAIN:
        return found
    names = _names(domain, answer.canonical or domain)
    if answer.status is Status.NO_DATA:  # RFC 7672, 2.2.2: the domain is its own server
        found = replace(found, route=Route.ITSELF)
        return _there((yield from _all(found, (_Place(domain, port),), answer, names, DANE)))
    places = _posted(answer, port)
    if not places:
        return replace(found, route=Route.NOWHERE, words="null MX (RFC 7505)")
    return (yield from _all(found, places, answer, names, DANE))


def service(name: str, domain: str) -> Source[Domain]:
    """Find out what DANE says of the servers of a service that has SRV records (RFC 7673, 3).

    Args: name: as in "_xmpp-client._tcp"; domain: the service domain.
    """
    answer = yield from dns(f"{name}.{domain}", Kind.SRV)
    found = _found(domain, answer)
    if answer.status is not Status.FOUND or answer.failed:
        return found
    places = _served(answer)
    if not places:
        return replace(found, route=Route.NOWHERE, words="the target is '.' (RFC 2782)")
    return (yield from _all(found, places, answer, (domain,), EVERY))


def server(host: str, port: int, usages: frozenset[Usage] = EVERY) -> Source[Host]:
    """Find out what DANE says of one server that the user named (RFC 6698, 3; RFC 7671, 7).

    Args: usages: those that this protocol may use.
    """
    return (yield from _host(host, _Way(port, Security.SECURE, (host,), usages, _DAY)))


def following(answer: DnsAnswer) -> tuple[Dns, ...]:
    """Return what will be asked about the hosts that an answer names, whatever comes of it.

    That is their addresses: on these it depends whether TLSA records may be asked for (RFC 7672,
    2.2.2).
    """
    if answer.failed or answer.security is Security.UNCHECKED:
        return ()
    places = (*_posted(answer, 0), *_served(answer))[:MOST_HOSTS]
    hosts = dict.fromkeys(place.host for place in places if is_host_name(place.host))
    return tuple(Dns(host, kind) for host in hosts for kind in (Kind.A, Kind.AAAA))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a server is, as MX or SRV say."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class _Way:
    """How we come to a server: port, how far that is secure, by which names, what may be used.

    And for how many seconds that holds.
    """

    port: int
    security: Security
    names: tuple[str, ...]
    usages: frozenset[Usage]
    ttl: int
    words: str = ""


def _posted(answer: DnsAnswer, port: int) -> tuple[_Place, ...]:
    """Return the servers that MX names, in the order in which they are to be tried."""
    records = sorted(answer.of(Mx), key=lambda mx: mx.preference)
    return tuple(dict.fromkeys(_Place(mx.host, port) for mx in records if mx.host))


def _served(answer: DnsAnswer) -> tuple[_Place, ...]:
    """Return the same of SRV."""
    records = sorted(answer.of(Srv), key=lambda srv: (srv.priority, -srv.weight))
    return tuple(dict.fromkeys(_Place(srv.target, srv.port) for srv in records if srv.target))


def _found(domain: str, answer: DnsAnswer) -> Domain:
    found = Domain(domain, Route.NAMED, answer.security, ttl=answer.ttl, words=answer.said())
    if answer.failed:
        return replace(found, route=Route.FAILED, result=_result(answer))
    return found if answer.status is Status.FOUND else replace(found, route=Route.MISSING)


def _there(itself: Domain) -> Domain:
    """Say of a domain without MX whether it is a server at all: one without an address is none."""
    (host,) = itself.hosts
    if host.standing is not Standing.UNREACHABLE:
        return itself
    words, ttl = "no MX, and no address (RFC 5321, 5.1)", min(itself.ttl, host.ttl)
    return replace(itself, route=Route.MISSING, hosts=(), ttl=ttl, words=words)


def _all(
    found: Domain,
    places: tuple[_Place, ...],
    answer: DnsAnswer,
    names: tuple[str, ...],
    usages: frozenset[Usage],
) -> Source[Domain]:
    hosts: list[Host] = []
    for place in places[:MOST_HOSTS]:
        way = _Way(place.port, answer.security, names, usages, answer.ttl, answer.words)
        hosts.append((yield from _host(place.host, way)))
    found = replace(found, hosts=tuple(hosts))
    if len(places) <= MOST_HOSTS:
        return found
    words = f"of {len(places)} servers only the first {MOST_HOSTS} are used"
    return replace(found, left_out=len(places) - MOST_HOSTS, words=words)


def _host(name: str, way: _Way) -> Source[Host]:
    """Find out about one server: its addresses, its base domain, its records."""
    resistant = way.security is Security.SECURE
    host = Host(name, way.port, Standing.ABSENT, resistant=resistant, ttl=way.ttl)
    if not is_host_name(name):
        return replace(host, standing=Standing.UNREACHABLE, words="not a host name")
    if way.security is Security.UNCHECKED:  # then nothing of what follows can be better
        return replace(host, standing=Standing.UNCHECKED, words=way.words)
    four = yield from dns(name, Kind.A)
    six = yield from dns(name, Kind.AAAA)
    host, told = _resting(host, four, six), _telling(four, six)
    if told is None:
        return _unreached(host, four, six)
    if told.security is Security.UNCHECKED:
        return replace(host, standing=Standing.UNCHECKED, words=told.words)
    if told.secure:  # RFC 7672, 2.2.3: the name at the end of the aliases, then the first one
        bases = _names(told.canonical or name, name)
    elif told.canonical in ("", name):
        bases = ()
    else:  # RFC 7672, 2.2.2: an alias may be secure though what it leads to is not
        alias = yield from dns(name, Kind.CNAME)
        host = _resting(host, alias)
        if alias.failed:
            return _failed(host, alias, f"CNAME of {name}")
        bases = (name,) if alias.secure else ()
    return (yield from _recorded(host, bases, way))


def _recorded(host: Host, bases: tuple[str, ...], way: _Way) -> Source[Host]:
    """Look for records at each base domain in turn; the first ones that are secure count."""
    for base in bases:
        at = f"_{way.port}._tcp.{base}"
        answer = yield from dns(at, Kind.TLSA)
        host = _resting(host, answer)
        if answer.failed:
            return _failed(host, answer, f"TLSA of {at}")
        if answer.secure and answer.status is Status.FOUND:
            names = _names(base, *(way.names if host.resistant else ()))
            told = replace(host, base=base, names=names)
            return _judged(told, answer.of(Tlsa), way.usages)
    return replace(host, words="no secure TLSA record" if bases else "insecure")


def _judged(host: Host, published: tuple[Tlsa, ...], usages: frozenset[Usage]) -> Host:
    """Say what it comes to that these records are there."""
    host = replace(host, published=published)
    if len(published) > MOST_RECORDS:
        words = f"{len(published)} TLSA records are more than {MOST_RECORDS}"
        return replace(host, standing=Standing.FAILED, result=ResultType.TLSA_INVALID, words=words)
    records = usable(published, usages)
    faults = "; ".join(_faults(published, usages))
    if records:
        return replace(host, standing=Standing.AUTHENTICATED, records=records, words=faults)
    # RFC 7672, 2.2: nobody can be authenticated, and yet there is TLS
    return replace(host, standing=Standing.ENCRYPTED, result=ResultType.TLSA_INVALID, words=faults)


def _faults(records: tuple[Tlsa, ...], usages: frozenset[Usage]) -> Iterator[str]:
    for record in records:
        if fault := unusable(record, usages):
            yield f"unusable: {record.text[:40]}: {fault}"


def _telling(*answers: DnsAnswer) -> DnsAnswer | None:
    """Return the answer about addresses that counts: a secure one, or else any with addresses."""
    found = [answer for answer in answers if answer.status is Status.FOUND and not answer.failed]
    return next((answer for answer in found if answer.secure), found[0] if found else None)


def _unreached(host: Host, *answers: DnsAnswer) -> Host:
    """RFC 7672, 2.1.2: that an address cannot be found out is not that there is none."""
    for answer in answers:
        if answer.failed:
            return _failed(host, answer, f"address of {host.name}")
    return replace(host, standing=Standing.UNREACHABLE, words=answers[0].said())


def _resting(host: Host, *answers: DnsAnswer) -> Host:
    """What is said of a host holds no longer than any answer that it rests on."""
    return replace(host, ttl=min(host.ttl, *(answer.ttl for answer in answers)))


def _failed(host: Host, answer: DnsAnswer, what: str) -> Host:
    words = f"{what}: {answer.said()}"
    return replace(host, standing=Standing.FAILED, result=_result(answer), words=words)


def _result(answer: DnsAnswer) -> ResultType | None:
    """A time-out may be our own fault: only what a resolver refused is reported to others."""
    refused = answer.security is Security.BOGUS or answer.status is Status.SERVFAIL
    return ResultType.DNSSEC_INVALID if refused else None


def _names(*names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))

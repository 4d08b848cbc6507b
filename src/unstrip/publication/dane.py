"""TLSA records: which may be published, and do those that are published fit (RFC 7672)?

The records are `3 1 1`: the host's own key, by SHA-256. They are for the host's owner, who holds
the key; they lose mail as soon as they name another one than the host shows, and are worth nothing
where DNSSEC does not vouch for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from unstrip.certificates import Unreadable
from unstrip.escaping import brief
from unstrip.evidence import Evidence
from unstrip.policy.dane import Standing
from unstrip.policy.questions import Security
from unstrip.publication.case import Case
from unstrip.publication.hosts import answered
from unstrip.publication.look import is_name
from unstrip.publication.values import Objection, Server, Weight, ZoneRecord
from unstrip.publication.zone import tlsa
from unstrip.tlsa import DANE, Match, Tlsa, Usage, match, public_key, unusable

_SPKI, _SHA256 = 1, 1  # RFC 7218, 2.2 and 2.3
_ROLL = "RFC 7671, 8.1"


def of_key(spki: bytes) -> Tlsa:
    """Return the record of a public key (RFC 7671, 5.1)."""
    return Tlsa(Usage.DANE_EE, _SPKI, _SHA256, hashlib.sha256(spki).digest())


def shown(server: Server) -> tuple[Tlsa, ...]:
    """Return the records of the keys that a host shows; one, if its addresses agree."""
    keys = (_key(visit) for visit in server.visits)
    return tuple(dict.fromkeys(key for key in keys if key is not None))


def coming(case: Case) -> tuple[Tlsa, ...]:
    """Return the record of the next key, if there is to be one."""
    return (of_key(case.wish.next.spki),) if case.wish.next else ()


def wanted(case: Case, server: Server) -> tuple[Tlsa, ...]:
    """Return all that is to be published for a host, none where nothing is.

    An authority that vouches for the host stays: nothing of what is said here is about it.
    """
    if case.wish.tlsa is False or _unfit(case, server) is not None:
        return ()
    chains = [visit.handshake.chain for visit in server.visits if visit.secured and visit.handshake]
    kept = [
        each
        for each in server.host.published
        if each.usage == Usage.DANE_TA
        and not unusable(each)
        and all(match([each], chain, server.host.names, case.at).valid for chain in chains)
    ]
    return tuple(dict.fromkeys([*shown(server), *coming(case), *kept]))


def records(case: Case, server: Server) -> Iterator[ZoneRecord]:
    """Yield the records to publish for a host."""
    for each in wanted(case, server):
        yield tlsa(server.name, case.seen.port, each)


def objections(case: Case) -> Iterator[Objection]:
    """Say what is wrong with the records that are published, and why others cannot be."""
    for server in case.seen.servers:
        if not is_name(server.name):
            continue
        yield from _published(case, server)
        if case.wish.tlsa is not False:
            unfit = _unfit(case, server)
            yield from _unproven(case, server) if unfit is None else (unfit,)


# What is published


def _published(case: Case, server: Server) -> Iterator[Objection]:
    """Nobody who heeds DANE delivers to a host that does not show what its records name."""
    at = f"_{case.seen.port}._tcp.{server.host.base}"
    for each in server.host.published:
        if fault := unusable(each, DANE):
            words = f"TLSA {brief(each.text, 40)} at {at} is no use to anybody: {fault}"
            rule = "RFC 7672, 3.1.3" if each.usage not in DANE else "RFC 7672, 2.2"
            hint = "take it away: where no record is of use, anybody can pose as the host"
            yield Objection(Weight.REFUSED, words, rule, hint)
    if not server.host.records:
        return
    for visit in filter(answered, server.visits):
        yield from _compared(case, server, visit, at)
    yield from _left(case, server, at)


def _compared(case: Case, server: Server, visit: Evidence, at: str) -> Iterator[Objection]:
    place = f"{brief(server.name)} ({visit.address})"
    if not visit.secured or visit.handshake is None:
        words = f"there are TLSA records at {at}, and {place} leads to no TLS: it gets no mail"
        yield Objection(Weight.REFUSED, words, "RFC 7672, 2.2", "turn STARTTLS on")
        return
    chain = visit.handshake.chain
    found = match(server.host.published, chain, server.host.names, case.at)
    if found.valid:
        yield from _unmatched(server, chain, case, at)
    else:
        yield _stale(case, visit, found, at)


def _stale(case: Case, visit: Evidence, found: Match, at: str) -> Objection:
    """The key was changed before its record, or somebody else has answered."""
    key = _key(visit)
    if key is not None and key in coming(case):
        words = f"{visit.endpoint.host} shows the next key, and its TLSA is missing at {at}"
        hint = f"put the old key back, or publish at once: {at}. IN TLSA {key.text}"
        return Objection(Weight.REFUSED, words, _ROLL, hint)
    words = f"TLSA at {at} does not match what {visit.endpoint.host} shows: {found.words}"
    hint = (
        "a stale record, or somebody else has answered: compare with the certificate on the host; "
        "give it by --next-cert, and its record is named here"
    )
    return Objection(Weight.REFUSED, words, "RFC 7672, 2.2", hint)


def _unmatched(
    server: Server, chain: tuple[bytes, ...], case: Case, at: str
) -> Iterator[Objection]:
    """RFC 7671, 8: each sort of record has to fit by itself; senders need not know every sort."""
    sorts = {(each.usage, each.selector, each.matching) for each in server.host.records}
    for sort in sorted(sorts) if len(sorts) > 1 else ():
        own = [r for r in server.host.records if (r.usage, r.selector, r.matching) == sort]
        if not match(own, chain, server.host.names, case.at).valid:
            words = f"of the TLSA records at {at} none of the sort {' '.join(map(str, sort))} fits"
            yield Objection(Weight.NOTED, words, "RFC 7671, 8", "publish the set below whole")


def _left(case: Case, server: Server, at: str) -> Iterator[Objection]:
    """Say which records are not in what is to be published: the next key's, or an old one's."""
    kept = wanted(case, server)
    for each in server.host.records if kept else ():
        if each not in kept:
            words = f"TLSA {brief(each.text, 40)} at {at} is not in the set to be published"
            hint = "if it is the next key's, give that by --next-key"
            yield Objection(Weight.NOTED, words, _ROLL, hint)


# What is to be published


def _unfit(case: Case, server: Server) -> Objection | None:
    """Say why a host is to have no TLSA records; None if it may."""
    insisted = case.wish.tlsa is True
    name = brief(server.name)
    signed = {case.seen.route.security, server.named.security}
    if server.host.standing is Standing.FAILED or server.named.failed:
        said = brief(server.host.words or server.named.said())
        words = f"no TLSA for {name}: {said}"
        return Objection(Weight.UNKNOWN, words, "RFC 7672, 2.1.2")
    if Security.UNCHECKED in signed:
        said = brief(server.host.words or server.named.words or case.seen.route.words)
        words = f"no TLSA for {name}: DNSSEC was not checked: {said}"
        hint = "what to install: docs/topics/dnssec.md"
        weight = Weight.UNKNOWN if insisted else Weight.NOTED
        return Objection(weight, words, "RFC 7672, 2.2", hint)
    weight = Weight.REFUSED if insisted else Weight.NOTED
    if server.named.security is not Security.SECURE:
        return Objection(weight, f"no TLSA for {name}: {_unsigned(case, server)}", "RFC 7672, 2.2")
    if case.seen.route.security is not Security.SECURE:
        words = f"no TLSA for {name}: the zone of {case.seen.domain} is not signed, so anybody can"
        words += " name another host as its MX"
        return Objection(weight, words, "RFC 7672, 2.2.1", f"sign {case.seen.domain}")
    if not shown(server):
        seen = any(map(answered, server.visits))
        how = "it shows no certificate" if seen else "it could not be visited"
        weight = weight if seen or not insisted else Weight.UNKNOWN
        return Objection(weight, f"no TLSA for {name}: {how}", "RFC 7672, 2.2")
    return None


def _unsigned(case: Case, server: Server) -> str:
    own = f".{server.name}".endswith(f".{case.seen.domain}")
    whose = "sign it first" if own else "it is somebody else's, and so is the record"
    return f"its zone is not signed; {whose}"


def _unproven(case: Case, server: Server) -> Iterator[Objection]:
    """A key that nobody vouches for may be that of whoever is in between."""
    for visit in server.visits:
        key = _key(visit)
        if key is None or visit.handshake is None or key in coming(case):
            continue
        chain, said = visit.handshake.chain, visit.handshake.webpki
        proven = said is not None and said.valid
        if proven or match(server.host.records, chain, server.host.names, case.at).valid:
            continue
        words = f"nobody vouches for the key that {brief(server.name)} ({visit.address}) shows"
        hint = (
            "compare its record with that of the certificate on the host, or give it: --next-cert"
        )
        yield Objection(Weight.NOTED, words, "RFC 7671, 5.1", hint)


def _key(visit: Evidence) -> Tlsa | None:
    if not visit.secured or visit.handshake is None:
        return None
    try:
        return of_key(public_key(visit.handshake.chain[0]))
    except (Unreadable, IndexError):
        return None

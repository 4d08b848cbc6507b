"""TLSA records: which may be published, and do those that are published fit (RFC 7672)?

The records are `3 1 1`: the host's own key, by SHA-256. They are for the host's owner, who holds
the key; they lose mail as soon as they name another one than the host shows, and are worth nothing
where DNSSEC does not vouch for them. What is published already stays, for nobody sees all that a
host shows: it has other machines, and keys of other kinds for other clients.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from unstrip.certificates import Unreadable
from unstrip.escaping import brief
from unstrip.evidence import Evidence
from unstrip.hostname import is_host_name
from unstrip.policy.dane import Standing
from unstrip.policy.questions import Security
from unstrip.publication.case import Case
from unstrip.publication.hosts import answered
from unstrip.publication.values import Objection, Server, Weight, ZoneRecord
from unstrip.publication.zone import TTL, tlsa
from unstrip.tlsa import DANE, Match, Tlsa, Usage, match, public_key, unusable

_SPKI = 1  # RFC 7218, 2.2
_SHA256, _SHA512 = 1, 2  # RFC 7218, 2.3
_ROLL = "RFC 7671, 8.1"


def of_key(spki: bytes, matching: int = _SHA256) -> Tlsa:
    """Return the record of a public key (RFC 7671, 5.1)."""
    digest = hashlib.sha512(spki) if matching == _SHA512 else hashlib.sha256(spki)
    return Tlsa(Usage.DANE_EE, _SPKI, matching, digest.digest())


def shown(server: Server) -> tuple[Tlsa, ...]:
    """Return the records of the keys that a host shows; one, if its addresses agree."""
    keys = dict.fromkeys(map(_spki, server.visits))
    return tuple(record for spki in keys if spki for record in _records_of(spki, server))


def coming(case: Case, server: Server) -> tuple[Tlsa, ...]:
    """Return the record of a host's next key, if there is to be one."""
    key = case.next(server.name)
    return tuple(_records_of(key.spki, server)) if key else ()


def _records_of(spki: bytes, server: Server) -> Iterator[Tlsa]:
    """RFC 7671, 9: beside a key that is named by SHA-512, one that is not is passed over."""
    yield of_key(spki)
    sorts = {(each.usage, each.selector, each.matching) for each in _usable(server)}
    if (Usage.DANE_EE, _SPKI, _SHA512) in sorts:
        yield of_key(spki, _SHA512)


def wanted(case: Case, server: Server) -> tuple[Tlsa, ...]:
    """Return all that is to be published for a host, none where nothing is."""
    if case.wish.tlsa is False or _unfit(case, server) is not None:
        return ()
    return tuple(dict.fromkeys([*shown(server), *coming(case, server), *_usable(server)]))


def unexplained(case: Case, server: Server) -> tuple[Tlsa, ...]:
    """Return the records to be published that fit nothing shown now, nor are of the next key."""
    following = coming(case, server)
    return tuple(
        each
        for each in wanted(case, server)
        if each not in following and not _is_shown(each, case, server)
    )


def left(case: Case, server: Server) -> tuple[Tlsa, ...]:
    """Return what is published once the next key is there: nothing of the one shown now.

    An authority stays: it vouches for the next one as well, or does no harm.
    """
    following = coming(case, server)
    return tuple(
        each
        for each in wanted(case, server)
        if each in following or each.usage != Usage.DANE_EE or not _is_shown(each, case, server)
    )


def _is_shown(record: Tlsa, case: Case, server: Server) -> bool:
    """Tell whether any address of a host meets this one record."""
    names, shakes = server.host.names, [visit.handshake for visit in server.visits if visit.secured]
    return any(match([record], shake.chain, names, case.at).valid for shake in shakes if shake)


def _usable(server: Server) -> list[Tlsa]:
    return [each for each in server.host.published if not unusable(each)]


def records(case: Case, server: Server) -> Iterator[ZoneRecord]:
    """Yield the records of a host: those to publish, or those that are there and right."""
    ttl = TTL if changed(case, server) else None
    for each in wanted(case, server):
        yield tlsa(server.name, case.seen.port, each, ttl)


def changed(case: Case, server: Server) -> bool:
    """Tell whether what is published for a host is not yet what is to be."""
    return set(wanted(case, server)) != set(server.host.published)


def objections(case: Case) -> Iterator[Objection]:
    """Say what is wrong with the records that are published, and why others cannot be."""
    for server in case.seen.servers:
        if not is_host_name(server.name):
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
        yield _stale(case, server, visit, found)


def _stale(case: Case, server: Server, visit: Evidence, found: Match) -> Objection:
    """The key was changed before its record, or somebody else has answered."""
    key, at = _key(visit), f"_{case.seen.port}._tcp.{server.host.base}"
    following = coming(case, server)
    if key is not None and key in following:
        words = f"{visit.endpoint.host} shows the next key, and its TLSA is missing at {at}"
        hint = f"put the old key back, or publish at once: {at}. IN TLSA {following[-1].text}"
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
            yield Objection(Weight.NOTED, words, "RFC 7671, 8")


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
        if insisted and not seen:
            weight = Weight.NOTED if server.coming else Weight.UNKNOWN
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
        if key is None or visit.handshake is None or key in coming(case, server):
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
    spki = _spki(visit)
    return of_key(spki) if spki else None


def _spki(visit: Evidence) -> bytes | None:
    if not visit.secured or visit.handshake is None:
        return None
    try:
        return public_key(visit.handshake.chain[0])
    except (Unreadable, IndexError):
        return None

"""From a DNS message to the answer that a policy reads: aliases followed, records made typed.

What a message claims beyond the question is passed over: only the aliases that lead from the name
asked for, and the records at their end, are read.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dns.edns
import dns.name
import dns.rcode
import dns.rdatatype

from unstrip.escaping import brief
from unstrip.io.resolver.parsing import Entry, Message
from unstrip.policy.questions import (
    Address,
    Alias,
    Dns,
    DnsAnswer,
    Kind,
    Mx,
    Record,
    Srv,
    Status,
    Txt,
)
from unstrip.tlsa import Tlsa

LONGEST, LONGEST_NEGATIVE = 86400, 3600  # seconds that an answer is kept (RFC 2308, 5 and 7)
FAILURE_TTL = 5  # seconds: RFC 9520, 3.2: at least one, at most 300
_MOST_ALIASES = 16
_LARGEST_TTL = 2**31 - 1  # RFC 2181, 8: more than this is 0
# RFC 8914, 4: DNSSEC Bogus, signatures expired or not valid yet, keys, signatures or proofs missing
_BOGUS = range(6, 13)


class Unreadable(ValueError):
    """The message is well-formed, and makes no sense."""


@dataclass(frozen=True, slots=True)
class _End:
    """Where the aliases lead: the name, what is there, and for how long the way there holds."""

    name: dns.name.Name
    entries: list[Entry]
    ttl: int


def answer(message: Message, question: Dns) -> DnsAnswer:
    """Return what `message` answers; nothing is said of DNSSEC.

    Args: message: a response to this very question.
    """
    rcode = message.head.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        words = ", ".join([dns.rcode.to_text(rcode), *errors(message)])
        return failure(Status.SERVFAIL, words)
    try:
        end = _follow(message)
        read = (_READERS[question.kind](entry.data) for entry in end.entries)
        records = tuple(dict.fromkeys(read))  # RFC 2181, 5: they are a set
    except (Unreadable, ValueError) as error:
        return failure(Status.MALFORMED, str(error))
    canonical = "" if end.name == message.head.question[0].name else text(end.name)
    if rcode == dns.rcode.NXDOMAIN and records:
        return failure(Status.MALFORMED, "records of a name that is said not to be there")
    if records:
        return DnsAnswer(Status.FOUND, records, canonical=canonical, ttl=min(end.ttl, LONGEST))
    status = Status.NXDOMAIN if rcode == dns.rcode.NXDOMAIN else Status.NO_DATA
    return DnsAnswer(status, canonical=canonical, ttl=_negative_ttl(message, end))


def failure(status: Status, words: str) -> DnsAnswer:
    """Return an answer that says why there is none."""
    return DnsAnswer(status, ttl=FAILURE_TTL, words=brief(words))


def errors(message: Message) -> list[str]:
    """Return what else the server says went wrong (RFC 8914), in its words."""
    return [_error(option) for option in message.head.extended_errors()]


def says_bogus(message: Message) -> bool:
    """Tell whether the server says that DNSSEC failed (RFC 8914)."""
    return any(option.code in _BOGUS for option in message.head.extended_errors())


def text(name: dns.name.Name) -> str:
    """Return a name in lower case without the final dot, the root as ""."""
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()


def _error(option: dns.edns.EDEOption) -> str:
    name = dns.edns.EDECode.to_text(option.code).replace("_", " ").lower()
    return f"{name} (EDE {int(option.code)})" + (f": {option.text}" if option.text else "")


def _follow(message: Message) -> _End:
    """Go along the aliases (RFC 1034, 4.3.2).

    Raises: Unreadable: they go round in a circle, or lead from nowhere.
    """
    if not message.head.question:
        raise Unreadable("an answer to no question")
    question, there = message.head.question[0], _sets(message.answer)
    name, ttl = question.name, LONGEST
    for _ in range(_MOST_ALIASES):
        key = name.to_digestable()
        if found := there.get((key, question.rdtype)):
            return _End(name, found, min(ttl, _ttl(found)))
        alias = there.get((key, dns.rdatatype.CNAME))
        if alias is None:
            return _End(name, [], ttl)
        name, ttl = _target(alias), min(ttl, _ttl(alias))
    raise Unreadable(f"more than {_MOST_ALIASES} aliases one after another")


def _sets(entries: tuple[Entry, ...]) -> dict[tuple[bytes, int], list[Entry]]:
    """Put together what is of one kind at one name."""
    sets: dict[tuple[bytes, int], list[Entry]] = {}
    for entry in entries:
        sets.setdefault((entry.key, entry.kind), []).append(entry)
    return sets


def _target(alias: list[Entry]) -> dns.name.Name:
    data: Any = alias[-1].data
    target: dns.name.Name = data.target
    return target


def _negative_ttl(message: Message, end: _End) -> int:
    """RFC 2308, 5: as the SOA says, and not at all without one."""
    soa = message.soa
    if soa is None or not end.name.is_subdomain(soa.name):
        return 0
    data: Any = soa.data
    minimum: int = data.minimum
    return min(end.ttl, _ttl([soa]), minimum, LONGEST_NEGATIVE)


def _ttl(entries: list[Entry]) -> int:
    return min(entry.ttl if entry.ttl <= _LARGEST_TTL else 0 for entry in entries)


def _address(data: Any) -> Record:  # noqa: ANN401  # see below
    return Address(str(ipaddress.ip_address(data.address)))


def _tlsa(data: Any) -> Record:  # noqa: ANN401  # see below
    """One that is too short to say what it is gets a matching type that nobody can use."""
    raw = data.to_generic().data
    usage, selector, matching = raw[:3].ljust(3, b"\xff")
    return Tlsa(usage, selector, matching, raw[3:])


# the library's types of rdata have no common shape, hence `Any`
_READERS: dict[Kind, Callable[[Any], Record]] = {
    Kind.A: _address,
    Kind.AAAA: _address,
    Kind.CNAME: lambda data: Alias(text(data.target)),
    Kind.MX: lambda data: Mx(data.preference, text(data.exchange)),
    Kind.SRV: lambda data: Srv(data.priority, data.weight, data.port, text(data.target)),
    Kind.TLSA: _tlsa,
    Kind.TXT: lambda data: Txt(tuple(data.strings)),
}

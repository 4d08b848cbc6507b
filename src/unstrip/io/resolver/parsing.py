"""From bytes to a DNS message: one record of a peer's must neither spoil the others nor cost much.

The library refuses a whole message for one record that it cannot read, such as a digest of the
wrong length, and mostly that is right. But people write TLSA records by hand: a mistake in one
makes that one unusable and no more (RFC 7671, 4.1), and that it is there still says that there is
TLS (P-07). So it is kept as the bytes it has, and never left out, which would loosen something.

And it makes sets of the records, by comparing their names. Names can be made up of which each pair
takes long to be told apart, and one message can hold thousands: seconds, in which nothing else is
done. So the records are read one by one here, are told apart by the bytes of their names, and
there must not be too many of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

MOST, LARGEST = 250, 48 * 1024  # records and bytes of a message: nobody's policy takes more
_MOST_OPTIONS = 4096  # bytes of them
_HEADER = 12  # bytes of a message (RFC 1035, 4.1.1)
_ANSWER, _AUTHORITY, _ADDITIONAL = range(3)  # the sections
_CNAME, _SOA, _OPT = dns.rdatatype.CNAME, dns.rdatatype.SOA, dns.rdatatype.OPT
_IN, _TLSA = dns.rdataclass.IN, dns.rdatatype.TLSA


class Garbled(Exception):
    """What came is no answer to what was asked."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record.

    Attributes: name: whose it is; key: the same for all spellings of that name; kind: its type;
        ttl: as it stands there; data: as the library reads it.
    """

    name: dns.name.Name
    key: bytes
    kind: int
    ttl: int
    data: dns.rdata.Rdata


@dataclass(frozen=True, slots=True)
class Message:
    """What a server says.

    Attributes: head: header, question and options; answer: what was asked for, and aliases; soa:
        the first in the authority section.
    """

    head: dns.message.Message
    answer: tuple[Entry, ...] = ()
    soa: Entry | None = None


@dataclass(frozen=True, slots=True)
class _Raw:
    """A record as it stands in a message (RFC 1035, 4.1.3), its contents from `at` on."""

    section: int
    name: dns.name.Name
    rdclass: dns.rdataclass.RdataClass
    rdtype: dns.rdatatype.RdataType
    ttl: int
    at: int
    size: int


def parsed(heard: bytes) -> Message:
    """Return what was heard as a message.

    Raises: Garbled: it is none, or is longer than anybody needs.
    """
    try:
        questions, *counts = struct.unpack_from("!4H", heard, 4)
        fault = _immoderate(len(heard), questions, sum(counts))
        if not fault:
            return _message(heard, counts)
    except Exception as error:  # the library's own errors, and those it has let through
        raise Garbled(f"{len(heard)} bytes that are no DNS message") from error
    raise Garbled(fault)


def _immoderate(size: int, questions: int, records: int) -> str:
    """Say what there is too much of, by the header, before any of it is read; "" if nothing is."""
    if size > LARGEST:
        return f"a message of {size} bytes, more than {LARGEST}"
    if records > MOST:
        return f"a message of {records} records, more than {MOST}"
    return f"a message of {questions} questions" if questions > 1 else ""  # RFC 9619, 4


def _message(heard: bytes, counts: list[int]) -> Message:
    """Read the records that anybody looks at, and pass over the others, whatever is in them."""
    head = dns.message.from_wire(heard, question_only=True)
    wanted = {_CNAME, *(question.rdtype for question in head.question)}
    answer: list[Entry] = []
    soa: Entry | None = None
    for raw in _raws(heard, counts, questions=len(head.question)):
        if raw.rdtype == _OPT:
            _take_options(head, raw, heard)
        elif raw.rdclass != _IN:
            continue
        elif raw.section == _ANSWER and raw.rdtype in wanted:
            answer.append(_entry(raw, heard))
        elif raw.section == _AUTHORITY and raw.rdtype == _SOA and soa is None:
            soa = _entry(raw, heard)
    return Message(head, tuple(answer), soa)


def _raws(heard: bytes, counts: list[int], *, questions: int) -> Iterator[_Raw]:
    """Yield the records of all sections."""
    at = _HEADER
    for _ in range(questions):
        at += dns.name.from_wire(heard, at)[1] + 4
    for section, count in enumerate(counts):
        for _ in range(count):
            name, length = dns.name.from_wire(heard, at)
            rdtype, rdclass, ttl, size = struct.unpack_from("!HHIH", heard, at + length)
            at += length + 10 + size
            kinds = dns.rdataclass.RdataClass.make(rdclass), dns.rdatatype.RdataType.make(rdtype)
            yield _Raw(section, name, *kinds, ttl, at - size, size)
    if at != len(heard):
        raise dns.message.TrailingJunk


def _take_options(head: dns.message.Message, raw: _Raw, heard: bytes) -> None:
    """RFC 6891, 6.1.1: at most once, of the root, among the additional records."""
    misplaced = raw.section != _ADDITIONAL or raw.name != dns.name.root
    if head.opt is not None or misplaced or raw.size > _MOST_OPTIONS:
        raise dns.message.BadEDNS
    head.opt = dns.rrset.from_rdata(raw.name, raw.ttl, _data(raw, heard))


def _entry(raw: _Raw, heard: bytes) -> Entry:
    data = _data(raw, heard)
    return Entry(raw.name, raw.name.to_digestable(), raw.rdtype, raw.ttl, data)


def _data(raw: _Raw, heard: bytes) -> dns.rdata.Rdata:
    """Return what is in a record; of a TLSA record, if nothing else, then its bytes."""
    try:
        return dns.rdata.from_wire(raw.rdclass, raw.rdtype, heard, raw.at, raw.size)
    except Exception:
        whole = raw.at + raw.size <= len(heard)
        if raw.rdtype != _TLSA or not whole:
            raise
    return dns.rdata.GenericRdata(_IN, _TLSA, heard[raw.at : raw.at + raw.size])

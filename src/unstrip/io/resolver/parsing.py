"""From bytes to a DNS message: a TLSA record that makes no sense must not spoil the others.

The library refuses a whole message for one record that it cannot read, such as a digest of the
wrong length, and mostly that is right. But people write TLSA records by hand: a mistake in one
makes that one unusable and no more (RFC 7671, 4.1), and that it is there still says that there is
TLS (P-07). So it is kept as the bytes it has, and never left out, which would loosen something.
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

_HEADER = 12  # bytes of a message (RFC 1035, 4.1.1)
_TLSA = dns.rdataclass.IN, dns.rdatatype.TLSA


class Garbled(Exception):
    """What came is no answer to what was asked."""


@dataclass(frozen=True, slots=True)
class _Raw:
    """A record as it stands in a message (RFC 1035, 4.1.3)."""

    name: dns.name.Name
    rdclass: int
    rdtype: int
    ttl: int
    data: bytes


def parsed(heard: bytes) -> dns.message.Message:
    """Return what was heard as a message.

    Raises: Garbled: it is none.
    """
    try:
        message = dns.message.from_wire(heard, continue_on_error=True)
        if message.errors:
            _restore(message, heard)
    except Exception as error:  # the library's own errors, and those it has let through
        raise Garbled(f"{len(heard)} bytes that are no DNS message") from error
    return message


def _restore(message: dns.message.Message, heard: bytes) -> None:
    """Put back into an answer about TLSA the records that the library left out.

    Raises: Exception: there are none such, or something else is wrong as well.
    """
    asked = [question.rdtype for question in message.question]
    refused = list(filter(_is_refused, _answers(heard))) if asked == [dns.rdatatype.TLSA] else []
    if len(refused) != len(message.errors):
        raise message.errors[0].exception
    for raw in refused:
        found = message.find_rrset(message.answer, raw.name, *_TLSA, create=True)
        found.add(dns.rdata.GenericRdata(*_TLSA, raw.data), raw.ttl)


def _is_refused(raw: _Raw) -> bool:
    if (raw.rdclass, raw.rdtype) != _TLSA:
        return False
    try:
        dns.rdata.from_wire(*_TLSA, raw.data, 0, len(raw.data))
    except Exception:  # noqa: BLE001  # as above
        return True
    return False


def _answers(heard: bytes) -> Iterator[_Raw]:
    """Read the records of the answer section, whatever is in them."""
    questions, answers = struct.unpack_from("!HH", heard, 4)
    at = _HEADER
    for _ in range(questions):
        at += dns.name.from_wire(heard, at)[1] + 4
    for _ in range(answers):
        name, length = dns.name.from_wire(heard, at)
        rdtype, rdclass, ttl, size = struct.unpack_from("!HHIH", heard, at + length)
        at += length + 10 + size
        yield _Raw(name, rdclass, rdtype, ttl, heard[at - size : at])

"""Zones for real name servers, signed here: a parent that vouches for its children, or does not."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import dns.dnssec
import dns.rdata
import dns.rdatatype
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec

# Every zone begins with this. The server's address is never used: whoever asks is told the port.
APEX: Final = """\
@ 60 IN SOA ns hostmaster 1 3600 900 604800 60
@ 60 IN NS ns
ns 60 IN A 127.0.0.1
"""
# a TLSA record below the apex as bytes (RFC 3597, 5)
_ODD: Final = re.compile(r"^(\S+) (?:(\d+) )?(?:IN )?TLSA \\# \d+ ([0-9a-f]*)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone as text; `ds` is what its parent says of its key, None where it is not signed."""

    name: str
    text: str
    ds: str | None = None


@dataclass(frozen=True, slots=True)
class Zones:
    """A parent and its children, and the trust anchor for all of them."""

    zones: tuple[Zone, ...]

    @property
    def names(self) -> list[str]:
        return [zone.name for zone in self.zones]

    @property
    def anchor(self) -> str:
        parent = self.zones[0]
        return f"{parent.name}. IN DS {parent.ds}\n"


def unsigned(name: str, records: str) -> Zone:
    return Zone(name, APEX + records)


def signed(
    name: str, records: str, until: timedelta = timedelta(days=1), *, apex: str = APEX
) -> Zone:
    """Signed with a new key, from a week ago `until` then from now."""
    zone = _parsed(name, apex + records)
    private = ec.generate_private_key(ec.SECP256R1())
    public = dns.dnssec.make_dnskey(private.public_key(), "ECDSAP256SHA256", flags=257)
    now = datetime.now(UTC)
    with zone.writer() as transaction:
        dns.dnssec.sign_zone(
            zone,
            transaction,
            keys=[(private, public)],
            inception=now - timedelta(days=7),
            expiration=now + until,
        )
    return Zone(name, zone.to_text(), str(dns.dnssec.make_ds(f"{name}.", public, "SHA256")))


def _parsed(name: str, text: str) -> dns.zone.Zone:
    """A zone; TLSA records of which nobody could make sense go in as bytes, or nothing would."""
    odd = _ODD.findall(text)
    zone = dns.zone.from_text(_ODD.sub("", text), f"{name}.", relativize=False)
    for owner, ttl, data in odd:
        found = zone.find_rdataset(f"{owner}.{name}.", dns.rdatatype.TLSA, create=True)
        raw = bytes.fromhex(data)
        found.add(dns.rdata.GenericRdata(found.rdclass, found.rdtype, raw), int(ttl or 60))
    return zone


def forged(zone: Zone, changes: Mapping[str, str]) -> Zone:
    """The same after somebody has changed it, who could not sign."""
    text = zone.text
    for honest, lie in changes.items():
        assert honest in text
        text = text.replace(honest, lie)
    return Zone(zone.name, text, zone.ds)


def family(parent: str, children: Iterable[Zone], records: str = "") -> Zones:
    """The children below a signed parent, which says of each whether it is signed, and how."""
    children = tuple(children)
    delegations = "".join(f"{child.name}. 60 IN NS ns.{child.name}.\n" for child in children)
    digests = "".join(f"{child.name}. 60 IN DS {child.ds}\n" for child in children if child.ds)
    return Zones((signed(parent, delegations + digests + records), *children))

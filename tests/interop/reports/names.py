"""The names of this rig: a domain for each policy that mail may be under, and who takes reports."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.interop.servers import UnavailableError, can_listen, family, forged, nsd, signed, unbound
from tests.interop.servers.zones import Zone
from tests.interop.world.policy_host import Served

PORTS: Final = (25, 53, 443)
TRIES: Final = 20
SENDER, REPORTS, SELECTOR = "sender.example", "reports.example", "tls"
LOOP, LATE, REFUSED = "loop.example", "late.example", "refused.example"
CONFIGURATION: Final = """\
[resolver]
servers = ["{resolver}@53"]
timeout = 5
validates = "mx.dane.example"
fails = "bogus.example"
"""

MX: Final = "@ MX 10 mx\nmx A {road}\n"
TLSA: Final = "_25._tcp.mx TLSA {tlsa}\n"
STS: Final = '_mta-sts TXT "v=STSv1; id=1;"\nmta-sts A {policies}\n'
RUA: Final = '_smtp._tls TXT "{record}"\n'
DOMAINS: Final[Mapping[str, str]] = {  # and what they publish
    "dane.example": MX + TLSA + RUA,
    "sts.example": MX + STS + RUA,
    "both.example": MX + TLSA + STS + RUA,
    "testing.example": MX + STS + RUA,
    "free.example": MX + RUA,
}
MODES: Final = {"sts.example": "enforce", "both.example": "enforce", "testing.example": "testing"}
OTHERS: Final[Mapping[str, str]] = {
    SENDER: SELECTOR + "._domainkey TXT {key}\n",
    REPORTS: "@ MX 10 mx\nmx A {reports}\nintake A 127.0.0.1\nsink A 127.0.0.1\n",
    LOOP: f'@ MX 10 mx.{REPORTS}.\n_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls@{LOOP}"\n',
    LATE: f'@ MX 10 mx.{REPORTS}.\n_smtp._tls TXT "{{late}}"\n',
    REFUSED: f'_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls@{REFUSED}"\n',
}
POLICY: Final = "version: STSv1\nmode: {}\nmx: *.{{domain}}\nmax_age: 604800\n"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Loopback addresses of this rig alone, since neither MX nor the URL of a policy has a port.

    Attributes: road: all mail goes there; reports: but for mails with reports; policies; resolver.
    """

    road: str
    reports: str
    policies: str
    resolver: str


def addresses() -> Addresses:
    for _ in range(TRIES):
        block = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}"
        if all(can_listen(f"{block}.1", port) for port in PORTS):
            return Addresses(*(f"{block}.{last}" for last in range(1, 5)))
    raise UnavailableError(f"the ports {PORTS} of loopback are taken, or not for this user")


def served() -> dict[str, Served]:
    """The policies of MTA-STS."""
    return {domain: Served(POLICY.format(mode)) for domain, mode in MODES.items()}


@contextmanager
def a_resolver(home: Path, at: str, words: Mapping[str, str]) -> Iterator[None]:
    """A resolver at port 53 that validates; `words` is what stands in braces above."""
    zones = family("example", _zones(words))
    both = f"127.0.0.1\n  interface: {at}@53"
    with nsd(home, zones) as authority, unbound(home, zones, authority, interface=both):
        yield


def _zones(words: Mapping[str, str]) -> Iterator[Zone]:
    for domain, records in (*DOMAINS.items(), *OTHERS.items()):
        yield signed(domain, f"$TTL 60\n{records.format_map(words)}")
    yield forged(signed("bogus.example", "@ A 127.0.0.1\n"), {"127.0.0.1": "127.0.0.2"})

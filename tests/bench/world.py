"""The little world that the policies of the bench come from, all on loopback, on the servers' core.

NSD has one signed zone with every domain in it, Unbound validates it, and a policy host serves each
domain's MTA-STS policy by TLS with a certificate of that domain's own. Unbound is started anew for
each run, so that nobody finds its cache warmed by somebody else.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from native import HERE, SERVER_CORE, Certificates, NoFigure, Unavailable, on_core

from tests.interop.servers import (
    DnsServer,
    UnavailableError,
    Zones,
    family,
    nsd,
    public_directory,
    signed,
    unbound,
)
from tests.interop.servers.zones import APEX
from tests.interop.world.addresses import addresses

ZONE = "bench.example"
PARENT = "example"
DOMAINS = 500
HOSTS = 100  # that are visited one by one
_TTL = 3600  # seconds: nothing of a run is over before it ends
# NSD answers one asker 200 times a second otherwise, and leaves the rest to be asked again
_UNLIMITED = {"rrl_ratelimit": "0", "rrl_whitelist_ratelimit": "0"}
_KEY = trustme.KeyType.ECDSA
_RECORDS = """\
d{number:03} {ttl} IN MX 10 mx1.d{number:03}
d{number:03} {ttl} IN MX 20 mx2.d{number:03}
mx1.d{number:03} {ttl} IN A 127.0.0.1
mx2.d{number:03} {ttl} IN A 127.0.0.1
_mta-sts.d{number:03} {ttl} IN TXT "v=STSv1; id=20260101T000000;"
mta-sts.d{number:03} {ttl} IN A {policies}
"""
_HOST = "h{number:03}.hosts {ttl} IN A 127.0.0.1\n"


@dataclass(frozen=True, slots=True)
class World:
    """What a run needs to know of it.

    Attributes: home: a directory that every user can enter; ca: the root to trust, PEM; mail: for
        the hosts that are visited; policies: the address of the policy host.
    """

    home: Path
    ca: Path
    mail: Certificates
    policies: str
    zones: Zones
    authority: DnsServer

    @contextmanager
    def resolver(self) -> Iterator[DnsServer]:
        """Run Unbound with an empty cache."""
        with ExitStack() as stack:
            with on_core(SERVER_CORE):
                server = stack.enter_context(unbound(self.home, self.zones, self.authority))
            yield server


def domains() -> list[str]:
    """The domains that are asked about."""
    return [f"d{number:03}.{ZONE}" for number in range(DOMAINS)]


def hosts() -> list[str]:
    """The hosts that are visited one by one."""
    return [f"h{number:03}.hosts.{ZONE}" for number in range(HOSTS)]


@contextmanager
def running_world() -> Iterator[World]:
    """Make everything, and run all of it but Unbound.

    Raises: Unavailable: something is missing on this machine.
    """
    with ExitStack() as stack:
        home = stack.enter_context(public_directory())
        try:
            address = addresses().policies
            zones = _zones(address)
            with on_core(SERVER_CORE):
                authority = stack.enter_context(nsd(home, zones, **_UNLIMITED))
        except UnavailableError as error:
            raise Unavailable(str(error), "as root: tests/interop/install.sh") from None
        world = _with_certificates(home, address, zones, authority)
        stack.enter_context(_policy_host(world))
        yield world


def _zones(policies: str) -> Zones:
    records = "".join(
        _RECORDS.format(number=number, ttl=_TTL, policies=policies) for number in range(DOMAINS)
    )
    records += "".join(_HOST.format(number=number, ttl=_TTL) for number in range(HOSTS))
    apex = APEX.replace(" 60", f" {_TTL}")  # how long it holds that there is no TLSA record
    return family(PARENT, [signed(ZONE, records, apex=apex)])


def _with_certificates(home: Path, policies: str, zones: Zones, authority: DnsServer) -> World:
    """Issue a certificate to every policy host, and one to all mail hosts that are visited."""
    root = trustme.CA(key_type=_KEY)
    intermediate = root.create_child_ca(key_type=_KEY)
    mail = Certificates(home / "chain.pem", home / "key.pem", home / "root.pem")
    root.cert_pem.write_to_path(str(mail.root))
    leaf = intermediate.issue_cert(f"*.hosts.{ZONE}", key_type=_KEY)
    mail.chain.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(str(mail.key))
    (home / "policies").mkdir()
    for domain in domains():
        leaf = intermediate.issue_cert(f"mta-sts.{domain}", key_type=_KEY)
        (home / "policies" / f"{domain}.pem").write_bytes(
            leaf.private_key_and_cert_chain_pem.bytes()
        )
    return World(home, mail.root, mail, policies, zones, authority)


@contextmanager
def _policy_host(world: World) -> Iterator[None]:
    """Run the policy host in a process of its own."""
    command = [sys.executable, str(HERE / "policy_host.py"), world.policies]
    with on_core(SERVER_CORE):
        process = subprocess.Popen(
            [*command, str(world.home / "policies")], stdout=subprocess.PIPE, text=True
        )
    try:
        assert process.stdout is not None
        if not process.stdout.readline().strip():
            raise NoFigure("the policy host did not start")
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)

"""Our half of the bench of policies, in a process of its own; prints one line of JSON.

``cold`` decides about every domain with nothing known, and keeps what it decided in the store.
``alone`` is the part of it that looks for MTA-STS, which is what the rival does.
``kept`` is asked again and again for what a ``cold`` run has kept there.
``check`` is the work of ``unstrip check`` at one host after the other, in two parts: what is asked
of DNS, and the visit; first with nothing in our resolver's cache, then with everything.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, process_time

from world import DOMAINS, HOSTS, domains, hosts

from unstrip.derivation import Beliefs, Derivation
from unstrip.evidence import Endpoint
from unstrip.io.asyncio import run
from unstrip.io.check import Plan, visit
from unstrip.io.https import Fetcher
from unstrip.io.inquiry import Inquiry
from unstrip.io.resolver import Resolver
from unstrip.io.resolver.servers import Server
from unstrip.io.resolver.stub import Stub
from unstrip.io.resolver.trust import SelfTest
from unstrip.io.session import Terms
from unstrip.io.store import Store, open_store
from unstrip.io.trust import anchors
from unstrip.policy import Level, Policy
from unstrip.policy.mta_sts import Mode
from unstrip.policy.questions import Dns, Kind
from unstrip.upgrade import Asking

LOCALHOST = "127.0.0.1"
TIMES = 200  # that each domain is asked about, where it is kept
REQUIREMENT = Policy("bench", Level.AUTHENTICATED)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of the clock and of CPU."""

    wall: float
    cpu: float

    def since(self, earlier: Cost) -> Cost:
        """What it took from an earlier moment on."""
        return Cost(self.wall - earlier.wall, self.cpu - earlier.cpu)

    def __add__(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(self.wall + other.wall, self.cpu + other.cpu)


def spent() -> Cost:
    """What this process took up to now."""
    return Cost(monotonic(), process_time())


def protected(derivation: Derivation) -> bool:
    """Tell whether a decision is the one that the domain's policy asks for."""
    levels = [each.decision.level for each in derivation.destinations]
    return levels == [Level.AUTHENTICATED] * 2 and not derivation.waits


class Client:
    """What asks.

    Args: dns: Unbound's port; ca_file: the root; store: None to keep nothing.
    """

    def __init__(self, dns: int, ca_file: Path, store: Store | None = None) -> None:
        self.roots = anchors(ca_file)
        test = SelfTest(Dns(f"mx1.{domains()[0]}", Kind.A), None)
        self.resolver = Resolver(Stub([Server(LOCALHOST, dns)], test))
        fetcher = Fetcher(self.resolver.ask, self.roots)
        self.inquiry = Inquiry(self.resolver.ask, fetcher.get, Beliefs(), store)


async def cold(options: argparse.Namespace) -> dict[str, object]:
    """Decide about every domain."""
    inquiry = Client(options.dns, options.ca_file, open_store(options.store)).inquiry

    async def decide(domain: str) -> bool:
        return protected(await inquiry.decided(domain))

    return await _all(decide, options.concurrency)


async def alone(options: argparse.Namespace) -> dict[str, object]:
    """Look for the MTA-STS policy of every domain."""
    inquiry = Client(options.dns, options.ca_file, open_store(options.store)).inquiry

    async def look(domain: str) -> bool:
        policy = (await inquiry.look(domain)).known.policy
        return policy is not None and policy.mode is Mode.ENFORCE

    return await _all(look, options.concurrency)


async def _all(ask: Callable[[str], Awaitable[bool]], at_once: int) -> dict[str, object]:
    """Ask about every domain, so many at once; those that come to nothing are lost."""
    waiting, lost = iter(domains()), 0

    async def work() -> None:
        nonlocal lost
        for domain in waiting:
            good = await ask(domain)  # not inside the sum: others count meanwhile
            lost += not good

    began = spent()
    await asyncio.gather(*(work() for _ in range(at_once)))
    took, memory = spent().since(began), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"decisions": DOMAINS - lost, "lost": lost, "peak_rss": memory, **asdict(took)}


async def kept(options: argparse.Namespace) -> dict[str, object]:
    """Ask for what is kept, through the inquiry and of the store alone; each per second of CPU."""
    store = open_store(options.store)
    client = Client(options.dns, options.ca_file, store)
    for domain in domains():
        assert store.derived(domain, datetime.now(UTC)) is not None, f"{domain} is not kept"
        assert protected(await client.inquiry.decided(domain)), f"{domain} is not protected"

    async def body(domain: str) -> None:
        store.derived(domain, datetime.now(UTC))

    async def decision(domain: str) -> None:
        await client.inquiry.decided(domain)

    return {"decisions": await _rate(decision), "bodies": await _rate(body)}


async def _rate(ask: Callable[[str], Awaitable[None]]) -> float:
    names = domains()
    began = spent()
    for _ in range(TIMES):
        for name in names:
            await ask(name)
    return TIMES * len(names) / spent().since(began).cpu


async def check(options: argparse.Namespace) -> dict[str, object]:
    """Check every host twice, and tell what each part took, on average."""
    client = Client(options.dns, options.ca_file)
    terms = Terms(ask=Asking("bench"), roots=client.roots, connect_to=LOCALHOST)
    plan = Plan(terms, REQUIREMENT, inquiry=client.inquiry)
    await client.inquiry.server(Endpoint(domains()[0], options.port, "smtp"))  # the self-test
    cold_cache = await _parts(plan, options.port)
    return {"cold": cold_cache, "warm": await _parts(plan, options.port)}


async def _parts(plan: Plan, port: int) -> dict[str, float]:
    assert plan.inquiry is not None
    asking, visiting = Cost(0.0, 0.0), Cost(0.0, 0.0)
    for host in hosts():
        began = spent()
        destination = await plan.inquiry.server(Endpoint(host, port, "smtp"))
        asked = spent()
        checked = await visit(destination, plan)
        asking, visiting = asking + asked.since(began), visiting + spent().since(asked)
        assert checked.evidence.secured, f"{host} was not reached by TLS"
    whole = asking + visiting
    return {
        "dns_cpu": asking.cpu / HOSTS,
        "dns_wall": asking.wall / HOSTS,
        "cpu": whole.cpu / HOSTS,
        "wall": whole.wall / HOSTS,
    }


def main() -> None:
    """Take one figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["cold", "alone", "kept", "check"])
    parser.add_argument("--dns", type=int, required=True)
    parser.add_argument("--ca-file", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True, help="of a mail server, for check")
    parser.add_argument("--concurrency", type=int, required=True)
    options = parser.parse_args()
    measured = {"cold": cold, "alone": alone, "kept": kept, "check": check}[options.mode]
    told = run(lambda: measured(options))
    print(json.dumps(told))


if __name__ == "__main__":
    main()

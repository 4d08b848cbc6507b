"""What Exim does, set up as our guide says, step by step; the tests read what came of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.interop.guide import at_home, blocks
from tests.interop.mail.fates import ALL, BESIDE, Fate, Promise, promise
from tests.interop.mail.letters import Letter
from tests.interop.mail.rig import Rig
from tests.interop.mail.road import HONEST, TRICKS
from tests.interop.servers.exim import EximSender, exim_sender
from tests.interop.world.cases import DANE_1, HOSTS, RULED_UNSIGNED, STS, Case
from tests.mta.domains import USABLE, derived
from unstrip.mta.exim import options, settings

BY_DNS: Final = """\
dnslookup:
  driver = dnslookup
  domains = ! +local_domains
  transport = remote_smtp
  self = send
"""
SMART: Final = "mx.private-certificate-with-tlsa.example"
BY_SMART: Final = f"""\
smarthost:
  driver = manualroute
  domains = ! +local_domains
  transport = remote_smtp
  route_list = * {SMART}
  self = send
"""
# Of servers at one address Exim tries the first: here they are at two.
TWO: Final = "@ MX 10 mx1\n@ MX 20 mx2\nmx1 A {honest}\nmx2 A {private}\n"
SWAPPED: Final = "@ MX 10 mx2\n@ MX 20 mx1\nmx1 A {honest}\nmx2 A {honest}\n"
APART: Final = (
    Case("some-mx-without-tlsa", TWO + DANE_1),
    Case(
        "some-tlsa-servfail",
        f"{TWO}_tcp.mx1 NS refusing.{HOSTS}.\n_25._tcp.mx2 TLSA {{private-3-1-1}}\n",
    ),
    # one that is not to be used stands first, at the address of one that is
    Case("mx-not-in-policy", f"{SWAPPED}{STS}"),
)
# Exim does no DANE behind an unsigned MX, nor at an alias that leads out of DNSSEC.
EXIM: Final = {
    "insecure-mx-with-tlsa": Promise.TLS,
    "mx-aliased-out-of-dnssec": Promise.NEVER,
    "mx-not-in-policy": Promise.NEVER,
    RULED_UNSIGNED: Promise.TLS,
}
PROMISES: Final = {case.domain: EXIM.get(case.name, promise(case)) for case in ALL}
# what is going on, beside an honest road and the tricks
BLIND: Final = "the sender sees no DNSSEC"
LATE: Final = "there are no TLSA records any more"
UNASKED: Final = "mail comes to the transport by another way"
TOGETHER: Final = "one letter to two domains"
OF_ONE_SERVER: Final = ("insecure-mx-with-tlsa.example", "insecure-mx-with-tlsa-and-sts.example")
WITH_DANE: Final = {"all-dane.example", "all-dane-and-sts.example", "tlsa-3-1-1.example"}
FREE, WITH_STS = "no-policy.example", "sts-alone.example"
STRAYED: Final = (FREE, WITH_STS)
# What becomes of those that are said to have TLSA records, and have none.
EMPTIED: Final = {
    "no-policy.example": Fate.ARRIVED,  # by its certificate
    "private-certificate-and-sts.example": Fate.WAITED,
    "insecure-no-policy.example": Fate.WAITED,
}


@dataclass
class Course:
    """What happened, step by step.

    Attributes: letters: by what was going on when they were sent; queue: of whom there was mail at
        the end of each step; decisions: as GET /v1/decision/DOMAIN has them.
    """

    rig: Rig
    letters: dict[str, list[Letter]] = field(default_factory=dict)
    queue: dict[str, set[str]] = field(default_factory=dict)
    decisions: dict[str, dict] = field(default_factory=dict)
    senders: list[EximSender] = field(default_factory=list)

    def run(self) -> None:
        """All of it."""
        self.rig.world.publish(*APART)
        router, _, transport = blocks("exim.md")
        asking = at_home(router, self.rig.daemon)
        sender = self.sender(asking + BY_DNS, transport)
        for state in (*TRICKS, HONEST):
            self.rig.road.play(state)
            self.send(sender, state, PROMISES)
        sender.flush()
        self.decisions = {domain: self.decision(domain) for domain in PROMISES}
        self.run_beside(sender)
        self.rig.road.play("own-certificate")
        self.send_together(sender, *OF_ONE_SERVER)
        self.rig.road.play(HONEST)
        blind = self.sender(asking + BY_DNS, transport, in_the_dark(self.rig))
        self.send(blind, BLIND, {*WITH_DANE, WITH_STS})
        smart = asking.replace("options $domain", f"options [{SMART}]:25")
        self.send(self.sender(smart + BY_SMART, transport), SMART, [FREE])
        self.send(self.sender(BY_DNS, pasted(*EMPTIED)), LATE, EMPTIED)
        self.send(self.sender(BY_DNS, transport), UNASKED, STRAYED)

    def run_beside(self, sender: EximSender) -> None:
        """The other tricks."""
        for trick, domains in BESIDE.items():
            self.rig.road.play(trick)
            self.send(sender, trick, domains)

    def sender(self, routers: str, transport: str, within: Sequence[str] = ()) -> EximSender:
        home, ca = self.rig.home, self.rig.certificates.ca
        within = within or self.rig.within
        made = exim_sender(home, ca, routers=routers, transport=transport, within=within)
        self.senders.append(made)
        return made

    def send(self, sender: EximSender, state: str, domains: Collection[str]) -> None:
        """A letter to each, and what becomes of it at first."""
        letters = self.letters[state] = [Letter(domain) for domain in domains]
        sender.give(*((each.sender, [each.recipient], each.text) for each in letters))
        sender.flush(new=True)
        self.queue[state] = sender.waiting()

    def send_together(self, sender: EximSender, *domains: str) -> None:
        """One letter for several; the marks of all but the first are in the envelope alone."""
        letters = self.letters[TOGETHER] = [Letter(domain) for domain in domains]
        first = letters[0]
        sender.give((first.sender, [each.recipient for each in letters], first.text))
        sender.flush(new=True)
        self.queue[TOGETHER] = sender.waiting()

    def decision(self, domain: str) -> dict:
        status, body = self.rig.daemon.get(f"/v1/decision/{domain}")
        assert status == 200
        return json.loads(body)


def pasted(*domains: str) -> str:
    """What stands in a transport that was told long ago that these are under DANE."""
    told = options(derived({f"mx.{domain}": USABLE for domain in domains}))
    return "".join(f"  {line}\n" for line in settings(told))


def in_the_dark(rig: Rig) -> list[str]:
    """As the rig runs a sender, but what the resolver says of DNSSEC is not passed on."""
    file = rig.home / "untrusting.conf"
    file.write_text(f"nameserver {rig.world.addresses.resolver}\noptions edns0\n")
    *within, _ = rig.within
    return [*within, f"{file}"]

"""What Postfix does, set up as our guide says, step by step; the tests read what came of it."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

from tests.interop.guide import at_home, blocks
from tests.interop.mail.fates import ALL, BESIDE, FEW, SLOW, promise
from tests.interop.mail.letters import Letter
from tests.interop.mail.postfix_log import tried
from tests.interop.mail.rig import Rig
from tests.interop.mail.road import HONEST, TRICKS
from tests.interop.servers.postfix import PostfixSender, postfix_sender
from tests.interop.world.cases import HOSTS, RELAY

# what is going on, beside an honest road and the tricks
GONE: Final = "the daemon is gone"
RELAYED: Final = "there is a fallback relay"
FLOWING: Final = "mail is flowing"
RULED: Final = "mail is flowing, and there is a rule by now"
PROMISES: Final = {case.domain: promise(case) for case in ALL}
STRIPPING: Final = ("remove-offer", "mask-offer", "refuse")
FREE: Final = "no-policy.example"
FLOW, LATER = 100, 10  # letters: the first are more than can be sent at once
# So that every letter is tried at once under each trick, however often its server has failed, and
# then not before it is asked for. This is for the test: a mail server is better off without.
PACE: Final = {
    "default_destination_concurrency_failed_cohort_limit": "0",
    "minimal_backoff_time": "1h",
    "queue_run_delay": "1h",
    "smtp_connect_timeout": "5",
    "dnssec_probe": f"ns:{HOSTS}",
}


def guide(rig: Rig) -> dict[str, str]:
    """What our guide says to write into main.cf, and into the file beside it."""
    refused, settings = blocks("postfix.md")[:2]
    file = rig.home / "refused-tls"
    file.write_text(refused)
    here = at_home(settings, rig.daemon).replace("/etc/postfix/refused-tls", f"{file}")
    lines = dict(line.split(" = ") for line in here.splitlines())
    return lines | {"smtp_tls_CAfile": f"{rig.world.ca}"}


def a_sender(rig: Rig, **more: str) -> AbstractContextManager[PostfixSender]:
    """A Postfix of the guide's, with more parameters."""
    settings = guide(rig) | PACE | more
    return postfix_sender(rig.home, rig.certificates, rig.within, **settings)


@dataclass
class Course:
    """What happened, step by step.

    Attributes:
        letters: by what was going on when they were sent.
        queue: of whom there was mail at the end of each step, and why it waited.
        decisions: what the daemon said of each domain, as GET /v1/decision/DOMAIN has it.
    """

    rig: Rig
    sender: PostfixSender
    letters: dict[str, list[Letter]] = field(default_factory=dict)
    queue: dict[str, dict[str, str]] = field(default_factory=dict)
    decisions: dict[str, dict] = field(default_factory=dict)
    slow: Letter = field(default_factory=lambda: Letter(f"{SLOW}.example"))

    def send(self, state: str, domains: Collection[str]) -> None:
        """A letter to each, and what becomes of it at first."""
        self.letters[state] = [Letter(domain) for domain in domains]
        self.give(*self.letters[state])
        tried(self.sender, [letter.recipient for letter in self.letters[state]])
        self.queue[state] = self.sender.waiting()

    def give(self, *letters: Letter) -> None:
        self.sender.give(*((each.sender, each.recipient, each.text) for each in letters))

    def try_again(self) -> None:
        """With all that waits."""
        waiting = self.sender.waiting().keys() - {self.slow.recipient}
        self.sender.flush()
        tried(self.sender, waiting, 2)

    def run(self) -> None:
        """All of it."""
        self.give(self.slow)
        for trick in TRICKS:
            self.rig.road.play(trick)
            self.send(trick, PROMISES)
        self.rig.road.play(HONEST)
        self.try_again()
        self.send(HONEST, PROMISES)
        self.decisions = {domain: self.decision(domain) for domain in PROMISES}
        self.run_beside()
        self.run_relayed()
        self.run_ruled()
        tried(self.sender, [self.slow.recipient])
        self.rig.daemon.process.kill()
        self.rig.road.play(STRIPPING[0])
        self.send(GONE, PROMISES)
        self.rig.road.play(HONEST)

    def run_beside(self) -> None:
        """The other tricks."""
        for trick, domains in BESIDE.items():
            self.rig.road.play(trick)
            self.send(trick, domains)

    def run_relayed(self) -> None:
        """Another Postfix gives what it cannot send to a relay, of which the table has a rule."""
        self.rig.road.play(STRIPPING[0])
        with a_sender(self.rig, smtp_fallback_relay=f"[{RELAY}]") as sender:
            Course(self.rig, sender, self.letters, self.queue).send(RELAYED, FEW)

    def run_ruled(self) -> None:
        """A rule comes while more mail than can be sent at once goes out in clear."""
        self.rig.road.play(STRIPPING[0])
        flow = self.letters[FLOWING] = [Letter(FREE) for _ in range(FLOW)]
        self.give(*flow)
        self.rig.rule(f'[[rule]]\nhost = "{FREE}"\nrequire = "verify"\n')
        self.send(RULED, [FREE] * LATER)
        tried(self.sender, [letter.recipient for letter in flow])

    def decision(self, domain: str) -> dict:
        status, body = self.rig.daemon.get(f"/v1/decision/{domain}")
        assert status == 200
        return json.loads(body)

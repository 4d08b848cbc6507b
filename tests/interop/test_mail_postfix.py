"""Real mail, sent by Postfix set up as our guide says, past an attacker, to every domain there is.

Everything happens once for all tests: a letter to each domain under each trick, then the road is
honest, and what waits is tried again. The tests read what came of it: at the middlebox, in the
queue, in the logs of both Postfixes and in the mailboxes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.interop.guide import at_home, blocks
from tests.interop.mail import HONEST, TRICKS, Letter, Rig, a_rig, in_the_clear, overheard
from tests.interop.mail.fates import ALL, SLOW, Fate, Promise, fate, promise
from tests.interop.mail.postfix_log import Attempt, tried
from tests.interop.mail.receivers import Arrival
from tests.interop.mail.road import Visit
from tests.interop.servers.postfix import PostfixSender, postfix_sender
from tests.interop.world.answers import ANSWERS, Postfix
from tests.interop.world.cases import HOSTS
from tests.interop.world.operator import Operator
from tests.protocols.specimen import only_permitted
from unstrip.evidence import from_json
from unstrip.faces.cli.record import DomainRecord
from unstrip.mta.postfix import Lookup

GONE = "the daemon is gone"
PROMISES = {case.domain: promise(case) for case in ALL}
STRIPPING = ("remove-offer", "mask-offer", "refuse")
UNDER_POLICY = (Promise.PROOF, Promise.TLS)
# Postfix's word where the records were met of a server that only an unsigned MX names
PROVED = {"insecure-mx-with-tlsa.example": "Trusted"}
REASONS = {
    "remove-offer": "TLS is required, but was not offered by host",
    "mask-offer": "TLS is required, but was not offered by host",
    "refuse": "TLS is required, but host .* refused to start TLS",
    "own-certificate": "Server certificate not verified",
}
# The second server of each has no records. Postfix gets there, unless the first has refused with a
# code that begins with 5: that ends the attempt.
SECOND = "no TLSA records found|.* refused to start TLS"
REASONS_OF = {"some-mx-without-tlsa-and-sts.example": SECOND}
FATES_OF = {("some-mx-without-tlsa.example", "refuse"): Fate.WAITED}
NAMES = {
    Postfix.DANE_ONLY: "TLSA records",
    Postfix.DANE: "DANE",
    Postfix.SECURE: "mta-sts: ",
    Postfix.ENCRYPT: "by dane",
}
BY_OPERATOR = {
    "ruled-encrypt": "by your own table",
    "ruled-verify": "by your own table",
    "ruled-pin": "there are pins",
    "visited": "by your own earlier visits",
    "steady": "by your own earlier visits",
}
# of which Postfix cannot find the servers either, before it asks
UNFOUND = {f"{name}.example" for name in ("mx-alias-loop", "bogus-mx", "address-servfail")}
# So that every letter is tried at once under each trick, however often its server has failed, and
# then not before it is asked for. This is for the test: a mail server is better off without.
PACE = {
    "default_destination_concurrency_failed_cohort_limit": "0",
    "minimal_backoff_time": "1h",
    "queue_run_delay": "1h",
    "smtp_connection_cache_on_demand": "no",
    "smtp_connect_timeout": "5",
    "dnssec_probe": f"ns:{HOSTS}",
}


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
        tried(self.sender, [self.slow.recipient])
        self.rig.daemon.process.kill()
        self.rig.road.play(STRIPPING[0])
        self.send(GONE, PROMISES)
        self.rig.road.play(HONEST)

    def decision(self, domain: str) -> dict:
        status, body = self.rig.daemon.get(f"/v1/decision/{domain}")
        assert status == 200
        return json.loads(body)


@dataclass(frozen=True)
class Outcome:
    """What there is to be read afterwards."""

    course: Course
    tried: dict[str, list[Attempt]]
    visits: list[Visit]
    clear: set[str]
    heard: set[str]
    arrivals: dict[str, list[Arrival]]
    delivered: dict[str, list[bytes]]

    def letters(self, state: str, *promises: Promise) -> list[Letter]:
        return [each for each in self.course.letters[state] if PROMISES[each.domain] in promises]

    def fate(self, state: str, letter: Letter) -> Fate:
        """What became of it at first, by whoever saw it."""
        if letter.mark in self.clear:
            return Fate.CLEAR
        if letter.mark in self.heard:
            return Fate.READ
        if letter.recipient in self.course.queue[state]:
            return Fate.WAITED
        if self.tried[letter.recipient][0].status == "bounced":
            return Fate.RETURNED
        assert letter.mark in self.delivered
        return Fate.ARRIVED


def named(name: str) -> str:
    """How the daemon names the policy of a case."""
    if name in ANSWERS:
        return NAMES[ANSWERS[name].postfix]
    return BY_OPERATOR.get(name, NAMES[Postfix.DANE_ONLY])


def secret(letter: Letter) -> bytes:
    return f"What nobody else may read: {letter.mark}\nand that to the end.".encode()


def due(state: str, domain: str) -> Fate:
    """What has to become of a letter at first."""
    return FATES_OF.get((domain, state)) or fate(PROMISES[domain], state)


def marks_of(outcome: Outcome, state: str, *promises: Promise) -> set[str]:
    return {letter.mark for letter in outcome.letters(state, *promises)}


@pytest.fixture(scope="module")
def rig(directory: Path) -> Iterator[Rig]:
    with a_rig(directory) as running:
        yield running


def guide(rig: Rig) -> dict[str, str]:
    """What our guide says to write into main.cf, and into the file beside it."""
    first, _, refused = blocks("postfix.md")[:3]
    file = rig.home / "refused-tls"
    file.write_text(refused)
    here = at_home(first, rig.daemon).replace("/etc/postfix/refused-tls", f"{file}")
    lines = dict(line.split(" = ") for line in here.splitlines())
    return lines | {"smtp_tls_CAfile": f"{rig.world.ca}"}


@pytest.fixture(scope="module")
def outcome(rig: Rig) -> Iterator[Outcome]:
    settings = guide(rig) | PACE
    with postfix_sender(rig.home, rig.certificates, rig.within, **settings) as sender:
        course = Course(rig, sender)
        course.run()
        yield read(course)


def read(course: Course) -> Outcome:
    everything = tried(course.sender, ())
    arrivals: dict[str, list[Arrival]] = {}
    for arrival in course.rig.destination.arrivals():
        arrivals.setdefault(arrival.mark, []).append(arrival)
    visits = course.rig.road.visits()
    delivered = course.rig.destination.delivered(set(arrivals))
    return Outcome(
        course, everything, visits, in_the_clear(visits), overheard(visits), arrivals, delivered
    )


each_promise = pytest.mark.parametrize("promised", Promise, ids=lambda promised: promised.value)
each_trick = pytest.mark.parametrize("trick", TRICKS)


# What becomes of it


@pytest.mark.parametrize("state", [*TRICKS, HONEST])
@each_promise
def test_mail_goes_out_waits_or_is_returned_as_it_has_to_be(outcome, state, promised):
    letters = outcome.letters(state, promised)
    found = {letter.domain: outcome.fate(state, letter) for letter in letters}
    assert found
    assert found == {domain: due(state, domain) for domain in found}


@each_trick
def test_what_waited_goes_out_over_verified_tls_once_the_road_is_honest(outcome, trick):
    waited = outcome.letters(trick, Promise.PROOF, Promise.TLS)
    assert waited
    for letter in waited:
        last = outcome.tried[letter.recipient][-1]
        assert last.status == "sent", letter.domain
        if PROMISES[letter.domain] is Promise.PROOF:
            assert last.tls == PROVED.get(letter.domain, "Verified"), letter.domain


@pytest.mark.parametrize("state", [*TRICKS, HONEST])
def test_what_was_sent_arrives_once_and_whole_as_the_receiver_says_too(outcome, state):
    letters = outcome.letters(state, *UNDER_POLICY, Promise.NOTHING, Promise.CLEAR)
    for letter in letters:
        (arrival,) = outcome.arrivals[letter.mark]
        (text,) = outcome.delivered[letter.mark]
        assert secret(letter) in text, letter.domain
        in_clear = letter.mark in outcome.clear
        assert bool(arrival.tls) is not in_clear, letter.domain
        assert (b"with ESMTPS id" in text) is not in_clear, letter.domain
    never = outcome.letters(state, Promise.NEVER, Promise.NOBODY)
    assert not {letter.mark for letter in never} & set(outcome.delivered)


# What crosses


@pytest.mark.parametrize("state", [*TRICKS, HONEST, GONE])
def test_nothing_of_mail_under_a_policy_crosses_in_clear_then_or_later(outcome, state):
    assert not marks_of(outcome, state, *UNDER_POLICY, Promise.NEVER) & outcome.clear
    assert not marks_of(outcome, state, Promise.PROOF, Promise.NEVER) & outcome.heard


def test_nothing_crosses_in_clear_but_questions_where_no_letter_does(outcome):
    quiet = [visit for visit in outcome.visits if not in_the_clear([visit])]
    assert len(quiet) > len(PROMISES)
    for visit in quiet:
        assert only_permitted("smtp", visit.clear), visit


@pytest.mark.parametrize("trick", STRIPPING)
def test_without_a_policy_the_same_attack_sees_envelope_and_letter(outcome, trick):
    seen = b"".join(visit.clear for visit in outcome.visits if visit.trick == trick)
    letters = outcome.letters(trick, Promise.NOTHING, Promise.CLEAR)
    for letter in (each for each in letters if due(trick, each.domain) is Fate.CLEAR):
        for word in (f"MAIL FROM:<{letter.sender}>", f"RCPT TO:<{letter.recipient}>"):
            assert word.encode() in seen, letter.domain
        assert secret(letter) in seen.replace(b"\r\n", b"\n"), letter.domain


# Why it waits


@pytest.mark.parametrize(("trick", "reason"), REASONS.items())
def test_the_queue_says_what_failed(outcome, trick, reason):
    for letter in outcome.letters(trick, Promise.PROOF, Promise.TLS):
        if due(trick, letter.domain) is Fate.WAITED:
            said = outcome.course.queue[trick][letter.recipient]
            assert re.match(REASONS_OF.get(letter.domain, reason), said), letter.domain


def test_the_daemon_names_the_policy(outcome):
    for case in ALL:
        if PROMISES[case.domain] in UNDER_POLICY:
            told = outcome.course.decisions[case.domain]["postfix"]
            assert named(case.name) in told["because"], case.domain


def test_the_log_says_why_the_daemon_had_mail_wait(outcome):
    held = [
        (domain, told["postfix"]["text"])
        for domain, told in outcome.course.decisions.items()
        if told["postfix"]["lookup"] == Lookup.TEMP.value and domain not in UNFOUND
    ]
    assert held
    for domain, text in held:
        assert f"temporary error: {text}" in outcome.course.sender.log, domain


def test_mail_waits_while_a_policy_is_still_being_fetched(outcome):
    first = outcome.tried[outcome.course.slow.recipient][0]
    assert first.status == "deferred"
    assert outcome.course.slow.mark not in outcome.clear


def test_while_the_daemon_is_gone_all_mail_waits(outcome):
    found = {letter.domain: outcome.fate(GONE, letter) for letter in outcome.course.letters[GONE]}
    assert set(found.values()) == {Fate.WAITED, Fate.RETURNED}
    returned = {domain for domain, fate in found.items() if fate is Fate.RETURNED}
    assert all(PROMISES[domain] is Promise.NOBODY for domain in returned)


# Whether we see the same


@pytest.mark.parametrize("name", ["all-dane", "sts-alone", "tlsa-2-0-1", "steady", "ruled-pin"])
def test_our_evidence_and_the_receivers_log_agree(outcome, tmp_path, name):
    domain = f"{name}.example"
    ran = Operator(outcome.course.rig.world, tmp_path).command("check", domain, "--json")
    (service,) = from_json(DomainRecord, ran.out).services
    seen = {server.evidence.handshake.version for server in service.servers}
    (letter,) = (each for each in outcome.course.letters[HONEST] if each.domain == domain)
    assert seen == {arrival.tls for arrival in outcome.arrivals[letter.mark]}

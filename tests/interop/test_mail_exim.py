"""Real mail, sent by Exim set up as our guide says, past an attacker, to every domain there is.

Everything happens once for all tests: a letter to each domain under each trick, then the road is
honest, and what waits is tried again. The tests read what came of it: at the middlebox, in the
queue, in the logs of both ends and in the mailboxes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.interop.guide import GUIDES, at_home, blocks
from tests.interop.mail import HONEST, TRICKS, Letter, Rig, a_rig, in_the_clear, overheard
from tests.interop.mail.fates import ALL, Fate, Promise, fate, promise
from tests.interop.mail.receivers import Arrival
from tests.interop.mail.road import Visit
from tests.interop.servers.exim import EximSender, exim_sender
from tests.interop.world.answers import ANSWERS, By
from tests.interop.world.cases import DANE_1, HOSTS, PARENT, Case
from tests.mta.domains import USABLE, derived
from tests.protocols.specimen import only_permitted
from unstrip.mta.exim import options, settings
from unstrip.policy import dane, history, local, mta_sts

BY_DNS = """\
dnslookup:
  driver = dnslookup
  domains = ! +local_domains
  transport = remote_smtp
  self = send
"""
SMART = "mx.private-certificate-with-tlsa.example"
BY_SMART = f"""\
smarthost:
  driver = manualroute
  domains = ! +local_domains
  transport = remote_smtp
  route_list = * {SMART}
  self = send
"""
# Of servers at one address Exim tries the first: here they are at two.
TWO = "@ MX 10 mx1\n@ MX 20 mx2\nmx1 A {honest}\nmx2 A {private}\n"
APART = (
    Case("some-mx-without-tlsa", TWO + DANE_1),
    Case(
        "some-tlsa-servfail",
        f"{TWO}_tcp.mx1 NS refusing.{HOSTS}.\n_25._tcp.mx2 TLSA {{private-3-1-1}}\n",
    ),
)
# Exim does no DANE behind an unsigned MX, nor at an alias that leads out of DNSSEC.
EXIM = {
    "insecure-mx-with-tlsa": Promise.TLS,
    "mx-aliased-out-of-dnssec": Promise.NEVER,
}
PROMISES = {case.domain: EXIM.get(case.name, promise(case)) for case in ALL}
UNDER_POLICY = (Promise.PROOF, Promise.TLS)
# What was injected it takes for a broken server, and not for nothing: mail waits, if it has to.
AS = {"inject": "refuse"}
STRIPPING = tuple(trick for trick in TRICKS if trick != "own-certificate")
REASONS = {
    "remove-offer": "a TLS session is required, but the server did not offer TLS support",
    "mask-offer": "a TLS session is required, but the server did not offer TLS support",
    "refuse": "a TLS session is required, but an attempt to start TLS failed",
    "own-certificate": "TLS session: (certificate verification failed)",
    "inject": "TLS session: synch error before connect",
}
SOURCES = {By.DANE: dane.SOURCE, By.WEBPKI: mta_sts.SOURCE}
OPERATORS = {"visited": history.SOURCE, "steady": history.SOURCE} | dict.fromkeys(
    ("ruled-encrypt", "ruled-verify", "ruled-pin"), local.SOURCE
)
BLIND, LATE = "the sender sees no DNSSEC", "there are no TLSA records any more"
TOGETHER = "one letter to two domains"
OF_ONE_SERVER = ("insecure-mx-with-tlsa.example", "insecure-mx-with-tlsa-and-sts.example")
WITH_DANE = {"all-dane.example", "all-dane-and-sts.example", "tlsa-3-1-1.example"}
# What becomes of those that are said to have TLSA records, and have none.
EMPTIED = {
    "no-policy.example": Fate.ARRIVED,  # by its certificate
    "private-certificate-and-sts.example": Fate.WAITED,
    "insecure-no-policy.example": Fate.WAITED,
}


def sources(domain: str) -> set[str]:
    """Because of whom its servers have to prove who they are, or to speak TLS."""
    name = domain.removesuffix(f".{PARENT}")
    if name not in ANSWERS:
        return {OPERATORS.get(name, dane.SOURCE)}
    return {SOURCES[host.by] for host in ANSWERS[name].hosts if host.by in SOURCES}


def expected(domain: str, state: str) -> Fate:
    """What has to become of a letter at first."""
    if (domain, state) == ("some-mx-without-tlsa.example", "inject"):
        return Fate.WAITED  # who has tried DANE goes on in clear after no failed handshake
    return fate(PROMISES[domain], AS.get(state, state))


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
        for case in APART:
            self.rig.world.publish(case)
        router, _, transport = blocks("exim.md")
        asking = at_home(router, self.rig.daemon)
        sender = self.sender(asking + BY_DNS, transport)
        for state in (*TRICKS, HONEST):
            self.rig.road.play(state)
            self.send(sender, state, PROMISES)
        sender.flush()
        self.decisions = {domain: self.decision(domain) for domain in PROMISES}
        self.rig.road.play("own-certificate")
        self.send_together(sender, *OF_ONE_SERVER)
        self.rig.road.play(HONEST)
        blind = self.sender(asking + BY_DNS, transport, in_the_dark(self.rig))
        self.send(blind, BLIND, {*WITH_DANE, "sts-alone.example"})
        smart = asking.replace("options $domain", f"options [{SMART}]:25")
        self.send(self.sender(smart + BY_SMART, transport), SMART, ["no-policy.example"])
        self.send(self.sender(BY_DNS, pasted(*EMPTIED)), LATE, EMPTIED)

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


@dataclass(frozen=True)
class Outcome:
    """What there is to be read afterwards; `tried` is what Exim logs, try by try."""

    course: Course
    tried: dict[str, list[str]]
    visits: list[Visit]
    clear: set[str]
    heard: set[str]
    arrivals: dict[str, list[Arrival]]
    delivered: dict[str, list[bytes]]

    def letters(self, state: str, *promises: Promise) -> list[Letter]:
        return [each for each in self.course.letters[state] if PROMISES[each.domain] in promises]

    def sources(self, domain: str) -> set[str]:
        """The same, as the daemon says."""
        servers = self.course.decisions[domain]["derivation"]["destinations"]
        return {policy["source"] for each in servers for policy in each["decision"]["because"]}

    def fate(self, state: str, letter: Letter) -> Fate:
        """What became of it at first, by whoever saw it."""
        if letter.mark in self.clear:
            return Fate.CLEAR
        if letter.mark in self.heard:
            return Fate.READ
        if letter.recipient in self.course.queue[state]:
            return Fate.WAITED
        if " ** " in self.tried[letter.recipient][0]:
            return Fate.RETURNED
        assert letter.mark in self.delivered
        return Fate.ARRIVED


@pytest.fixture(scope="module")
def outcome(directory: Path) -> Iterator[Outcome]:
    with a_rig(directory) as rig:
        course = Course(rig)
        course.run()
        yield read(course)


def read(course: Course) -> Outcome:
    tried: dict[str, list[str]] = {}
    for sender in course.senders:
        tried |= sender.outcomes()
    arrivals: dict[str, list[Arrival]] = {}
    for arrival in course.rig.destination.arrivals():
        arrivals.setdefault(arrival.mark, []).append(arrival)
    visits = course.rig.road.visits()
    delivered = course.rig.destination.delivered(set(arrivals))
    return Outcome(
        course, tried, visits, in_the_clear(visits), overheard(visits), arrivals, delivered
    )


def marks_of(letters: list[Letter]) -> set[str]:
    return {letter.mark for letter in letters}


def secret(letter: Letter) -> bytes:
    return f"What nobody else may read: {letter.mark}\r\nand that to the end.".encode()


each_trick = pytest.mark.parametrize("trick", TRICKS)
each_state = pytest.mark.parametrize("state", [*TRICKS, HONEST])


# What becomes of it


@each_state
@pytest.mark.parametrize("promised", Promise, ids=lambda promised: promised.value)
def test_mail_goes_out_waits_or_is_returned_as_it_has_to_be(outcome, state, promised):
    letters = outcome.letters(state, promised)
    found = {letter.domain: outcome.fate(state, letter) for letter in letters}
    assert found == {domain: expected(domain, state) for domain in found}
    assert found


@each_trick
def test_what_waited_goes_out_over_verified_tls_once_the_road_is_honest(outcome, trick):
    waited = outcome.letters(trick, *UNDER_POLICY)
    assert waited
    for letter in waited:
        last = outcome.tried[letter.recipient][-1]
        assert " => " in last, letter.domain
        if PROMISES[letter.domain] is Promise.PROOF:
            assert " CV=yes " in last or " CV=dane " in last, letter.domain


def test_exim_goes_by_dane_where_we_do(outcome):
    by_name = {
        letter.domain
        for letter in outcome.letters(HONEST, Promise.PROOF)
        if sources(letter.domain) == {dane.SOURCE}
        and " CV=dane " not in outcome.tried[letter.recipient][-1]
    }
    # there it looks for records behind the alias, and finds none
    assert by_name == {"aliased-mx-tlsa-at-alias.example"}


@each_state
def test_what_was_sent_arrives_once_and_whole_as_the_receiver_says_too(outcome, state):
    for letter in outcome.letters(state, *UNDER_POLICY, Promise.NOTHING, Promise.CLEAR):
        (arrival,) = outcome.arrivals[letter.mark]
        (text,) = outcome.delivered[letter.mark]
        assert secret(letter) in text.replace(b"\n", b"\r\n"), letter.domain
        assert bool(arrival.tls) is (letter.mark not in outcome.clear), letter.domain
    never = outcome.letters(state, Promise.NEVER, Promise.NOBODY)
    assert not marks_of(never) & set(outcome.delivered)


def test_no_mail_is_returned_but_where_nobody_takes_any(outcome):
    returned = {
        recipient.partition("@")[2]
        for recipient, lines in outcome.tried.items()
        if any(" ** " in line for line in lines)
    }
    nobody = {domain for domain, promised in PROMISES.items() if promised is Promise.NOBODY}
    assert returned == {*nobody, "sender.example"}  # to where it was returned


# What crosses


@each_state
def test_nothing_of_mail_under_a_policy_crosses_in_clear_then_or_later(outcome, state):
    kept = marks_of(outcome.letters(state, *UNDER_POLICY, Promise.NEVER))
    proved = marks_of(outcome.letters(state, Promise.PROOF, Promise.NEVER))
    assert not kept & outcome.clear
    assert not proved & outcome.heard


def test_nothing_crosses_in_clear_but_questions_where_no_letter_does(outcome):
    quiet = [visit for visit in outcome.visits if not in_the_clear([visit])]
    assert len(quiet) > len(PROMISES)
    for visit in quiet:
        assert only_permitted("smtp", visit.clear), visit


@pytest.mark.parametrize("trick", STRIPPING)
def test_without_a_policy_the_same_attack_sees_envelope_and_letter(outcome, trick):
    seen = b"".join(visit.clear for visit in outcome.visits if visit.trick == trick)
    letters = outcome.letters(trick, Promise.NOTHING, Promise.CLEAR)
    for letter in (each for each in letters if expected(each.domain, trick) is Fate.CLEAR):
        for word in (f"MAIL FROM:<{letter.sender}>", f"RCPT TO:<{letter.recipient}>"):
            assert word.encode() in seen, letter.domain
        assert secret(letter) in seen, letter.domain


# Why it waits


@pytest.mark.parametrize(("trick", "reason"), REASONS.items())
def test_the_log_says_what_failed(outcome, trick, reason):
    for letter in outcome.letters(trick, *UNDER_POLICY):
        if outcome.fate(trick, letter) is Fate.WAITED:
            assert reason in outcome.tried[letter.recipient][0], letter.domain
    assert f"| `{reason}` |" in (GUIDES / "exim.md").read_text()


def test_the_log_says_why_the_daemon_had_mail_wait(outcome):
    held = {d: told["exim"]["defer"] for d, told in outcome.course.decisions.items()}
    for letter in outcome.letters(HONEST, Promise.NEVER):
        reason, _, _ = held[letter.domain].partition(":")  # how it failed may differ
        if reason:
            assert f"R=unstrip defer (-1): {reason}" in outcome.tried[letter.recipient][-1]
    assert any(held.values())


def test_the_daemon_names_the_policy_for_which_mail_waits(outcome):
    for domain, promised in PROMISES.items():
        if promised in UNDER_POLICY:
            assert outcome.sources(domain), domain
            assert outcome.sources(domain) >= sources(domain), domain


# What Exim sees, and does not


def test_where_exim_sees_no_dnssec_mail_under_dane_waits_and_all_other_goes(outcome):
    found = {each.domain: outcome.fate(BLIND, each) for each in outcome.course.letters[BLIND]}
    assert found == {**dict.fromkeys(WITH_DANE, Fate.WAITED), "sts-alone.example": Fate.ARRIVED}


def test_an_operator_can_see_whether_exim_sees_dnssec(outcome):
    (question,) = re.findall(r"\$ exim -be '(.*dnsdb.*)'", (GUIDES / "exim.md").read_text())
    seeing, blind, *_ = outcome.course.senders
    of_signed = question.replace("example.org", "sts-alone.example")
    assert seeing.expand(of_signed) == "10 mx.sts-alone.example"
    assert blind.expand(of_signed).startswith("Failed")


def test_mail_for_a_domain_goes_over_no_connection_that_was_made_for_another(outcome):
    loose, strict = outcome.course.letters[TOGETHER]
    assert outcome.fate(TOGETHER, loose) is Fate.READ
    assert outcome.fate(TOGETHER, strict) is Fate.WAITED


def test_a_smarthost_is_held_to_its_own_policy(outcome):
    (letter,) = outcome.course.letters[SMART]
    assert outcome.fate(SMART, letter) is Fate.ARRIVED
    assert " CV=dane " in outcome.tried[letter.recipient][0]


def test_where_records_are_gone_since_we_looked_a_certificate_has_to_do(outcome):
    found = {each.domain: outcome.fate(LATE, each) for each in outcome.course.letters[LATE]}
    assert found == EMPTIED

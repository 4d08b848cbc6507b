"""Real mail, sent by Postfix set up as our guide says, past an attacker, to every domain there is.

Everything happens once for all tests: a letter to each domain under each trick, then the road is
honest, and what waits is tried again. The tests read what came of it: at the middlebox, in the
queue, in the logs of both Postfixes and in the mailboxes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.mail import HONEST, TRICKS, Letter, Rig, a_rig, in_the_clear, overheard
from tests.interop.mail.fates import ALL, BESIDE, Fate, Promise, fate
from tests.interop.mail.postfix_course import (
    FLOWING,
    FREE,
    GONE,
    PROMISES,
    RELAYED,
    RULED,
    STRIPPING,
    Course,
    a_sender,
)
from tests.interop.mail.postfix_log import Attempt, tried
from tests.interop.mail.receivers import Arrival
from tests.interop.mail.road import Visit
from tests.interop.world.answers import ANSWERS, Postfix
from tests.interop.world.cases import RULED_UNSIGNED
from tests.interop.world.operator import Operator
from tests.protocols.specimen import only_permitted
from unstrip.evidence import from_json
from unstrip.faces.cli.record import DomainRecord
from unstrip.mta.postfix import Lookup

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
FATES_OF = {
    ("some-mx-without-tlsa.example", "refuse"): Fate.WAITED,
    # before 3.10.5 all names that a star stands for are as good as the server's
    ("sts-alone.example", "impostor"): Fate.READ,
}
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
    RULED_UNSIGNED: "TLS is due, whatever DANE says",
    "visited": "by your own earlier visits",
    "steady": "by your own earlier visits",
}
# of which Postfix cannot find the servers either, before it asks
UNFOUND = {f"{name}.example" for name in ("mx-alias-loop", "bogus-mx", "address-servfail")}
SILENT = {"tlsa-timeout.example"}  # the words differ with who gives up first: we, or the resolver


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
    usual = BESIDE[state][domain] if state in BESIDE else fate(PROMISES[domain], state)
    return FATES_OF.get((domain, state), usual)


def marks(letters: list[Letter]) -> set[str]:
    return {letter.mark for letter in letters}


@pytest.fixture(scope="module")
def rig(directory: Path) -> Iterator[Rig]:
    with a_rig(directory) as running:
        yield running


@pytest.fixture(scope="module")
def outcome(rig: Rig) -> Iterator[Outcome]:
    with a_sender(rig) as sender:
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


@pytest.mark.parametrize("trick", BESIDE)
def test_past_other_tricks_mail_goes_out_or_waits_as_it_has_to(outcome, trick):
    letters = outcome.course.letters[trick]
    found = {letter.domain: outcome.fate(trick, letter) for letter in letters}
    assert found == {domain: due(trick, domain) for domain in BESIDE[trick]}


def test_a_rule_counts_for_the_next_letter_while_mail_is_flowing(outcome):
    before, after = outcome.course.letters[FLOWING], outcome.course.letters[RULED]
    assert marks(before) & outcome.clear
    assert {outcome.fate(RULED, letter) for letter in after} == {Fate.WAITED}


def test_a_relay_for_what_cannot_be_sent_is_held_to_a_rule_about_it(outcome):
    found = {each.domain: outcome.fate(RELAYED, each) for each in outcome.course.letters[RELAYED]}
    assert found.pop(FREE) is Fate.CLEAR  # at its own server
    assert set(found.values()) == {Fate.WAITED}


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
    assert not marks(outcome.letters(state, *UNDER_POLICY, Promise.NEVER)) & outcome.clear
    assert not marks(outcome.letters(state, Promise.PROOF, Promise.NEVER)) & outcome.heard


def test_nothing_crosses_in_clear_but_questions_where_no_letter_does(outcome):
    quiet = [visit for visit in outcome.visits if not in_the_clear([visit])]
    assert len(quiet) > len(PROMISES)
    for visit in quiet:
        asked = visit.clear.replace(b"HELO ", b"EHLO ")  # after EHLO was refused
        assert only_permitted("smtp", asked), visit


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
        if told["postfix"]["lookup"] == Lookup.TEMP.value and domain not in UNFOUND | SILENT
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

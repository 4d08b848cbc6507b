"""Real mail, sent by Exim set up as our guide says, past an attacker, to every domain there is.

Everything happens once for all tests: a letter to each domain under each trick, then the road is
honest, and what waits is tried again. The tests read what came of it: at the middlebox, in the
queue, in the logs of both ends and in the mailboxes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.guide import GUIDES
from tests.interop.mail import HONEST, TRICKS, Letter, a_rig, in_the_clear, overheard
from tests.interop.mail.exim_course import (
    BLIND,
    EMPTIED,
    LATE,
    PROMISES,
    SMART,
    TOGETHER,
    UNASKED,
    WITH_DANE,
    Course,
)
from tests.interop.mail.fates import BESIDE, Fate, Promise, fate
from tests.interop.mail.receivers import Arrival
from tests.interop.mail.road import Visit
from tests.interop.world.answers import ANSWERS, By
from tests.interop.world.cases import PARENT, RULED_UNSIGNED
from tests.protocols.specimen import only_permitted
from unstrip.policy import dane, history, local, mta_sts

UNDER_POLICY = (Promise.PROOF, Promise.TLS)
# What was injected it takes for a broken server, and not for nothing: mail waits, if it has to.
AS = {"inject": "refuse"}
# Exim returns what is refused for good before there is TLS, and cannot be told otherwise.
REFUSING = "refuse-hellos"
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
    ("ruled-encrypt", "ruled-verify", "ruled-pin", RULED_UNSIGNED), local.SOURCE
)


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
    if state in BESIDE:
        return Fate.RETURNED if state == REFUSING else BESIDE[state][domain]
    return fate(PROMISES[domain], AS.get(state, state))


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


@pytest.mark.parametrize("trick", BESIDE)
def test_past_other_tricks_mail_goes_out_or_waits_as_it_has_to(outcome, trick):
    letters = outcome.course.letters[trick]
    found = {letter.domain: outcome.fate(trick, letter) for letter in letters}
    assert found == {domain: expected(domain, trick) for domain in BESIDE[trick]}


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


def test_no_mail_is_returned_but_where_nobody_takes_any_or_all_is_refused(outcome):
    refused = {letter.recipient for letter in outcome.course.letters[REFUSING]}
    returned = {
        recipient.partition("@")[2]
        for recipient, lines in outcome.tried.items()
        if recipient not in refused and any(" ** " in line for line in lines)
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
        asked = visit.clear.replace(b"HELO ", b"EHLO ")  # after EHLO was refused
        assert only_permitted("smtp", asked), visit


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


def test_mail_that_comes_to_the_transport_by_another_way_waits(outcome):
    letters = outcome.course.letters[UNASKED]
    assert {outcome.fate(UNASKED, letter) for letter in letters} == {Fate.WAITED}


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

"""What policies ask beyond a good link: this host and no other; and what a test of theirs shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.verdict.scenes import (
    ASKED,
    HOST,
    NOW,
    OFFER,
    chain,
    codes,
    found,
    heard,
    judged,
    refused,
    shaken,
    stripped,
    unheard,
    untrusted,
    upgraded,
)
from unstrip.certificates import Fault, spki
from unstrip.evidence import Failure
from unstrip.policy import Decision, Level, Policy, decide
from unstrip.tlsa import Match, Tlsa, TlsaSet
from unstrip.trouble import Trouble
from unstrip.verdict import Code, Reach, Standing
from unstrip.verdict.expectation import shortfall

REFUSED, UNPROVEN, WOULD_FAIL = (
    Code.HOST_REFUSED,
    Code.ROUTE_UNPROVEN,
    Code.TESTING_WOULD_FAIL,
)
UNLISTED = Policy(
    "mta-sts", Level.AUTHENTICATED, webpki=True, refuses="it is not listed", rule="RFC 8461, 4.1"
)
FAILED = Policy("dane", Level.MAY, refuses="no answer", rule="RFC 7672, 2.1.2")
TESTING = Policy("mta-sts", Level.AUTHENTICATED, enforced=False, webpki=True, rule="RFC 8461, 4.2")
RECORDS = TlsaSet((Tlsa(3, 1, 1, bytes(32)),), (HOST,))


def decided(*policies: Policy, named: bool = True) -> Decision:
    return decide(policies, NOW, named=named)


# A host that is not to be used


@pytest.mark.parametrize("policy", [UNLISTED, FAILED], ids=lambda policy: policy.source)
def test_a_host_that_is_refused_falls_short_however_good_the_link(policy):
    verdict = judged(upgraded(), decided(policy))
    assert (verdict.code, verdict.standing) == (REFUSED, Standing.FALLS_SHORT)
    assert not verdict.meets
    finding = found(verdict, REFUSED)
    assert finding.words == f"this host is not to be used now: {policy.refuses}"
    assert finding.source == policy.rule


@pytest.mark.parametrize("policy", [UNLISTED, FAILED], ids=lambda policy: policy.source)
def test_a_host_that_is_refused_does_not_meet_it_in_clear_either(policy):
    assert not judged(stripped(), decided(policy)).meets


@pytest.mark.parametrize("evidence", [unheard(ConnectionRefusedError()), heard("S: 421 later")])
def test_where_nobody_served_us_that_is_told_first_and_nothing_is_met_either(evidence):
    verdict = judged(evidence, decided(FAILED))
    assert (verdict.meets, verdict.standing) == (False, Standing.UNKNOWN)
    assert REFUSED not in codes(verdict)


def test_a_forged_mx_with_a_valid_certificate_is_open_to_whoever_forged_it():
    verdict = judged(upgraded(), decided(UNLISTED, named=False))
    assert verdict.exposure.attacker is Reach.READS
    assert codes(verdict) == {REFUSED, UNPROVEN}


def test_a_refusal_without_a_source_is_told_as_well():
    """As a file could have it."""
    finding = found(judged(upgraded(), Decision(Level.MAY, refuses="\x1b[2J")), REFUSED)
    assert finding.words.isprintable()
    assert finding.source == ""


def test_where_nobody_refuses_nothing_is_said():
    assert REFUSED not in codes(judged(upgraded(), decided(replace(UNLISTED, refuses=""))))


# The way to a host (P-11)


def test_a_host_that_only_an_unsigned_answer_named_is_told_though_its_certificate_is_valid():
    verdict = judged(upgraded(), decided(named=False))
    assert (verdict.code, verdict.meets) == (Code.TLS_OK_UNAUTHENTICATED, True)
    assert HOST in found(verdict, UNPROVEN).words


@pytest.mark.parametrize("evidence", [stripped(), refused(), heard("<EOF>")])
def test_without_tls_there_are_graver_things_to_tell(evidence):
    assert UNPROVEN not in codes(judged(evidence, decided(named=False)))


@pytest.mark.parametrize(
    "decision",
    [decided(), decided(replace(UNLISTED, refuses=""), named=False)],
    ids=["named", "in the policy"],
)
def test_a_host_that_somebody_vouches_for_is_not_doubted(decision):
    verdict = judged(upgraded(), decision)
    assert (verdict.code, codes(verdict)) == (Code.TLS_OK_AUTHENTICATED, set())


# A policy in test (P-05)

UNMET = Failure(Trouble.UNMET, "the peer did not prove who it is")


@pytest.mark.parametrize(
    ("evidence", "fault"),
    [
        (stripped(), "no TLS"),
        (refused(), "no TLS"),
        (heard(*OFFER, ASKED, "<reset>"), "no TLS"),
        (upgraded(untrusted()), "the certificate does not prove the name"),
        (upgraded(untrusted(), failure=UNMET), "the certificate does not prove the name"),
    ],
    ids=["in clear", "refused", "reset", "untrusted", "not accepted"],
)
def test_what_would_fail_were_the_test_in_force_is_told_and_enforced_by_nobody(evidence, fault):
    verdict = judged(evidence, decided(TESTING))
    finding = found(verdict, WOULD_FAIL)
    assert finding.words == f"enforced, mta-sts would not let this pass: {fault}"
    assert finding.source == TESTING.rule
    assert verdict.meets is (evidence.failure is None)


def test_a_host_that_a_policy_in_test_does_not_list_is_told():
    verdict = judged(upgraded(), decided(replace(UNLISTED, enforced=False)))
    assert verdict.meets
    assert found(verdict, WOULD_FAIL).words.endswith("it is not listed")


def test_where_a_test_passes_nothing_is_said():
    assert WOULD_FAIL not in codes(judged(upgraded(), decided(TESTING)))


def test_a_test_says_nothing_of_a_server_that_was_never_reached():
    for evidence in (unheard(ConnectionRefusedError()), heard("S: 421 4.3.2 later")):
        assert WOULD_FAIL not in codes(judged(evidence, decided(TESTING)))


def test_a_policy_in_test_holds_the_certificate_against_the_web_whatever_else_proves_it():
    """RFC 8461, 4.2: a server may meet its TLSA records and yet not be ready for MTA-STS."""
    dane = Policy("dane", Level.AUTHENTICATED, attests=True, tlsa=RECORDS, overrules=True)
    both = decided(dane, TESTING)
    verdict = judged(upgraded(replace(untrusted(), dane=Match(RECORDS.records[0]))), both)
    assert (verdict.code, verdict.meets) == (Code.TLS_OK_AUTHENTICATED, True)
    assert WOULD_FAIL in codes(verdict)
    unmet = Match(None, (Fault.UNTRUSTED,), "none")
    verdict = judged(upgraded(shaken(dane=unmet)), both)
    assert codes(verdict) == {Code.DANE_MISMATCH}


def test_a_list_in_test_holds_the_certificate_against_its_pins():
    key = spki(chain()[0]) or ""
    for pin, fails in ((key, False), ("ab" * 32, True)):
        verdict = judged(upgraded(), decided(replace(TESTING, source="list", pins=(pin,))))
        assert (WOULD_FAIL in codes(verdict)) is fails
        assert verdict.meets


def test_an_unsigned_route_is_no_fault_of_a_policy_in_test():
    assert WOULD_FAIL not in codes(judged(upgraded(), decided(TESTING, named=False)))


# One policy by itself

LOCAL = Policy("local", Level.AUTHENTICATED)
HISTORY = Policy("history", Level.ENCRYPT, attests=True)
DANE = Policy("dane", Level.AUTHENTICATED, attests=True, tlsa=RECORDS)
MET = Match(RECORDS.records[0])
NAME = "the certificate does not prove the name"


@pytest.mark.parametrize(
    ("policy", "evidence", "words"),
    [
        (Policy("local", Level.MAY), stripped(), ""),
        (HISTORY, stripped(), "no TLS"),
        (HISTORY, upgraded(untrusted()), ""),
        (LOCAL, upgraded(), ""),
        (LOCAL, upgraded(untrusted()), NAME),
        (replace(LOCAL, pins=("ab" * 32,)), upgraded(), NAME),
        (replace(LOCAL, pins=(spki(chain()[0]) or "",)), upgraded(), ""),
        (DANE, upgraded(replace(untrusted(), dane=MET)), ""),
        (DANE, upgraded(), NAME),
        (TESTING, upgraded(replace(untrusted(), dane=MET)), NAME),
        (FAILED, upgraded(), "no answer"),
        (UNLISTED, upgraded(), "it is not listed"),
    ],
)
def test_each_policy_is_met_or_not_whatever_the_others_ask(policy, evidence, words):
    for others in ((), (HISTORY,), (Policy("default", Level.AUTHENTICATED),)):
        assert shortfall(policy, decided(policy, *others), evidence) == words


def test_what_has_no_proof_of_its_own_takes_what_the_decision_takes():
    held = upgraded(replace(untrusted(), dane=MET))
    assert shortfall(LOCAL, decided(LOCAL, DANE), held) == ""


def test_who_wants_whoever_is_meant_is_not_content_with_a_server_that_anybody_could_have_named():
    assert shortfall(LOCAL, decided(LOCAL, named=False), upgraded()) == NAME
    steady = replace(HISTORY, level=Level.AUTHENTICATED)  # of this very server
    assert shortfall(steady, decided(steady, named=False), upgraded()) == ""


def test_what_passes_beside_tls_does_not_meet_who_asks_for_it():
    whole = upgraded()
    leaking = replace(whole, upgrade=replace(whole.upgrade, exposed="data in clear"))
    assert shortfall(HISTORY, decided(HISTORY), leaking) == "not everything passes through TLS"

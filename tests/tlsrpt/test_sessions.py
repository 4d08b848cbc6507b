"""What is reported of a session, under each policy that applied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.mta.domains import (
    DOMAIN,
    FORGED,
    NONE,
    NOW,
    UNUSABLE,
    USABLE,
    A,
    B,
    derived,
    lost,
)
from tests.policy.answering import N, answered, failure, text
from unstrip.derivation import Derivation
from unstrip.policy import mta_sts
from unstrip.policy.questions import Https, HttpsFailure, ResultType, Status
from unstrip.tlsrpt.sessions import UNLISTED, Session, attempt
from unstrip.tlsrpt.values import PolicyType

SLOW = failure(Status.TIMEOUT)
RECORD = "v=TLSRPTv1; rua=mailto:a@example.org"
NO_TLS = (ResultType.STARTTLS_NOT_SUPPORTED, "NEVER_OFFERED")
EXPIRED = ((ResultType.CERTIFICATE_EXPIRED, "expired"),)
FINE = Session(A, by_dane=(), by_webpki=())


def told(derivation: Derivation, session: Session | None = FINE):
    """Each policy with whether it failed, and the types of failures."""
    found = attempt(derivation, RECORD, session)
    outcomes = found.outcomes if found else ()
    return [
        (each.policy.kind.value, each.failed, *(failure.result for failure in each.failures))
        for each in outcomes
    ]


BOTH = derived({A: USABLE}, mode="enforce")


def test_both_policies_are_told_of_where_both_apply():
    assert told(BOTH) == [("tlsa", False), ("sts", False)]


def test_what_is_told_of_the_policies_is_what_they_say():
    found = attempt(BOTH, RECORD, FINE)
    tlsa, sts = (each.policy for each in found.outcomes)
    assert (found.domain, found.record) == (DOMAIN, RECORD)
    assert (tlsa.domain, tlsa.strings) == (A, (f"3 1 1 {'01' * 32}",))
    assert (sts.domain, sts.hosts) == (DOMAIN, (A,))
    assert sts.strings == ("version: STSv1", "mode: enforce", f"mx: {A}", "max_age: 604800")


def test_a_policy_that_is_only_tested_is_told_of_all_the_same():
    assert told(derived({A: NONE}, mode="testing"), replace(FINE, broken=NO_TLS)) == [
        ("sts", True, "starttls-not-supported")
    ]


def test_without_tls_every_policy_fails():
    broken = Session(A, broken=NO_TLS)
    failure = "starttls-not-supported"
    assert told(BOTH, broken) == [("tlsa", True, failure), ("sts", True, failure)]


def test_each_policy_judges_the_certificate_for_itself():
    expired = replace(FINE, by_webpki=EXPIRED)
    assert told(BOTH, expired) == [("tlsa", False), ("sts", True, "certificate-expired")]


def test_what_nobody_looked_at_is_left_out():
    assert told(BOTH, Session(A, by_dane=())) == [("tlsa", False)]
    assert told(BOTH, Session(A)) == []


@pytest.mark.parametrize("mode", ["", "none"])
def test_without_a_policy_none_is_told_of(mode):
    plain = derived({A: NONE}, mode=mode)
    assert told(plain) == [("no-policy-found", False)]
    assert told(plain, Session(A, by_webpki=EXPIRED)) == [("no-policy-found", False)]
    assert told(plain, Session(A, broken=NO_TLS)) == [
        ("no-policy-found", True, "starttls-not-supported")
    ]


def test_a_server_that_the_policy_does_not_name_fails_it():
    found = attempt(derived({A: NONE}, mode="enforce", mx=[B]), RECORD, FINE)
    (outcome,) = found.outcomes
    assert outcome.failed
    assert [(each.result, each.reason) for each in outcome.failures] == [
        ("validation-failure", UNLISTED)
    ]


def test_records_that_nobody_can_use_are_told_of_and_ask_for_tls():
    unusable = derived({A: UNUSABLE})
    assert told(unusable) == [("tlsa", False, "tlsa-invalid")]
    assert told(unusable, Session(A, broken=NO_TLS)) == [
        ("tlsa", True, "tlsa-invalid", "starttls-not-supported")
    ]


@pytest.mark.parametrize("session", [FINE, None])
def test_records_that_dnssec_does_not_vouch_for_fail_without_a_session(session):
    found = attempt(derived({A: FORGED}), RECORD, session)
    (outcome,) = found.outcomes
    assert (outcome.policy.kind, outcome.policy.domain) == (PolicyType.TLSA, A)
    assert [each.result for each in outcome.failures] == ["dnssec-invalid"]


def test_a_look_up_that_took_too_long_is_told_to_nobody():
    assert told(derived({A: SLOW})) == []
    assert told(derived({A: SLOW}), None) == []


def test_servers_that_could_not_be_found_out_are_told_of():
    assert told(lost(), None) == [("tlsa", True, "dnssec-invalid")]


def failing(result: ResultType) -> dict:
    return {
        **text(f"_mta-sts.{DOMAIN}", b"v=STSv1; id=2;"),
        Https(f"mta-sts.{DOMAIN}", mta_sts.PATH): HttpsFailure(result, "why"),
    }


def test_a_policy_that_cannot_be_had_fails_every_session():
    broken = replace(derived({A: NONE}), sts=unfetched())
    for session in (FINE, None):
        assert told(broken, session) == [("sts", True, "sts-webpki-invalid")]


def unfetched():
    answers = failing(ResultType.STS_WEBPKI_INVALID)
    return answered(mta_sts.discover(DOMAIN, NOW), answers).result


def test_a_policy_that_cannot_be_had_anew_is_told_of_beside_the_one_that_holds():
    whole = derived({A: NONE}, mode="enforce")
    stale = replace(whole, sts=replace(whole.sts, fetch=unfetched().fetch))
    assert told(stale) == [("sts", False, "sts-webpki-invalid")]


def test_of_a_server_that_was_not_derived_only_the_domains_policy_is_known():
    other = replace(FINE, host=B)
    assert told(derived({A: USABLE}, mode="enforce", mx=[A, B]), other) == [("sts", False)]
    assert told(derived({A: NONE}), other) == []


def test_a_failure_says_who_and_where_and_no_novel():
    session = Session(A, (ResultType.VALIDATION_FAILURE, "x" * 999), None, None, "1", "2", "3")
    (outcome,) = attempt(derived({A: NONE}, N), RECORD, session).outcomes
    (failure,) = outcome.failures
    assert (failure.sending_ip, failure.host, failure.helo) == ("1", A, "3")
    assert (failure.receiving_ip, len(failure.reason)) == ("2", 300)

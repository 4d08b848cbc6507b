"""What a check saw, as it is reported."""

from __future__ import annotations

import pytest

from tests.verdict.scenes import (
    ADDRESS,
    HOST,
    chain,
    hidden,
    judged,
    refused,
    shaken,
    stripped,
    unheard,
    untrusted,
    upgraded,
)
from unstrip.certificates import Fault
from unstrip.handshake import Handshake
from unstrip.policy.questions import ResultType
from unstrip.tlsa import Match
from unstrip.tlsrpt.observed import RESULTS, session
from unstrip.verdict import Code

NO_TLS = ResultType.STARTTLS_NOT_SUPPORTED
TRUSTED = ResultType.CERTIFICATE_NOT_TRUSTED


def seen(evidence):
    return session(evidence, judged(evidence))


def of_certificate(handshake: Handshake):
    found = seen(upgraded(handshake))
    assert found.broken is None
    return found


def results(faults):
    return [result.value for result, _ in faults]


def test_every_code_is_a_type_of_failure_or_none():
    assert set(RESULTS) == set(Code)


@pytest.mark.parametrize("code", [c for c in Code if c.unknown or c.note])
def test_what_could_not_be_told_or_only_adds_is_no_failure(code):
    assert RESULTS[code] is None


@pytest.mark.parametrize("code", [c for c in Code if c.name.startswith("TLS_OK")])
def test_what_is_as_it_should_be_is_no_failure(code):
    assert RESULTS[code] is None


@pytest.mark.parametrize("evidence", [stripped(), refused()])
def test_a_server_without_tls_looks_like_one_whoever_made_it_so(evidence):
    result, why = seen(evidence).broken
    assert result is NO_TLS
    assert why.split()[0] in Code.__members__


def test_tls_that_was_asked_for_without_an_offer_is_tls():
    assert seen(hidden()).broken is None


def test_where_nothing_was_seen_nothing_is_reported():
    assert seen(unheard(TimeoutError())) is None


def test_a_good_certificate_has_no_fault():
    assert of_certificate(shaken()).by_webpki == ()
    assert of_certificate(shaken()).by_dane is None


def test_an_unknown_issuer_is_reported():
    assert results(of_certificate(untrusted()).by_webpki) == ["certificate-not-trusted"]


@pytest.mark.parametrize(
    ("faults", "types"),
    [
        ((Fault.WRONG_NAME,), ["certificate-host-mismatch"]),
        ((Fault.EXPIRED, Fault.WRONG_NAME), ["certificate-expired", "certificate-host-mismatch"]),
        ((Fault.WEAK,), ["validation-failure"]),
    ],
)
def test_each_fault_under_dane_is_reported_once(faults, types):
    found = of_certificate(shaken(chain(), dane=Match(None, faults)))
    assert results(found.by_dane) == types


def test_who_it_was_is_reported():
    found = seen(upgraded())
    assert (found.host, found.receiving_ip, found.helo) == (HOST, ADDRESS, "mx")

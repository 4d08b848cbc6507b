"""Codes stand in order of gravity; what a verdict comes to follows from its code."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verdict.scenes import MAY, judged, refused, steadily, stripped, unheard, upgraded
from unstrip.evidence import from_json, to_json
from unstrip.policy import Decision, Level, Policy
from unstrip.verdict import Code, Exposure, Finding, Proof, Reach, Standing, Verdict

NOWHERE = Exposure(Reach.UNKNOWN, Reach.UNKNOWN, Reach.UNKNOWN)

TAMPERING = {
    "PLAINTEXT_INJECTED",
    "STATE_SPOOFED",
    "DESYNC_GREETING_IN_TLS",
    "TLS_INTERCEPTED",
    "COMMAND_MASKED",
    "REQUEST_FILTERED",
    "OFFER_MASKED",
    "OFFER_REMOVED",
    "OFFER_HIDDEN",
}
UNKNOWN = {
    "RATE_LIMITED",
    "SERVICE_REFUSED",
    "NAME_UNRESOLVED",
    "UNREACHABLE",
    "DEADLINE_PASSED",
    "CONNECTION_RESET",
    "CONNECTION_CLOSED",
    "ENDLESS_ANSWER",
    "NOT_THE_PROTOCOL",
    "INCONCLUSIVE",
}
NOTES = {
    "ROUTE_UNPROVEN",
    "TESTING_WOULD_FAIL",
    "DEVICE_IN_PATH",
    "LINE_INSERTED",
    "ANSWERED_NEARER",
    "CAPABILITIES_DIFFER",
    "OFFERED_INSIDE_TLS",
    "LOGIN_OFFERED_IN_CLEAR",
    "NO_FORWARD_SECRECY",
    "CERTIFICATE_EXPIRES_SOON",
    "KEY_CHANGED",
}


def verdict(code: Code, *, meets: bool = False, findings: tuple[Finding, ...] = ()) -> Verdict:
    return Verdict(code, meets, NOWHERE, findings, MAY)


def test_every_code_has_a_rank_of_its_own_from_the_gravest_on():
    assert [code.rank for code in Code] == list(range(len(Code)))


def test_a_code_is_written_as_it_is_called():
    assert all(code.value == code.name for code in Code)


@pytest.mark.parametrize("code", Code)
def test_each_code_is_in_the_kind_it_belongs_to(code):
    assert code.tampering is (code.value in TAMPERING)
    assert code.unknown is (code.value in UNKNOWN)
    assert code.note is (code.value in NOTES)


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("meets", [True, False])
def test_what_it_comes_to(code, meets):
    standing = verdict(code, meets=meets).standing
    if code.tampering:
        assert standing is Standing.TAMPERED
    elif meets:
        assert standing is Standing.MEETS
    else:
        assert standing is (Standing.UNKNOWN if code.unknown else Standing.FALLS_SHORT)


def test_the_confidence_is_that_of_the_finding_that_names_it():
    findings = (Finding(Code.OFFER_REMOVED, 0.7, "x"), Finding(Code.KEY_CHANGED, 0.99, "y"))
    assert verdict(Code.OFFER_REMOVED, findings=findings).confidence == 0.7


def test_a_verdict_without_such_a_finding_is_certain():
    assert verdict(Code.TLS_OK_AUTHENTICATED).confidence == 1.0


@pytest.mark.parametrize(
    "made",
    [
        judged(upgraded()),
        judged(stripped(), history=steadily(upgraded())),
        judged(refused('454 4.7.0 "\\x1b[31m\\xff')),
        judged(unheard(ConnectionRefusedError())),
    ],
    ids=["upgraded", "removed", "refused", "closed"],
)
def test_a_verdict_goes_to_json_and_back_without_loss(made):
    assert from_json(Verdict, to_json(made)) == made


confidences = st.floats(0, 1)
proofs = st.builds(Proof, st.integers(0, 99), st.integers(0, 99), st.binary(max_size=9))
findings = st.builds(
    Finding,
    code=st.sampled_from(Code),
    confidence=confidences,
    words=st.text(max_size=9),
    because=st.lists(st.text(max_size=9), max_size=2).map(tuple),
    proof=st.lists(proofs, max_size=2).map(tuple),
    source=st.text(max_size=9),
)
reach = st.sampled_from(Reach)
policies = st.builds(Policy, st.text(max_size=9), st.sampled_from(Level), st.text(max_size=9))
verdicts = st.builds(
    Verdict,
    code=st.sampled_from(Code),
    meets=st.booleans(),
    exposure=st.builds(Exposure, reach, reach, reach),
    findings=st.lists(findings, max_size=3).map(tuple),
    decision=st.builds(Decision, st.sampled_from(Level), st.lists(policies, max_size=2).map(tuple)),
)


@given(verdicts)
def test_so_does_any_verdict(made):
    assert from_json(Verdict, to_json(made)) == made


@pytest.mark.parametrize("broken", [b"", b"{}", b'{"code": "NONE"}', b"[1]", b"\xff"])
def test_what_is_no_verdict_is_a_value_error(broken):
    with pytest.raises(ValueError):  # noqa: PT011  # its subclasses are the library's
        from_json(Verdict, broken)


def test_findings_of_a_verdict_stand_in_order_of_gravity():
    made = judged(stripped(), history=steadily(upgraded()), beside=[upgraded()])
    assert all(one.code.rank < two.code.rank for one, two in pairwise(made.findings))

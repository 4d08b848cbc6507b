"""`judge` as a whole: every code, what names a verdict, and evidence that makes no sense."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given

from tests.verdict import strategies as some
from tests.verdict.scenes import (
    ASKED,
    EHLO,
    ENCRYPT,
    GRANTED,
    HOST,
    IMAP,
    MAY,
    NOW,
    OFFER,
    SMTPS,
    VERIFY,
    chain,
    codes,
    ftp,
    heard,
    hidden,
    implicit,
    judged,
    refused,
    self_made,
    shaken,
    steadily,
    stripped,
    unheard,
    untrusted,
    upgraded,
)
from unstrip.certificates import Fault
from unstrip.evidence import Evidence, Failure, from_json, to_json
from unstrip.io.addresses import Unresolved
from unstrip.policy import Decision, Level, Policy
from unstrip.tlsa import Match, Tlsa, TlsaSet
from unstrip.trouble import Trouble
from unstrip.upgrade import Manner, Outcome, Upgrade
from unstrip.verdict import Code, Standing, Verdict, judge
from unstrip.verdict.values import Finding

# -- every code ------------------------------------------------------------------------


def listed(word: str, *then: str) -> Evidence:
    """SMTP, with this word at the end of its list."""
    return heard(*OFFER[:-1], f"S: 250 {word}", *then)


def masked() -> Evidence:
    return heard("S: 220 mx ESMTP", EHLO, "S: 250-mx", "S: 250 XXXXXXXA")


def ends_soon() -> Evidence:
    return upgraded(shaken(chain("soon", not_after=NOW + timedelta(days=3))))


OLDER = shaken(version="TLSv1.2")
OTHER_PIN = Decision(Level.AUTHENTICATED, pins=("ab" * 32,))
OTHER_RECORD = Decision(Level.AUTHENTICATED, tlsa=TlsaSet((Tlsa(3, 1, 1, bytes(32)),), (HOST,)))
UNMET = Match(None, (Fault.UNTRUSTED,), "none of 1 usable TLSA records is met")
REFUSING = Decision(Level.MAY, refuses="no answer")
TESTED = Policy("mta-sts", Level.AUTHENTICATED, enforced=False, webpki=True)
NO_SECRECY = shaken(version="TLSv1.2", cipher="AES256-SHA", forward_secrecy=False)
SLOW = refused(delays=[0.2, 0.2, 0.2])

CASES: dict[Code, Callable[[], Verdict]] = {
    Code.PLAINTEXT_INJECTED: lambda: judged(heard(*OFFER, ASKED, "S: 220 go", "S: 250 mx")),
    Code.STATE_SPOOFED: lambda: judged(heard("S: * PREAUTH hello", endpoint=IMAP)),
    Code.DESYNC_GREETING_IN_TLS: lambda: judged(heard(*OFFER, *GRANTED[:4], "S: 220 mx")),
    Code.TLS_INTERCEPTED: lambda: judged(upgraded(untrusted()), elsewhere=[upgraded()]),
    Code.COMMAND_MASKED: lambda: judged(refused("500 unknown: XXXXXXXX")),
    Code.REQUEST_FILTERED: lambda: judged(refused(), beside=[upgraded(manner=Manner.SPLIT)]),
    Code.OFFER_MASKED: lambda: judged(masked()),
    Code.OFFER_REMOVED: lambda: judged(stripped(), elsewhere=[upgraded()]),
    Code.OFFER_HIDDEN: lambda: judged(hidden()),
    Code.TLS_DOWNGRADED: lambda: judged(upgraded(OLDER), history=[upgraded()]),
    Code.BOGUS_ANSWER: lambda: judged(refused("250 ok")),
    Code.PLAINTEXT_INSTEAD_OF_TLS: lambda: judged(
        heard(*OFFER, ASKED, "S: 220 go", "<ClientHello>", "R: 454 no", "<TLS fails>")
    ),
    Code.RESET_AT_UPGRADE: lambda: judged(heard(*OFFER, ASKED, "<reset>")),
    Code.SILENT_AFTER_REQUEST: lambda: judged(heard(*OFFER, ASKED, "<silence>")),
    Code.REJECTED_AFTER_OFFER: lambda: judged(refused()),
    Code.CAPABILITIES_REFUSED: lambda: judged(heard("S: 220 mx ESMTP", EHLO, "S: 502 no")),
    Code.TLS_FAILED: lambda: judged(
        heard(*OFFER, ASKED, "S: 220 go", "<ClientHello>", "<TLS alert>")
    ),
    Code.NEVER_OFFERED: lambda: judged(stripped(), history=steadily(stripped())),
    Code.OFFER_ABSENT_UNEXPLAINED: lambda: judged(stripped()),
    Code.NO_GREETING_IN_TLS: lambda: judged(heard("<silence>", endpoint=SMTPS)),
    Code.PARTLY_IN_CLEAR: lambda: judged(ftp("536 no")),
    Code.PIN_MISMATCH: lambda: judged(upgraded(), OTHER_PIN),
    Code.DANE_MISMATCH: lambda: judged(upgraded(shaken(dane=UNMET)), OTHER_RECORD),
    Code.HOST_REFUSED: lambda: judged(upgraded(), REFUSING),
    Code.CERTIFICATE_INVALID: lambda: judged(
        upgraded(untrusted(), failure=Failure(Trouble.UNMET, "not proved")), VERIFY
    ),
    Code.RATE_LIMITED: lambda: judged(heard("S: 421 4.3.2 later")),
    Code.SERVICE_REFUSED: lambda: judged(heard("S: 554 5.3.2 no")),
    Code.NAME_UNRESOLVED: lambda: judged(unheard(Unresolved("no address"))),
    Code.UNREACHABLE: lambda: judged(unheard(ConnectionRefusedError())),
    Code.DEADLINE_PASSED: lambda: judged(heard("<silence>")),
    Code.CONNECTION_RESET: lambda: judged(heard("<reset>")),
    Code.CONNECTION_CLOSED: lambda: judged(heard("<EOF>")),
    Code.ENDLESS_ANSWER: lambda: judged(heard(*["S: 220-x"] * 200)),
    Code.NOT_THE_PROTOCOL: lambda: judged(heard("S: SSH-2.0-x")),
    Code.INCONCLUSIVE: lambda: judged(
        heard(*OFFER, "C: QSTARTTLSQ", "S: 500 no", manner=Manner.CANARY)
    ),
    Code.TLS_OK_UNAUTHENTICATED: lambda: judged(upgraded(untrusted())),
    Code.TLS_OK_AUTHENTICATED: lambda: judged(upgraded()),
}
NOTES: dict[Code, Callable[[], Verdict]] = {
    Code.ROUTE_UNPROVEN: lambda: judged(upgraded(), Decision(Level.MAY, vouched=False)),
    Code.TESTING_WOULD_FAIL: lambda: judged(stripped(), Decision(Level.MAY, tested=(TESTED,))),
    Code.DEVICE_IN_PATH: lambda: judged(listed("XXXXXXXXXA", *GRANTED)),
    Code.LINE_INSERTED: lambda: judged(refused("200 STRIPTLS")),
    Code.ANSWERED_NEARER: lambda: judged(refused(delays=[0.2, 0.2, 0.0]), beside=[SLOW] * 5),
    Code.CAPABILITIES_DIFFER: lambda: judged(
        listed("AUTH GSSAPI", *GRANTED[:-1], "S: 250 AUTH NTLM")
    ),
    Code.OFFERED_INSIDE_TLS: lambda: judged(heard(*OFFER, *GRANTED[:-1], "S: 250 STARTTLS")),
    Code.LOGIN_OFFERED_IN_CLEAR: lambda: judged(listed("AUTH PLAIN")),
    Code.NO_FORWARD_SECRECY: lambda: judged(upgraded(NO_SECRECY)),
    Code.CERTIFICATE_EXPIRES_SOON: lambda: judged(ends_soon()),
    Code.KEY_CHANGED: lambda: judged(upgraded(shaken(chain("second"))), history=[upgraded()]),
}


@pytest.mark.parametrize("code", CASES)
def test_each_code_names_a_verdict(code):
    verdict = CASES[code]()
    assert verdict.code is code
    assert 0 < verdict.confidence <= 1


@pytest.mark.parametrize("code", NOTES)
def test_each_note_is_found_and_names_no_verdict(code):
    verdict = NOTES[code]()
    assert code in codes(verdict)
    assert verdict.code is not code


def test_no_code_is_left_out_here():
    assert set(CASES) | set(NOTES) == set(Code)
    assert set(NOTES) == {code for code in Code if code.note}


# -- what names a verdict --------------------------------------------------------------


@pytest.mark.parametrize("make", [*CASES.values(), *NOTES.values()])
def test_the_gravest_finding_names_the_verdict(make):
    verdict = make()
    grave = [one.code for one in verdict.findings if not one.code.note]
    assert [one.code.rank for one in verdict.findings] == sorted(
        one.code.rank for one in verdict.findings
    )
    if grave and grave[0] is not Code.CERTIFICATE_INVALID:
        assert verdict.code is grave[0]


@pytest.mark.parametrize("make", [*CASES.values(), *NOTES.values()])
def test_what_could_be_told_is_not_told_beside_what_could_not(make):
    kinds = {code.unknown for code in codes(make()) if not code.note}
    assert kinds != {True, False}


def test_there_is_one_finding_a_code_the_surest():
    greeted = heard(
        "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi",
        "C: u1 CAPABILITY",
        "S: * CAPABILITY IMAP4rev1",
        "S: u1 OK done",
        endpoint=IMAP,
    )
    seen = replace(greeted, upgrade=replace(greeted.upgrade, advertised=True), address="other")
    verdict = judged(greeted, elsewhere=[seen])
    assert [one.confidence for one in verdict.findings] == [0.9]  # 0.7 says the other rule


# -- may the caller go on? -------------------------------------------------------------

PINNED_OTHERWISE = Decision(Level.AUTHENTICATED, pins=("ab" * 32,))
MEETS = {
    "verified, verify": (upgraded(), VERIFY, True),
    "verified, pinned otherwise": (upgraded(), PINNED_OTHERWISE, False),
    "verified, no record is met": (upgraded(shaken(dane=UNMET)), OTHER_RECORD, False),
    "verified, host refused": (upgraded(), REFUSING, False),
    "in clear, host refused": (stripped(), REFUSING, False),
    "verified, may": (upgraded(), MAY, True),
    "unverified, verify": (upgraded(untrusted()), VERIFY, False),
    "unverified, encrypt": (upgraded(untrusted()), ENCRYPT, True),
    "unverified, may": (upgraded(untrusted()), MAY, True),
    "implicit, verify": (implicit(), VERIFY, True),
    "in clear, verify": (stripped(), VERIFY, False),
    "in clear, encrypt": (stripped(), ENCRYPT, False),
    "in clear, may": (stripped(), MAY, True),
    "refused, encrypt": (refused(), ENCRYPT, False),
    "refused, may": (refused(), MAY, True),
    "busy, may": (heard("S: 421 4.3.2 later"), MAY, False),
    "no service, may": (heard("S: 554 5.3.2 no"), MAY, False),
    "injected, may": (heard(*OFFER, ASKED, "S: 220 go", "S: 250 x"), MAY, False),
    "spoofed, may": (heard("S: * PREAUTH hi", endpoint=IMAP), MAY, False),
    "reset, may": (heard(*OFFER, ASKED, "<reset>"), MAY, False),
    "cut inside, may": (heard(*OFFER, *GRANTED[:4], "<EOF>"), MAY, False),
    "closed, may": (unheard(ConnectionRefusedError()), MAY, False),
    "not accepted": (upgraded(failure=Failure(Trouble.UNMET, "no")), MAY, False),
}


@pytest.mark.parametrize(("evidence", "decision", "meets"), MEETS.values(), ids=MEETS)
def test_the_link_meets_what_was_asked_for_or_it_does_not(evidence, decision, meets):
    assert judged(evidence, decision).meets is meets


STANDINGS = {
    "all is well": (judged(upgraded(), VERIFY), Standing.MEETS),
    "clear, as allowed": (judged(stripped(), MAY), Standing.MEETS),
    "clear, not allowed": (judged(stripped(), VERIFY), Standing.FALLS_SHORT),
    "refused": (judged(refused(), VERIFY), Standing.FALLS_SHORT),
    "wrong certificate": (judged(upgraded(untrusted()), VERIFY), Standing.FALLS_SHORT),
    "hidden, though it works": (judged(hidden(), VERIFY), Standing.TAMPERED),
    "masked, though allowed": (judged(masked(), MAY), Standing.TAMPERED),
    "busy": (judged(heard("S: 421 4.3.2 later"), MAY), Standing.UNKNOWN),
    "unreachable": (judged(unheard(ConnectionRefusedError()), MAY), Standing.UNKNOWN),
}


@pytest.mark.parametrize(("verdict", "standing"), STANDINGS.values(), ids=STANDINGS)
def test_what_it_comes_to(verdict, standing):
    assert verdict.standing is standing


def test_the_verdict_holds_the_decision():
    assert judged(upgraded(), ENCRYPT).decision is ENCRYPT


def test_generators_will_do_for_the_other_evidence():
    verdict = judge(
        MAY, stripped(), (e for e in steadily(upgraded())), iter(()), (e for e in [upgraded()])
    )
    assert verdict.code is Code.OFFER_REMOVED


# -- evidence that makes no sense ------------------------------------------------------

GARBAGE_BUT_VALID = replace(upgraded(), handshake=shaken((b"garbage",), webpki=shaken().webpki))


@given(some.decisions, some.evidence, some.several, some.several, some.several)
@example(MAY, replace(upgraded(), upgrade=Upgrade(Outcome.UPGRADED)), [], [], [])
@example(VERIFY, GARBAGE_BUT_VALID, [], [], [])
@example(VERIFY, replace(stripped(), upgrade=None), [stripped()], [stripped()], [stripped()])
def test_any_evidence_has_a_verdict(decision, evidence, history, beside, elsewhere):
    verdict = judge(decision, evidence, history, beside, elsewhere)
    assert all(0 < one.confidence < 1 for one in verdict.findings)
    assert not math.isnan(verdict.confidence)
    assert from_json(Verdict, to_json(verdict)) == verdict


@given(some.decisions, some.evidence, some.several)
def test_a_link_below_the_level_never_meets_it(decision, evidence, history):
    verdict = judge(decision, evidence, history)
    if verdict.meets and decision.level >= Level.ENCRYPT:
        assert evidence.secured


@given(some.decisions, some.evidence)
def test_evidence_goes_to_json_and_back_without_loss(decision, evidence):
    assert from_json(Evidence, to_json(evidence)) == evidence
    assert from_json(Decision, to_json(decision)) == decision


# -- nothing that a peer said reaches a terminal as it is ------------------------------


def plain(finding: Finding) -> bool:
    text = "".join((finding.words, *finding.because, finding.source))
    return text.isascii() and text.isprintable()


NASTY = "\\x1b[31m\\x9b\\x07"


@pytest.mark.parametrize(
    "evidence",
    [
        heard(f"S: 421 4.3.2 {NASTY}"),
        heard(f"S: 554 5.3.2 {NASTY}"),
        heard(f"S: {NASTY}"),
        heard(f"S: 220 mx {NASTY}", EHLO, f"S: 502 {NASTY}"),
        refused(f"454 {NASTY}"),
        refused(f"250 {NASTY}"),
        refused(f"{NASTY}"),
        heard(*OFFER, ASKED, "S: 220 go", f"S: {NASTY}"),
        heard(*OFFER, ASKED, "S: 220 go", "<ClientHello>", f"R: {NASTY}", "<TLS fails>"),
        heard(f"S: * PREAUTH {NASTY}", endpoint=IMAP),
        heard(f"S: 220 {NASTY}\\", "<EOF>"),
    ],
)
def test_terminal_escapes_of_a_peer_are_escaped_in_findings(evidence):
    verdict = judged(evidence, VERIFY)
    assert verdict.findings
    assert all(plain(finding) for finding in verdict.findings)


def test_terminal_escapes_in_a_login_mechanism_are_escaped():
    evidence = listed(f"AUTH {NASTY}", *GRANTED[:-1], "S: 250 AUTH NTLM")
    assert all(plain(finding) for finding in judged(evidence).findings)


@pytest.mark.parametrize(
    "der",
    [
        self_made("mx", "mx.example.net\x1b[31m"),
        self_made("\x1b]0;title\x07.localdomain"),
    ],
    ids=["alternative name", "subject"],
)
def test_terminal_escapes_in_a_certificates_names_are_escaped(der):
    verdict = judged(upgraded(shaken(der)))
    assert verdict.findings
    assert all(plain(finding) for finding in verdict.findings)


def test_what_a_greeting_inside_tls_says_is_escaped_as_well():
    evidence = heard(*OFFER, *GRANTED[:4], "S: 220 \\xe2\\x80\\xa8 \\xc3\\xbc")
    assert all(plain(finding) for finding in judged(evidence).findings)

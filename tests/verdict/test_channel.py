"""The TLS that stands: who is at the other end, how strong it is, what it hides."""

from __future__ import annotations

from dataclasses import astuple, replace
from datetime import timedelta

import pytest

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
    POP3,
    SMTPS,
    VERIFY,
    chain,
    codes,
    days_ago,
    found,
    ftp,
    heard,
    implicit,
    judged,
    refused,
    self_made,
    shaken,
    stripped,
    unheard,
    untrusted,
    upgraded,
)
from unstrip.certificates import Fault, spki
from unstrip.evidence import Failure
from unstrip.handshake import Handshake
from unstrip.policy import Decision, Level, Policy, decide
from unstrip.tlsa import Match, Tlsa, TlsaSet
from unstrip.trouble import Trouble
from unstrip.verdict import Code, Exposure, Reach, Standing, authenticated, exposure, good_enough

INTERCEPTED, INVALID = Code.TLS_INTERCEPTED, Code.CERTIFICATE_INVALID
REFUSAL = Failure(Trouble.UNMET, "the peer did not prove who it is")
SELF_MADE = {"not_before": NOW - timedelta(hours=1), "not_after": NOW + timedelta(hours=20)}


RECORD = Tlsa(3, 1, 1, bytes(32))
RECORDS = TlsaSet((RECORD,), (HOST,))
MET = Match(RECORD)


def by_dane() -> Decision:
    """A decision that wants the record to be met."""
    return Decision(Level.AUTHENTICATED, tlsa=RECORDS)


def untrusted_but(match: Match) -> Handshake:
    """A certificate from nobody we know, held against the records."""
    return replace(untrusted(), dane=match)


def pinned(*labels: str) -> Decision:
    """A decision that pins the keys of these chains."""
    keys = (spki(chain(label)[0]) for label in labels)
    return Decision(Level.AUTHENTICATED, pins=tuple(key for key in keys if key))


# -- authenticated, good enough --------------------------------------------------------


def test_a_valid_certificate_authenticates():
    assert authenticated(VERIFY, shaken())


@pytest.mark.parametrize(
    "handshake",
    [
        None,
        untrusted(),
        shaken(chain("other", "mx.example.net")),
        shaken(chain("old", not_after=NOW - timedelta(days=1))),
        shaken(chain("new", not_before=NOW + timedelta(days=1))),
        shaken(()),
        shaken((b"garbage",)),
        shaken(webpki=None),
    ],
    ids=["none", "untrusted", "name", "expired", "early", "no chain", "garbage", "never asked"],
)
def test_nothing_else_does(handshake):
    assert not authenticated(VERIFY, handshake)


def test_a_pinned_key_authenticates_whoever_issued_the_certificate():
    stranger = untrusted()
    pins = (spki(stranger.chain[0]) or "",)
    assert authenticated(Decision(Level.AUTHENTICATED, pins=pins), stranger)


def test_any_one_of_the_pins_will_do():
    assert authenticated(pinned("second", "first"), shaken(chain("first")))


def test_where_keys_are_pinned_a_valid_certificate_with_another_key_does_not():
    assert not authenticated(pinned("second"), shaken(chain("first")))


def test_a_certificate_that_cannot_be_read_has_no_key_to_pin():
    assert not authenticated(pinned("first"), shaken((b"garbage",)))


@pytest.mark.parametrize(
    ("decision", "fine"), [(MAY, True), (ENCRYPT, True), (VERIFY, False), (pinned("a"), False)]
)
def test_only_who_insists_on_a_proof_minds_its_absence(decision, fine):
    assert good_enough(decision, untrusted()) is fine


@pytest.mark.parametrize("decision", [MAY, ENCRYPT, VERIFY])
def test_a_valid_certificate_is_good_enough_for_everyone(decision):
    assert good_enough(decision, shaken())


# -- by TLSA records -------------------------------------------------------------------


def test_a_record_that_is_met_authenticates_whoever_issued_the_certificate():
    assert authenticated(by_dane(), untrusted_but(MET))
    assert good_enough(by_dane(), untrusted_but(MET))


@pytest.mark.parametrize(
    "match",
    [
        None,
        Match(None, (Fault.UNTRUSTED,), "none of 1 usable TLSA records is met"),
        Match(RECORD, (Fault.EXPIRED,)),
        Match(None),
        Match(replace(RECORD, data=b"\1" * 32)),
    ],
    ids=["never compared", "not met", "met but for a fault", "none", "another record"],
)
def test_where_there_are_records_a_valid_certificate_that_meets_none_does_not(match):
    assert not authenticated(by_dane(), shaken(dane=match))
    assert not good_enough(by_dane(), shaken(dane=match))


def test_a_pin_goes_before_the_records():
    assert not authenticated(replace(pinned("second"), tlsa=RECORDS), shaken(dane=MET))


def test_records_that_nobody_has_to_meet_prove_nothing():
    assert not authenticated(VERIFY, untrusted_but(MET))


# -- a host that only an unsigned answer named (P-11) ----------------------------------

WISH = Policy("command line", Level.AUTHENTICATED)
MEMORY = Policy("history", Level.AUTHENTICATED, attests=True)
HALF = Policy("dane", Level.AUTHENTICATED, attests=True, tlsa=RECORDS)


def unvouched(*policies: Policy) -> Decision:
    return decide(policies, NOW, named=False)


@pytest.mark.parametrize(
    ("decision", "handshake"),
    [(unvouched(), shaken()), (unvouched(MEMORY), shaken()), (unvouched(HALF), shaken(dane=MET))],
    ids=["no policy", "history", "dane"],
)
def test_whoever_proves_to_be_such_a_host_is_not_authenticated_and_yet_good_enough(
    decision, handshake
):
    assert not authenticated(decision, handshake)
    assert good_enough(decision, handshake)
    assert exposure(decision, upgraded(handshake)).attacker is READS


@pytest.mark.parametrize("decision", [unvouched(MEMORY), unvouched(HALF)], ids=["history", "dane"])
def test_whoever_does_not_even_prove_that_is_not_good_enough(decision):
    assert not good_enough(decision, untrusted())


@pytest.mark.parametrize(
    "decision",
    [
        unvouched(WISH),
        unvouched(WISH, HALF),
        unvouched(WISH, MEMORY),
        Decision(Level.AUTHENTICATED, vouched=False),
    ],
    ids=["alone", "beside dane", "beside history", "for no reason"],
)
def test_to_who_asks_for_a_proof_such_a_host_is_not_good_enough(decision):  # R10
    assert not good_enough(decision, shaken(dane=MET))


def test_a_host_that_is_not_to_be_used_is_never_good_enough():
    refusing = Policy("dane", Level.MAY, refuses="no answer")
    assert not good_enough(decide([refusing], NOW), shaken())


# -- exposure --------------------------------------------------------------------------

SAFE, READS, UNKNOWN = Reach.SAFE, Reach.READS, Reach.UNKNOWN
RSA = {"version": "TLSv1.2", "cipher": "AES256-GCM-SHA384", "group": None, "forward_secrecy": False}

EXPOSED = {
    "proved": (upgraded(), SAFE, SAFE, SAFE),
    "implicit": (implicit(), SAFE, SAFE, SAFE),
    "unproved": (upgraded(untrusted()), SAFE, READS, SAFE),
    "without forward secrecy": (upgraded(shaken(**RSA)), SAFE, SAFE, READS),
    "neither": (upgraded(replace(untrusted(), **RSA)), SAFE, READS, READS),
    "in clear": (stripped(), READS, READS, READS),
    "refused": (refused(), READS, READS, READS),
    "led astray": (heard("S: * PREAUTH hi", endpoint=IMAP), READS, READS, READS),
    "injected": (heard(*OFFER, ASKED, "S: 220 go", "S: 250 x"), READS, READS, READS),
    "not accepted": (upgraded(untrusted(), failure=REFUSAL), SAFE, READS, SAFE),
    "busy": (heard("S: 421 4.3.2 later"), UNKNOWN, UNKNOWN, UNKNOWN),
    "no service": (heard("S: 554 5.3.2 no"), UNKNOWN, UNKNOWN, UNKNOWN),
    "closed": (unheard(ConnectionRefusedError()), UNKNOWN, UNKNOWN, UNKNOWN),
    "silent": (heard("<silence>"), UNKNOWN, UNKNOWN, UNKNOWN),
}


@pytest.mark.parametrize(
    ("evidence", "wiretap", "attacker", "later"), EXPOSED.values(), ids=EXPOSED
)
def test_three_answers_say_who_can_read_it(evidence, wiretap, attacker, later):
    assert exposure(VERIFY, evidence) == Exposure(wiretap, attacker, later)


def test_a_pin_decides_whether_an_active_attacker_can_read_it():
    assert exposure(pinned("first"), upgraded()).attacker is SAFE
    assert exposure(pinned("second"), upgraded()).attacker is READS


# -- the certificate -------------------------------------------------------------------

BAD = {
    "untrusted": (untrusted(), "no trusted issuer"),
    "wrong name": (shaken(chain("n", "mx.example.net")), "wrong name"),
    "expired": (shaken(chain("e", not_after=NOW - timedelta(days=1))), "expired"),
    "not valid yet": (shaken(chain("y", not_before=NOW + timedelta(days=1))), "not valid yet"),
    "unreadable": (shaken((b"garbage",)), "cannot be read"),
    "none": (shaken(()), "cannot be read"),
}


@pytest.mark.parametrize(("handshake", "fault"), BAD.values(), ids=BAD)
def test_a_bad_certificate_alone_is_misconfigured_and_no_interception(handshake, fault):
    verdict = judged(upgraded(handshake), VERIFY)
    assert codes(verdict) == {INVALID}
    assert verdict.code is Code.TLS_OK_UNAUTHENTICATED
    assert verdict.standing is Standing.FALLS_SHORT
    assert fault in found(verdict, INVALID).words
    assert HOST in found(verdict, INVALID).words


def test_a_certificate_for_another_name_says_for_which():
    words = found(judged(upgraded(shaken(chain("n", "mx.example.net")))), INVALID).words
    assert "it is for mx.example.net" in words


def test_a_certificate_for_the_right_name_does_not():
    assert "it is for" not in found(judged(upgraded(untrusted())), INVALID).words


def test_tls_without_a_proof_is_enough_where_no_proof_is_asked_for():
    verdict = judged(upgraded(untrusted()), ENCRYPT)
    assert verdict.meets
    assert verdict.standing is Standing.MEETS
    assert verdict.code is Code.TLS_OK_UNAUTHENTICATED


def test_a_valid_certificate_is_no_finding():
    verdict = judged(upgraded(), VERIFY)
    assert verdict.code is Code.TLS_OK_AUTHENTICATED
    assert verdict.confidence == 1.0
    assert codes(verdict) == set()


def test_a_key_that_is_not_pinned_names_the_verdict():
    verdict = judged(upgraded(), pinned("second"))
    assert verdict.code is Code.PIN_MISMATCH
    assert verdict.confidence == 0.99
    assert not verdict.meets


def test_a_pinned_key_is_no_finding_though_nobody_issued_it():
    stranger = untrusted()
    decision = Decision(Level.AUTHENTICATED, pins=(spki(stranger.chain[0]) or "",))
    verdict = judged(upgraded(stranger), decision)
    assert verdict.code is Code.TLS_OK_AUTHENTICATED
    assert codes(verdict) == set()


def test_a_record_that_is_met_is_no_finding_though_nobody_issued_the_certificate():
    verdict = judged(upgraded(untrusted_but(MET)), by_dane())
    assert (verdict.code, codes(verdict)) == (Code.TLS_OK_AUTHENTICATED, set())
    assert verdict.meets


def test_a_certificate_that_meets_no_record_names_the_verdict_and_says_whose():
    unmet = Match(None, (Fault.UNTRUSTED,), "none of 1 usable TLSA records is met")
    verdict = judged(upgraded(shaken(dane=unmet)), by_dane())
    assert (verdict.code, verdict.meets) == (Code.DANE_MISMATCH, False)
    finding = found(verdict, Code.DANE_MISMATCH)
    assert finding.words.endswith(f"the TLSA records of {HOST}")
    assert finding.because == (unmet.words,)


def test_a_certificate_that_nobody_held_against_the_records_is_not_said_to_miss_them():
    verdict = judged(upgraded(), by_dane())
    assert (verdict.code, codes(verdict)) == (Code.TLS_OK_UNAUTHENTICATED, set())
    assert not verdict.meets


def test_records_of_nobody_are_not_met_either():
    """As a file could have it."""
    unmet = Match(None, (Fault.UNTRUSTED,))
    decision = Decision(Level.AUTHENTICATED, tlsa=TlsaSet((), ()))
    assert judged(upgraded(shaken(dane=unmet)), decision).code is Code.DANE_MISMATCH


# -- interception ----------------------------------------------------------------------

MINE = upgraded(untrusted())

INTERCEPTION = {
    "another vantage": ({"elsewhere": [upgraded()]}, 0.9),
    "history": ({"history": [days_ago(5, upgraded())]}, 0.7),
}


@pytest.mark.parametrize(("others", "confidence"), INTERCEPTION.values(), ids=INTERCEPTION)
def test_a_valid_certificate_with_another_key_makes_it_intercepted(others, confidence):
    verdict = judged(MINE, VERIFY, **others)
    assert verdict.code is INTERCEPTED
    assert verdict.confidence == confidence
    assert verdict.standing is Standing.TAMPERED
    assert not verdict.meets


def test_grounds_for_interception_add_up():
    verdict = judged(
        MINE,
        VERIFY,
        beside=[implicit()],
        elsewhere=[upgraded()],
        history=[days_ago(5, upgraded())],
    )
    assert verdict.confidence == 0.97  # 3/2 by 9 by 7/3 to 1
    assert len(found(verdict, INTERCEPTED).because) == 3


def test_a_better_certificate_on_the_implicit_port_alone_is_not_enough_to_call_it_so():
    assert codes(judged(MINE, VERIFY, beside=[implicit()])) == {INVALID}


def test_the_last_proved_certificate_counts_not_one_before_it():
    renewed = upgraded(shaken(chain("second")))
    history = [days_ago(9, upgraded()), days_ago(5, renewed), days_ago(1, MINE)]
    assert judged(MINE, VERIFY, history=history).code is INTERCEPTED
    same_key = shaken(chain("second"), webpki=untrusted().webpki)
    assert codes(judged(upgraded(same_key), VERIFY, history=history)) == {INVALID}


@pytest.mark.parametrize("fault", ["expired", "not valid yet"])
def test_a_certificate_that_nobody_else_can_have_is_a_mistake_whatever_others_saw(fault):
    mine, _ = BAD[fault]
    verdict = judged(upgraded(mine), VERIFY, elsewhere=[upgraded()], beside=[implicit()])
    assert codes(verdict) == {INVALID}


NO_INTERCEPTION = {
    "same bad key elsewhere": {"elsewhere": [MINE], "history": [MINE], "beside": [MINE]},
    "the port proves nothing either": {"beside": [implicit(untrusted("another"))]},
    "nobody got through elsewhere": {"elsewhere": [stripped(), unheard(OSError("no route"))]},
}


@pytest.mark.parametrize("others", NO_INTERCEPTION.values(), ids=NO_INTERCEPTION)
def test_without_a_valid_one_to_compare_with_it_is_not_called_interception(others):
    assert INTERCEPTED not in codes(judged(MINE, VERIFY, **others))


def test_the_same_key_that_has_merely_expired_is_no_interception():
    der = chain("renewed")
    now_bad = shaken(der, webpki=shaken(chain("e", not_after=NOW - timedelta(days=1))).webpki)
    verdict = judged(upgraded(now_bad), VERIFY, history=[days_ago(5, upgraded(shaken(der)))])
    assert codes(verdict) == {INVALID}


def test_a_valid_certificate_is_not_intercepted_whatever_others_saw():
    verdict = judged(upgraded(), VERIFY, elsewhere=[upgraded(shaken(chain("second")))])
    assert INTERCEPTED not in codes(verdict)


def test_a_certificate_like_those_of_interception_tools_is_called_so():
    verdict = judged(upgraded(shaken(self_made("proxy.localdomain"))), VERIFY)
    assert verdict.code is INTERCEPTED
    assert verdict.confidence == 0.8


def test_a_weak_certificate_that_signs_itself_is_called_so_too():
    verdict = judged(upgraded(shaken(self_made("mx.example.org", weak=True))), VERIFY)
    assert verdict.code is INTERCEPTED
    assert verdict.confidence == 0.8


def test_a_certificate_that_signs_itself_is_a_mistake_of_many_and_no_interception():
    assert codes(judged(upgraded(shaken(self_made("mx.example.org"))), VERIFY)) == {INVALID}


def test_a_certificate_made_just_now_adds_to_other_grounds_but_is_none_by_itself():
    fresh = upgraded(shaken(chain("fresh", by="stranger", **SELF_MADE)))
    history = [days_ago(5, upgraded())]
    assert INTERCEPTED not in codes(judged(fresh, VERIFY))
    assert judged(fresh, VERIFY, history=history).confidence == 0.74  # 7/3 by 11/9 to 1


@pytest.mark.parametrize(
    "validity",
    [
        SELF_MADE | {"not_after": NOW + timedelta(days=90)},
        SELF_MADE | {"not_before": NOW - timedelta(days=3), "not_after": NOW - timedelta(days=2)},
    ],
    ids=["for long", "days ago"],
)
def test_one_made_for_long_or_days_ago_adds_nothing(validity):
    other = upgraded(shaken(chain("other", by="stranger", **validity)))
    assert judged(other, VERIFY, history=[days_ago(5, upgraded())]).confidence == 0.7


def test_a_pin_that_does_not_match_can_be_interception_too():
    verdict = judged(upgraded(), pinned("second"), elsewhere=[upgraded(shaken(chain("second")))])
    assert verdict.code is INTERCEPTED
    assert Code.PIN_MISMATCH in codes(verdict)


# -- older version, other key ----------------------------------------------------------

OLDER = shaken(version="TLSv1.2", cipher="ECDHE-ECDSA-AES256-GCM-SHA384")


def test_an_older_version_than_before_is_a_downgrade():
    verdict = judged(upgraded(OLDER), VERIFY, history=[days_ago(5, upgraded())])
    assert verdict.code is Code.TLS_DOWNGRADED
    assert verdict.confidence == 0.7
    assert verdict.meets
    assert verdict.standing is Standing.MEETS


def test_what_an_impostor_spoke_is_no_measure():
    history = [days_ago(5, upgraded(untrusted()))]
    assert Code.TLS_DOWNGRADED not in codes(judged(upgraded(OLDER), VERIFY, history=history))


def test_the_best_of_the_earlier_versions_counts():
    history = [days_ago(9, upgraded()), days_ago(1, upgraded(OLDER))]
    assert judged(upgraded(OLDER), VERIFY, history=history).code is Code.TLS_DOWNGRADED


@pytest.mark.parametrize(
    ("now", "before"),
    [(upgraded(), [upgraded(OLDER)]), (upgraded(OLDER), [upgraded(OLDER)]), (upgraded(OLDER), [])],
    ids=["newer", "the same", "first visit"],
)
def test_no_older_version_is_no_downgrade(now, before):
    assert Code.TLS_DOWNGRADED not in codes(judged(now, VERIFY, history=before))


def test_another_valid_key_is_a_note_and_nothing_more():
    verdict = judged(upgraded(shaken(chain("second"))), VERIFY, history=[days_ago(5, upgraded())])
    assert codes(verdict) == {Code.KEY_CHANGED}
    assert verdict.code is Code.TLS_OK_AUTHENTICATED
    assert verdict.standing is Standing.MEETS
    assert "2026-11-16" in found(verdict, Code.KEY_CHANGED).words
    assert found(verdict, Code.KEY_CHANGED).confidence == 0.99


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (upgraded(), [upgraded()]),
        (upgraded(), [upgraded(untrusted())]),
        (upgraded(), [stripped()]),
        (upgraded(untrusted()), [upgraded()]),
    ],
    ids=["same key", "never proved before", "never seen", "not proved now"],
)
def test_otherwise_nothing_is_said_of_keys(now, before):
    assert Code.KEY_CHANGED not in codes(judged(now, VERIFY, history=before))


def test_the_last_key_counts():
    history = [days_ago(9, upgraded(shaken(chain("second")))), days_ago(1, upgraded())]
    assert codes(judged(upgraded(), VERIFY, history=history)) == set()


# -- forward secrecy, expiry -----------------------------------------------------------


def test_a_cipher_without_forward_secrecy_is_a_note():
    verdict = judged(upgraded(shaken(**RSA)), VERIFY)
    assert codes(verdict) == {Code.NO_FORWARD_SECRECY}
    assert verdict.code is Code.TLS_OK_AUTHENTICATED
    assert "AES256-GCM-SHA384" in found(verdict, Code.NO_FORWARD_SECRECY).words
    assert found(verdict, Code.NO_FORWARD_SECRECY).confidence == 0.99


def test_a_cipher_with_forward_secrecy_is_none():
    assert Code.NO_FORWARD_SECRECY not in codes(judged(upgraded(OLDER), VERIFY))


@pytest.mark.parametrize(("days", "noted"), [(13.9, True), (0.5, True), (14.1, False), (90, False)])
def test_a_certificate_that_ends_within_a_fortnight_is_a_note(days, noted):
    der = chain(f"ends {days}", not_after=NOW + timedelta(days=days))
    verdict = judged(upgraded(shaken(der)), VERIFY)
    assert (Code.CERTIFICATE_EXPIRES_SOON in codes(verdict)) is noted
    assert verdict.code is Code.TLS_OK_AUTHENTICATED


def test_how_soon_is_known_for_certain():
    der = chain("soon", not_after=NOW + timedelta(days=3.5))
    finding = found(judged(upgraded(shaken(der))), Code.CERTIFICATE_EXPIRES_SOON)
    assert finding.confidence == 0.99
    assert "3 days" in finding.words


def test_a_certificate_that_has_ended_does_not_expire_soon():
    der = chain("ended", not_after=NOW - timedelta(days=1))
    assert Code.CERTIFICATE_EXPIRES_SOON not in codes(judged(upgraded(shaken(der)), VERIFY))


# -- the lists in clear and inside -----------------------------------------------------


def lists(clear: str, *inside: str):
    """SMTP with a keyword more in clear, and these inside."""
    *most, last = ("mx", *inside)
    listed = [*(f"S: 250-{word}" for word in most), f"S: 250 {last}"]
    return heard(*OFFER[:-1], f"S: 250 {clear}", *GRANTED[:3], EHLO, *listed)


def test_an_offer_inside_tls_is_a_note():
    verdict = judged(lists("8BITMIME", "STARTTLS"), VERIFY)
    assert found(verdict, Code.OFFERED_INSIDE_TLS).confidence == 0.5
    assert verdict.code is Code.TLS_OK_AUTHENTICATED


def test_a_mechanism_that_stands_only_in_the_clear_list_is_a_note():
    verdict = judged(lists("AUTH CRAM-MD5 GSSAPI", "AUTH GSSAPI"), VERIFY)
    finding = found(verdict, Code.CAPABILITIES_DIFFER)
    assert finding.confidence == 0.4
    assert "CRAM-MD5" in finding.words
    assert "GSSAPI" not in finding.words


@pytest.mark.parametrize(
    ("clear", "inside"),
    [
        ("AUTH GSSAPI", ("AUTH PLAIN GSSAPI",)),
        ("AUTH GSSAPI", ("auth gssapi",)),
        ("8BITMIME", ("SIZE 1",)),
        ("AUTH GSSAPI", ()),
    ],
    ids=["more inside", "case", "no mechanisms", "no list inside"],
)
def test_otherwise_the_lists_may_differ(clear, inside):
    assert codes(judged(lists(clear, *inside), VERIFY)) == set()


@pytest.mark.parametrize("clear", ["AUTH PLAIN", "AUTH CRAM-MD5 LOGIN", "auth plain"])
def test_a_password_asked_for_in_clear_is_a_note(clear):
    verdict = judged(lists(clear, "AUTH PLAIN LOGIN CRAM-MD5"), VERIFY)
    assert codes(verdict) == {Code.LOGIN_OFFERED_IN_CLEAR}
    assert verdict.standing is Standing.MEETS


def test_so_it_is_in_the_other_protocols():
    imap = ("S: * OK x", "C: u1 CAPABILITY", "S: * CAPABILITY AUTH=PLAIN", "S: u1 OK done")
    pop3 = ("S: +OK x", "C: CAPA", "S: +OK", "S: SASL PLAIN", "S: .")
    for lines, endpoint in ((imap, IMAP), (pop3, POP3)):
        assert Code.LOGIN_OFFERED_IN_CLEAR in codes(judged(heard(*lines, endpoint=endpoint)))


def test_imap_may_list_mechanisms_that_it_disables_until_tls():
    lines = (
        "S: * OK x",
        "C: u1 CAPABILITY",
        "S: * CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED",
        "S: u1 OK done",
    )
    assert Code.LOGIN_OFFERED_IN_CLEAR not in codes(judged(heard(*lines, endpoint=IMAP)))


@pytest.mark.parametrize("clear", ["AUTH GSSAPI", "AUTH CRAM-MD5", "8BITMIME"])
def test_other_ways_to_log_in_give_no_password_away(clear):
    assert Code.LOGIN_OFFERED_IN_CLEAR not in codes(judged(lists(clear, clear), VERIFY))


# -- what broke off --------------------------------------------------------------------


def test_what_was_not_accepted_on_the_implicit_port_is_named_by_its_certificate_too():
    evidence = heard("<EOF>", endpoint=SMTPS, handshake=untrusted(), failure=REFUSAL)
    assert judged(evidence, VERIFY).code is INVALID


def test_what_was_not_accepted_is_named_by_its_certificate():
    verdict = judged(upgraded(untrusted(), failure=REFUSAL), VERIFY)
    assert verdict.code is INVALID
    assert verdict.standing is Standing.FALLS_SHORT
    assert not verdict.meets


# TLS that stands, and what does not pass through it


def test_data_beside_a_protected_control_connection_is_in_clear_and_falls_short():
    evidence = ftp("536 not supported")
    for decision in (ENCRYPT, VERIFY):
        verdict = judged(evidence, decision)
        assert verdict.code is Code.PARTLY_IN_CLEAR
        assert not verdict.meets
        assert "536 not supported" in found(verdict, Code.PARTLY_IN_CLEAR).words
    assert judged(evidence, MAY).meets
    assert set(astuple(judged(evidence).exposure)) == {Reach.READS}


def test_protected_data_is_nothing_to_speak_of():
    verdict = judged(ftp("200 private"), VERIFY)
    assert verdict.code is Code.TLS_OK_AUTHENTICATED
    assert verdict.meets

"""The offer: masked, removed, hidden, never made, or nobody can tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.verdict.scenes import (
    ADDRESS,
    ASKED,
    EHLO,
    ENCRYPT,
    FTP,
    GRANTED,
    HOST,
    IMAP,
    IMAPS,
    MAY,
    NO_OFFER,
    NOW,
    POP3,
    POSTGRESQL,
    SMTPS,
    THAI_ELSEWHERE,
    THAI_STRIPPED,
    VERIFY,
    because,
    codes,
    days_ago,
    found,
    heard,
    hidden,
    implicit,
    judged,
    postgresql,
    refused,
    steadily,
    stripped,
    unheard,
    untrusted,
    upgraded,
)
from unstrip.evidence import Endpoint
from unstrip.policy import Policy, decide
from unstrip.policy.history import opinion
from unstrip.upgrade import Manner
from unstrip.verdict import Code, Standing

REMOVED, UNEXPLAINED = Code.OFFER_REMOVED, Code.OFFER_ABSENT_UNEXPLAINED

# -- masked ----------------------------------------------------------------------------


def listing(*keywords: str) -> tuple[str, ...]:
    """SMTP, where the list holds these."""
    *most, last = keywords
    return (
        "S: 220 mx ESMTP",
        EHLO,
        "S: 250-mx",
        *(f"S: 250-{word}" for word in most),
        f"S: 250 {last}",
    )


@pytest.mark.parametrize("mask", ["XXXXXXXA", "XXXXXXXX", "********", "XXXXXXXB"])
def test_a_word_of_the_offers_length_in_xs_is_the_offer_masked(mask):
    verdict = judged(heard(*listing("SIZE 1000", mask, "8BITMIME")))
    assert verdict.code is Code.OFFER_MASKED
    assert verdict.standing is Standing.TAMPERED
    assert verdict.confidence == 0.85  # that it was this word; of the device itself 0.97


def test_a_masked_offer_that_is_granted_was_this_very_word():
    verdict = judged(heard(*listing("SIZE 1000", "XXXXXXXA"), *GRANTED, insist=True), VERIFY)
    assert verdict.code is Code.OFFER_MASKED
    assert verdict.confidence == 0.97


def test_the_mask_is_shown_where_it_stands_in_the_transcript():
    evidence = heard(*listing("SIZE 1000", "XXXXXXXA", "8BITMIME"))
    (proof,) = found(judged(evidence), Code.OFFER_MASKED).proof
    said = evidence.transcript[proof.utterance].data
    assert said[proof.offset :].startswith(b"XXXXXXXA")
    assert proof.data == b"XXXXXXXA"


def test_other_masks_beside_it_change_nothing():
    verdict = judged(heard(*listing("XXXXXXXXXA", "XXXXXXXA", "XXXB")))
    assert verdict.code is Code.OFFER_MASKED


def test_a_mask_on_the_last_line_is_found_too():
    assert judged(heard(*listing("SIZE 1000", "XXXXXXXA"))).code is Code.OFFER_MASKED


@pytest.mark.parametrize("mask", ["XXXXXXXXXA", "XXXXXXXXXXXXXXXXXXX", "XXXA 1000"])
def test_a_masked_word_of_another_length_is_a_device_and_no_masked_offer(mask):
    verdict = judged(heard(*listing("SIZE 1000", mask, "8BITMIME")))
    assert found(verdict, Code.DEVICE_IN_PATH).confidence == 0.95
    assert Code.OFFER_MASKED not in codes(verdict)
    assert verdict.code is UNEXPLAINED


def test_a_masked_word_beside_the_offer_leaves_the_offer_whole():
    evidence = heard(*listing("STARTTLS", "XXXXXXXA"), ASKED, *GRANTED[1:])
    verdict = judged(evidence, VERIFY)
    assert Code.DEVICE_IN_PATH in codes(verdict)
    assert verdict.code is Code.TLS_OK_AUTHENTICATED


@pytest.mark.parametrize("word", ["XCLIENT", "XFORWARD", "X", "A", "XEXCH50", "STARTTLSX"])
def test_words_that_only_begin_with_x_are_no_mask(word):
    assert codes(judged(heard(*listing("SIZE 1000", word)))) == {UNEXPLAINED}


def test_imap_is_masked_in_the_middle_of_its_line():
    lines = (
        "S: * OK IMAP4rev1 ready",
        "S: * CAPABILITY IMAP4rev1 XXXXXXXA AUTH=X",
        "S: u1 OK done",
    )
    verdict = judged(heard(lines[0], "C: u1 CAPABILITY", *lines[1:], endpoint=IMAP))
    assert verdict.code is Code.OFFER_MASKED


def test_pop3_is_masked_at_its_own_length():
    lines = ("S: +OK ready", "C: CAPA", "S: +OK", "S: TOP", "S: XXXA", "S: .")
    assert judged(heard(*lines, endpoint=POP3)).code is Code.OFFER_MASKED


@pytest.mark.parametrize("banner", ["*" * 30, "**2***20 2******", "*****************"])
def test_a_greeting_of_stars_is_a_device(banner):
    evidence = heard(f"S: 220 {banner}", EHLO, "S: 250-mx", "S: 250 STARTTLS", *GRANTED)
    finding = found(judged(evidence), Code.DEVICE_IN_PATH)
    assert finding.confidence == 0.95
    assert finding.proof[0].data == banner.encode()


@pytest.mark.parametrize("banner", ["mx *** ready", "*****", "2002 2002 2002", "mx"])
def test_a_greeting_with_some_stars_is_no_device(banner):
    evidence = heard(f"S: 220 {banner}", EHLO, "S: 250-mx", "S: 250 STARTTLS", *GRANTED)
    assert Code.DEVICE_IN_PATH not in codes(judged(evidence))


# -- the question for capabilities -----------------------------------------------------

REFUSED_EHLO = (EHLO, "S: 502 5.5.2 Command not implemented")


def test_ehlo_refused_by_an_esmtp_server_is_found():
    verdict = judged(heard("S: 220 mx ESMTP", *REFUSED_EHLO))
    assert verdict.code is Code.CAPABILITIES_REFUSED
    assert verdict.confidence == 0.6
    assert found(verdict, verdict.code).proof[0].data == b"502 5.5.2 Command not implemented"


def test_ehlo_refused_by_a_server_that_promised_nothing_is_even_odds():
    assert judged(heard("S: 220 mx", *REFUSED_EHLO)).confidence == 0.5


def test_ehlo_refused_where_it_once_was_answered_is_surer():
    before = days_ago(5, upgraded())
    verdict = judged(heard("S: 220 mx", *REFUSED_EHLO), history=[before])
    assert found(verdict, Code.CAPABILITIES_REFUSED).confidence == 0.9


def test_ehlo_refused_behind_a_greeting_of_stars_is_surer():
    verdict = judged(heard("S: 220 ********************", *REFUSED_EHLO))
    assert found(verdict, Code.CAPABILITIES_REFUSED).confidence == 0.9


def test_ehlo_answered_is_not_refused():
    assert Code.CAPABILITIES_REFUSED not in codes(judged(stripped()))


def test_ehlo_put_off_is_not_refused():
    verdict = judged(heard("S: 220 mx ESMTP", EHLO, "S: 421 4.7.0 too busy"))
    assert Code.CAPABILITIES_REFUSED not in codes(verdict)


def test_imaps_question_refused_is_found():
    verdict = judged(
        heard("S: * OK IMAP4rev1", "C: u1 CAPABILITY", "S: u1 BAD unknown", endpoint=IMAP)
    )
    assert found(verdict, Code.CAPABILITIES_REFUSED).confidence == 0.6


def test_pop3_servers_need_not_answer_it_if_they_grant_tls():
    granted = ("C: STLS", "S: +OK go", "<TLS>", "C: CAPA", "S: -ERR unknown")
    evidence = heard("S: +OK hi", "C: CAPA", "S: -ERR", *granted, endpoint=POP3, insist=True)
    assert codes(judged(evidence, VERIFY)) == set()


def test_smtp_servers_must_answer_it_even_if_they_grant_tls():
    evidence = heard("S: 220 mx ESMTP", *REFUSED_EHLO, *GRANTED, insist=True)
    assert {Code.CAPABILITIES_REFUSED, Code.OFFER_HIDDEN} <= codes(judged(evidence, VERIFY))


# -- absent ----------------------------------------------------------------------------


@pytest.mark.parametrize("decision", [MAY, ENCRYPT, VERIFY])
def test_one_list_without_the_offer_never_proves_that_it_was_removed(decision):
    verdict = judged(stripped(), decision)
    assert verdict.code is UNEXPLAINED
    assert codes(verdict) == {UNEXPLAINED}
    assert verdict.confidence == 0.9  # of its being unexplained


@pytest.mark.parametrize(
    ("endpoint", "lines"),
    [
        (IMAP, ("S: * OK hi", "C: u1 CAPABILITY", "S: * CAPABILITY IMAP4rev1", "S: u1 OK done")),
        (POP3, ("S: +OK hi", "C: CAPA", "S: +OK", "S: UIDL", "S: .")),
    ],
    ids=["imap", "pop3"],
)
def test_so_it_is_in_the_other_protocols(endpoint, lines):
    assert judged(heard(*lines, endpoint=endpoint), VERIFY).code is UNEXPLAINED


def test_asking_anyway_and_being_refused_explains_nothing():
    evidence = heard(*NO_OFFER, ASKED, "S: 502 5.5.1 not implemented", insist=True)
    verdict = judged(evidence, VERIFY)
    assert verdict.code is UNEXPLAINED
    assert "refused" in found(verdict, UNEXPLAINED).because[0]


def test_who_did_not_ask_was_not_refused_whatever_else_was_refused():
    verdict = judged(heard("S: 220 mx", EHLO, "S: 502 no"))
    assert found(verdict, UNEXPLAINED).because == ()


def test_policies_that_only_want_tls_attest_no_offer():
    decision = because(Policy("local", VERIFY.level), Policy("command line", VERIFY.level))
    assert judged(stripped(), decision).code is UNEXPLAINED


def test_an_offer_that_was_never_seen_in_weeks_was_never_made():
    verdict = judged(stripped(), history=steadily(stripped()))
    assert verdict.code is Code.NEVER_OFFERED
    assert verdict.confidence == 0.8


def test_two_visits_are_too_few_to_say_never():
    assert judged(stripped(), history=steadily(stripped(), 2)).code is UNEXPLAINED


def test_visits_within_one_day_are_too_close_to_say_never():
    assert judged(stripped(), history=[days_ago(0.1, stripped())] * 9).code is UNEXPLAINED


def test_never_is_not_said_where_it_worked_though_hidden():
    history = [days_ago(30, hidden()), *steadily(stripped())]
    assert judged(stripped(), history=history).code is not Code.NEVER_OFFERED


@pytest.mark.parametrize(
    "evidence",
    [
        upgraded(),
        refused(),
        implicit(),
        unheard(ConnectionRefusedError()),
        heard("S: 421 4.3.2 busy"),
        heard("S: 554 5.3.2 go away"),
        heard("S: 220 mx ESMTP", EHLO, "<EOF>"),
        heard("S: 220 mx ESMTP", EHLO, "S: 421 4.3.2 busy"),
    ],
    ids=["upgraded", "refused", "implicit", "closed", "busy", "554", "cut", "busy at ehlo"],
)
@pytest.mark.parametrize("history", [(), steadily(upgraded())], ids=["new", "known"])
def test_nothing_is_said_of_an_offer_that_was_made_or_could_not_have_been(evidence, history):
    found_codes = codes(judged(evidence, VERIFY, history=history))
    assert not found_codes & {REMOVED, UNEXPLAINED, Code.NEVER_OFFERED, Code.OFFER_HIDDEN}


# -- removed ---------------------------------------------------------------------------

ATTESTED = because(Policy("list", VERIFY.level, "on the list", attests=True))


def test_a_policy_that_knows_of_the_offer_makes_it_removed():
    verdict = judged(stripped(), ATTESTED)
    assert verdict.code is REMOVED
    assert verdict.confidence == 0.9  # 0.95, but it is a single source
    assert "on the list" in " ".join(found(verdict, REMOVED).because)


@pytest.mark.parametrize("answer", ["454 4.7.0 not now", "502 5.5.1 no"])
def test_who_refuses_what_nothing_but_a_policy_promises_may_have_taken_it_away(answer):
    asked = heard(*NO_OFFER, ASKED, f"S: {answer}", insist=True)
    finding = found(judged(asked, ATTESTED), REMOVED)
    assert finding.confidence == 0.7
    assert any("its operator may have taken TLS away" in words for words in finding.because)


@pytest.mark.parametrize(
    "witness",
    [{"history": steadily(upgraded())}, {"elsewhere": [upgraded()]}, {"beside": [implicit()]}],
    ids=["history", "vantage", "other port"],
)
def test_but_not_where_somebody_else_has_seen_it(witness):
    asked = heard(*NO_OFFER, ASKED, "S: 502 no", insist=True)
    finding = found(judged(asked, ATTESTED, **witness), REMOVED)
    assert finding.confidence > 0.9
    assert not any("operator" in words for words in finding.because)


def test_where_it_is_granted_it_was_not_taken_away():
    assert judged(hidden(), ATTESTED).confidence > 0.9


def test_the_bytes_behind_which_the_offer_should_stand_are_told_as_such():
    (shown,) = found(judged(stripped(), ATTESTED), REMOVED).proof
    assert shown.words == "the offer belongs behind this"
    assert shown.data == b"8BITMIME"


def test_two_sources_are_surer_than_one():
    verdict = judged(stripped(), ATTESTED, history=steadily(upgraded()))
    assert verdict.confidence > 0.9


def test_nothing_seen_from_one_end_is_certain():
    verdict = judged(
        stripped(),
        ATTESTED,
        history=steadily(upgraded(), 20),
        elsewhere=[upgraded()] * 5,
        beside=[upgraded()] * 5,
    )
    assert verdict.confidence == 0.99


def test_history_alone_makes_it_removed():
    verdict = judged(stripped(), history=steadily(upgraded()))
    assert verdict.code is REMOVED
    assert verdict.standing is Standing.TAMPERED


def rewritten(**fields):
    """A list without the offer that has one line more, so that it is not simply the old one."""
    return heard(*listing("SIZE 1000", "8BITMIME", "CHUNKING"), **fields)


def test_one_sighting_is_even_odds_and_called_a_removal_all_the_same():
    verdict = judged(rewritten(), history=[days_ago(1, upgraded())])
    assert verdict.code is REMOVED
    assert verdict.confidence == 0.5


@pytest.mark.parametrize(
    "days", [(0.3, 0.2, 0.1), (30, 1)], ids=["three in a day", "two in a month"]
)
def test_sightings_that_are_not_steady_are_still_even_odds(days):
    verdict = judged(rewritten(), history=[days_ago(n, upgraded()) for n in days])
    assert found(verdict, REMOVED).confidence == 0.5


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ((9,), "on an earlier visit, last on 2026-11-12"),
        ((30, 9), "on 2 earlier visits, last on 2026-11-12"),
    ],
)
def test_it_is_said_how_often_and_when_last_it_was_offered(days, words):
    verdict = judged(stripped(), history=[days_ago(n, upgraded()) for n in days])
    assert words in found(verdict, REMOVED).because[0]


def test_steady_sightings_are_worth_085():
    verdict = judged(rewritten(), history=[days_ago(n, upgraded()) for n in (14, 7, 0)])
    assert found(verdict, REMOVED).confidence == 0.85


def test_what_sightings_are_worth_halves_every_180_days():
    verdict = judged(rewritten(), history=[days_ago(180 + n, upgraded()) for n in (14, 7, 0)])
    assert found(verdict, REMOVED).confidence == round(0.5 + 0.35 / 2, 2)


@pytest.mark.parametrize(("days", "code"), [(359, REMOVED), (361, UNEXPLAINED)])
def test_after_a_year_a_sighting_says_nothing_any_more(days, code):
    assert judged(stripped(), history=[days_ago(days, upgraded())]).code is code


def test_an_offer_that_was_not_kept_is_none_since_anyone_on_the_path_can_make_one():
    assert judged(stripped(), history=[days_ago(1, refused())]).code is UNEXPLAINED


def test_what_another_network_saw_weeks_ago_is_one_sighting_and_no_more():
    old = days_ago(30, upgraded())
    assert judged(rewritten(), elsewhere=[old]).confidence == 0.5
    assert judged(rewritten(), elsewhere=[days_ago(1, upgraded())]).confidence == 0.9


def test_earlier_visits_without_offer_are_no_sightings():
    assert judged(stripped(), history=[days_ago(1, stripped())]).code is UNEXPLAINED


def test_a_list_that_only_lost_the_offer_is_a_ground_of_its_own():
    verdict = judged(stripped(), history=[days_ago(1, upgraded())])
    assert verdict.confidence == 0.9
    assert "missing from the list: STARTTLS; every other line is the same" in " ".join(
        found(verdict, REMOVED).because
    )


def test_a_second_vantage_at_the_same_address_makes_it_removed():
    verdict = judged(rewritten(), elsewhere=[upgraded()])
    assert verdict.code is REMOVED
    assert verdict.confidence == 0.9  # 0.95, but it is a single source


def test_a_second_vantage_at_another_address_is_worth_less():
    verdict = judged(rewritten(), elsewhere=[upgraded(address="192.0.2.99")])
    assert verdict.confidence == 0.7


def test_of_several_vantages_the_last_counts():
    near, far = upgraded(), upgraded(address="192.0.2.99")
    assert judged(rewritten(), elsewhere=[far, near]).confidence == 0.9
    assert judged(rewritten(), elsewhere=[near, far]).confidence == 0.7


def test_a_second_vantage_that_sees_no_offer_either_says_nothing():
    assert judged(stripped(), elsewhere=[stripped(address="192.0.2.99")]).code is UNEXPLAINED


def test_another_connection_with_the_offer_makes_it_removed():
    verdict = judged(stripped(), beside=[upgraded()])
    assert verdict.code is REMOVED
    assert verdict.confidence == 0.9


def test_an_offer_that_comes_and_goes_is_removed_though_this_link_stands():
    verdict = judged(upgraded(), VERIFY, beside=[upgraded(), stripped()])
    assert verdict.code is REMOVED
    assert verdict.confidence == 0.9
    assert verdict.meets
    assert verdict.standing is Standing.TAMPERED


def at_another_address(evidence):
    return replace(evidence, address="192.0.2.26")


def test_machines_at_different_addresses_may_offer_differently():
    verdict = judged(upgraded(), VERIFY, beside=[at_another_address(stripped())])
    assert codes(verdict) == {Code.CAPABILITIES_DIFFER}
    assert found(verdict, Code.CAPABILITIES_DIFFER).confidence == 0.5
    assert verdict.code is Code.TLS_OK_AUTHENTICATED
    assert judged(stripped(), beside=[at_another_address(upgraded())]).confidence == 0.5


def test_another_greeting_is_no_other_machine_since_the_path_can_edit_it():
    other = stripped()
    other = replace(other, upgrade=replace(other.upgrade, greeting="220 mx-b ESMTP"))
    assert judged(upgraded(), VERIFY, beside=[other]).code is REMOVED


def test_an_offer_on_every_connection_does_not_come_and_go():
    assert codes(judged(upgraded(), VERIFY, beside=[upgraded(), refused()])) == set()


@pytest.mark.parametrize(
    "probe",
    [
        heard("S: 421 4.3.2 busy"),
        heard("S: 220 mx ESMTP", EHLO, "S: 502 no"),
        heard("S: 220 mx ESMTP", EHLO, "<reset>"),
        unheard(ConnectionRefusedError()),
    ],
    ids=["busy", "refused", "reset", "closed"],
)
def test_a_probe_that_heard_no_list_does_not_make_the_offer_flicker(probe):
    assert REMOVED not in codes(judged(upgraded(), VERIFY, beside=[probe]))


# -- the implicit port -----------------------------------------------------------------


def test_the_implicit_port_alone_does_not_make_it_removed():
    verdict = judged(stripped(), VERIFY, beside=[implicit()])
    assert verdict.code is UNEXPLAINED
    assert "port 465" in " ".join(found(verdict, UNEXPLAINED).because)


def test_the_implicit_port_adds_to_other_grounds():
    history = [days_ago(1, upgraded())]
    without = judged(rewritten(), history=history)
    with_it = judged(rewritten(), history=history, beside=[implicit()])
    assert without.confidence == 0.5
    assert with_it.code is REMOVED
    assert with_it.confidence == 0.6


def test_an_implicit_port_that_proves_nothing_adds_nothing():
    verdict = judged(rewritten(), history=[days_ago(1, upgraded())], beside=[implicit(untrusted())])
    assert verdict.confidence == 0.5


# -- hidden ----------------------------------------------------------------------------


def test_asked_anyway_and_granted_with_a_valid_certificate_is_hidden():
    verdict = judged(hidden(), VERIFY)
    assert verdict.code is Code.OFFER_HIDDEN
    assert verdict.confidence == 0.97
    assert verdict.standing is Standing.TAMPERED
    assert verdict.meets


def test_hidden_behind_a_certificate_that_proves_nothing_is_less_sure():
    assert judged(hidden(untrusted()), MAY).confidence == 0.7


def test_a_probe_that_was_granted_unasked_shows_it_hidden_too():
    refusal = heard(*NO_OFFER, ASKED, "S: 502 no", insist=True)
    verdict = judged(refusal, VERIFY, beside=[hidden(manner=Manner.LOWER_CASE)])
    assert found(verdict, Code.OFFER_HIDDEN).confidence == 0.97


def test_hidden_where_it_once_was_offered_is_removed():
    history = steadily(upgraded())
    verdict = judged(hidden(), VERIFY, history=history)
    assert verdict.code is REMOVED
    assert verdict.confidence > judged(stripped(), VERIFY, history=history).confidence
    assert "granted" in " ".join(found(verdict, REMOVED).because)


def test_a_grant_that_broke_inside_tls_makes_the_removal_no_surer():
    history = steadily(upgraded())
    broken = heard(*NO_OFFER, *GRANTED[:4], "<EOF>", insist=True)
    removed = found(judged(broken, history=history), REMOVED)
    assert removed.confidence == judged(stripped(), history=history).confidence


def test_offered_and_granted_is_not_hidden():
    assert codes(judged(upgraded(), VERIFY)) == set()


def test_implicit_tls_hides_no_offer():
    assert codes(judged(implicit(), VERIFY, beside=[implicit(endpoint=SMTPS)])) == set()


# -- two lists of one server -----------------------------------------------------------


def greeted(greeting: str, listed: str):
    """IMAP, with a list in the greeting and another one when asked."""
    return heard(
        f"S: * OK [CAPABILITY {greeting}] ready",
        "C: u1 CAPABILITY",
        f"S: * CAPABILITY {listed}",
        "S: u1 OK done",
        "C: u2 STARTTLS",
        "S: u2 NO not now",
        endpoint=IMAP,
        insist=True,
    )


def test_a_greeting_that_offers_what_the_list_does_not_is_a_removed_offer():
    verdict = judged(greeted("IMAP4rev1 STARTTLS", "IMAP4rev1 IDLE"))
    assert verdict.code is REMOVED
    assert verdict.confidence == 0.9
    assert found(verdict, REMOVED).proof[0].data == b"STARTTLS"


def test_a_list_that_offers_what_the_greeting_does_not_is_a_note():
    verdict = judged(greeted("IMAP4rev1", "IMAP4rev1 STARTTLS"))
    assert found(verdict, Code.CAPABILITIES_DIFFER).confidence == 0.5
    assert verdict.code is Code.REJECTED_AFTER_OFFER


@pytest.mark.parametrize("words", ["IMAP4rev1 STARTTLS", "IMAP4rev1 starttls"])
def test_a_greeting_that_says_the_same_as_the_list_is_no_finding(words):
    assert codes(judged(greeted(words, "IMAP4rev1 STARTTLS"))) == {Code.REJECTED_AFTER_OFFER}


def test_a_greeting_without_a_list_is_compared_with_nothing():
    evidence = heard(
        "S: * OK ready",
        "C: u1 CAPABILITY",
        "S: * CAPABILITY IMAP4rev1 STARTTLS",
        "S: u1 OK done",
        "C: u2 STARTTLS",
        "S: u2 NO not now",
        endpoint=IMAP,
    )
    assert codes(judged(evidence)) == {Code.REJECTED_AFTER_OFFER}


def test_imap_asked_in_tls_has_no_offer_to_lose():
    evidence = heard(
        "S: * OK [CAPABILITY IMAP4rev1] hi",
        "C: u1 CAPABILITY",
        "S: * CAPABILITY IMAP4rev1",
        "S: u1 OK done",
        endpoint=IMAPS,
    )
    assert judged(evidence, VERIFY).code is Code.TLS_OK_AUTHENTICATED


# -- Thailand, 2014 --------------------------------------------------------------------

SUBSCRIBER = heard(*THAI_STRIPPED)
ELSEWHERE = heard(*THAI_ELSEWHERE, *GRANTED)


@pytest.mark.parametrize("decision", [MAY, ENCRYPT, VERIFY])
def test_the_subscribers_line_alone_is_unexplained(decision):
    verdict = judged(SUBSCRIBER, decision)
    assert verdict.code is UNEXPLAINED
    assert not verdict.code.tampering


@pytest.mark.parametrize("days", [0.01, 1, 30, 179])
def test_with_the_other_line_as_history_the_offer_was_removed(days):
    history = [days_ago(days, ELSEWHERE)]
    decision = decide([Policy("caller", VERIFY.level), opinion(history)], NOW)
    verdict = judged(SUBSCRIBER, decision, history=history)
    assert_removed(verdict)


@pytest.mark.parametrize("address", [ADDRESS, "198.51.100.7", "2001:db8::25"])
def test_with_the_other_line_as_second_vantage_the_offer_was_removed(address):
    assert_removed(judged(SUBSCRIBER, elsewhere=[replace(ELSEWHERE, address=address)]))


def assert_removed(verdict):
    assert verdict.code is REMOVED
    assert verdict.confidence >= 0.9
    assert verdict.standing is Standing.TAMPERED
    missing = [why for why in found(verdict, REMOVED).because if "missing" in why]
    assert len(missing) == 1
    assert "STARTTLS" in missing[0]


def test_the_other_line_itself_is_honest():
    assert judged(ELSEWHERE, VERIFY).code is Code.TLS_OK_AUTHENTICATED


def test_the_proof_points_at_the_list_that_was_heard():
    (proof,) = found(judged(SUBSCRIBER, elsewhere=[ELSEWHERE]), REMOVED).proof
    assert proof.data == b"SMTPUTF8"  # its last line
    assert proof.data in SUBSCRIBER.transcript[proof.utterance].data


# Where nothing is listed, the answer is all the offer there is


def test_a_refusal_by_a_protocol_without_lists_is_an_offer_that_is_not_there():
    verdict = judged(postgresql("N"))
    assert verdict.code is Code.OFFER_ABSENT_UNEXPLAINED
    assert "TLS is refused" in found(verdict, Code.OFFER_ABSENT_UNEXPLAINED).words


def test_it_was_turned_round_in_the_path_if_it_was_granted_before():
    granted = heard("S: S\\", "<TLS>", endpoint=POSTGRESQL)
    history = [days_ago(days, granted) for days in (20, 10, 1)]
    verdict = judged(postgresql("N"), history=history)
    assert verdict.code is Code.OFFER_REMOVED
    assert "turned into a no" in found(verdict, Code.OFFER_REMOVED).words


def test_it_was_never_there_if_it_was_refused_for_weeks():
    history = [days_ago(days, postgresql("N")) for days in (20, 10, 1)]
    assert judged(postgresql("N"), history=history).code is Code.NEVER_OFFERED


def test_nothing_is_missing_from_a_list_that_no_protocol_has():
    silent = heard("<silence>", endpoint=POSTGRESQL)
    assert judged(silent).code is Code.SILENT_AFTER_REQUEST
    assert Code.OFFER_ABSENT_UNEXPLAINED not in codes(judged(silent))


def test_a_list_that_is_hidden_as_a_whole_says_nothing_of_one_line():
    history = [days_ago(30, heard("S: S\\", "<TLS>", endpoint=POSTGRESQL))]
    verdict = judged(postgresql("N"), history=history)
    assert verdict.code is Code.OFFER_REMOVED
    assert verdict.confidence == 0.5


def test_tls_that_comes_first_on_the_same_port_is_no_answer_to_the_request():
    first = replace(POSTGRESQL, implicit=True)
    beside = [replace(heard("S: S\\", "<TLS>", endpoint=POSTGRESQL), endpoint=first)]
    assert judged(postgresql("N"), beside=beside).code is Code.OFFER_ABSENT_UNEXPLAINED


def test_a_masked_word_beside_an_offer_that_stands_is_not_the_offer():
    lines = ("S: 220 x", "C: FEAT", "S: 211-x", "S:  AUTH TLS", "S:  XXXXXXXX", "S: 211 end")
    evidence = heard(*lines, "C: AUTH TLS", "S: 502 no", endpoint=FTP)
    assert Code.OFFER_MASKED not in codes(judged(evidence))
    assert Code.DEVICE_IN_PATH in codes(judged(evidence))


def test_a_list_refused_by_a_server_that_had_one_is_missed_even_if_it_need_not_have_one():
    lines = ("S: +OK ready", "C: CAPA", "S: -ERR unknown", "C: STLS", "S: +OK go", "<TLS>")
    seen = heard(*lines, "C: CAPA", "S: +OK", "S: .", endpoint=POP3, insist=True)
    assert judged(seen).code is Code.TLS_OK_AUTHENTICATED
    listed = ("S: +OK ready", "C: CAPA", "S: +OK", "S: STLS", "S: .", "C: STLS", "S: +OK", "<TLS>")
    earlier = heard(*listed, "C: CAPA", "S: +OK", "S: .", endpoint=POP3)
    verdict = judged(seen, history=[days_ago(3, earlier)])
    assert verdict.code is Code.OFFER_REMOVED
    assert Code.CAPABILITIES_REFUSED in codes(verdict)


# -- IRC's other port -------------------------------------------------------------------


def test_an_irc_server_that_names_its_port_with_tls_in_clear_is_to_be_checked_there():
    lines = ["C: CAP LS 302", "S: :irc.example.org CAP * LS :multi-prefix sts=port=6697"]
    evidence = heard(*lines, endpoint=Endpoint(HOST, 6667, "irc"))
    finding = found(judged(evidence, VERIFY), UNEXPLAINED)
    assert "in clear it was said that TLS is at port 6697: check that one" in finding.because

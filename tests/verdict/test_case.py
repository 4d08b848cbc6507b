"""The case that is judged, and how what speaks for a finding is weighed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verdict.scenes import (
    ASKED,
    IMAP,
    MAY,
    OFFER,
    POP3,
    SMTPS,
    heard,
    implicit,
    refused,
    stripped,
    unheard,
    upgraded,
)
from unstrip.transcript import Layer, Side
from unstrip.upgrade import Manner, Outcome
from unstrip.verdict.case import (
    CERTAIN,
    SINGLE_SOURCE,
    Case,
    Ground,
    combined,
    last_proof,
    offered_words,
    proofs,
)
from unstrip.verdict.case import heard as said_by

weights = st.floats(0.01, 0.999)
grounds = st.builds(Ground, st.sampled_from("abcd"), weights, st.just(""))
grounds_for_it = grounds.filter(lambda ground: ground.weight >= 0.5)  # no rule has another


def test_no_ground_is_even_odds():
    assert combined([]) == 0.5


def test_one_ground_is_worth_what_it_says():
    assert combined([Ground("a", 0.7, "")]) == 0.7


def test_odds_of_two_sources_multiply():
    assert combined([Ground("a", 0.8, ""), Ground("b", 0.8, "")]) == 0.94  # 16 to 1


def test_even_odds_add_nothing():
    assert combined([Ground("a", 0.8, ""), Ground("b", 0.5, "")]) == 0.8


def test_a_ground_against_it_takes_away():
    assert combined([Ground("a", 0.8, ""), Ground("b", 0.2, "")]) == 0.5


def test_one_source_convinces_no_further_than_its_cap():
    assert combined([Ground("a", 0.95, "")] * 9) == SINGLE_SOURCE == 0.9


@given(st.lists(grounds, max_size=12))
def test_confidence_stays_within_bounds(several):
    assert 0 <= combined(several) <= CERTAIN


@given(st.lists(grounds_for_it, max_size=6))
def test_the_order_of_the_grounds_does_not_matter(several):
    assert combined(several) == pytest.approx(combined(several[::-1]), abs=0.011)


@given(st.lists(grounds, max_size=6), st.sampled_from("abcd"), st.floats(0.5, 0.999))
def test_one_more_ground_for_it_never_takes_away(several, source, weight):
    assert combined([*several, Ground(source, weight, "")]) >= combined(several)


def test_words_of_the_protocol_come_from_the_registry():
    assert (Case(MAY, upgraded()).offer, Case(MAY, upgraded()).verb) == ("STARTTLS", "STARTTLS")
    assert Case(MAY, unheard(OSError(), POP3)).offer == "STLS"
    assert Case(MAY, unheard(OSError(), POP3)).verb == "STLS"


def test_a_dialog_that_learnt_nothing_has_an_upgrade_that_broke_off():
    assert Case(MAY, unheard(OSError())).upgrade.outcome is Outcome.BROKEN_OFF


@pytest.mark.parametrize("manner", [Manner.PLAIN, Manner.LOWER_CASE, Manner.SPLIT])
def test_asked_is_the_request_in_whatever_spelling(manner):
    assert Case(MAY, refused(manner=manner)).asked


def test_not_asked_is_no_request():
    assert not Case(MAY, stripped()).asked
    assert not Case(MAY, unheard(OSError())).asked


def test_a_door_is_another_port_with_implicit_tls():
    door, probe = implicit(), upgraded()
    case = Case(MAY, stripped(), beside=(door, probe))
    assert case.doors == (door,)
    assert case.probes == (probe,)


def test_a_probe_of_an_implicit_port_is_no_door():
    case = Case(MAY, implicit(), beside=(implicit(),))
    assert case.doors == ()
    assert case.probes == (implicit(),)


def test_heard_is_all_that_one_side_said_on_one_layer():
    evidence = upgraded()
    assert said_by(evidence, Side.CLIENT, Layer.CLEAR) == b"EHLO localhost\r\nSTARTTLS\r\n"
    assert said_by(evidence, Side.CLIENT, Layer.SECURE) == b"EHLO localhost\r\n"


def test_a_proof_points_at_the_bytes():
    evidence = stripped()
    (proof,) = proofs(evidence, b"SIZE")
    said = evidence.transcript[proof.utterance]
    assert said.speaker is Side.SERVER
    assert said.data[proof.offset :].startswith(b"SIZE")


def test_what_was_not_said_or_is_nothing_has_no_proof():
    assert proofs(stripped(), b"STARTTLS") == ()
    assert proofs(stripped(), b"") == ()
    assert proofs(stripped(), b"EHLO localhost") == ()  # that was the client
    assert proofs(stripped(), b"EHLO", Side.CLIENT) != ()


def test_what_was_cut_into_segments_has_no_proof():
    cut = heard(*OFFER, ASKED, "S: 454 no")
    assert proofs(cut, b"STARTTLS\r\n250") != ()
    assert proofs(cut, b"8BITMIME\r\n454") == ()


def test_the_last_proof_is_what_the_server_said_last_in_clear():
    (proof,) = last_proof(upgraded(), b"go\r\n")
    assert upgraded().transcript[proof.utterance].data == b"220 go\r\n"
    assert proof.offset == len("220 ")
    assert proof.data == b"go\r\n"


@pytest.mark.parametrize("needle", [b"", b"220", b"8BITMIME\r\n", b"STARTTLS\r\n"])
def test_what_was_not_said_last_in_clear_is_no_last_proof(needle):
    assert last_proof(upgraded(), needle) == ()


def test_where_nothing_was_said_there_is_no_last_proof():
    assert last_proof(unheard(OSError()), b"x") == ()


def test_offered_words_are_upper_case_lines():
    lines = ("S: * OK x", "C: u1 CAPABILITY", "S: * CAPABILITY IMAP4rev1 StartTLS", "S: u1 OK x")
    assert offered_words(heard(*lines, endpoint=IMAP, insist=False)) == ("IMAP4REV1", "STARTTLS")
    assert offered_words(upgraded())[0] == "SIZE 1000"
    assert offered_words(unheard(OSError(), SMTPS)) == ()

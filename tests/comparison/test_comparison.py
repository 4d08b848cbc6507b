"""Two ways side by side: where they disagree, and what it comes to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.verdict.scenes import (
    ASKED,
    EHLO,
    HOST,
    NOW,
    OFFER,
    SMTPS,
    chain,
    heard,
    implicit,
    refused,
    shaken,
    stripped,
    unheard,
    untrusted,
    upgraded,
)
from unstrip.comparison import Comparison, Point, Visits, _certificates, compare
from unstrip.evidence import Evidence, Failure
from unstrip.trouble import Trouble
from unstrip.verdict import Standing

OLDER = shaken(version="TLSv1.2", cipher="ECDHE-ECDSA-AES256-GCM-SHA384")
LISTED = ("S: 250-mx", "S: 250-SIZE 1000", "S: 250 8BITMIME")
CLOSED = unheard(ConnectionRefusedError(), SMTPS)
BUSY = heard("S: 421 later")


def direct(handshake=None, *listed: str) -> Evidence:
    """Implicit TLS, with the same capabilities as the upgrade unless others are given."""
    lines = ("S: 220 mx ESMTP", EHLO, *(listed or LISTED))
    return heard(*lines, endpoint=SMTPS, handshake=handshake)


def without_tls_1_2(evidence: Evidence) -> Evidence:
    """The visit with TLS 1.2 at most, where the server has none."""
    failure = Failure(Trouble.TLS, "TLS failed: an alert", "TLSV1_ALERT_PROTOCOL_VERSION")
    return replace(evidence, upgrade=None, handshake=None, failure=failure)


def compared(in_band: Evidence, beside: Evidence | None, *older: Evidence) -> Comparison:
    mine, theirs = older or (None, None)
    return compare(Visits(in_band, mine), beside and Visits(beside, theirs))


def points(comparison: Comparison) -> list[Point]:
    return [difference.point for difference in comparison.differences]


# -- in order --------------------------------------------------------------------------


def test_two_ways_that_are_alike_are_in_order():
    comparison = compared(upgraded(), direct(), upgraded(OLDER), direct(OLDER))
    assert comparison.standing is Standing.MEETS
    assert comparison.differences == ()
    assert [trip.version for trip in comparison.in_band.trips] == ["TLSv1.3", "TLSv1.2"]
    assert comparison.implicit.endpoint == SMTPS


def test_the_round_trips_saved_are_told_for_each_version():
    comparison = compared(upgraded(), direct(), upgraded(OLDER), direct(OLDER))
    first, *_ = comparison.words
    saved = [trip.round_trips for trip in comparison.in_band.trips]
    costs = [trip.round_trips for trip in comparison.implicit.trips]
    assert [mine - theirs for mine, theirs in zip(saved, costs, strict=True)] == [2, 2]
    assert first == (
        "implicit TLS is there,"
        " 2 round trips shorter with TLS 1.3, 2 round trips shorter with TLS 1.2"
    )


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (4, "1 round trip shorter with TLS 1.3"),
        (5, "as many round trips with TLS 1.3"),
        (6, "1 round trip longer with TLS 1.3"),
        (8, "3 round trips longer with TLS 1.3"),
    ],
)
def test_round_trips_are_counted_in_plain_words(count, words, monkeypatch):
    seen = Evidence.round_trips
    monkeypatch.setattr(
        Evidence,
        "round_trips",
        property(lambda one: count if one.endpoint.implicit else seen.fget(one)),
    )
    assert compared(upgraded(), direct()).words[0] == f"implicit TLS is there, {words}"


def test_versions_that_only_one_way_has_are_not_counted_against_each_other():
    comparison = compared(upgraded(OLDER), direct())
    assert comparison.words[0] == "implicit TLS is there"


def test_what_can_be_read_by_a_listener_is_told_of_the_better_way():
    words = compared(upgraded(), direct()).words
    assert "with implicit TLS, nothing can be read by whoever listens" in words


def test_the_advice_of_an_rfc_is_given_where_there_is_one():
    assert any("RFC 8314" in words for words in compared(upgraded(), direct()).words)
    assert not any("RFC 8314" in words for words in compared(upgraded(), CLOSED).words)


# -- one way ---------------------------------------------------------------------------


def test_where_there_is_no_implicit_tls_that_is_said():
    comparison = compared(upgraded(), None)
    told = "the greeting, what the server can do and the name we gave"
    assert comparison.implicit is None
    assert comparison.standing is Standing.MEETS
    assert comparison.words == (
        "smtp has no implicit TLS: STARTTLS is the only way to TLS",
        f"with STARTTLS, {told} can be read by whoever listens",
    )


@pytest.mark.parametrize(
    ("evidence", "standing", "words"),
    [
        (stripped(), Standing.FALLS_SHORT, "does not lead there"),
        (BUSY, Standing.UNKNOWN, "nothing could be told"),
    ],
)
def test_the_only_way_may_lead_nowhere(evidence, standing, words):
    comparison = compared(evidence, None)
    assert comparison.standing is standing
    assert words in comparison.words[1]


# -- disagreements ---------------------------------------------------------------------


def test_a_closed_port_is_a_disagreement():
    comparison = compared(upgraded(), CLOSED)
    (difference,) = comparison.differences
    assert difference.point is Point.OPEN
    assert (difference.in_band, difference.implicit) == ("protected", "connection refused")
    assert comparison.standing is Standing.FALLS_SHORT
    assert comparison.words[0] == "only STARTTLS leads to TLS: port 465 is closed"


@pytest.mark.parametrize("evidence", [stripped(), refused(), heard(*OFFER, ASKED, "<reset>")])
def test_one_way_in_clear_is_a_disagreement_and_a_case_for_check(evidence):
    comparison = compared(evidence, direct())
    assert points(comparison) == [Point.PROTECTED]
    assert comparison.differences[0].implicit == "protected"
    assert comparison.standing is Standing.FALLS_SHORT
    assert comparison.words[0].startswith("only implicit TLS leads to TLS, STARTTLS does not; ")
    assert "unstrip check --probe" in comparison.words[0]


def test_tampering_falls_short_too():
    injected = heard(*OFFER, ASKED, "S: 220 go", "S: 250 x")
    assert compared(injected, direct()).standing is Standing.FALLS_SHORT


def test_one_valid_certificate_of_two_is_a_disagreement():
    (valid, key) = compared(upgraded(), direct(untrusted())).differences
    assert valid.point is Point.VALID
    assert (valid.in_band, valid.implicit) == ("valid", "no trusted issuer")
    assert key.point is Point.KEY


def test_another_key_is_a_disagreement():
    comparison = compared(upgraded(), direct(shaken(chain("second"))))
    assert points(comparison) == [Point.KEY]
    assert comparison.standing is Standing.FALLS_SHORT
    assert comparison.differences[0].in_band != comparison.differences[0].implicit


def test_another_certificate_of_the_same_key_is_a_lesser_one():
    shown = compared(upgraded(), direct()).implicit.certificate
    renewed = replace(shown, sha256="0" * 64, expires=NOW)
    (difference,) = _certificates(shown, renewed)
    assert difference.point is Point.CERTIFICATE
    assert difference.implicit == f"to {NOW:%Y-%m-%d}"


def test_certificates_that_cannot_be_read_are_not_compared():
    assert points(compared(upgraded(shaken((b"none",))), direct())) == []


def test_other_versions_are_a_disagreement():
    comparison = compared(upgraded(OLDER), direct())
    assert points(comparison) == [Point.VERSIONS]
    assert comparison.differences[0].in_band == "TLSv1.2"


def test_a_version_that_one_way_refuses_is_a_disagreement():
    older = (without_tls_1_2(upgraded()), direct(OLDER))
    comparison = compared(upgraded(), direct(), *older)
    assert points(comparison) == [Point.VERSIONS]
    assert comparison.differences[0].implicit == "TLSv1.2, TLSv1.3"


def test_a_version_that_could_not_be_tried_is_none():
    assert points(compared(upgraded(), direct(), BUSY, direct(OLDER))) == []


def test_a_protocol_whose_upgrade_knows_no_tls_1_3_is_not_blamed_for_it():
    tds = replace(upgraded(OLDER).endpoint, protocol="ms-sql-s")
    mine = replace(upgraded(OLDER), endpoint=tds)
    theirs = replace(direct(), endpoint=replace(tds, implicit=True))
    assert points(compared(mine, theirs)) == []


def test_other_capabilities_inside_are_a_disagreement():
    comparison = compared(upgraded(), implicit())
    (difference,) = comparison.differences
    assert difference.point is Point.CAPABILITIES
    assert difference.in_band == "only here: SIZE 1000"
    assert difference.implicit == "nothing more"


def test_capabilities_of_a_peer_are_escaped():
    nasty = direct(None, "S: 250-mx", r"S: 250 \x1b[31m")
    (difference,) = compared(upgraded(), nasty).differences
    assert difference.implicit.isprintable()
    assert "x1b" in difference.implicit


# -- could not tell --------------------------------------------------------------------


@pytest.mark.parametrize("evidence", [BUSY, unheard(TimeoutError()), heard("<silence>")])
def test_what_could_not_be_told_is_no_disagreement(evidence):
    comparison = compared(evidence, direct())
    assert comparison.differences == ()
    assert comparison.standing is Standing.UNKNOWN
    assert comparison.words[0] == "implicit TLS leads to TLS; of STARTTLS nothing could be told"


def test_two_ways_of_which_nothing_is_known_are_no_disagreement_either():
    comparison = compared(unheard(ConnectionRefusedError()), CLOSED)
    assert comparison.differences == ()
    assert comparison.standing is Standing.UNKNOWN
    assert comparison.words == ("nothing could be told of either way",)


def test_two_ways_in_clear_agree_and_fall_short():
    comparison = compared(stripped(), heard("<TLS fails>", endpoint=SMTPS))
    assert comparison.differences == ()
    assert comparison.standing is Standing.FALLS_SHORT
    assert comparison.words[0].startswith("neither way leads to TLS; ")


NO_TLS_1_3 = replace(heard(*OFFER, ASKED, "S: 220 go", "<TLS fails>"), handshake=None)
NO_TLS_1_3_DIRECT = replace(heard("<TLS fails>", endpoint=SMTPS), handshake=None)


def test_tls_1_2_on_both_ways_is_tls():
    older = (upgraded(OLDER), direct(OLDER))
    comparison = compared(NO_TLS_1_3, NO_TLS_1_3_DIRECT, *older)
    first, read, *_ = comparison.words
    assert first.startswith("both ways lead to TLS only with TLS 1.2 at most; ")
    assert read == "with implicit TLS, the certificate can be read by whoever listens"
    assert comparison.standing is Standing.FALLS_SHORT


def test_one_way_that_has_tls_1_2_alone_is_told_from_one_that_has_none():
    words = compared(stripped(), NO_TLS_1_3_DIRECT, stripped(), direct(OLDER)).words
    assert words[0].startswith("only implicit TLS leads to TLS, and only with TLS 1.2 at most; ")
    beside = compared(upgraded(), NO_TLS_1_3_DIRECT, upgraded(OLDER), direct(OLDER))
    assert "leads to TLS, implicit TLS only with TLS 1.2 at most" in beside.words[0]
    assert points(beside) == [Point.VERSIONS]


def test_the_only_way_may_lead_to_tls_1_2_alone():
    words = compare(Visits(NO_TLS_1_3, upgraded(OLDER))).words
    assert "it leads there only with TLS 1.2 at most" in words[1]
    assert "the certificate" in words[2]


def test_a_visit_that_failed_by_chance_makes_no_way_lower():
    words = compared(BUSY, direct(), upgraded(OLDER), direct(OLDER)).words
    assert not any("at most" in word for word in words)


def test_what_falls_short_is_worse_than_what_is_unknown():
    assert compared(stripped(), CLOSED).standing is Standing.FALLS_SHORT


def test_an_untrusted_certificate_on_both_ports_falls_short():
    comparison = compared(upgraded(untrusted()), direct(untrusted()))
    assert comparison.differences == ()
    assert comparison.standing is Standing.FALLS_SHORT
    assert HOST in comparison.in_band.certificate.names

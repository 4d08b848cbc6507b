"""Every real server that speaks a protocol: honest, as somebody else, without TLS, stripped.

What is true of all of them is said once, over the rows; what is particular to one server is in
`test_servers.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import unstrip
from tests.interop.attempts import (
    DRIVERS,
    IMPATIENCE,
    PATIENCE,
    Attend,
    Goal,
    Link,
    behind,
    both_drivers,
    both_links,
    check,
    kept_quiet,
)
from tests.interop.conftest import House
from tests.interop.rows import ROWS, Refusal, Row
from tests.interop.servers import Certificates
from tests.protocols.specimen import only_permitted
from tests.protocols.specimens import SPECIMENS
from unstrip.lab.dialect import Dialect
from unstrip.lab.dialects import DIALECTS
from unstrip.lab.tricks import TRICKS
from unstrip.policy import Decision, Level
from unstrip.transcript import Layer, Side, said
from unstrip.verdict import Code, Standing, judge

VERIFY = Decision(Level.AUTHENTICATED)
EXITS = {Standing.MEETS: 0, Standing.FALLS_SHORT: 1, Standing.TAMPERED: 3, Standing.UNKNOWN: 4}

every_row = pytest.mark.parametrize("row", ROWS, ids=str)
every_row_with_implicit_tls = pytest.mark.parametrize(
    "row", [row for row in ROWS if row.implicit_port], ids=str
)
every_refusal = pytest.mark.parametrize(
    ("row", "refusal"),
    [
        pytest.param(row, refusal, id=f"{row}-{refusal.name}")
        for row in ROWS
        for refusal in row.refusals
    ],
)


# -- honest ----------------------------------------------------------------------------


@both_drivers
@every_row
def test_an_honest_server_upgrades_and_proves_its_name(
    attend: Attend, row: Row, house: House
) -> None:
    evidence = attend(house.goal(row))
    assert evidence.secured, evidence.failure
    assert evidence.handshake.webpki.valid
    assert kept_quiet(evidence)
    # one more than our own server takes, where it wants a key of another group (RFC 8446, 4.1.4)
    assert evidence.round_trips - SPECIMENS[row.protocol].round_trips[0] in {0, 1}
    verdict = judge(VERIFY, evidence)
    assert verdict.code is Code.TLS_OK_AUTHENTICATED
    assert verdict.meets


@both_drivers
@every_row_with_implicit_tls
def test_an_honest_server_speaks_tls_from_the_first_byte_on_its_other_port(
    attend: Attend, row: Row, house: House
) -> None:
    evidence = attend(house.goal(row, implicit=True))
    assert evidence.secured, evidence.failure
    assert said(evidence.transcript, Side.CLIENT, Layer.CLEAR) == b""
    assert evidence.round_trips - SPECIMENS[row.protocol].round_trips[1] in {0, 1}
    assert judge(VERIFY, evidence).code is Code.TLS_OK_AUTHENTICATED


@both_links
@every_row
def test_there_is_a_link_to_an_honest_server(link: Link, row: Row, house: House) -> None:
    evidence = link(house.goal(row))
    assert evidence.secured
    assert kept_quiet(evidence)


@every_row
def test_the_command_says_that_an_honest_server_is_in_order(row: Row, house: House) -> None:
    ran = check(house.goal(row))
    assert ran.code == 0, ran
    assert ran.record.code is Code.TLS_OK_AUTHENTICATED


@every_row_with_implicit_tls
def test_the_command_says_so_of_the_other_port_too(row: Row, house: House) -> None:
    ran = check(house.goal(row, implicit=True))
    assert ran.code == 0, ran
    assert ran.record.code is Code.TLS_OK_AUTHENTICATED


# -- under another name ----------------------------------------------------------------


@both_drivers
@every_row
def test_a_certificate_for_another_name_is_tls_that_proves_nothing(
    attend: Attend, row: Row, impostors: House
) -> None:
    evidence = attend(impostors.goal(row))
    assert evidence.secured, evidence.failure
    assert not evidence.handshake.webpki.valid
    verdict = judge(VERIFY, evidence)
    assert verdict.code is Code.TLS_OK_UNAUTHENTICATED
    assert Code.CERTIFICATE_INVALID in {finding.code for finding in verdict.findings}
    assert not verdict.meets


@both_links
@every_row
def test_there_is_no_link_to_another_name_and_it_hears_nothing_inside(
    link: Link, row: Row, impostors: House
) -> None:
    with pytest.raises(unstrip.Unprotected) as caught:
        link(impostors.goal(row))
    evidence = caught.value.evidence
    assert caught.value.verdict.code is Code.CERTIFICATE_INVALID
    assert evidence.handshake is not None
    assert said(evidence.transcript, Side.CLIENT, Layer.SECURE) == b""
    assert kept_quiet(evidence)


@every_row
def test_the_command_says_that_another_name_falls_short(row: Row, impostors: House) -> None:
    ran = check(impostors.goal(row))
    assert ran.code == 1, ran
    assert ran.record.code is Code.TLS_OK_UNAUTHENTICATED


# -- without TLS -----------------------------------------------------------------------


@every_refusal
def test_a_server_that_gives_no_tls_is_reported_and_told_nothing(
    row: Row, refusal: Refusal, directory: Path, certificates: Certificates
) -> None:
    patience = IMPATIENCE if refusal.silent else PATIENCE
    with row.start(directory, certificates, **refusal.settings) as server:
        goal = Goal(row, server, certificates.ca, patience=patience)
        seen = [attend(goal) for attend in DRIVERS.values()]
        ran = check(goal)
    for evidence in seen:
        verdict = judge(VERIFY, evidence)
        assert verdict.code in refusal.codes, evidence
        assert not verdict.meets
        assert kept_quiet(evidence)
    assert ran.record.code in refusal.codes
    assert ran.code == EXITS[ran.record.verdict.standing]
    assert ran.code in {1, 4}


# -- stripped --------------------------------------------------------------------------


def stripping(dialect: type[Dialect]) -> str:
    """The trick that a box strips this protocol by: it deletes the offer, or forges the answer."""
    tricks = ("remove-offer", "flip-answer", "refuse")
    return next(name for name in tricks if TRICKS[name].suits(dialect))


def verdict_on(trick: str) -> Code:
    """A deleted offer is found by asking all the same; a forged answer says no more than a no."""
    return Code.OFFER_HIDDEN if trick == "remove-offer" else Code.OFFER_ABSENT_UNEXPLAINED


@both_drivers
@every_row
def test_a_stripped_server_is_found_out_or_left_and_nothing_leaks(
    attend: Attend, row: Row, house: House
) -> None:
    trick = stripping(DIALECTS[row.protocol])
    with behind(trick, house.goal(row)) as staged:
        evidence = attend(staged.goal)
        crossed = staged.in_clear()
    verdict = judge(VERIFY, evidence)
    assert verdict.code is verdict_on(trick), evidence
    assert evidence.secured is (trick == "remove-offer")
    assert only_permitted(row.protocol, crossed)


@every_row
def test_the_command_says_that_a_server_is_stripped_or_falls_short(row: Row, house: House) -> None:
    trick = stripping(DIALECTS[row.protocol])
    with behind(trick, house.goal(row)) as staged:
        ran = check(staged.goal)
    assert ran.record.code is verdict_on(trick)
    assert ran.code == (3 if trick == "remove-offer" else 1)


@both_links
@every_row
def test_there_is_a_link_past_a_deleted_offer_and_none_past_a_forged_answer(
    link: Link, row: Row, house: House
) -> None:
    trick = stripping(DIALECTS[row.protocol])
    with behind(trick, house.goal(row)) as staged:
        if trick == "remove-offer":
            assert link(staged.goal).secured
        else:
            with pytest.raises(unstrip.Unprotected):
                link(staged.goal)
        assert only_permitted(row.protocol, staged.in_clear())

"""The values of an upgrade: what is told by default, and what counts as listed."""

from __future__ import annotations

import pytest

from unstrip.upgrade import SECURE_OUTCOMES, Asking, Outcome, Upgrade, lists


def test_a_client_says_nothing_of_itself_unless_told():
    assert Asking().helo == Asking().host == "localhost"
    assert not Asking().insist


@pytest.mark.parametrize(
    ("lines", "listed"),
    [
        (["SIZE", "STARTTLS"], True),
        (["starttls"], True),
        (["STARTTLS now"], False),
        (["X-STARTTLS"], False),
        (["\u017ftarttls"], False),  # a long s, which is an S in capitals
        ([], False),
    ],
)
def test_a_keyword_is_listed_by_a_line_that_is_nothing_else(lines, listed):
    assert lists(lines, "STARTTLS") is listed


def test_only_what_ends_inside_tls_is_secure():
    assert {Outcome.UPGRADED, Outcome.IMPLICIT} == SECURE_OUTCOMES


def test_an_upgrade_that_learnt_nothing_claims_nothing():
    upgrade = Upgrade(Outcome.BROKEN_OFF)
    assert not upgrade.advertised
    assert not upgrade.exposed
    assert not any((upgrade.greeting, upgrade.offered, upgrade.inside, upgrade.said))

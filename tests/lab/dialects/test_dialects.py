"""What every dialect must hold, whoever wrote it."""

from __future__ import annotations

import pytest

from unstrip.lab.dialects import DIALECTS
from unstrip.protocols import REGISTRY

ALL = sorted(DIALECTS)


def test_every_protocol_has_a_dialect():
    assert set(DIALECTS) == set(REGISTRY)


@pytest.mark.parametrize("name", ALL)
def test_a_dialect_has_a_no_of_every_kind(name):
    words = DIALECTS[name].WORDS
    assert words.refusals
    assert all(code and code.isascii() for code in words.refusals)
    assert all(words.refusals.values())
    assert words.temporary
    assert words.bogus
    assert words.unexpected


@pytest.mark.parametrize("name", ALL)
def test_what_passes_for_an_answer_is_there_where_there_is_a_go_ahead(name):
    dialect = DIALECTS[name]
    if dialect.GOES_AHEAD:
        assert dialect.WORDS.answer
        assert dialect.WORDS.fragment


@pytest.mark.parametrize("name", ALL)
def test_numbers_of_its_own_are_of_tricks_that_there_are(name):
    from unstrip.lab.tricks import TRICKS

    assert set(DIALECTS[name].IDS) <= set(TRICKS)

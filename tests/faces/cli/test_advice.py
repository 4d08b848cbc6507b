"""Whoever is told that something is wrong is told what to do about it."""

from __future__ import annotations

import re

import pytest

from unstrip.faces.cli import cli
from unstrip.faces.cli.advice import ADVICE
from unstrip.verdict import Code

NAMING = [code for code in Code if not code.note]


@pytest.mark.parametrize("code", NAMING)
def test_every_verdict_has_its_advice_but_the_best(code):
    assert (code in ADVICE) is (code is not Code.TLS_OK_AUTHENTICATED)


def test_notes_have_none_since_they_name_no_verdict():
    assert not [code for code in ADVICE if code.note]


@pytest.mark.parametrize("code", ADVICE)
def test_an_advice_is_one_sentence_in_the_command_lines_style(code):
    words = ADVICE[code]
    assert words.isascii()
    assert words.isprintable()
    assert words[0].islower() or words[0] == "`"
    assert not words.endswith(".")


@pytest.mark.parametrize("code", ADVICE)
def test_an_advice_names_options_that_there_are(code):
    known = {name for one in cli.commands["check"].params for name in one.opts}
    named = set(re.findall(r"`(--[a-z-]+)", ADVICE[code]))
    assert named <= known


def test_some_do_name_options():
    assert any("`--probe`" in words for words in ADVICE.values())

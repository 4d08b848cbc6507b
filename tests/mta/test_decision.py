"""What is said of a domain's mail: the same as each mail server is told, and why."""

from __future__ import annotations

import pytest

from tests.mta.domains import (
    FORGED,
    NONE,
    PIN,
    UNUSABLE,
    USABLE,
    A,
    B,
    derived,
    lost,
    override,
    patient,
    rules,
)
from tests.policy.answering import N, U, failure
from unstrip.evidence import from_json, to_json
from unstrip.mta.decision import MailDecision, decision
from unstrip.mta.exim import options
from unstrip.mta.postfix import answer
from unstrip.mta.tongue import FAILED, NOTHING

ANSWERS = {
    "lost": (lost(), FAILED),
    "failed": (derived({A: FORGED}), FAILED),
    "stranger": (derived({A: NONE}, N, mode="enforce", mx=["a.elsewhere.example"]), "secure"),
    "patient": (derived({A: NONE}, record=failure(), beliefs=patient()), FAILED),
    "nothing": (derived({A: NONE}), NOTHING),
    "uncertain": (derived({A: NONE}, record=failure()), NOTHING),
    "nobody has looked": (derived({A: NONE}, U), NOTHING),
    "dane-only": (derived({A: USABLE}), "dane-only"),
    "dane": (derived({A: USABLE, B: NONE}), "dane"),
    "dane by host": (derived({A: USABLE}, N), "dane"),
    "unusable": (derived({A: UNUSABLE}), "encrypt"),
    "mta-sts": (derived({A: NONE}, N, mode="enforce"), "secure"),
    "testing": (derived({A: NONE}, N, mode="testing"), "may"),
    "by rule": (derived({A: NONE}, beliefs=rules("* verify")), "secure"),
    "pinned": (derived({A: NONE}, beliefs=rules(f"* verify {PIN}")), "fingerprint"),
    "freed": (derived({A: USABLE}, beliefs=override("* may")), "may"),
    "overridden": (lost(override("* encrypt")), "encrypt"),
}


@pytest.mark.parametrize(("derivation", "kind"), ANSWERS.values(), ids=ANSWERS)
def test_every_kind_of_answer_says_what_each_is_told_and_why(derivation, kind):
    found = decision(derivation)
    assert found.kind == kind
    assert found.postfix == answer(derivation, reporting=False)
    assert found.postfix_3_10 == answer(derivation, reporting=True)
    assert found.exim == options(derivation)
    assert (found.derivation, found.waits) == (derivation, derivation.waits)
    for told in (found.postfix, found.postfix_3_10):
        assert told.because
        assert told.rule
        assert told.text or told.lookup.name == "NOTFOUND"
    assert from_json(MailDecision, to_json(found)) == found

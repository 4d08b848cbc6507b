"""The JSON of a check: everything, and back again without loss."""

from __future__ import annotations

import json

import pytest

from tests.verdict.scenes import (
    SMTP,
    VERIFY,
    heard,
    implicit,
    judged,
    refused,
    steadily,
    stripped,
    unheard,
    upgraded,
    visited,
)
from unstrip.comparison import Visits, compare
from unstrip.evidence import Evidence, from_json, to_json
from unstrip.faces.cli.record import ComparisonRecord, Record, comparison_record, record
from unstrip.io.check import Checked
from unstrip.io.compare import Compared
from unstrip.verdict import Standing


def checked(evidence: Evidence, *beside: Evidence, **others: object) -> Checked:
    verdict = judged(evidence, VERIFY, beside=beside, **others)
    return Checked(visited(evidence), evidence, beside, verdict)


CHECKED = {
    "upgraded": checked(upgraded()),
    "removed": checked(stripped(), upgraded(), implicit(), history=steadily(upgraded())),
    "refused": checked(refused("454 \\x1b[31m\\xff\\x00")),
    "closed": checked(unheard(ConnectionRefusedError())),
    "busy": checked(heard("S: 421 later")),
}


@pytest.mark.parametrize("one", CHECKED.values(), ids=CHECKED)
def test_a_record_goes_to_json_and_back_without_loss(one):
    made = record(one)
    text = to_json(made)
    assert from_json(Record, text) == made
    assert b"\n" not in text


@pytest.mark.parametrize(
    ("name", "code"), [("upgraded", 0), ("removed", 3), ("refused", 1), ("closed", 4), ("busy", 4)]
)
def test_the_verdict_in_short_comes_first(name, code):
    made = record(CHECKED[name])
    verdict = CHECKED[name].verdict
    assert made.exit == code
    assert (made.code, made.confidence) == (verdict.code, verdict.confidence)
    assert made.standing is verdict.standing
    assert list(json.loads(to_json(made)))[:5] == [
        "target",
        "code",
        "confidence",
        "standing",
        "exit",
    ]


def test_what_crossed_is_counted():
    made = record(CHECKED["upgraded"])
    assert made.target == str(SMTP)
    assert made.round_trips == 5
    assert made.clear_sent == len("EHLO localhost\r\nSTARTTLS\r\n")
    assert made.clear_received > made.clear_sent


def test_what_never_crossed_is_none():
    made = record(CHECKED["closed"])
    assert made.round_trips is None
    assert (made.clear_sent, made.clear_received) == (0, 0)
    assert made.standing is Standing.UNKNOWN


def test_all_the_evidence_is_in_it():
    made = record(CHECKED["removed"])
    assert made.evidence == stripped()
    assert made.beside == (upgraded(), implicit())
    assert made.verdict is CHECKED["removed"].verdict


COMPARED = {
    "alike": (upgraded(), upgraded()),
    "closed": (upgraded(), unheard(ConnectionRefusedError())),
    "stripped": (stripped(), implicit()),
}


@pytest.mark.parametrize(("name", "code"), [("alike", 0), ("closed", 1), ("stripped", 1)])
def test_the_record_of_a_comparison_has_all_of_it(name, code):
    seen = COMPARED[name]
    compared = Compared(SMTP, compare(*map(Visits, seen)), seen)
    made = comparison_record(compared)
    assert (made.target, made.exit, made.evidence) == ("mx.example.org:25", code, seen)
    assert from_json(ComparisonRecord, to_json(made)) == made

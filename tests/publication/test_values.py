"""Records as lines, and what refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.publication.scene import NOW
from unstrip.evidence import from_json, to_json
from unstrip.policy.mta_sts import Mode
from unstrip.publication import Objection, Publication, Step, Weight, ZoneRecord

RECORD = ZoneRecord("example.org", 300, "MX", "10 mx.example.org.")


def publication(*weights):
    objections = tuple(Objection(weight, "words", "RFC 8461, 5", "hint") for weight in weights)
    steps = (Step("do", NOW, ("a line",), "RFC 8461, 8.1", ("--mode", "none")),)
    return Publication(
        "example.org",
        NOW,
        Mode.TESTING,
        "https://x",
        "",
        False,
        (RECORD,),
        (RECORD,),
        objections,
        steps,
    )


def test_a_record_is_a_line_that_is_good_in_any_zone():
    assert str(RECORD) == "example.org. 300 IN MX 10 mx.example.org."
    unknown = replace(RECORD, ttl=None)
    assert str(unknown) == "example.org. IN MX 10 mx.example.org."


@pytest.mark.parametrize(
    ("weights", "refused"),
    [
        ((), False),
        ((Weight.NOTED,), False),
        ((Weight.UNKNOWN, Weight.NOTED), True),
        ((Weight.REFUSED,), True),
    ],
)
def test_one_objection_that_is_fatal_refuses_all(weights, refused):
    assert publication(*weights).refused is refused


def test_a_publication_goes_to_json_and_back():
    whole = publication(*Weight)
    assert from_json(Publication, to_json(whole)) == whole

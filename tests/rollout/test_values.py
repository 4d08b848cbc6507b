"""The values of a rollout: what is safe, and that all of it is kept as JSON."""

from __future__ import annotations

from dataclasses import replace

from tests.rollout.reported import judged, said, well
from unstrip.evidence import from_json, to_json
from unstrip.publication import Objection, Weight
from unstrip.rollout.values import Rollout


def test_a_rollout_goes_to_json_and_back(scene):
    found = judged(scene, (*well(), said(0, 0, 1)))
    assert from_json(Rollout, to_json(found)) == found


def test_only_what_is_noted_is_safe(scene):
    found = judged(scene, well())
    for weight in Weight:
        safe = replace(found, objections=(Objection(weight, "x"),)).safe
        assert safe == (weight is Weight.NOTED)

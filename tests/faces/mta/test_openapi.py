"""The description for programs: it is whole, and what is described is what comes."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from unstrip.faces.mta.openapi import description
from unstrip.mta.decision import MailDecision


@pytest.fixture(scope="module")
def described():
    return json.loads(description())


def test_every_reference_leads_to_a_schema(described):
    there = described["components"]["schemas"]
    found = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(described)))
    assert {"MailDecision", "Derivation", "Error"} <= found <= set(there)


def test_a_decision_has_every_field(described):
    schema = described["components"]["schemas"]["MailDecision"]
    assert set(schema["properties"]) == {each.name for each in dataclasses.fields(MailDecision)}


def test_every_path_says_what_can_come(described):
    assert described["openapi"] == "3.1.0"
    assert set(described["paths"]) == {
        "/v1/decision/{domain}",
        "/healthz",
        "/metrics",
        "/openapi.json",
    }
    for path in described["paths"].values():
        assert all(each["description"] for each in path["get"]["responses"].values())

"""The values of a comparison: kept whole as JSON, and what follows from them."""

from __future__ import annotations

import json

import pytest

from tests.verdict.scenes import implicit, shaken, stripped, unheard, upgraded
from unstrip.comparison import Comparison, Told, Visits, compare
from unstrip.comparison.way import measured
from unstrip.evidence import Failure, from_json, to_json
from unstrip.transcript import Side
from unstrip.trouble import Trouble

OLDER = shaken(version="TLSv1.2", cipher="ECDHE-ECDSA-AES256-GCM-SHA384")

COMPARISONS = {
    "both": compare(Visits(upgraded(), upgraded(OLDER)), Visits(implicit(), implicit(OLDER))),
    "one": compare(Visits(upgraded())),
    "disagreeing": compare(Visits(stripped()), Visits(implicit())),
    "nobody there": compare(
        Visits(unheard(ConnectionRefusedError())), Visits(unheard(TimeoutError()))
    ),
}


@pytest.mark.parametrize("comparison", COMPARISONS.values(), ids=COMPARISONS)
def test_a_comparison_is_the_same_after_json(comparison):
    assert from_json(Comparison, to_json(comparison)) == comparison


def test_what_is_unknown_is_null_in_json():
    found = json.loads(to_json(COMPARISONS["one"]))
    assert found["implicit"] is None
    assert found["in_band"]["trips"][0]["failure"] is None


@pytest.mark.parametrize("told", Told)
def test_whoever_tells_is_the_client_or_the_server(told):
    servers = {"the greeting", "what the server can do", "the ways to log in", "the certificate"}
    assert told.teller is (Side.SERVER if told.value in servers else Side.CLIENT)


def test_visits_are_one_or_two():
    assert Visits(upgraded()).all == (upgraded(),)
    assert Visits(upgraded(), stripped()).all == (upgraded(), stripped())


def test_the_versions_are_those_that_stood():
    assert measured(Visits(upgraded())).versions == {"TLSv1.3"}
    assert measured(Visits(upgraded(), upgraded(OLDER))).versions == {"TLSv1.3", "TLSv1.2"}


@pytest.mark.parametrize(("trouble", "versions"), [("tls", {"TLSv1.3"}), ("reset", None)])
def test_only_a_failure_of_tls_tells_that_a_version_is_missing(trouble, versions):
    failed = unheard(ConnectionResetError(), upgraded().endpoint)
    older = from_json(type(failed), to_json(failed).replace(b'"reset"', f'"{trouble}"'.encode()))
    assert older.failure == Failure(Trouble(trouble), "connection reset")
    assert measured(Visits(upgraded(), older)).versions == versions


def test_a_visit_without_tls_or_failure_leaves_the_versions_unknown():
    assert measured(Visits(stripped())).versions is None
    assert measured(Visits(stripped())).trips[0].version == ""

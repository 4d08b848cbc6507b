"""`unstrip demo` is right about everything it shows, and fails if it is not."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from tests.faces.cli.command import Ran, interrupt, run, run_apart, started
from unstrip.faces.cli.demo import scenes
from unstrip.lab.tricks import TRICKS
from unstrip.protocols import REGISTRY
from unstrip.verdict import Code

DEMO = sys.modules["unstrip.faces.cli.demo"]  # the name in its package is the command
FEW = scenes()[:2]


@pytest.fixture(scope="module")
def shown() -> Ran:
    return run_apart("demo")


def test_every_verdict_of_the_demo_is_the_right_one(shown):
    assert shown.code == 0
    assert shown.err == ""
    assert f"{len(scenes())} of {len(scenes())}" in shown.out
    assert "should be" not in shown.out


def test_every_scene_is_on_a_line_of_its_own(shown):
    lines = shown.out.splitlines()
    for scene in scenes():
        assert any(scene.words in line and scene.right in line for line in lines)


def test_one_evidence_is_shown_in_full_and_what_to_try_next(shown):
    assert "C: EHLO localhost" in shown.out
    assert "unstrip check" in shown.out


def test_scenes_name_tricks_and_codes_that_there_are():
    assert {scene.trick for scene in scenes()} - {None} <= TRICKS.keys()
    assert {scene.right for scene in scenes()} <= {code.value for code in Code}


def test_honest_servers_come_first_and_are_found_honest():
    honest = scenes()[: len(REGISTRY)]
    assert [scene.right for scene in honest] == ["TLS_OK_AUTHENTICATED"] * len(REGISTRY)
    assert {scene.protocol for scene in honest} == set(REGISTRY)


def test_json_has_an_object_a_scene(monkeypatch):
    monkeypatch.setattr(DEMO, "scenes", lambda: FEW)
    told = [json.loads(line) for line in run("demo", "--json").out.splitlines()]
    assert [one["scene"] for one in told] == [scene.words for scene in FEW]
    assert [one["check"]["code"] for one in told] == [scene.right for scene in FEW]


def test_a_verdict_that_is_not_right_fails_the_demo(monkeypatch):
    wrong = (FEW[0], replace(FEW[1], right="OFFER_REMOVED"))
    monkeypatch.setattr(DEMO, "scenes", lambda: wrong)
    ran = run("demo")
    assert ran.code == 1
    assert "should be OFFER_REMOVED" in ran.out
    assert "1 of 2" in ran.out


def test_ctrl_c_ends_the_demo_with_a_sentence():
    with started("demo", "--json") as process:
        process.stdout.readline()
        ran = interrupt(process)
    assert ran.code == 130
    assert ran.err.strip() == "unstrip: error: interrupted"

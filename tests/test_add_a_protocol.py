"""The page on adding a protocol is enough: what it says is done to a copy of the project.

The files are those of `tests/newcomer/`, at the places of the page's table; the lines are those of
the page's diff, and the commands the page's own. Nothing else is changed in the copy.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).resolve().parent.parent
NEWCOMER = ROOT / "tests/newcomer"
PAGE = (ROOT / "docs/howto/add-a-protocol.md").read_text("utf-8")
NAME = FILE = "ferry"
COPIED = ("src", "tests", "docs", "pyproject.toml", "Makefile")
OF_THE_TEST = {"__init__.py", "experiment.py"}  # all else there is the newcomer's
REGISTRIES = (  # what asks whether all protocols are there; no name of one is in these tests
    "tests/lab/dialects/test_dialects.py::test_every_protocol_has_a_dialect",
    "tests/lab/probing/test_probing.py::test_there_is_a_way_to_test_every_protocol",
    "tests/io/test_compare.py::test_the_cost_of_every_protocol_is_known",
    "tests/protocols/test_every_protocol.py::test_every_protocol_has_its_specimen",
    "tests/protocols/test_every_protocol.py::test_no_scheme_means_two_things",
)
CASES = 300  # at least so many there are for whoever does all that the page says


def named(text: str) -> str:
    return text.replace("NAME", NAME).replace("FILE", FILE)


def places() -> dict[str, str]:
    """Where each of the newcomer's files goes, by the page's table."""
    rows = re.findall(r"^\| `(\S+)` \| `tests/newcomer/(\S+?)/?` \|$", PAGE, re.MULTILINE)
    return {theirs: named(place) for place, theirs in rows}


def add_lines(root: Path) -> None:
    """Do what the page's diff says: each run of new lines goes in front of an old one."""
    (diff,) = re.findall(r"^```diff\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    path, new = root, []
    for line in diff.splitlines():
        if line.startswith("--- "):
            path = root / line.removeprefix("--- ")
        elif line.startswith("+"):
            new.append(line.removeprefix("+"))
        else:
            there = path.read_text("utf-8").split("\n")
            assert there.count(line[1:]) == 1, f"{path}: {line}"
            at = there.index(line[1:])
            path.write_text("\n".join((*there[:at], *new, *there[at:])), "utf-8")
            new.clear()
    assert not new


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A copy of the project with one protocol more."""
    root = tmp_path_factory.mktemp("copy")
    for source in (*(ROOT / name for name in COPIED), *ROOT.glob("*.md")):
        copy(source, root / source.name)
    for theirs, place in places().items():
        copy(NEWCOMER / theirs, root / place)
    add_lines(root)
    return root


def copy(source: Path, to: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    else:
        shutil.copy(source, to)


def run(root: Path, *words: str) -> str:
    """Run Python in the copy, with the copy's package; return what it prints."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cases(root: Path, *words: str) -> int:
    """Run these tests in the copy; return how many passed, which has to be all there are."""
    report = root / "report.xml"
    run(root, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", *words)
    (suite,) = ET.parse(report).iter("testsuite")  # noqa: S314  # of our own making
    assert [suite.get(name) for name in ("failures", "errors", "skipped")] == ["0", "0", "0"]
    return int(suite.attrib["tests"])


def test_the_page_has_a_place_for_every_file_of_the_newcomers():
    there = {path.name for path in NEWCOMER.iterdir() if path.name != "__pycache__"}
    assert set(places()) == there - OF_THE_TEST


def test_the_copys_own_package_is_what_is_tried(grown):
    said = run(grown, "-c", f"import unstrip.protocols.{FILE} as it; print(it.__file__)")
    assert Path(said.strip()) == grown / f"src/unstrip/protocols/{FILE}.py"


def test_the_suites_have_their_cases_for_it_and_all_of_them_pass(grown):
    (command,) = re.findall(r"^\.venv/bin/python -m pytest (.* -k .*)$", PAGE, re.MULTILINE)
    assert cases(grown, *shlex.split(named(command))) >= CASES


def test_no_registry_misses_it(grown):
    assert cases(grown, *REGISTRIES) == len(REGISTRIES)


def test_the_house_style_is_kept(grown):
    written = [place for place in places().values() if place.endswith(".py")]
    run(grown, "-m", "ruff", "check", "--no-cache", *written)
    run(grown, "-m", "ruff", "format", "--no-cache", "--check", *written)
    typed = [place for place in written if place.startswith("src/")]
    run(grown, "-m", "mypy", "--cache-dir", os.devnull, *typed)


def test_the_reference_pages_have_it_once_they_are_made(grown):
    (script,) = re.findall(r"`\.venv/bin/python (docs/generate\.py)`", PAGE)
    run(grown, script)
    assert f"\n## {NAME}\n" in (grown / "docs/reference/protocols.md").read_text("utf-8")
    assert cases(grown, "tests/test_docs.py", "-k", NAME)


def test_the_command_answers_for_it_and_sees_through_a_box_that_strips_it(grown):
    honest, stripped = map(json.loads, run(grown, "tests/newcomer/experiment.py").splitlines())
    assert honest["code"] == "TLS_OK_AUTHENTICATED"
    assert stripped["code"] == "OFFER_HIDDEN"

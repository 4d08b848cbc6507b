"""The log: one line an event, whatever is in it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from unstrip.faces.mta.log import Log

NASTY = "a' level=error\n2026 \x1b[31m\u202e"


@pytest.fixture
def lines():
    return []


@pytest.fixture
def log(lines):
    return Log(lines.append)


def test_an_event_is_one_line_with_its_time_and_level(log, lines):
    log.info("listening", at="127.0.0.1:1", speaks="exim")
    time, rest = lines[0].split(" ", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time)
    assert rest == "info listening at=127.0.0.1:1 speaks=exim\n"


def test_what_others_said_writes_no_line_and_no_value_of_its_own(log, lines):
    log.warning("alarm", words=NASTY)
    assert lines[0].endswith(" words='a\\' level=error\\n2026 \\x1b[31m\\u202e'\n")
    assert lines[0].count("\n") == 1


def test_in_json_it_is_an_object(log, lines):
    log.set("info", "json")
    log.error("failed", words=NASTY, count=2)
    told = json.loads(lines[0])
    assert (told["level"], told["event"], told["count"]) == ("error", "failed", 2)
    assert told["words"] == "a' level=error\\n2026 \\x1b[31m\\u202e"


def test_what_is_long_is_cut(log, lines):
    log.info("x", words="y" * 100_000)
    assert len(lines[0]) < 600


@pytest.mark.parametrize(
    ("level", "told"),
    [("debug", "diwe"), ("info", "iwe"), ("warning", "we"), ("error", "e")],
)
def test_what_is_less_than_the_level_is_not_told(log, lines, level, told):
    log.set(level, "text")
    log.debug("d")
    log.info("i")
    log.warning("w")
    log.error("e")
    assert "".join(line.split()[2] for line in lines) == told


def test_where_nobody_reads_it_goes_on():
    code = "from unstrip.faces.mta.log import Log; Log().info('x'); print('on')"
    shut = ["sh", "-c", 'exec "$0" -c "$1" 2>/dev/full', sys.executable, code]
    ran = subprocess.run(shut, capture_output=True, text=True, check=True, timeout=20)
    assert ran.stdout == "on\n"

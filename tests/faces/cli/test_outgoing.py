"""Outgoing reports in words, and as JSON."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.io.tlsrpt.counted import count
from tests.tlsrpt.days import DAY, DOMAIN, WHO
from unstrip.faces.cli.outgoing import line, record
from unstrip.io.store import open_store
from unstrip.tlsrpt.schedule import State, first

JOB = first(DAY, DOMAIN, "mailto:tls@example.org")
WHEN = f"{JOB.due:%Y-%m-%d %H:%M} UTC"


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (JOB, f"waits until {WHEN}"),
        (replace(JOB, tries=1, words="no"), f"waits until {WHEN}, tried once: no"),
        (replace(JOB, tries=2, words="no"), f"waits until {WHEN}, tried 2 times: no"),
        (replace(JOB, state=State.DELIVERED, words="250 ok"), "delivered, 250 ok"),
        (replace(JOB, state=State.GIVEN_UP), "given up"),
        (replace(JOB, state=State.REFUSED, words="a\x1b[2J"), "refused, a\\x1b[2J"),
    ],
)
def test_a_line_says_where_it_goes_and_how_far_it_has_come(job, words):
    assert line(job) == f"2026-11-21, {DOMAIN}, to mailto:tls@example.org: {words}"


def test_what_is_due_would_go_now():
    assert line(JOB, JOB.due).endswith(": would go now")
    assert line(JOB, JOB.due - timedelta(seconds=1)).endswith(f": waits until {WHEN}")
    tried = replace(JOB, tries=1, words="no")
    assert line(tried, JOB.due).endswith(": would go now, tried once: no")


def test_where_to_may_have_to_be_looked_up():
    assert "to whomever its record names by then: " in line(replace(JOB, uri=""))


def test_the_report_is_in_the_json_while_its_day_is_known(tmp_path):
    with closing(open_store(tmp_path / "store")) as store:
        count(store)
        known = json.loads(record(store, JOB, WHO))
        store.forget_before(JOB.due.date())
        unknown = json.loads(record(store, JOB, WHO))
    assert known["job"] == unknown["job"]
    assert known["job"]["uri"] == JOB.uri
    assert known["report"]["organization-name"] == WHO.organization
    assert unknown["report"] is None

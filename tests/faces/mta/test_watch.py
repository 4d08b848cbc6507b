"""What is noticed: answers by their kind, and policies that became weaker."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.faces.cli.names import DOMAIN, POLICY, known
from unstrip.faces.mta.log import Log
from unstrip.faces.mta.watch import Watch
from unstrip.io.inquiry import Memory
from unstrip.io.store import open_store
from unstrip.policy.questions import (
    Dns,
    DnsAnswer,
    Https,
    HttpsAnswer,
    HttpsFailure,
    Kind,
    ResultType,
    Security,
    Status,
)


@pytest.fixture
def lines():
    return []


@pytest.fixture
def watch(lines):
    log = Log(lines.append)
    log.set("debug", "text")
    return Watch(log)


PAGE = Https("mta-sts.example.org", "/x")


@pytest.mark.parametrize(
    ("question", "answer", "counted"),
    [
        (
            Dns("a.example", Kind.MX),
            DnsAnswer(Status.TIMEOUT, Security.UNCHECKED),
            ("dns", "no answer"),
        ),
        (PAGE, HttpsAnswer(404), ("https", "4xx")),
        (
            PAGE,
            HttpsFailure(ResultType.STS_WEBPKI_INVALID, "x"),
            ("https", "sts-webpki-invalid"),
        ),
    ],
)
def test_an_answer_is_counted_by_its_kind(watch, lines, question, answer, counted):
    watch.hear(question, answer)
    assert dict(watch.questions) == {counted: 1}
    assert " debug asked " in lines[0]


def test_a_policy_that_became_weaker_is_an_alarm_and_is_kept(watch, lines, tmp_path):
    with closing(open_store(tmp_path / "s")) as store:
        memory: Memory = watch.remembering(store)
        before = memory.remember(None, known(age=timedelta(days=1)))
        after = known(POLICY.replace("enforce", "none"))
        assert memory.remember(before, after).policy == after.policy
        assert memory.known(DOMAIN) == store.known(DOMAIN)
    assert watch.alarms == 1
    assert "went from enforce to none" in lines[0]


def test_a_policy_that_stayed_is_none(watch, tmp_path):
    with closing(open_store(tmp_path / "s")) as store:
        memory = watch.remembering(store)
        before = memory.remember(None, known(age=timedelta(days=1)))
        memory.remember(before, replace(before, looked=known().looked))
    assert watch.alarms == 0

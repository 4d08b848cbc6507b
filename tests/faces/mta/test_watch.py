"""What is noticed: answers by their kind, and alarms."""

from __future__ import annotations

import pytest

from unstrip.faces.mta.log import Log
from unstrip.faces.mta.watch import Watch
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
            DnsAnswer(Status.TIMEOUT, security=Security.UNCHECKED),
            ("dns", "no answer", "not checked"),
        ),
        (PAGE, HttpsAnswer(404), ("https", "4xx", "")),
        (
            PAGE,
            HttpsFailure(ResultType.STS_WEBPKI_INVALID, "x"),
            ("https", "sts-webpki-invalid", ""),
        ),
    ],
)
def test_an_answer_is_counted_by_its_kind(watch, lines, question, answer, counted):
    watch.hear(question, answer)
    assert dict(watch.questions) == {counted: 1}
    assert " debug asked " in lines[0]


def test_an_alarm_is_counted_and_told(watch, lines):
    watch.alarm("mode", "example.org: the policy went from enforce to none")
    assert watch.alarms["mode"] == watch.alarms.total() == 1
    assert " warning alarm of=mode words=" in lines[0]
    assert "went from enforce to none" in lines[0]


def test_a_resolver_that_is_not_believed_any_more_is_an_alarm_once(watch, lines):  # P-08
    def heard(security, status=Status.FOUND):
        answer = DnsAnswer(status, security=security, words="it does not validate")
        watch.hear(Dns("a.example", Kind.MX), answer)
        return watch.alarms["dnssec"]

    unchecked = Security.UNCHECKED
    assert heard(unchecked) == 0  # it never was
    assert heard(Security.SECURE) == 0
    assert heard(unchecked, Status.TIMEOUT) == 0  # nothing follows from silence
    assert heard(unchecked) == heard(unchecked) == 1
    assert "it does not validate" in next(line for line in lines if " alarm of=dnssec " in line)
    heard(Security.INSECURE)
    assert heard(unchecked, Status.DISTRUSTED) == 2


def test_who_looked_for_a_policy_is_counted(watch):
    for outcome in ("first", "shared", "shared"):
        watch.turn(outcome)
    assert watch.turns == {"first": 1, "shared": 2}


def test_a_resolver_that_nobody_believes_is_told_once_and_when_that_is_over(watch, lines):
    def heard(security):
        watch.hear(Dns("a.example", Kind.MX), DnsAnswer(Status.FOUND, security=security, words="x"))
        return watch.distrust

    def told():
        return [line.partition("Z ")[2].strip() for line in lines if "DANE" in line]

    assert watch.distrust == ""
    assert [heard(Security.UNCHECKED), heard(Security.UNCHECKED)] == ["x", "x"]
    assert told() == ["warning no DANE words=x"]
    assert [heard(Security.SECURE), heard(Security.INSECURE)] == ["", ""]
    assert told()[1:] == ["info DANE words='the resolver is believed now'"]
    assert not any(watch.alarms.values())

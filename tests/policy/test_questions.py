"""Questions and answers: what differs is different, and an answer fits its question."""

from __future__ import annotations

import itertools

import pytest

from tests.policy.answering import N, S, U, answered, bogus, failure, found, nothing
from unstrip.policy.questions import (
    Address,
    Dns,
    DnsAnswer,
    Https,
    HttpsAnswer,
    HttpsFailure,
    Kind,
    Mx,
    ResultType,
    Security,
    Status,
    Txt,
    dns,
    https,
)

MX = Dns("example.org", Kind.MX)
WEB = Https("mta-sts.example.org", "/policy")


def test_a_source_is_answered_from_a_dictionary():
    def source():
        records = yield from dns(MX.name, MX.kind)
        page = yield from https(WEB.host, WEB.path)
        return records.of(Mx), page.body

    ran = answered(source(), {MX: found(Mx(10, "mx.example.org")), WEB: HttpsAnswer(200, "", b"x")})
    assert ran.result == ((Mx(10, "mx.example.org"),), b"x")
    assert ran.asked == (MX, WEB)
    assert ran.names == ("example.org MX", "https mta-sts.example.org")


def test_a_question_that_nobody_expected_fails_the_test():
    with pytest.raises(AssertionError, match=r"nobody expected Dns\(name='example.org'"):
        answered(dns(MX.name, MX.kind), {})


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        (dns(MX.name, MX.kind), HttpsAnswer(200)),
        (https(WEB.host, WEB.path), DnsAnswer(Status.FOUND)),
    ],
)
def test_an_answer_to_another_question_is_a_mistake(source, wrong):
    next(source)
    with pytest.raises(AssertionError, match="an answer to another question"):
        source.send(wrong)


def test_what_became_of_a_question_and_what_dnssec_says_are_all_different_values():
    every = [DnsAnswer(*both) for both in itertools.product(Status, ((),), Security)]
    assert len(set(every)) == len(Status) * len(Security) == 28
    assert len({answer.said() for answer in every}) == len(every)


@pytest.mark.parametrize(
    ("answer", "failed", "secure"),
    [
        (found(Address("192.0.2.1")), False, True),
        (found(Address("192.0.2.1"), security=N), False, False),
        (found(Address("192.0.2.1"), security=U), False, False),
        (nothing(), False, True),
        (nothing(status=Status.NXDOMAIN), False, True),
        (nothing(U), False, False),
        (failure(), True, False),
        (failure(Status.TIMEOUT), True, False),
        (failure(Status.MALFORMED), True, False),
        (failure(security=S), True, False),
        (bogus(), True, False),
        (DnsAnswer(Status.FOUND, (), Security.BOGUS), True, False),
    ],
)
def test_only_an_answer_that_did_not_fail_can_be_secure(answer, failed, secure):
    assert (answer.failed, answer.secure) == (failed, secure)


def test_the_strings_of_a_record_belong_together():
    assert Txt((b"v=STSv1; i", b"d=1;")).joined == b"v=STSv1; id=1;"
    assert Txt(()).joined == b""


def test_records_are_had_by_their_type():
    answer = found(Mx(10, "mx"), Address("192.0.2.1"))
    assert answer.of(Address) == (Address("192.0.2.1"),)
    assert answer.of(Txt) == ()


def test_an_answer_is_said_in_words():
    assert nothing(status=Status.NXDOMAIN).said() == "no such name (secure)"
    assert bogus().said() == "server failure (bogus): signature expired"
    assert failure(words="no resolver that validates").said() == (
        "server failure (not checked): no resolver that validates"
    )


def test_the_names_of_failures_are_those_of_the_registry():
    assert len(ResultType) == 11
    assert all(kind.value == kind.name.lower().replace("_", "-") for kind in ResultType)
    assert HttpsFailure(ResultType.STS_WEBPKI_INVALID, "expired").webpki is None

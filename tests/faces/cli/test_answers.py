"""How questions and answers are told: as in a zone, shortened, and escaped."""

from __future__ import annotations

import pytest

from tests.policy.answering import bogus, failure, found
from unstrip.faces.cli.answers import line
from unstrip.io.inquiry import Asked
from unstrip.policy.questions import (
    Address,
    Alias,
    Answer,
    Dns,
    Https,
    HttpsAnswer,
    HttpsFailure,
    Kind,
    Mx,
    Question,
    Record,
    ResultType,
    Srv,
    Txt,
)
from unstrip.tlsa import Tlsa


def answered(answer: Answer, question: Question | None = None) -> str:
    return line(Asked(question or Dns("example.org", Kind.MX), answer, 0.0123))


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (Address("2001:db8::1"), "2001:db8::1"),
        (Alias("mx\x1b.example"), "mx\\x1b.example"),
        (Mx(10, "mx.example"), "10 mx.example"),
        (Mx(0, ""), "0 ."),
        (Srv(1, 2, 5222, "xmpp.example"), "1 2 5222 xmpp.example"),
        (Srv(0, 0, 0, ""), "0 0 0 ."),
        (Tlsa(3, 1, 1, b"\xab" * 32), "3 1 1 abab"),
        (Txt((b"v=", b"STSv1;\x07")), "'v=STSv1;\\x07'"),
    ],
)
def test_each_kind_of_record_is_shown_as_in_a_zone_and_escaped(record: Record, text):
    assert f"found (secure); {text}" in answered(found(record))


def test_many_records_are_counted():
    text = answered(found(*(Address(f"192.0.2.{n}") for n in range(100))))
    assert "192.0.2.9; and 90 more" in text
    assert "192.0.2.10" not in text


def test_an_alias_a_forgery_and_a_long_text_are_shown_in_short():
    assert "alias of b.example" in answered(found(Address("192.0.2.1"), canonical="b.example"))
    assert "server failure (bogus): signature expired, 12 ms" in answered(bogus())
    assert len(answered(failure(words="x" * 100_000))) < 3000


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (HttpsAnswer(200, "text/plain\x1b", b"x" * 99), "status 200, text/plain\\x1b, 99 bytes"),
        (
            HttpsFailure(ResultType.STS_WEBPKI_INVALID, "the certificate \x1b expired"),
            "sts-webpki-invalid: the certificate \\x1b expired",
        ),
    ],
)
def test_what_the_web_said_is_shown_in_short_and_escaped(answer, text):
    assert f"https://mta-sts.example.org/x: {text}" in answered(
        answer, Https("mta-sts.example.org", "/x")
    )

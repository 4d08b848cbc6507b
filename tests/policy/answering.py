"""A policy source and a dictionary of answers: what comes of it, and what it asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unstrip.policy.questions import (
    Address,
    Alias,
    Answer,
    Dns,
    DnsAnswer,
    Https,
    HttpsAnswer,
    Kind,
    Question,
    Record,
    Security,
    Source,
    Status,
    Txt,
)

S, N, U = Security.SECURE, Security.INSECURE, Security.UNCHECKED
ADDRESS = {Kind.A: "192.0.2.1", Kind.AAAA: "2001:db8::1"}


@dataclass(frozen=True, slots=True)
class Answered:
    """What a source came to, and the questions it asked, in their order."""

    result: Any
    asked: tuple[Question, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What was asked, briefly: "mx.example MX"."""
        return tuple(
            f"{q.name} {q.kind.value}" if isinstance(q, Dns) else f"https {q.host}"
            for q in self.asked
        )


def answered(source: Source[Any], answers: dict[Question, Answer]) -> Answered:
    """Run a source; a question that has no answer here fails the test."""
    asked: list[Question] = []
    try:
        question = next(source)
        while True:
            asked.append(question)
            assert question in answers, f"nobody expected {question}"
            question = source.send(answers[question])
    except StopIteration as stop:
        return Answered(stop.value, tuple(asked))


def found(*records: Record, security: Security = S, canonical: str = "", ttl: int = 300):
    return DnsAnswer(Status.FOUND, records, security, canonical, ttl)


def nothing(security: Security = S, status: Status = Status.NO_DATA, ttl: int = 300):
    return DnsAnswer(status, (), security, ttl=ttl)


def failure(status: Status = Status.SERVFAIL, security: Security = U, words: str = ""):
    return DnsAnswer(status, (), security, ttl=5, words=words)


def bogus():
    return DnsAnswer(Status.SERVFAIL, (), Security.BOGUS, words="signature expired")


def addresses(
    host: str, security: Security = S, canonical: str = "", six: DnsAnswer | None = None
) -> dict[Question, Answer]:
    """The answers about one host: an IPv4 address, and no IPv6 one by default."""
    four = found(Address(ADDRESS[Kind.A]), security=security, canonical=canonical)
    empty = DnsAnswer(Status.NO_DATA, (), security, canonical, 300)
    return {Dns(host, Kind.A): four, Dns(host, Kind.AAAA): six or empty}


def alias(host: str, target: str, security: Security = S) -> dict[Question, Answer]:
    return {Dns(host, Kind.CNAME): found(Alias(target), security=security)}


def text(name: str, *records: bytes, security: Security = N, ttl: int = 300):
    told = found(*(Txt((record,)) for record in records), security=security, ttl=ttl)
    return {Dns(name, Kind.TXT): told}


def page(host: str, path: str, body: bytes, status: int = 200, media: str = "text/plain"):
    return {Https(host, path): HttpsAnswer(status, media, body)}

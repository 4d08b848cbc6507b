"""How a question to the world and its answer are told: one line each, as in a zone, shortened."""

from __future__ import annotations

from functools import singledispatch

from unstrip.escaping import brief, excerpt, printable
from unstrip.io.inquiry import Asked
from unstrip.policy.questions import (
    Address,
    Alias,
    Dns,
    DnsAnswer,
    HttpsAnswer,
    HttpsFailure,
    Mx,
    Srv,
    Txt,
)
from unstrip.tlsa import Tlsa

_MOST = 10  # records shown of one answer
_LENGTH = 300  # characters of one sentence that others have written


def line(asked: Asked) -> str:
    """Return what was asked, what was answered, and how long it took."""
    question = asked.question
    name = (
        f"{question.kind.value} {printable(question.name)}"
        if isinstance(question, Dns)
        else f"https://{question.host}{question.path}"
    )
    return f"{name}: {_said(asked.answer)}, {asked.seconds * 1000:.0f} ms"


def _said(answer: DnsAnswer | HttpsAnswer | HttpsFailure) -> str:
    if isinstance(answer, HttpsFailure):
        return brief(f"{answer.result.value}: {answer.words}", _LENGTH)
    if isinstance(answer, HttpsAnswer):
        return f"status {answer.status}, {brief(answer.content_type)}, {len(answer.body)} bytes"
    shown = [_record(record) for record in answer.records[:_MOST]]
    if len(answer.records) > _MOST:
        shown.append(f"and {len(answer.records) - _MOST} more")
    alias = f", alias of {printable(answer.canonical)}" if answer.canonical else ""
    return "; ".join([brief(answer.said(), _LENGTH) + alias, *shown])


@singledispatch
def _record(record: object) -> str:
    """Return a record as it stands in a zone, shortened."""
    raise TypeError(record)


@_record.register
def _(record: Address) -> str:
    return record.address


@_record.register
def _(record: Alias) -> str:
    return printable(record.target)


@_record.register
def _(record: Mx) -> str:
    return f"{record.preference} {printable(record.host) or '.'}"


@_record.register
def _(record: Srv) -> str:
    target = printable(record.target) or "."
    return f"{record.priority} {record.weight} {record.port} {target}"


@_record.register
def _(record: Tlsa) -> str:
    return brief(record.text, 40)


@_record.register
def _(record: Txt) -> str:
    return excerpt(record.joined)

"""How a policy is explained: what was asked, what each source says, and what it comes to.

First for a person, then as the one object of `unstrip explain --json`. What DNS and the web said is
escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch

from unstrip.derivation import MAIL, Derivation, Destination
from unstrip.escaping import brief, excerpt, printable
from unstrip.faces.cli.domains import route_words, sts_words
from unstrip.faces.cli.report import WIDTH, wrapped
from unstrip.faces.cli.speech import Exit, paint
from unstrip.io.inquiry import Asked, Inquired
from unstrip.mta.exim import LISTS, Options, options
from unstrip.mta.exim import text as in_exim
from unstrip.mta.needs import Need, hosts, need, servers
from unstrip.mta.postfix import Answer, answer
from unstrip.policy import Policy, dane
from unstrip.policy.dane import Standing
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
_OUTCOMES = {
    Exit.MEETS: ("every server is protected by a policy", "green"),
    Exit.FALLS_SHORT: ("no policy protects every server", "red"),
    Exit.UNKNOWN: ("it could not be found out", "yellow"),
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is printed with --json.

    Attributes:
        domain, service: what was asked about; exit: the exit code.
        derivation: all that was found out, and what it comes to.
        asked: every question with its answer.
        alarms: what the operator should look at.
        postfix: what a Postfix sender is told; postfix_3_10: the same from 3.10 on, which reports.
        exim: what an Exim sender is told. None for another service than mail.
    """

    domain: str
    service: str
    exit: int
    derivation: Derivation
    asked: tuple[Asked, ...]
    alarms: tuple[str, ...]
    postfix: Answer | None = None
    postfix_3_10: Answer | None = None
    exim: Options | None = None


def explanation(inquired: Inquired) -> Explanation:
    """Return what there is to print."""
    found = inquired.derivation
    mail = found.sought.name == MAIL
    return Explanation(
        domain=found.domain,
        service=found.sought.name,
        exit=exit_of(found),
        derivation=found,
        asked=inquired.asked,
        alarms=inquired.alarms,
        postfix=answer(found, reporting=False) if mail else None,
        postfix_3_10=answer(found, reporting=True) if mail else None,
        exim=options(found) if mail else None,
    )


def exit_of(found: Derivation) -> Exit:
    """Return the exit code: one server without protection counts before what is not known."""
    free = servers(found, Need.FREE)
    uncertain = found.sts is not None and found.sts.uncertain(found.at)
    if not uncertain and any(_standing(each) is not Standing.UNCHECKED for each in free):
        return Exit.FALLS_SHORT
    used = hosts(found, *set(Need) - {Need.FAILED, Need.STRANGER, Need.GONE})
    return Exit.UNKNOWN if found.waits or free or not used else Exit.MEETS


def lines(told: Explanation) -> Iterator[str]:
    """Return the explanation, line by line."""
    found = told.derivation
    yield f"{told.domain}: {told.service}"
    yield from _section("asked", _asked(told.asked))
    yield from _section("found", _found(found))
    for server in found.destinations:
        yield from _section(str(server.endpoint), _server(server))
    if told.postfix and told.postfix_3_10 and told.exim:
        yield from _section("a Postfix sender is told", _postfix(told.postfix))
        if told.postfix_3_10.text != told.postfix.text:
            yield from _section("from Postfix 3.10 on", _postfix(told.postfix_3_10))
        yield from _section("an Exim sender is told", _exim(told.exim))
    yield from _section("alarms", iter(told.alarms))
    yield ""
    words, colour = _OUTCOMES[Exit(told.exit)]
    yield paint(f"{_unanswered(found) or words:<{WIDTH - 8}} exit {told.exit}", colour)


def _unanswered(found: Derivation) -> str:
    """Say why there is no server to say anything of, "" if there is one."""
    if found.waits:
        return f"nothing can be sent now: {brief(found.waits)}"
    return "" if found.destinations else "there is no server"


def _section(title: str, sentences: Iterator[str]) -> Iterator[str]:
    """Yield nothing where there is nothing to say."""
    for number, sentence in enumerate(sentences):
        if not number:
            yield ""
            yield title
        yield from wrapped(sentence, 2)


# -- what was asked ---------------------------------------------------------------------------


def _asked(asked: tuple[Asked, ...]) -> Iterator[str]:
    if not asked:
        yield "nobody: what is known holds"
    for each in asked:
        question = each.question
        name = (
            f"{question.kind.value} {printable(question.name)}"
            if isinstance(question, Dns)
            else f"https://{question.host}{question.path}"
        )
        yield f"{name}: {_said(each.answer)}, {each.seconds * 1000:.0f} ms"


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


# -- what was found ---------------------------------------------------------------------------


def _found(found: Derivation) -> Iterator[str]:
    yield f"servers: {route_words(found)}"
    if found.sts is None:
        return
    yield f"mta-sts: {sts_words(found.sts, found.at)}"
    if found.sts.uncertain(found.at):
        yield "mta-sts: there may be a policy that somebody keeps from us"
    trouble = found.sts.fetch
    if trouble is not None:
        yield f"mta-sts: the policy host is left in peace until {trouble.over:%Y-%m-%d %H:%M:%S}"


def _server(server: Destination) -> Iterator[str]:
    """Say what each source thinks of one server, then what they come to."""
    if not any(opinion.source == dane.SOURCE for opinion in server.opinions):
        yield f"dane: {_dane(server)}"
    yield from map(_opinion, server.opinions)
    decision = server.decision
    rules = ", ".join(dict.fromkeys(each.rule for each in decision.because if each.rule))
    yield f"so: {need(server).value}; {decision.level.value}, by {decision.why()}" + (
        f" ({rules})" if rules else ""
    )
    if decision.refuses:
        yield f"refused: {brief(decision.refuses, _LENGTH)}"
    if not decision.vouched:
        yield "that this is the domain's server, only an unsigned answer of DNS says"


def _opinion(opinion: Policy) -> str:
    tested = "" if opinion.enforced else ", only tested"
    words = f"{opinion.source}: {opinion.level.value}{tested}: {brief(opinion.text, _LENGTH)}"
    if opinion.refuses and opinion.refuses != opinion.text:
        words += f"; refused: {brief(opinion.refuses, _LENGTH)}"
    until = f", until {opinion.expires:%Y-%m-%d %H:%M}" if opinion.expires else ""
    return words + until + (f" ({opinion.rule})" if opinion.rule else "")


def _dane(server: Destination) -> str:
    if server.dane is None:
        return "nobody was asked"
    words = brief(server.dane.words, _LENGTH)
    return f"{server.dane.standing.value}: {words}" if words else server.dane.standing.value


def _standing(server: Destination) -> Standing:
    return server.dane.standing if server.dane else Standing.UNCHECKED


# -- what mail servers are told ---------------------------------------------------------------


def _postfix(told: Answer) -> Iterator[str]:
    text = f": {brief(told.text, 2 * _LENGTH)}" if told.text else ""
    yield told.lookup.value + text
    yield told.because + (f" ({told.rule})" if told.rule else "")
    yield from told.words


def _exim(told: Options) -> Iterator[str]:
    if told.defer:
        yield f"defer: {told.defer}"
        return
    for name in LISTS:
        yield f"{name} = {in_exim(getattr(told, name))}".rstrip()
    yield from told.words

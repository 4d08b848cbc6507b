"""How a policy is explained: what was asked, what each source says, and what it comes to.

First for a person, then as the one object of `unstrip explain --json`. What DNS and the web said is
escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from unstrip.derivation import MAIL, Derivation, Destination
from unstrip.escaping import brief, printable
from unstrip.faces.cli.answers import line
from unstrip.faces.cli.domains import route_words, sts_words, takes_none
from unstrip.faces.cli.report import width, worst, wrapped
from unstrip.faces.cli.speech import Exit, moment, paint
from unstrip.io.inquiry import Asked, Inquired
from unstrip.mta.decision import MailDecision
from unstrip.mta.exim import Options, options, settings
from unstrip.mta.needs import BARRED, Need, hosts, need, servers
from unstrip.mta.postfix import Answer, Lookup, answer
from unstrip.policy import Decision, Policy, dane, decide, history
from unstrip.policy.dane import Route, Standing
from unstrip.policy.mta_sts import Known
from unstrip.policy.questions import Dns, Kind

_LENGTH = 300  # characters of one sentence that others have written
_OUTCOMES = {
    Exit.MEETS: ("every server is protected by a policy", "green"),
    Exit.FALLS_SHORT: ("not every server is protected by a policy", "red"),
    Exit.UNKNOWN: ("it could not be found out", "yellow"),
}
_NO_DANE = {  # where DANE asks for nothing
    Standing.ABSENT: "none",
    Standing.UNREACHABLE: "no address",
    Standing.UNCHECKED: "not checked",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is printed with --json.

    Attributes:
        domain, service: what was asked about; exit: the exit code.
        daemon: where the daemon is that says so; "" if we have asked by ourselves.
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
    asked: tuple[Asked, ...] = ()
    alarms: tuple[str, ...] = ()
    daemon: str = ""
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


def relayed(told: MailDecision, daemon: str) -> Explanation:
    """Return what there is to print of what a daemon has said.

    Args: daemon: where it is.
    """
    found = told.derivation
    return Explanation(
        domain=found.domain,
        service=found.sought.name,
        exit=exit_of(found),
        derivation=found,
        daemon=daemon,
        postfix=told.postfix,
        postfix_3_10=told.postfix_3_10,
        exim=told.exim,
    )


def exit_of(found: Derivation) -> Exit:
    """Return the exit code: one server without protection counts before what is not known.

    What only our own earlier visits ask for protects nobody who has not been there.
    """
    if takes_none(found):
        return Exit.MEETS
    if not found.destinations:
        return Exit.UNKNOWN
    free = servers(_without_history(found), Need.FREE)
    uncertain = found.sts is not None and found.sts.uncertain(found.at)
    if not uncertain and any(_standing(each) is not Standing.UNCHECKED for each in free):
        return Exit.FALLS_SHORT
    used = hosts(found, *set(Need) - {*BARRED, Need.GONE})
    unseen = found.waits or found.left_out or not used
    return Exit.UNKNOWN if unseen or free else Exit.MEETS


def _without_history(found: Derivation) -> Derivation:
    """Return what would be derived by one who knows of no earlier visit."""
    return replace(
        found,
        destinations=tuple(
            replace(each, decision=decide(_told(each), found.at, named=each.named))
            for each in found.destinations
        ),
    )


def _told(server: Destination) -> Iterator[Policy]:
    return (opinion for opinion in server.opinions if opinion.source != history.SOURCE)


def lines(told: Explanation) -> Iterator[str]:
    """Return the explanation, line by line."""
    found = told.derivation
    yield f"{told.domain}: {told.service}"
    yield from _section("asked", _asked(told))
    yield from _section("found", _found(found, told.asked))
    for server in found.destinations:
        yield from _section(str(server.endpoint), _server(server))
    if found.unseen and not found.destinations:
        yield from _section("whichever its servers are", _said(found.unseen))
    if told.postfix and told.postfix_3_10 and told.exim:
        yield from _section("a Postfix sender is told", _postfix(told.postfix))
        if told.postfix_3_10.text != told.postfix.text:
            yield from _section("from Postfix 3.10 on", _postfix(told.postfix_3_10))
        yield from _section("an Exim sender is told", _exim(told.exim))
    yield from _section("alarms", iter(told.alarms))
    yield ""
    _, colour = _OUTCOMES[Exit(told.exit)]
    yield from (paint(line, colour) for line in _closing(outcome(told), f"exit {told.exit}"))


def outcome(told: Explanation) -> str:
    """Return in one sentence what it comes to."""
    found = told.derivation
    if found.waits:
        return f"nothing can be sent now: {brief(found.waits)}"
    if takes_none(found):
        return "it takes no mail: there is nothing to protect"
    if not found.destinations:
        known = found.route.route is not Route.FAILED
        return "there is no server" if known else "its servers could not be found out"
    words, _ = _OUTCOMES[Exit(told.exit)]
    if told.exit == Exit.FALLS_SHORT and _by_history_alone(found):
        words = "no policy asks for TLS, only your own earlier visits do"
    if barred := len(servers(found, *BARRED)):
        words = words.replace("every server", "every server that may be used")
        verb = "is" if barred == 1 else "are"
        words += f"; {barred} of {len(found.destinations)} servers {verb} not to be used"
    return words


def summary(exits: Sequence[Exit]) -> Iterator[str]:
    """Return what several domains come to."""
    counts = Counter(exits)
    parts = [f"{counts[Exit.MEETS]} of {len(exits)} domains protected"]
    others = {Exit.FALLS_SHORT: "not", Exit.UNKNOWN: "not found out"}
    parts += [f"{counts[code]} {words}" for code, words in others.items() if counts[code]]
    yield ""
    yield from _closing(", ".join(parts), f"exit {worst(exits)}")


def _closing(words: str, code: str) -> list[str]:
    """Return the last line: the exit code stands where the terminal ends."""
    *lines, last = wrapped(words, 0)
    room = width() - 8
    return [*lines, f"{last:<{room}} {code}"] if len(last) <= room else [*lines, last, code]


def _by_history_alone(found: Derivation) -> bool:
    """Tell whether no server would be held to anything, were it not for earlier visits."""
    before, free = servers(found, Need.FREE), servers(_without_history(found), Need.FREE)
    return not before and len(free) == len(found.destinations)


def _section(title: str, sentences: Iterator[str]) -> Iterator[str]:
    """Yield nothing where there is nothing to say; what is to be pasted is not wrapped."""
    for number, sentence in enumerate(sentences):
        if not number:
            yield ""
            yield _shown(title)
        shown = _shown(sentence)
        yield from [f"  {shown}"] if isinstance(sentence, _Pasted) else wrapped(shown, 2)


def _shown(text: str) -> str:
    """Return what is safe as it is: what we say is, but not all that a daemon may say."""
    return text if text.isascii() and text.isprintable() else printable(text)


class _Pasted(str):
    """A line that somebody may put into a configuration: it stays one line, however long."""

    __slots__ = ()


def _asked(told: Explanation) -> Iterator[str]:
    found = told.derivation
    if told.daemon:
        since, until = moment(found.at), moment(found.expires)
        yield f"the daemon at {told.daemon}: from {since}, until {until} at most"
    elif not told.asked:
        yield "nobody: what is known holds"
    yield from map(line, told.asked)


# -- what was found ---------------------------------------------------------------------------


def _found(found: Derivation, asked: tuple[Asked, ...]) -> Iterator[str]:
    yield f"servers: {route_words(found)}"
    if found.sts is None:
        return
    yield f"mta-sts: {sts_words(found.sts, found.at)}"
    if found.sts.uncertain(found.at):
        yield "mta-sts: there may be a policy that somebody keeps from us"
    if found.sts.fetch is not None:
        yield f"mta-sts: the policy host is not asked again until {moment(found.sts.fetch.over)}"
    yield from _remembered(found.sts, asked)


def _remembered(known: Known, asked: tuple[Asked, ...]) -> Iterator[str]:
    """Say why nobody was asked for the record."""
    record = Dns(f"_mta-sts.{known.domain}", Kind.TXT)
    if known.looked and known.look and all(each.question != record for each in asked):
        until = f"not asked for again until {moment(known.look)}"
        yield f"mta-sts: known from {moment(known.looked)}, {until}"


def _server(server: Destination) -> Iterator[str]:
    """Say what each source thinks of one server, then what they come to."""
    if not any(opinion.source == dane.SOURCE for opinion in server.opinions):
        yield f"dane: {_dane(server)}"
    yield from _said(server)
    if not server.decision.vouched:
        yield "that this is the domain's server, only an unsigned answer of DNS says"


def _said(server: Destination) -> Iterator[str]:
    yield from map(_opinion, server.opinions)
    yield f"so: {_conclusion(server)}"


def _conclusion(server: Destination) -> str:
    decision, needed = server.decision, need(server)
    words: str = needed.value
    if decision.overrides:
        return _last_word(decision)
    if needed in (Need.FREE, Need.GONE):
        return words
    opinions = decision.because
    if needed in BARRED:
        opinions = tuple(opinion for opinion in opinions if opinion.refuses)
        words = f"not to be used: {brief(decision.refuses, _LENGTH)}"
    else:
        words += f"; {decision.level.value}, by {decision.why()}"
    rules = ", ".join(dict.fromkeys(opinion.rule for opinion in opinions if opinion.rule))
    return words + (f" ({rules})" if rules else "")


def _last_word(decision: Decision) -> str:
    """Say what the operator's own table has made of it alone."""
    rules = ", ".join(opinion.rule for opinion in decision.because)
    words = f"{decision.level.value}, by {rules} of your own table alone"
    lost = decision.instead_of()
    return f"{words}, which overrides {lost}" if lost else words


def _opinion(opinion: Policy) -> str:
    asks = "not to be used" if opinion.refuses else opinion.level.value
    asks += "" if opinion.enforced else ", if it were enforced"
    words = f"{opinion.source}: {asks}: {brief(opinion.refuses or opinion.text, _LENGTH)}"
    until = f", until {moment(opinion.expires)}" if opinion.expires else ""
    return words + until + (f" ({opinion.rule})" if opinion.rule else "")


def _dane(server: Destination) -> str:
    if server.dane is None:
        return "nobody was asked"
    standing = _NO_DANE.get(server.dane.standing, server.dane.standing.value)
    words = brief(server.dane.words, _LENGTH)
    return f"{standing}: {words}" if words else standing


def _standing(server: Destination) -> Standing:
    return server.dane.standing if server.dane else Standing.UNCHECKED


# -- what mail servers are told ---------------------------------------------------------------


def _postfix(told: Answer) -> Iterator[str]:
    text = f"{told.lookup.value}: {told.text}" if told.text else told.lookup.value
    yield _Pasted(text) if told.lookup is Lookup.FOUND else text
    yield told.because + (f" ({told.rule})" if told.rule else "")
    yield from told.words


def _exim(told: Options) -> Iterator[str]:
    if told.defer:
        yield f"defer: {told.defer}"
        return
    yield from map(_Pasted, settings(told))
    yield from told.words

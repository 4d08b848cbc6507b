"""What to do, in order: to publish, to go on to enforce, to leave again, to roll a key.

Each waits for what has been handed out to be over: records for their time to live, policies for
their max_age. Dates are counted as if the step before were done at once, so they are the earliest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from unstrip.policy.mta_sts import Mode
from unstrip.publication.case import Case
from unstrip.publication.dane import coming, shown, wanted
from unstrip.publication.modes import day
from unstrip.publication.policy import patterns, record_of, stamp, text, unchanged, url
from unstrip.publication.values import Server, Step
from unstrip.publication.zone import TTL, TTL_POLICY, tlsa

_WEEK = timedelta(weeks=1)
_BRIEF = 86_400  # seconds: max_age of a policy that is to be forgotten (RFC 8461, 8.3)
_UPDATE, _REMOVAL, _ROLL = "RFC 8461, 8.1", "RFC 8461, 8.3", "RFC 7671, 8.1"


def refused(case: Case) -> Iterator[Step]:
    """Yield what to do where nothing is published as things are."""
    command = f"unstrip publish {case.seen.domain}"
    again = f"{command} --mode {case.wish.mode.value}" if case.wish.mode else command
    yield Step("mend what is refused above; what is published now stays as it is until then")
    yield Step(f"then again: {again}")
    if case.mode is Mode.ENFORCE and case.seen.servers:
        yield Step(f"to be told of failures without losing mail: {command} --mode testing")


def steps(case: Case) -> Iterator[Step]:
    """Yield what to do."""
    yield from _policy(case)
    match case.mode:
        case Mode.TESTING:
            when = case.at + max(_WEEK, timedelta(seconds=case.max_age))
            yield from _enforce(case, when)
            yield from _leave(case, when)
        case Mode.ENFORCE:
            yield from _leave(case, case.at)
        case Mode.NONE:
            yield from _remove(case)
    yield from _roll(case)


# The policy


def _policy(case: Case) -> Iterator[Step]:
    domain = case.seen.domain
    if unchanged(case):
        yield Step("the policy that is served is the one to serve: leave it as it is")
        return
    if case.seen.served.policy is None:
        words = f"give mta-sts.{domain} an address, and a web server whose certificate names it"
        yield Step(words, rule="RFC 8461, 3.3")
    yield Step(f"serve the policy at {url(domain)}, as text/plain", rule=_UPDATE)
    yield Step(
        f"only then publish the record _mta-sts.{domain}, in the place of any other", rule=_UPDATE
    )


def _enforce(case: Case, when: datetime) -> Iterator[Step]:
    """Testing goes on until every sender that is asked to test has had the time to report."""
    lines = _set(case, Mode.ENFORCE, _age(case, Mode.ENFORCE), stamp(when))
    command = f"unstrip publish {case.seen.domain} --mode enforce"
    yield Step(f"when reports tell of no failure, enforce: {command}", when, lines, "RFC 8461, 5")


def _leave(case: Case, when: datetime) -> Iterator[Step]:
    """By a short policy that says there is none, for as long as the old one may be held."""
    age = _age(case, Mode.ENFORCE)
    lines = _set(case, Mode.NONE, _BRIEF, f"{stamp(case.at)}none")
    command = f"unstrip publish {case.seen.domain} --mode none"
    yield Step(f"to leave, on any day: {command}", None, lines, _REMOVAL)
    words = (
        f"leave that policy and its record where they are for {_span(age)} from then on, the "
        f"max_age of the old one: if you leave on {day(when)}, until {day(_after(when, age))}"
    )
    yield Step(words, rule=_REMOVAL)


def _remove(case: Case) -> Iterator[Step]:
    current, held = case.current, case.seen.held
    ages = [p.max_age for p in (current, held.policy if held else None) if p]
    ends = [_after(case.at, max([case.max_age, *ages]))]
    ends += [held.expires] if held and held.expires else []
    words = (
        f"take the policy and the record _mta-sts.{case.seen.domain} away, and not before: "
        "senders hold the old policy until then; longer, if an earlier one had a longer max_age"
    )
    yield Step(words, max(ends), rule=_REMOVAL)


def _age(case: Case, mode: Mode) -> int:
    """Return the max_age that a policy of this mode would have."""
    kept = case.wish.max_age if case.mode is mode else None
    return replace(case, wish=replace(case.wish, mode=mode, max_age=kept)).max_age


def _set(case: Case, mode: Mode, age: int, policy_id: str) -> tuple[str, ...]:
    """Return policy and record as they are to be published later."""
    file = text(mode, age, patterns(case))
    return (*_lines(file), str(record_of(case.seen.domain, policy_id)))


def _lines(file: str) -> tuple[str, ...]:
    return tuple(file.splitlines())


def _after(at: datetime, age: int) -> datetime:
    """A sender may have asked the last resolver that knew the old id, and fetched right then."""
    return at + timedelta(seconds=age + TTL_POLICY)


def _span(seconds: int) -> str:
    days = timedelta(seconds=seconds).days
    return f"{days} days" if days > 1 else f"{seconds} seconds"


# Keys


def _roll(case: Case) -> Iterator[Step]:
    having = [server for server in case.seen.servers if wanted(case, server)]
    if not having:
        return
    if case.wish.next is None:
        hosts = ", ".join(server.name for server in having)
        words = (
            f"before the key of {hosts} changes, and a renewed certificate mostly has another "
            f"one: unstrip publish {case.seen.domain} --next-key KEY.pem"
        )
        yield Step(words, rule=_ROLL)
        return
    for server in having:
        yield from _roll_of(case, server)


def _roll_of(case: Case, server: Server) -> Iterator[Step]:
    """First the record and then the key: caches have the old set for its time to live."""
    wait = timedelta(seconds=2 * max(TTL, server.host.ttl))  # RFC 7671, 8.1: two of them
    now, following = shown(server), coming(case)
    kept = [each for each in wanted(case, server) if each not in now or each in following]
    last = tuple(str(tlsa(server.name, case.seen.port, each)) for each in kept)
    change = case.at + wait
    if set(now) == set(following):
        yield Step(f"{server.name} has the next key: drop the old record", change, last, _ROLL)
        return
    if not set(following) <= set(server.host.published):
        words = f"publish the TLSA records of {server.name}, for the next key beside the old one"
        yield Step(words, rule=_ROLL)
    words = (
        f"change the key of {server.name}; not sooner, or it gets no mail, and later if its "
        f"records had a longer time to live than {_span(int(wait.total_seconds()) // 2)}"
    )
    yield Step(words, change, rule=_ROLL)
    yield Step(f"then drop the old record of {server.name}", change + wait, last, _ROLL)

"""What to do, in order: to roll a key, to publish, to go on to enforce, to withdraw the policy.

Each waits for what has been handed out to be over: records for their time to live, policies for
their max_age. Dates are counted as if the step before were done at once, so they are the earliest;
where what they count from was done before, nobody here knows when, and no date is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from unstrip.policy.dane import Route
from unstrip.policy.mta_sts import Mode
from unstrip.publication.case import WEEK, Case, age_after
from unstrip.publication.leftover import steps as dropping
from unstrip.publication.modes import day
from unstrip.publication.policy import patterns, record_of, stamp, text, unchanged, url
from unstrip.publication.roll import first, reminder, span
from unstrip.publication.roll import steps as rolling
from unstrip.publication.values import Objection, Step, Weight
from unstrip.publication.zone import TTL_POLICY

_BRIEF = 86_400  # seconds: max_age of a policy that is to be forgotten (RFC 8461, 8.3)
_DAY = timedelta(days=1)  # more than most records may be kept
_UPDATE, _REMOVAL = "RFC 8461, 8.1", "RFC 8461, 8.3"
_NO_MAIL = frozenset({Route.MISSING, Route.NOWHERE})


def refused(case: Case, objections: Iterable[Objection]) -> Iterator[Step]:
    """Yield what to do where nothing is published as things are; who takes no mail has no need."""
    if case.seen.route.route in _NO_MAIL:
        return
    wrong = any(objection.weight is Weight.REFUSED for objection in objections)
    what = "mend what is refused above" if wrong else "see to it that all of it can be found out"
    yield Step(f"{what}; what is published now stays as it is until then")
    yield Step("then again", options=())
    if case.mode is Mode.ENFORCE and case.seen.servers:
        words = "to be told of failures without losing mail"
        yield Step(words, options=("--mode", Mode.TESTING.value))


def steps(case: Case) -> Iterator[Step]:
    """Yield what to do; a key that is to be changed is why one came, and goes first."""
    yield from rolling(case)
    yield from first(case)
    yield from _policy(case)
    yield from _join(case)
    match case.mode:
        case Mode.TESTING:
            yield from _enforce(case)
            yield from _withdraw(case, age_after(case.max_age, Mode.ENFORCE))
        case Mode.ENFORCE:
            held = case.current.max_age if case.current else 0
            yield from _withdraw(case, max(case.max_age, held))
        case Mode.NONE:
            yield from _remove(case)
    yield from dropping(case)
    yield from reminder(case)


def _policy(case: Case) -> Iterator[Step]:
    domain = case.seen.domain
    if unchanged(case):
        yield Step("the policy that is served stays as it is")
        if case.stale_id:
            words = f"publish the record _mta-sts.{domain} with its new id, in the place of the old"
            yield Step(words, rule=_UPDATE)
        return
    if case.seen.served.policy is None:
        words = f"give mta-sts.{domain} an address, and a web server whose certificate names it"
        yield Step(words, rule="RFC 8461, 3.3")
    yield Step(f"serve the policy at {url(domain)}, as text/plain", rule=_UPDATE)
    yield Step(
        f"only then publish the record _mta-sts.{domain}, in the place of any other", rule=_UPDATE
    )


def _join(case: Case) -> Iterator[Step]:
    """RFC 8461, 5.1: senders look for a new policy before they give a message up."""
    hosts = [server.name for server in case.seen.servers if server.coming]
    if not hosts:
        return
    when = None if unchanged(case) else case.at + _DAY
    since = "" if when else ", a day after the policy that has it was published"
    words = (
        f"add {' and '.join(hosts)} to the MX{since}, when it is there and nothing is noted of it"
    )
    yield Step(words, when, rule="RFC 8461, 8.1")


def _enforce(case: Case) -> Iterator[Step]:
    """Testing goes on until every sender that is asked to test has had the time to report."""
    time = timedelta(seconds=max(WEEK, case.max_age))
    when = None if unchanged(case) else case.at + time
    policy_id = stamp(when) if when else f"{stamp(case.at)}enforce"
    age = age_after(case.max_age, Mode.ENFORCE)
    lines = _set(case, Mode.ENFORCE, age, policy_id)
    since = "" if when else f"{span(time)} after you began with testing, "
    words = f"{since}when reports tell of no failure, enforce"
    if age != case.max_age:
        words += f", with max_age {age}: what is enforced is to be held for weeks"
    yield Step(words, when, lines, "RFC 8461, 5", ("--mode", Mode.ENFORCE.value))


def _withdraw(case: Case, age: int) -> Iterator[Step]:
    """By a short policy that says there is none, for as long as the old one may be held."""
    lines = _set(case, Mode.NONE, _BRIEF, f"{stamp(case.at)}none")
    options = ("--mode", Mode.NONE.value)
    yield Step("to withdraw the policy, on any day", None, lines, _REMOVAL, options)
    held = span(timedelta(seconds=age))
    words = f"mode none and its record then stay for {held}, the max_age of the policy before them"
    if case.mode is Mode.ENFORCE:
        words += f": from today that is until {day(_after(case.at, age))}"
    yield Step(words, rule=_REMOVAL)


def _remove(case: Case) -> Iterator[Step]:
    """Mode none has to outlast whatever senders hold; of what is over, nobody tells us."""
    current, held = case.current, case.seen.held
    ends: list[datetime] = []
    if not unchanged(case):
        ages = [case.max_age, *([current.max_age] if current else [])]
        ends.append(_after(case.at, max(ages)))
    if held and held.policy and held.expires and held.policy.mode is not Mode.NONE:
        ends += [held.expires, _after(case.at, held.policy.max_age)]
    words = (
        f"take the policy and the record _mta-sts.{case.seen.domain} away, but only when no sender "
        "holds an earlier policy: the longest max_age that one had, after mode none was published"
    )
    yield Step(words, max(ends, default=None), rule=_REMOVAL)


def _set(case: Case, mode: Mode, age: int, policy_id: str) -> tuple[str, ...]:
    """Return policy and record as they are to be published later."""
    file = text(mode, age, patterns(case))
    return (*file.splitlines(), str(record_of(case.seen.domain, policy_id)))


def _after(at: datetime, age: int) -> datetime:
    """A sender may have asked the last resolver that knew the old id, and fetched right then."""
    return at + timedelta(seconds=age + TTL_POLICY)

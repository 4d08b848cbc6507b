"""MTA-STS (RFC 8461): what a mail domain says of itself, in DNS and at its policy host.

A TXT record says that there is a policy, and by a new id that there is another one; the policy
itself comes over HTTPS, and is believed because the web's certificates vouch for it. DNS vouches
for nothing here: so a policy once fetched holds until its time is over, whatever becomes of record
and policy host (P-01, P-02), and only another one that was fetched as well takes its place (P-03).

Times are passed in. What is to be remembered between two looks is `Known`; who keeps it, and who
asks again before a message is given up (RFC 8461, 5.1), is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from unstrip.escaping import brief
from unstrip.policy.mta_sts.grammar import (
    BLANK,
    LONGEST,
    BadPolicy,
    BadRecord,
    Mode,
    StsPolicy,
    parse,
    record_id,
)
from unstrip.policy.mta_sts.known import Known, Trouble, reconciled
from unstrip.policy.questions import (
    DnsAnswer,
    HttpsAnswer,
    HttpsFailure,
    Kind,
    ResultType,
    Source,
    Txt,
    dns,
    https,
)
from unstrip.policy.values import Level, Policy

SOURCE = "mta-sts"
PATH = "/.well-known/mta-sts.txt"
_DAY = 86400  # seconds
_TELLING = (200, 404, 410)  # statuses by which a web server says what it has, and not how it is
_LOOK_LEAST, _LOOK_MOST = timedelta(minutes=1), timedelta(hours=1)  # between two looks

__all__ = [
    "LONGEST",
    "PATH",
    "SOURCE",
    "BadPolicy",
    "BadRecord",
    "Known",
    "Mode",
    "StsPolicy",
    "Trouble",
    "alarms",
    "discover",
    "opinion",
    "parse",
    "reconciled",
    "record_id",
]


def discover(
    domain: str, now: datetime, known: Known | None = None, *, again: bool = False
) -> Source[Known]:
    """Find out whether a domain has a policy, and fetch it if there is a new one (RFC 8461, 3).

    Nothing that fails here takes away what is known.

    Args:
        known: what was found out before.
        again: look at the record though it is not time: before a message is given up (5.1).
    """
    known = known or Known(domain)
    if not (again or known.due(now)):
        return known
    answer = yield from dns(f"_mta-sts.{domain}", Kind.TXT)
    announced, fault = _heard(answer)
    held = known.in_force(now) is not None
    if announced is None and held:  # which is no way to withdraw a policy (RFC 8461, 3.1)
        fault = fault or f"the record is gone, the policy holds: {answer.said()}"
    known = _looked(known, answer, fault, now)
    if announced is not None and known.fetch is not None and known.fetch.id != announced:
        known = replace(known, fetch=None)  # RFC 8461, 3.3: patience is for each id
    if announced is None and not held:
        return known if answer.failed else replace(known, fetch=None)
    # RFC 8461, 10.2: it is fetched anew regardless of the state of the record
    announced = known.id if announced is None else announced
    if not _wanted(known, announced, now):
        return known
    return (yield from _fetched(known, announced, now))


def _heard(answer: DnsAnswer) -> tuple[str | None, str]:
    """Return the id that the record announces, None if it announces none; and what is wrong."""
    if answer.failed:
        return None, answer.said()
    try:
        return record_id(txt.joined for txt in answer.of(Txt)), ""
    except BadRecord as error:
        return None, str(error)


def _looked(known: Known, answer: DnsAnswer, fault: str, now: datetime) -> Known:
    """Note what became of the look for the record, and when to look again.

    Only DNSSEC can tell that it is the domain itself which is wrong.
    """
    ttl = timedelta(seconds=0 if answer.failed else answer.ttl)
    trouble = Trouble(now, fault, certain=answer.secure) if fault else None
    look = now + max(_LOOK_LEAST, min(ttl, _LOOK_MOST))
    return replace(known, looked=now, look=look, record=trouble)


def _wanted(known: Known, announced: str, now: datetime) -> bool:
    """Tell whether the policy is to be fetched: a new one, or before the old one's time is over."""
    if known.fetch is not None and known.fetch.at <= now < known.fetch.over:
        return False
    if known.in_force(now) is None or known.id != announced:
        return True
    return known.aging(now)


def _fetched(known: Known, announced: str, now: datetime) -> Source[Known]:
    answer = yield from https(f"mta-sts.{known.domain}", PATH)
    try:
        policy = _served(answer)
    except _Unfit as error:
        times = known.fetch.times + 1 if known.fetch else 1
        certain = isinstance(answer, HttpsAnswer) and answer.status in _TELLING
        trouble = Trouble(now, str(error), certain, error.result, announced, times)
        return replace(known, look=min(known.look or now, trouble.over), fetch=trouble)
    look = min(known.look or now, now + timedelta(seconds=policy.max_age))
    return replace(known, policy=policy, id=announced, fetched=now, look=look, fetch=None)


class _Unfit(ValueError):
    """What came over HTTPS is not to be used."""

    def __init__(self, result: ResultType, words: str) -> None:
        super().__init__(words)
        self.result = result


def _served(answer: HttpsAnswer | HttpsFailure) -> StsPolicy:
    """Return the policy that was served (RFC 8461, 3.3).

    A media type is checked where one is given: it is meant for hosts whose users can put other
    kinds of files anywhere, and those hosts say which kind it is.
    """
    if isinstance(answer, HttpsFailure):
        raise _Unfit(answer.result, answer.words)
    if answer.status != 200:  # RFC 8461, 3.3: nor is a redirect followed
        raise _Unfit(ResultType.STS_POLICY_FETCH_ERROR, f"HTTP status {answer.status}")
    media = answer.content_type.partition(";")[0].strip(BLANK).lower()
    if media not in ("text/plain", ""):
        words = f"'{brief(media)}' is not text/plain"
        raise _Unfit(ResultType.STS_POLICY_INVALID, words)
    try:
        return parse(answer.body)
    except BadPolicy as error:
        raise _Unfit(ResultType.STS_POLICY_INVALID, str(error)) from error


def opinion(known: Known, host: str, now: datetime) -> Policy | None:
    """Return what the domain's policy asks of one of its MX hosts, None if it asks nothing.

    Args: host: the name in the MX record, which is the reference identifier and the SNI (RFC 8461,
        4.1 and 7.1).
    """
    policy = known.in_force(now)
    if policy is None or policy.mode is Mode.NONE:
        return None
    patterns = ", ".join(policy.mx)
    unlisted = "" if policy.allows(host) else f"{host} is none of the policy's hosts: {patterns}"
    return Policy(
        SOURCE,
        Level.AUTHENTICATED,
        f"mode {policy.mode.value}, mx {patterns}",
        attests=not unlisted,
        enforced=policy.mode is Mode.ENFORCE,  # P-05: testing is reported and no more
        expires=known.expires,
        webpki=True,
        refuses=unlisted,
        rule="RFC 8461, 4.1" if unlisted else "RFC 8461, 4.2",
    )


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that an operator should look at. Attributes: key: of the policy; words."""

    key: str
    words: str


def alarms(before: Known, after: Known) -> tuple[Alarm, ...]:
    """Say what has changed that somebody who stole the policy host would have liked (P-03)."""
    old, new = before.policy, after.policy
    if old is None or new is None or new == old:
        return ()
    said: list[Alarm] = []

    def say(key: str, words: str) -> None:
        said.append(Alarm(key, f"{after.domain}: {words}"))

    if old.mode is Mode.ENFORCE and new.mode is not Mode.ENFORCE:
        say("mode", f"the policy went from enforce to {new.mode.value}")
    if new.mode is not Mode.NONE and (strange := set(new.mx) - set(old.mx)):
        say("mx", f"new in the policy: mx {', '.join(sorted(strange))}")
    if new.mode is not Mode.NONE and _is_cut(old.max_age, new.max_age):
        spans = f"{_span(old.max_age)} to {_span(new.max_age)}"
        say("max_age", f"the policy's max_age went from {spans}")
    return tuple(said)


def _is_cut(old: int, new: int) -> bool:
    """Tell whether it is soon forgotten now, so that silence alone takes it away (P-01)."""
    return new * 10 < old or new < _DAY <= old


def _span(seconds: int) -> str:
    """Write a time as people do, in the largest unit of which it has two."""
    for unit, size in (("days", _DAY), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} second" + ("" if seconds == 1 else "s")

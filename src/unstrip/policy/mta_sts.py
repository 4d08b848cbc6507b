"""MTA-STS (RFC 8461): what a mail domain says of itself, in DNS and at its policy host.

A TXT record says that there is a policy, and by a new id that there is another one; the policy
itself comes over HTTPS, and is believed because the web's certificates vouch for it. DNS vouches
for nothing here: so a policy once fetched holds until its time is over, whatever becomes of record
and policy host (P-01, P-02), and only another one that was fetched as well takes its place (P-03).

Times are passed in. What is to be remembered between two looks is `Known`; who keeps it, and who
asks again before a message is given up (RFC 8461, 5.1), is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from unstrip.escaping import brief
from unstrip.hostname import BadHostName, host_name
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
from unstrip.policy.values import Level

SOURCE = "mta-sts"
PATH = "/.well-known/mta-sts.txt"
LONGEST = 64 * 1024  # bytes of a policy (RFC 8461, 3.3)
_LONGEST_RECORD = 4096  # bytes: a record has an id and little more
_LONGEST_AGE = 31_557_600  # seconds, about a year (RFC 8461, 3.2)
_LOOK_LEAST, _LOOK_MOST = (
    timedelta(minutes=1),
    timedelta(hours=1),
)  # between two looks at the record
_REFRESH = timedelta(days=1)  # RFC 8461, 3.3: before its time is over
_WAIT_LEAST, _WAIT_MOST = timedelta(minutes=5), timedelta(hours=1)  # after a fetch failed

_BLANK = " \t"
_VERSION = re.compile(rb"v=STSv1[ \t]*;")
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")  # of a field
_VALUE = re.compile("[!-:<>-~]+")  # RFC 8461, 3.1: neither blank nor ";" nor "="
_ID = re.compile("[A-Za-z0-9]{1,32}")
_AGE = re.compile("[0-9]{1,10}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Mode(Enum):
    """What the domain wants done where a policy is not met (RFC 8461, 5)."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


class BadRecord(ValueError):
    """The TXT records do not say in the one way there is that there is a policy."""


class BadPolicy(ValueError):
    """What the policy host serves is no policy; the message says why."""


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """A policy.

    Attributes: mode, max_age, mx: as it says; max_age in seconds, and no longer than a year; lines:
        all of it, as it was served, for reports (RFC 8460, 4.4).
    """

    mode: Mode
    max_age: int
    mx: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    def allows(self, host: str) -> bool:
        """Tell whether a host is one of the domain's (RFC 8461, 4.1).

        Args: host: the name in the MX record itself, not what it is an alias of.
        """
        name = host.lower().removesuffix(".")
        label, _, parent = name.partition(".")
        fitting = {name, f"*.{parent}"} if label not in ("", "*") else set()
        return not fitting.isdisjoint(self.mx)


def record_id(records: Iterable[bytes]) -> str | None:
    """Return the id of the policy that the TXT records at `_mta-sts` speak of (RFC 8461, 3.1).

    Args: records: each with its strings joined.
    Returns: None if none of them speaks of a policy.
    Raises: BadRecord: more than one does, or not as the grammar has it.
    """
    ours = [record for record in records if _VERSION.match(record)]
    if not ours:
        return None
    if len(ours) > 1:
        raise BadRecord(f"{len(ours)} records begin with 'v=STSv1;'")
    if len(ours[0]) > _LONGEST_RECORD:
        raise BadRecord(f"{len(ours[0])} bytes are too long for a record")
    fields = [field.strip(_BLANK) for field in ours[0].decode("latin-1").split(";")][1:]
    if not fields[-1]:  # the last delimiter may close the record
        fields.pop()
    found: dict[str, str] = {}
    for field in fields:
        name, _, value = field.partition("=")
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise BadRecord(f"'{brief(field)}' is no field")
        found.setdefault(name, value)  # RFC 8461, 3.2: of two fields the first
    if not _ID.fullmatch(found.get("id", "")):
        raise BadRecord(f"id '{brief(found['id'])}' is none" if "id" in found else "no id")
    return found["id"]


def parse(body: bytes) -> StsPolicy:
    """Return the policy in `body` (RFC 8461, 3.2).

    Unknown fields are passed over, and blank lines at the end. An address among the patterns is
    tolerated, for the grammar lets it pass, and no MX has such a name.

    Raises: BadPolicy.
    """
    if len(body) > LONGEST:
        raise BadPolicy(f"{len(body)} bytes are too long")
    try:
        lines = body.decode().replace("\r\n", "\n").rstrip(f"{_BLANK}\n").split("\n")
    except UnicodeDecodeError as error:
        raise BadPolicy("not UTF-8") from error
    found: dict[str, str] = {}
    mx: list[str] = []
    for number, line in enumerate(lines, 1):
        name, _, value = line.partition(":")
        value = value.strip(_BLANK)
        if not (_NAME.fullmatch(name) and value) or _CONTROL.search(value):
            raise BadPolicy(f"line {number}: '{brief(line)}' is no field")
        if name == "mx":
            mx.append(_pattern(value, number))
        found.setdefault(name, value)  # of two fields the first, except for mx
    return _policy(found, mx, lines)


def _pattern(text: str, number: int) -> str:
    pattern = text.lower()
    name = pattern.removeprefix("*.")
    try:
        if text.isascii() and host_name(name) == name:  # RFC 8461, 3.2: A-labels
            return pattern
    except BadHostName:
        pass
    raise BadPolicy(f"line {number}: mx: '{brief(text)}' is no pattern")


def _policy(found: dict[str, str], mx: list[str], lines: list[str]) -> StsPolicy:
    for name in ("version", "mode", "max_age"):
        if name not in found:
            raise BadPolicy(f"no {name}")
    if found["version"] != "STSv1":
        raise BadPolicy(f"version '{brief(found['version'])}' is unknown")
    if not _AGE.fullmatch(found["max_age"]):
        raise BadPolicy(f"max_age '{brief(found['max_age'])}' is no number of seconds")
    try:
        mode = Mode(found["mode"])
    except ValueError as error:
        raise BadPolicy(f"mode '{brief(found['mode'])}' is unknown") from error
    if not mx and mode is not Mode.NONE:
        raise BadPolicy("no mx")
    # more than a year is a year: to refuse the policy for it would protect nobody
    age = min(int(found["max_age"]), _LONGEST_AGE)
    return StsPolicy(mode, age, tuple(mx), tuple(lines))


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong with the record, or with fetching the policy.

    Attributes:
        at: when, the last time.
        words: what.
        certain: the domain itself is wrong; otherwise somebody may have been in the way.
        result: as it is reported (RFC 8460, 4.3), if it is.
        id: of the policy that was to be fetched.
        times: how often in a row.
    """

    at: datetime
    words: str
    certain: bool
    result: ResultType | None = None
    id: str = ""
    times: int = 1

    @property
    def over(self) -> datetime:
        """Until when the policy host is left in peace (RFC 8461, 3.3: five minutes at least)."""
        return self.at + min(_WAIT_LEAST * (1 << min(self.times - 1, 10)), _WAIT_MOST)


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a domain.

    Attributes:
        domain: the policy domain.
        policy: the last that was fetched, be its time over or not; None if there never was one.
        id: the record's, when it was fetched; fetched: when.
        looked: when the record was last looked for; look: when to do so again.
        record: what was wrong with the record at the last look.
        fetch: what was wrong with the policy at the last attempt to fetch one, if none since.
    """

    domain: str
    policy: StsPolicy | None = None
    id: str = ""
    fetched: datetime | None = None
    looked: datetime | None = None
    look: datetime | None = None
    record: Trouble | None = None
    fetch: Trouble | None = None

    @property
    def expires(self) -> datetime | None:
        """When the policy's time is over; it is counted from the fetch (RFC 8461, 3.2)."""
        if self.policy is None or self.fetched is None:
            return None
        return self.fetched + timedelta(seconds=self.policy.max_age)

    def in_force(self, now: datetime) -> StsPolicy | None:
        """Return the policy that holds, which may be one of mode none; None if none does.

        A clock that was set back ends none.
        """
        return self.policy if self.expires is not None and now <= self.expires else None

    def uncertain(self, now: datetime) -> bool:
        """Tell whether there may be a policy that somebody keeps from us (P-01, P-02).

        RFC 8461, 5.1 has mail go out as if there were none; who thinks otherwise asks here.
        """
        troubles = (self.record, self.fetch)
        return self.in_force(now) is None and any(t and not t.certain for t in troubles)

    def due(self, now: datetime) -> bool:
        """Tell whether it is time to look. A last look that is yet to come was by another clock."""
        if self.looked is None or self.look is None:
            return True
        return not self.looked <= now < self.look


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
    if answer.failed:
        trouble = Trouble(now, answer.said(), certain=False)
        return replace(known, looked=now, look=now + _LOOK_LEAST, record=trouble)
    look = now + max(_LOOK_LEAST, min(timedelta(seconds=answer.ttl), _LOOK_MOST))
    known = replace(known, looked=now, look=look, record=None)
    try:
        announced = record_id(txt.joined for txt in answer.of(Txt))
    except BadRecord as error:
        return replace(known, record=Trouble(now, str(error), certain=True), fetch=None)
    if announced is None:
        return _unannounced(known, answer, now)
    if known.fetch is not None and known.fetch.id != announced:  # RFC 8461, 3.3: for each id
        known = replace(known, fetch=None)
    if not _wanted(known, announced, now):
        return known
    return (yield from _fetched(known, announced, now))


def _unannounced(known: Known, answer: DnsAnswer, now: datetime) -> Known:
    """There is no record: a policy holds all the same until its time is over (RFC 8461, 3.1).

    That is worth a word, since it is what an attacker does, and no way to withdraw a policy.
    """
    if known.in_force(now) is None:
        return replace(known, fetch=None)
    words = f"the record is gone, the policy holds: {answer.said()}"
    return replace(known, record=Trouble(now, words, certain=True), fetch=None)


def _wanted(known: Known, announced: str, now: datetime) -> bool:
    """Tell whether the policy is to be fetched: a new one, or before the old one's time is over."""
    if known.fetch is not None and known.fetch.at <= now < known.fetch.over:
        return False
    policy = known.in_force(now)
    if policy is None or known.fetched is None or known.id != announced:
        return True
    fresh = min(_REFRESH, timedelta(seconds=policy.max_age) / 2)
    return not known.fetched <= now < known.fetched + fresh


def _fetched(known: Known, announced: str, now: datetime) -> Source[Known]:
    answer = yield from https(f"mta-sts.{known.domain}", PATH)
    try:
        policy = _served(answer)
    except _Unfit as error:
        times = known.fetch.times + 1 if known.fetch else 1
        certain = isinstance(answer, HttpsAnswer)
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
    media = answer.content_type.partition(";")[0].strip(_BLANK).lower()
    if media not in ("text/plain", ""):
        words = f"'{brief(media)}' is not text/plain"
        raise _Unfit(ResultType.STS_POLICY_INVALID, words)
    try:
        return parse(answer.body)
    except BadPolicy as error:
        raise _Unfit(ResultType.STS_POLICY_INVALID, str(error)) from error


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a policy asks of one MX host.

    Attributes: host: the name in the MX record, which is the reference identifier and the SNI (RFC
        8461, 4.1 and 7.1); allowed: it is one of the domain's; enforced: else it is only reported
        (P-05); text: the rule; expires: when it ends.
    """

    host: str
    allowed: bool
    enforced: bool
    text: str
    expires: datetime
    level: Level = Level.AUTHENTICATED


def opinion(known: Known, host: str, now: datetime) -> Opinion | None:
    """Return what the domain's policy asks of one of its MX hosts, None if it asks nothing."""
    policy = known.in_force(now)
    if policy is None or policy.mode is Mode.NONE or known.expires is None:
        return None
    text = f"mode {policy.mode.value}, mx {', '.join(policy.mx)}"
    enforced = policy.mode is Mode.ENFORCE
    return Opinion(host, policy.allows(host), enforced, text, known.expires)

"""Exim's main log: which sessions a mail server had, and how they went.

A line is of one message. It tells of a delivery that went through (`=>`), has to wait (`==`) or
failed for good (`**`), and before that of servers that were tried in vain, by the message alone.
So a line is held against those before it: what was tried in vain belongs to whom the message
went to, and a session with several recipients at one domain is one.

- A line without TLS that went through was in clear. One that waits may have been inside TLS and
  not say so: it counts only if it says what went wrong with TLS.
- A star behind the address is a connection that was used before: no further session.
- Whoever writes to us, or is written to, chooses words in a line. Fields are read from the left,
  up to the first one that others choose; addresses with quotes are passed over.
- `CV=no` is what Exim says of a certificate that proved nothing, for whatever reason.
- Exim's event dane:fail knows no more than the lines do, so nothing has to be set up for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from unstrip.hostname import BadHostName, host_name
from unstrip.policy.questions import ResultType
from unstrip.tlsrpt.sessions import Session

LONGEST = 16 * 1024  # characters of a line
_MOMENT = timedelta(seconds=60)  # for as long as one session may be told of again
_MOST = 10_000  # messages and sessions that are remembered
_FIRST, _LAST = 1995, 9000  # years: outside of them times cannot be reckoned with
_MOST_SERVERS = 50  # servers of one message

_LINE = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d{1,6})?(?: ([+-]\d{4}))?(?: \[\d+\])?"
    r" ([0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}) (.*)"
)
_SERVER = r"H=(?P<host>[^\s\[\]]+) \[(?P<ip>[0-9A-Fa-f:.]+)\](?::\d+)?"
_RECIPIENT = re.compile(r'(=>|->|==|\*\*) (?:[^\s<>"@]+ <)?[^\s<>"@]+@([^\s<>"@]+)>?(?= )')
_IN_VAIN = re.compile(rf"{_SERVER}: (?P<why>a TLS session is required, but .*)")
_BY_DANE = re.compile(
    r"(?P<why>DANE attempt failed); TLS connection to (?P<host>\S+) "
    r"\[(?P<ip>[0-9A-Fa-f:.]+)\]: .*"
)
_IN_CLEAR = re.compile(
    r"(?P<why>TLS session: .*): delivering unencrypted to "
    rf"{_SERVER} \(not in hosts_require_tls\)"
)
_FIELD = re.compile(rf" (?:{_SERVER}(?P<again>\*?)|(?P<key>[A-Z]+)=(?P<value>\S*)|\S+)(?= |$)")
_OTHERS = (" DN=", " C=", ": ")  # from here on others have chosen the words
_UNSIGNED = re.compile(r"DANE error: (?:TLSA lookup for )?(?P<host>\S+) (?:lookup )?not DNSSEC")

_NO_TLS = ResultType.STARTTLS_NOT_SUPPORTED
_TLS_FAILED = (  # what a reason has in it
    ("did not offer TLS", _NO_TLS),
    ("attempt to start TLS failed", _NO_TLS),
    ("name mismatch", ResultType.CERTIFICATE_HOST_MISMATCH),
    ("expired", ResultType.CERTIFICATE_EXPIRED),
    ("certificate verif", ResultType.CERTIFICATE_NOT_TRUSTED),
    ("", ResultType.VALIDATION_FAILURE),
)
_DANE_FAILED = (
    ("DANE attempt failed", ResultType.VALIDATION_FAILURE),
    ("DANE error: tlsa lookup DEFER", ResultType.DNSSEC_INVALID),
    ("DANE error: ", ResultType.DANE_REQUIRED),
)

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Logged:
    """A session that the log tells of.

    Attributes: at: when, without a time zone unless the log has one; domain: of the recipients.
    """

    at: datetime
    domain: str
    session: Session


@dataclass(slots=True)
class _Tried:
    """The servers that were tried for a message, by address, and when it was told of last."""

    sessions: dict[str, Session] = field(default_factory=dict)
    ended: datetime | None = None


class Log:
    """A log that is read line by line."""

    def __init__(self) -> None:
        self._tried: dict[str, _Tried] = {}  # by message
        self._told: dict[tuple[str, str, str], datetime] = {}  # by message, domain, and server

    def read(self, line: str) -> tuple[Logged, ...]:
        """Return the sessions that are known of with this line."""
        found = _LINE.fullmatch(line) if len(line) <= LONGEST else None
        at = _time(found[1], found[2]) if found else None
        if found is None or at is None:
            return ()
        message, words = found[3], found[4]
        tried = _in_vain(words)
        if tried is None:
            return tuple(self._of_recipient(at, message, words))
        self._note(message, tried)
        return ()

    def _note(self, message: str, tried: Session) -> None:
        kept = self._tried.get(message)
        if kept is None or kept.ended is not None:  # it is tried anew
            kept = self._tried[message] = _Tried()
            _forget_oldest(self._tried)
        if len(kept.sessions) < _MOST_SERVERS:
            kept.sessions[tried.receiving_ip] = tried

    def _of_recipient(self, at: datetime, message: str, words: str) -> Iterator[Logged]:
        found = _RECIPIENT.match(words)
        domain = _name(found[2]) if found else ""
        if found is None or not domain:
            return
        sessions = self._sessions(message, at)
        ended = _ended(found[1], words[found.end() :], sessions)
        if ended is not None:
            sessions = {**sessions, ended.receiving_ip: ended}
        for session in sessions.values():
            if self._is_news((message, domain, session.receiving_ip or session.host), at):
                yield Logged(at, domain, session)

    def _sessions(self, message: str, at: datetime) -> dict[str, Session]:
        """Return those that were in vain, this time."""
        kept = self._tried.get(message)
        if kept is None or (kept.ended is not None and not _same(at, kept.ended)):
            return {}
        kept.ended = at
        return kept.sessions

    def _is_news(self, key: tuple[str, str, str], at: datetime) -> bool:
        """Tell whether a session was not told of yet, by a line about another recipient."""
        last = self._told.pop(key, None)
        self._told[key] = at
        _forget_oldest(self._told)
        return last is None or not _same(at, last)


def _in_vain(words: str) -> Session | None:
    """Return the session that a line without a recipient tells of."""
    for pattern in (_IN_VAIN, _BY_DANE, _IN_CLEAR):
        if found := pattern.fullmatch(words):
            return _failed(_session(found["host"], found["ip"]), found["why"])
    return None


def _ended(flag: str, words: str, tried: Mapping[str, Session]) -> Session | None:
    """Return the session that a line with a recipient ends with, None if it tells of none.

    Args: tried: what the message's lines before it told of, by address.
    """
    server, fields, reason = _fields(words)
    if server is None:
        found = _UNSIGNED.fullmatch(reason)
        return _failed(_session(found["host"], ""), reason) if found else None
    if "X" in fields:
        return _in_tls(server, fields.get("CV", ""))
    if server.receiving_ip in tried:
        return tried[server.receiving_ip]
    if flag in ("=>", "->"):
        return replace(server, broken=(_NO_TLS, "sent in clear"))
    return _failed(server, reason)


def _fields(words: str) -> tuple[Session | None, dict[str, str], str]:
    """Return the server, the fields that Exim has chosen the words of, and the reason behind."""
    places = (words.find(mark) for mark in _OTHERS)
    end = min((place for place in places if place >= 0), default=len(words))
    server, fields = None, dict[str, str]()
    reason = words[end + 2 :] if words.startswith(": ", end) else ""
    if '"' in words[:end]:  # in an address, which others have chosen
        return None, {}, ""
    for found in _FIELD.finditer(words[:end]):
        if found["key"]:
            fields.setdefault(found["key"], found["value"])
        elif found["host"] and server is None and not found["again"]:
            server = _session(found["host"], found["ip"])
    if server is not None and "I" in fields:
        sending = fields["I"].partition("]")[0].removeprefix("[")
        server = replace(server, sending_ip=sending)
    return server, fields, reason


def _in_tls(server: Session, verified: str) -> Session:
    """Return what `CV=` tells of the certificate."""
    match verified:
        case "dane":
            return replace(server, by_dane=())
        case "yes":
            return replace(server, by_webpki=())
        case "no":
            fault = ResultType.CERTIFICATE_NOT_TRUSTED, "CV=no"
            return replace(server, by_webpki=(fault,))
    return server


def _failed(server: Session, reason: str) -> Session | None:
    """Return what a reason tells of a session; None if it is not about TLS."""
    for words, result in _DANE_FAILED:
        if reason.startswith(words):
            return replace(server, by_dane=((result, reason),))
    if reason.startswith(("a TLS session is required, ", "TLS session: ")):
        result = next(result for words, result in _TLS_FAILED if words in reason)
        return replace(server, broken=(result, reason))
    return None


def _session(host: str, ip: str) -> Session:
    return Session(_name(host) or host, receiving_ip=ip)


def _time(text: str, zone: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(f"{text}{zone or ''}")
    except ValueError:
        return None
    return at if _FIRST <= at.year <= _LAST else None


def _same(one: datetime, other: datetime) -> bool:
    """Tell whether two lines are of one moment; a log that changed its zone has none."""
    return abs(one.replace(tzinfo=None) - other.replace(tzinfo=None)) <= _MOMENT


def _name(text: str) -> str:
    try:
        return host_name(text)
    except BadHostName:
        return ""


def _forget_oldest(kept: dict[K, V]) -> None:
    while len(kept) > _MOST:
        del kept[next(iter(kept))]

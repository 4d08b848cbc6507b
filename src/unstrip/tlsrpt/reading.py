"""Reading the reports of others: what can be understood is, and what was odd about it is said.

Nobody has to believe a report, so what is taken for granted is nothing: sizes, types, dates. What
large senders are known to get wrong is tolerated by name; what would make a count or a domain
doubtful is refused by name.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from unstrip.escaping import brief, excerpt
from unstrip.hostname import BadHostName, host_name
from unstrip.tlsrpt.report import (
    DateRange,
    Detail,
    PolicyResult,
    PolicyText,
    Report,
    Summary,
)
from unstrip.tlsrpt.values import PolicyType

PACKED, UNPACKED = 4 * 1024 * 1024, 8 * 1024 * 1024  # bytes
_MEMBERS = 50  # of gzip, each of which costs a copy of what comes after it
_TEXT = 10_000  # characters of any one
_TEXTS = 1024 * 1024  # characters of all that is made of it
_POLICIES, _DETAILS, _STRINGS = 100, 10_000, 1_000  # details: of all policies together
# in the JSON: each makes a value, which takes far more room than the three bytes of `{},`
_NESTS, _VALUES = 25_000, 200_000
_COUNT = 10**12
_EARLIEST = datetime(2018, 9, 1, tzinfo=UTC)  # when RFC 8460 came out
_AHEAD = timedelta(days=2)  # of our clock
_LONGEST = timedelta(days=32)
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_ALSO = {  # the placeholders of the grammar, which some took for the names
    "mx-host": "mx-host-pattern",
    "additional-information": "additional-info-uri",
}


class BadReport(ValueError):
    """It cannot be taken in.

    Attributes: kind: of the reason, in a word or two, to be counted.
    """

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Taken:
    """A report as it was understood.

    Attributes: oddities: what was not as RFC 8460 has it, each once.
    """

    report: Report
    oddities: tuple[str, ...] = ()


def read(data: bytes, now: datetime, domain: str = "") -> Taken:
    """Return the report in `data`.

    Args: data: JSON, or gzip of it, by what it is and not by what it is called; domain: whose
        report it is, as what came with it says, for where it does not say that itself.
    Raises: BadReport.
    """
    reading = _Reading(now, domain)
    try:
        report = reading.report(_decoded(unpack(data), reading.odd))
    except RecursionError as error:
        raise BadReport("json", "it is nested too deep") from error
    return Taken(report, tuple(reading.oddities))


def unpack(data: bytes) -> bytes:
    """Return what was compressed; what was not stays as it is. Raises: BadReport."""
    if len(data) > PACKED:
        raise BadReport("size", f"{len(data)} bytes are too many")
    if data.startswith(_ZIP):
        raise BadReport("zip", "it is a ZIP archive, not gzip (RFC 8460, 5.3)")
    return b"".join(_inflated(data)) if data.startswith(_GZIP) else data


def _inflated(data: bytes) -> Iterator[bytes]:
    """Yield member after member, never more than is borne with."""
    room = UNPACKED
    for _ in range(_MEMBERS):
        stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            part = stream.decompress(data, room + 1)
        except zlib.error as error:
            raise BadReport("gzip", f"its gzip is broken: {error}") from error
        room -= len(part)
        if room < 0:
            raise BadReport("bomb", f"it unpacks to more than {UNPACKED} bytes")
        if not stream.eof:
            raise BadReport("truncated", "its gzip ends too early")
        yield part
        data = stream.unused_data.lstrip(b"\0")
        if not data:
            return
    raise BadReport("gzip", f"its gzip is of more than {_MEMBERS} pieces")


def _decoded(data: bytes, odd: Callable[[str], None]) -> Any:  # noqa: ANN401  # as JSON has it
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.count(b"{") + data.count(b"[") > _NESTS or data.count(b",") > _VALUES:
        raise BadReport("bomb", f"it has more than {_NESTS} objects, or {_VALUES} values")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        odd("it is not UTF-8")
        text = data.decode("utf-8", "replace")
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        words = f"it is no JSON: {brief(str(error))}; it begins {excerpt(data)}"
        raise BadReport("json", words) from error


@dataclass(slots=True)
class _Reading:
    """One report, being read.

    Attributes: room, details: how many more characters, and details, it may have.
    """

    now: datetime
    domain: str
    room: int = _TEXTS
    details: int = _DETAILS
    oddities: dict[str, None] = field(default_factory=dict)

    def odd(self, words: str) -> None:
        self.oddities[words] = None

    def report(self, told: object) -> Report:
        whole = _object(told, "the report")
        begins, ends = self.range(_object(whole.get("date-range"), "date-range"))
        return Report(
            self.text(whole, "organization-name", due=True),
            DateRange(begins, ends),
            self.text(whole, "contact-info", due=True),
            self.text(whole, "report-id", due=True) or f"none-{self.digest(whole)}",
            tuple(self.policies(whole)),
        )

    def digest(self, whole: Mapping[str, Any]) -> str:
        return sha256(msgspec.json.encode(whole, order="deterministic")).hexdigest()[:16]

    def range(self, told: Mapping[str, Any]) -> tuple[datetime, datetime]:
        begins, ends = (self.time(told, f"{end}-datetime") for end in ("start", "end"))
        if not _EARLIEST <= begins <= self.now + _AHEAD:
            raise BadReport("date", f"it is of {begins:%Y-%m-%d}, which cannot be")
        if not begins <= ends <= begins + _LONGEST:
            raise BadReport("date", f"it is of {begins:%Y-%m-%d} to {ends:%Y-%m-%d}")
        if ends - begins > timedelta(days=1):
            self.odd("it is of more than one day")
        return begins, ends

    def time(self, told: Mapping[str, Any], name: str) -> datetime:
        text = self.text(told, name)
        try:
            found = datetime.fromisoformat(text)
        except ValueError as error:
            raise BadReport("date", f"{name}: '{brief(text)}' is no time") from error
        if found.tzinfo is None:
            self.odd(f"{name} has no zone")  # as Microsoft's; UTC is meant
            return found.replace(tzinfo=UTC)
        try:
            return found.astimezone(UTC)
        except OverflowError as error:
            raise BadReport("date", f"{name}: '{brief(text)}' cannot be") from error

    def policies(self, whole: Mapping[str, Any]) -> Iterator[PolicyResult]:
        told = _list(whole.get("policies"), "policies", _POLICIES)
        if not told:
            self.odd("it has no policies")
        for each in told:
            result = _object(each, "policies")
            policy = self.policy(_object(result.get("policy"), "policy"))
            if policy is not None:
                yield self.result(policy, result)

    def policy(self, told: Mapping[str, Any]) -> PolicyText | None:
        kind = self.text(told, "policy-type").strip().lower()
        if kind not in {known.value for known in PolicyType}:
            self.odd(f"a policy of type '{brief(kind)}' is left out")
            return None
        named = self.text(told, "policy-domain", due=True) or self.domain
        try:
            domain = host_name(named)
        except BadHostName as error:
            raise BadReport("domain", f"policy-domain: {error}") from error
        strings, hosts = self.texts(told, "policy-string"), self.texts(told, "mx-host")
        return PolicyText(kind, domain, strings, hosts)

    def result(self, policy: PolicyText, told: Mapping[str, Any]) -> PolicyResult:
        counts = _object(told.get("summary"), "summary")
        details = _list(told.get("failure-details"), "failure-details", self.details)
        self.details -= len(details)
        found = tuple(self.detail(_object(each, "failure-details")) for each in details)
        succeeded = self.count(counts, "total-successful-session-count")
        return PolicyResult(policy, Summary(succeeded, self.failures(counts, found)), found)

    def failures(self, counts: Mapping[str, Any], details: tuple[Detail, ...]) -> int:
        """Return how many sessions failed; where that is missing, what is told of them."""
        name = "total-failure-session-count"
        if self.member(counts, name) is not None:
            return self.count(counts, name)
        self.odd(f"{name} is missing")
        told = sum(detail.failed_session_count for detail in details)
        if not 0 < told <= _COUNT:  # that nothing failed is nothing to be guessed
            raise BadReport("count", f"{name} is missing, and so are the failures themselves")
        return told

    def detail(self, told: Mapping[str, Any]) -> Detail:
        return Detail(
            result_type=self.text(told, "result-type", due=True) or "validation-failure",
            failed_session_count=self.count(told, "failed-session-count"),
            sending_mta_ip=self.text(told, "sending-mta-ip"),
            receiving_mx_hostname=self.text(told, "receiving-mx-hostname"),
            receiving_mx_helo=self.text(told, "receiving-mx-helo"),
            receiving_ip=self.text(told, "receiving-ip"),
            additional_information=self.text(told, "additional-information"),
            failure_reason_code=self.text(told, "failure-reason-code"),
        )

    def member(self, told: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401  # as JSON has it
        """Return a member, also under the name that some give it."""
        other = _ALSO.get(name, name)
        if name not in told and other in told:
            self.odd(f"{name} is called {other}")
            return told[other]
        return told.get(name)

    def text(self, told: Mapping[str, Any], name: str, *, due: bool = False) -> str:
        value = self.member(told, name)
        if value is None or value == "":
            if due:
                self.odd(f"{name} is missing")
            return ""
        if isinstance(value, int | float):
            self.odd(f"{name} is a number")
            value = str(value)
        return self.fitting(value, name)

    def texts(self, told: Mapping[str, Any], name: str) -> tuple[str, ...]:
        value = self.member(told, name)
        if isinstance(value, str):  # RFC 8460 before erratum 6241
            self.odd(f"{name} is no list")
            value = [value] if value else []
        return tuple(self.fitting(each, name) for each in _list(value, name, _STRINGS))

    def fitting(self, told: object, name: str) -> str:
        """Return a text that there is room for."""
        text = _text(told, name)
        self.room -= len(text)
        if self.room < 0:
            raise BadReport("size", f"its texts have more than {_TEXTS} characters")
        return text

    def count(self, told: Mapping[str, Any], name: str) -> int:
        value = self.member(told, name)
        if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
            self.odd(f"{name} is a text")
            value = int(value) if len(value) < len(str(_COUNT)) else _COUNT + 1
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None:
            self.odd(f"{name} is missing")
            return 0
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _COUNT:
            raise BadReport("count", f"{name}: {brief(str(value)[:99])} is no number of sessions")
        return value


def _object(told: object, name: str) -> Mapping[str, Any]:
    if isinstance(told, dict):
        return told
    raise BadReport("json", f"{name} is no object")


def _list(told: object, name: str, most: int) -> list[Any]:
    if told is None:
        return []
    if not isinstance(told, list):
        raise BadReport("json", f"{name} is no list")
    if len(told) > most:
        raise BadReport("size", f"{name} has {len(told)} members")
    return told


def _text(told: object, name: str) -> str:
    if not isinstance(told, str):
        raise BadReport("json", f"{name} is no text")
    if len(told) > _TEXT:
        raise BadReport("size", f"{name} has {len(told)} characters")
    return told

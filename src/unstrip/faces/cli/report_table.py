"""What the terminal and the page both show of reports: rows of figures, and words for failures.

Whatever a sender has written is escaped here, and cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from unstrip.escaping import brief
from unstrip.hostname import BadHostName, host_name
from unstrip.policy.questions import ResultType
from unstrip.tlsrpt.overview import Cause, Count, Met, Overview
from unstrip.tlsrpt.values import PolicyType

FIGURES = {"reports", "senders", "sessions", "failed", "share", "times"}  # headings of numbers
_NAME, _WORDS, _LONG = 60, 30, 300  # characters
_FEW = 5  # names in a row
NO_REASON = "no reason given"
KINDS = {PolicyType.TLSA: "DANE", PolicyType.STS: "MTA-STS", PolicyType.NONE: "no policy"}
_NAMES = {kind.value: words for kind, words in KINDS.items()}
_TO_DO = {
    ResultType.STARTTLS_NOT_SUPPORTED: "unstrip check {host}; if it offers STARTTLS, it was removed"
    " on the way to them",
    ResultType.CERTIFICATE_HOST_MISMATCH: "have {host} show a certificate with that name in it",
    ResultType.CERTIFICATE_EXPIRED: "renew the certificate, and have {host} load it",
    ResultType.CERTIFICATE_NOT_TRUSTED: "have {host} send its whole chain, of an authority that"
    " others trust",
    ResultType.VALIDATION_FAILURE: "see their words; often a host that the policy does not name:"
    " unstrip policy test {domain}",
    ResultType.TLSA_INVALID: "unstrip publish {domain} shows the TLSA records that fit",
    ResultType.DNSSEC_INVALID: "see to the signatures of the zone: unstrip explain {domain}",
    ResultType.DANE_REQUIRED: "they insist on DANE: unstrip publish {domain} shows the records",
    ResultType.STS_POLICY_FETCH_ERROR: "unstrip policy test {domain} fetches the policy as they do",
    ResultType.STS_POLICY_INVALID: "unstrip policy test {domain} says what is wrong with it",
    ResultType.STS_WEBPKI_INVALID: "see to the certificate of mta-sts.{domain}",
}
Cells = tuple[str, ...]


class By(Enum):
    """What reports are counted by."""

    DAY = "day"
    SENDER = "sender"
    POLICY = "policy"
    RESULT = "result"


def counts(found: Overview, by: By) -> tuple[Count, ...]:
    """Return what there is to count by that; of days only those with reports."""
    groups = {
        By.DAY: tuple(count for count in found.days if count.reports),
        By.SENDER: found.senders,
        By.POLICY: found.policies,
        By.RESULT: found.results,
    }
    return groups[by]


_SESSIONS = ("reports", "senders", "sessions", "failed", "share", "proof")
_HEADINGS: dict[By, Cells] = {
    By.DAY: ("day", *_SESSIONS),
    By.SENDER: ("sender", "calls itself", "reports", *_SESSIONS[2:]),
    By.POLICY: ("policy", "of", *_SESSIONS),
    By.RESULT: ("result", "times", "reports", "senders", "proof"),
}


def headings(by: By) -> Cells:
    """Return those of the table."""
    return _HEADINGS[by]


def cells(count: Count, by: By) -> Cells:
    """Return one row of it."""
    known = {
        "day": count.name,
        "sender": brief(count.name, _NAME),
        "calls itself": brief(count.about, _WORDS) or "-",
        "policy": _NAMES.get(count.name, ""),
        "of": brief(count.about, _NAME) or "-",
        "result": brief(count.name, _NAME) or NO_REASON,
        "reports": f"{count.reports:,}",
        "senders": f"{count.senders:,}",
        "sessions": f"{count.sessions:,}",
        "failed": f"{count.failed:,}",
        "times": f"{count.failed:,}",
        "share": share(count),
        "proof": ", ".join(proof.value for proof in count.proofs),
    }
    return tuple(known[heading] for heading in _HEADINGS[by])


def share(count: Count) -> str:
    """Return how much of it failed."""
    return percent(count.failed, count.sessions)


def percent(part: int, whole: int) -> str:
    """Return a share in words; what is little is not nothing, and nearly all is not all."""
    if not whole:
        return "-"
    tenths = round(1000 * part / whole)
    if part and not tenths:
        return "<0.1 %"
    if part < whole and tenths == 1000:
        return ">99.9 %"
    return f"{tenths / 10:.1f} %"


def title(found: Overview) -> str:
    """Return whose reports these are, and of which days."""
    return f"{found.domain or 'all domains'}, {found.since} to {found.until}"


def numbers(found: Overview) -> str:
    """Return in a sentence how many there are."""
    total = found.total
    told = f"{many(total.reports, 'report')} from {many(total.senders, 'sender')}"
    if not total.sessions:
        return f"{told}, no sessions"
    return f"{told}; {total.failed:,} of {many(total.sessions, 'session')} failed ({share(total)})"


def many(count: int, what: str) -> str:
    """Return so many of something."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def listed(names: Cells) -> str:
    """Return names that senders gave, the first of them."""
    more = f", and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(brief(name, _NAME) for name in names[:_FEW]) + more


def cause_words(cause: Cause) -> str:
    """Return a class of failures in words."""
    result = brief(cause.result, _NAME) or NO_REASON
    host = f" at {brief(cause.host, _NAME)}" if cause.host else ""
    domain = f" of {brief(cause.policy_domain, _NAME)}" if cause.policy_domain else ""
    return f"{result}{host}, {KINDS[cause.policy]}{domain}"


def facts(met: Met) -> Iterator[tuple[str, str]]:
    """Yield what is known of failures of one class: of what, and what."""
    days = f"{met.first}" if met.first == met.last else f"{met.first} to {met.last}"
    yield "met", f"{many(met.times, 'time')}, {days}"
    yield "told by", listed(met.senders)
    yield "mail to", listed(met.domains)
    if met.reasons:
        yield "their words", "; ".join(brief(reason) for reason in met.reasons)
    if met.applied:
        yield "they applied", brief("; ".join(met.applied), _LONG)
    if met.published:
        yield "published", brief(met.published, _LONG)
    if advice := to_do(met.cause, met.domains[0]):
        yield "to do", advice


def to_do(cause: Cause, domain: str) -> str:
    """Return what to do about it, "" if nobody knows."""
    try:
        advice = _TO_DO[ResultType(cause.result)]
    except ValueError:  # not of the registry
        return ""
    return advice.format(host=_host(cause.host), domain=domain)


def _host(name: str) -> str:
    """Return it if it is one: it goes into a command, and a sender has written it."""
    try:
        return host_name(name) if name else "HOST"
    except BadHostName:
        return "HOST"

"""Domains, each derived from a dictionary of answers: MX hosts, their TLSA records, a policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from msgspec import structs

from tests.policy.answering import (
    N,
    S,
    U,
    addresses,
    answered,
    bogus,
    failure,
    found,
    nothing,
    page,
    text,
)
from unstrip.derivation import Beliefs, Derivation, Sought, derive
from unstrip.policy import dane, local, mta_sts, starttls_everywhere
from unstrip.policy.questions import Answer, Dns, DnsAnswer, Kind, Mx, Question, Security
from unstrip.tlsa import Tlsa

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DOMAIN = "example.org"
PIN = "ab" * 32
USABLE = found(Tlsa(3, 1, 1, b"\1" * 32))
UNUSABLE = found(Tlsa(1, 1, 1, b"\1" * 32))
NONE = nothing()
FORGED = bogus()
SILENT = failure()
GONE = None  # it has no address
A, B, C = "mx1.example.org", "mx2.example.org", "a.mail.example.org"


def derived(
    hosts: Mapping[str, DnsAnswer | None],
    security: Security = S,
    *,
    mode: str = "",
    mx: Iterable[str] = (),
    more: str = "",
    beliefs: Beliefs = Beliefs(),  # noqa: B008  # a frozen value
    record: DnsAnswer | None = None,
) -> Derivation:
    """What comes of a domain.

    Args: hosts: the MX hosts, and what is at their TLSA names; security: of the MX records; mode:
        of its MTA-STS policy, "" for none, with the hosts or `mx` in it, and `more` lines; record:
        what is at _mta-sts, in place of that.
    """
    records = [Mx(10 * place, host) for place, host in enumerate(hosts)]
    answers: dict[Question, Answer] = {Dns(DOMAIN, Kind.MX): found(*records, security=security)}
    for host, tlsa in hosts.items():
        answers |= addresses(host, U if security is U else S)
        if tlsa is GONE:
            answers |= {Dns(host, Kind.A): NONE, Dns(host, Kind.AAAA): NONE}
        else:
            answers[Dns(f"_25._tcp.{host}", Kind.TLSA)] = tlsa
    answers |= published(mode, mx or hosts, more) if record is None else at_record(record)
    return from_answers(answers, beliefs)


def from_answers(answers: dict[Question, Answer], beliefs: Beliefs = Beliefs()) -> Derivation:  # noqa: B008
    route = answered(dane.mail(DOMAIN), answers).result
    known = answered(mta_sts.discover(DOMAIN, NOW), answers).result
    return derive(Sought(), route, beliefs, NOW, known)


def published(mode: str, mx: Iterable[str], more: str = "") -> dict[Question, Answer]:
    if not mode:
        return {Dns(f"_mta-sts.{DOMAIN}", Kind.TXT): nothing(N)}
    lines = "".join(f"mx: {pattern}\n" for pattern in mx)
    body = f"version: STSv1\nmode: {mode}\n{lines}max_age: 604800\n{more}"
    return {
        **text(f"_mta-sts.{DOMAIN}", b"v=STSv1; id=1;"),
        **page(f"mta-sts.{DOMAIN}", mta_sts.PATH, body.encode()),
    }


def at_record(answer: DnsAnswer) -> dict[Question, Answer]:
    return {Dns(f"_mta-sts.{DOMAIN}", Kind.TXT): answer}


def lost(beliefs: Beliefs = Beliefs()) -> Derivation:  # noqa: B008  # a frozen value
    """The MX records could not be found out."""
    return from_answers({Dns(DOMAIN, Kind.MX): FORGED, **published("", ())}, beliefs)


def rules(*words: str) -> Beliefs:
    """The operator's table, "mx1.example.org verify"; a third word is a pin."""
    table = ""
    for host, require, *pin in map(str.split, words):
        table += f'[[rule]]\nhost = "{host}"\nrequire = "{require}"\n'
        table += f'pin = ["sha256:{pin[0]}"]\n' if pin else ""
    return Beliefs(table=local.parse(table))


def override(*words: str) -> Beliefs:
    """The operator's table, in which each rule is the last word."""
    said = rules(*words).table
    return Beliefs(
        table=local.Table(tuple(structs.replace(rule, override=True) for rule in said.rule))
    )


def patient() -> Beliefs:
    """A table by which mail waits while there may be a policy."""
    return Beliefs(table=local.parse('[[rule]]\nhost = "*"\nrequire = "may"\nunknown = "wait"'))


def listed(*mxs: str, mode: str = "enforce") -> Beliefs:
    """A signed list that has the domain."""
    names = ", ".join(f'"{mx}"' for mx in mxs)
    body = (
        '{"timestamp": "2026-11-20T00:00:00Z", "expires": "2026-12-20T00:00:00Z",'
        ' "version": "0.1", "policy-aliases": {}, "policies":'
        f' {{"{DOMAIN}": {{"mode": "{mode}", "mxs": [{names}]}}}}}}'
    )
    return Beliefs(listed=starttls_everywhere.parse(body.encode()))


def both(first: Beliefs, second: Beliefs) -> Beliefs:
    return replace(first, listed=second.listed)

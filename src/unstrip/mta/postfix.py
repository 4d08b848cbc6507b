"""What a Postfix sender is told of a domain: an answer for its smtp_tls_policy_maps.

Postfix asks once for a whole domain, looks up its servers by itself, and does DANE by itself, for
each of them. So one level has to do for all: the strictest that any of them needs, for who would be
held to less could be put in the other's place. Where Postfix cannot be told all of a decision,
`Answer.words` says what is missing.

* A reply that Postfix cannot read holds up all mail to the domain: nothing goes into it that its
  grammar lacks. No match is empty, no address is in one, and no brace in a policy's line.
* The order is the policy's own, so that one policy has one answer.
* Reports (TLSRPT, Postfix 3.10) are told of MTA-STS only: DANE it reports itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from unstrip.derivation import Derivation, Destination
from unstrip.escaping import brief
from unstrip.hostname import is_address
from unstrip.mta.needs import (
    BARRED,
    USABLE,
    Need,
    hosts,
    overriding,
    policy,
    servers,
    wished,
)
from unstrip.policy import Decision, Level, dane, history, local
from unstrip.policy.dane import Standing as Dane
from unstrip.policy.mta_sts import Mode, StsPolicy
from unstrip.policy.questions import Security

_LONGEST_REASON = 200  # characters; Postfix logs no more
_LONGEST = 90_000  # characters: socketmap_max_reply_size is 100,000
_MOST_PATTERNS = 50  # of a policy; one that has more is told by the hosts it lets pass
_OWN = {history.SOURCE: "your own earlier visits", local.SOURCE: "your own table"}
_DANE_NEEDS = "Postfix needs smtp_dns_support_level = dnssec, and a resolver that validates"
_IN_PLACE = "this takes the place of smtp_tls_security_level for the domain"
_INSECURE_DANE = "smtp_tls_dane_insecure_mx_policy has to be dane, as it is since Postfix 3.10"


class Lookup(Enum):
    """What became of a look-up, as Postfix has it."""

    FOUND = "found"
    NOTFOUND = "not found"  # the next map is asked, or main.cf's own level holds
    TEMP = "temporary failure"  # mail waits


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        lookup: of which kind.
        text: level and attributes, or the reason of a failure.
        because: why, for people.
        rule: the clauses that it follows, and the rules of the operator's table.
        words: what Postfix has to be set to, and what it cannot be told.
    """

    lookup: Lookup
    text: str = ""
    because: str = ""
    rule: str = ""
    words: tuple[str, ...] = ()


def answer(derivation: Derivation, *, reporting: bool) -> Answer:
    """Return what Postfix is told of a domain's mail.

    Args: reporting: it is Postfix 3.10 or newer, which understands what goes into reports.
    """
    found = (
        _waiting(derivation, reporting=reporting)
        or _pinned(derivation)
        or _dane(derivation)
        or _named(derivation, reporting=reporting)
        or _instead(derivation)
        or _encrypted(derivation, reporting=reporting)
        or _dane_by_host(derivation)
        or _freed(derivation)
        or _tested(derivation, reporting=reporting)
        or _nothing(derivation)
    )
    return replace(found, words=(*found.words, *_overriding(derivation)))


def _waiting(derivation: Derivation, *, reporting: bool) -> Answer | None:
    """Nothing can be sent now.

    A policy that names none of the servers is told as it is to a Postfix that can report it. Any
    other looks at the names in a certificate only, and a wildcard may have one of the policy's.
    """
    because = "nothing can be sent now"
    if derivation.lost:
        reason = brief(derivation.route.words, _LONGEST_REASON)
        return Answer(Lookup.TEMP, reason, because, "RFC 7672, 2.1.2")
    failed, barred = hosts(derivation, Need.FAILED), servers(derivation, *BARRED)
    reportable = reporting and not failed and bool(_patterns(derivation))
    if not barred or hosts(derivation, *USABLE) or reportable:
        return None
    refusing = next(policy for policy in barred[0].decision.because if policy.refuses)
    reason = brief(refusing.refuses, _LONGEST_REASON)
    return Answer(Lookup.TEMP, reason, because, refusing.rule)


def _pinned(derivation: Derivation) -> Answer | None:
    pinned = servers(derivation, Need.PINNED)
    if not pinned:
        return None
    pins = dict.fromkeys(pin for each in pinned for pin in each.decision.pins)
    text = "fingerprint match=" + "|".join(_in_pairs(pin) for pin in pins)
    words = ["Postfix needs smtp_tls_fingerprint_digest = sha256"]
    if others := hosts(derivation, *set(Need) - {Need.PINNED, Need.GONE}):
        words.append(f"{_listed(others)} is held to these keys as well")
    because = f"there are pins for {_listed(hosts(derivation, Need.PINNED))}"
    return Answer(Lookup.FOUND, text, because, _rules(pinned), tuple(words))


def _dane(derivation: Derivation) -> Answer | None:
    """DNSSEC names the servers, and TLSA records those that are to be trusted."""
    with_records = hosts(derivation, Need.DANE)
    if not with_records or derivation.route.security is not Security.SECURE:
        return None
    short = hosts(derivation, Need.NAMED, Need.ENCRYPTED, Need.REFUSED)
    if short:  # RFC 8461, 2; Postfix's dane would let these go without TLS
        because = f"{_listed(short)} without usable TLSA records has to be passed over"
        return Answer(Lookup.FOUND, "dane-only", because, "RFC 8461, 2", (_DANE_NEEDS,))
    if others := hosts(derivation, Need.FREE, Need.UNUSABLE):
        because = f"TLSA records for {_listed(with_records)}, no usable ones for {_listed(others)}"
        return Answer(Lookup.FOUND, "dane", because, "RFC 7672, 2.2", (_DANE_NEEDS,))
    if derivation.left_out:  # they may have no records: then dane-only would pass them over
        because = f"TLSA records for {_listed(with_records)}; nobody looked at the other servers"
        return Answer(Lookup.FOUND, "dane", because, "RFC 7672, 2.2", (_DANE_NEEDS,))
    because = f"TLSA records for {_listed(with_records)}, and DNSSEC names no other server"
    return Answer(Lookup.FOUND, "dane-only", because, "RFC 7672, 2.2", (_DANE_NEEDS,))


def _named(derivation: Derivation, *, reporting: bool) -> Answer | None:
    """Certificates have to prove names.

    The names are those of the policy. If a server has to be left out, they are the others' own.
    """
    sts = policy(derivation, Mode.ENFORCE)
    if sts is None and not hosts(derivation, Need.NAMED):
        return None
    patterns = _patterns(derivation) or _own_names(derivation)
    if not patterns:
        reason = f"no server of {derivation.domain} is known by name"
        return Answer(Lookup.TEMP, reason, "nothing can be sent now", "RFC 8461, 5")
    text = _secure(patterns)
    if sts is None:
        because, rules = _sources(derivation), _rules(servers(derivation, Need.NAMED))
        return Answer(Lookup.FOUND, text, because, rules, _caveats(derivation))
    text = _with_report(text, derivation, sts, patterns) if reporting else text
    because = f"mta-sts: {brief(', '.join(sts.mx))}"
    words = () if reporting else ("a star stands for any number of labels before Postfix 3.10.5",)
    return Answer(Lookup.FOUND, text, because, "RFC 8461, 5", words if "*" in because else ())


def _instead(derivation: Derivation) -> Answer | None:
    """A server is to be left out, or TLS is due and beside that DANE cannot be told: by names.

    Postfix's encrypt would use a server that is not to be used (RFC 7672, 2.1.2), and one with TLSA
    records without looking at them. Its dane would use one without records, such as another
    unsigned MX brings, in clear; its dane-only uses no server of an unsigned MX.
    """
    barred, by_dane = hosts(derivation, *BARRED), hosts(derivation, Need.DANE)
    # what was seen of one server says nothing of another that takes its place
    ruled = wished(derivation, Level.ENCRYPT, besides=(dane.SOURCE, history.SOURCE))
    tls = hosts(derivation, Need.ENCRYPTED) or ruled
    refused = hosts(derivation, Need.REFUSED)  # which DANE would not see to
    if not refused and not (tls and (barred or by_dane)):
        return None
    words = []
    if barred:
        words.append(f"only by names can {_listed(barred)} be left out")
    if by_dane:
        words.append(f"the TLSA records of {_listed(by_dane)} cannot be insisted on beside that")
    words.append("certificates have to be valid")
    because = f"{_listed(tls)}: TLS is due, whatever DANE says"
    rule = "RFC 7672, 2.1.2" if barred else "RFC 7672, 2.2.1"
    if refused:
        because = f"{_listed(refused)} has to be passed over"
        rule = _rules(servers(derivation, Need.REFUSED))
    return Answer(Lookup.FOUND, _secure(hosts(derivation, *USABLE)), because, rule, tuple(words))


def _encrypted(derivation: Derivation, *, reporting: bool) -> Answer | None:
    """TLS is due, whoever answers.

    Where no TLSA record can be used, Postfix's dane would come to the same, if it does DANE at all.
    """
    asked, unusable = hosts(derivation, Need.ENCRYPTED), hosts(derivation, Need.UNUSABLE)
    if not asked and (not unusable or hosts(derivation, Need.DANE, Need.FREE, Need.FAILED)):
        return None
    text = _in_testing("encrypt", derivation, reporting=reporting)
    rules = _rules(servers(derivation, Need.ENCRYPTED, Need.UNUSABLE))
    return Answer(Lookup.FOUND, text, _sources(derivation), rules)


def _dane_by_host(derivation: Derivation) -> Answer | None:
    """Postfix finds out by itself which server has what: no other needs anything."""
    concerned = hosts(derivation, Need.DANE, Need.UNUSABLE, Need.FAILED)
    if not concerned:
        return None
    words = [_DANE_NEEDS]
    if derivation.route.security is not Security.SECURE:
        words.append(_INSECURE_DANE)
    because = f"{_listed(concerned)} is for DANE alone to judge"
    return Answer(Lookup.FOUND, "dane", because, "RFC 7672, 2.2", tuple(words))


def _freed(derivation: Derivation) -> Answer | None:
    """The operator's own table asks for no more: said aloud, lest the next map or main.cf do so."""
    if not derivation.overridden:
        return None
    because, rules = "your own table asks for no more", _rules(derivation.servers)
    return Answer(Lookup.FOUND, "may", because, rules, (_IN_PLACE,))


def _tested(derivation: Derivation, *, reporting: bool) -> Answer | None:
    """Nothing is insisted on, and what would be gets into reports (RFC 8461, 5; P-05)."""
    if not reporting or policy(derivation, Mode.TESTING) is None:
        return None
    unchecked = any(host.standing is Dane.UNCHECKED for host in derivation.route.hosts)
    text = _in_testing("dane" if unchecked else "may", derivation, reporting=reporting)
    return Answer(Lookup.FOUND, text, "the policy is only tested", "RFC 8461, 5", (_IN_PLACE,))


def _nothing(derivation: Derivation) -> Answer:
    """Main.cf's own level holds."""
    words, rule = [], "RFC 7435"
    if derivation.sts is not None and derivation.sts.uncertain(derivation.at):
        rule = "RFC 8461, 5.1"
        words.append("there may be an MTA-STS policy that could not be found out")
    if any(host.standing is Dane.UNCHECKED for host in derivation.route.hosts):
        words.append("DANE was not checked: with the level dane, Postfix does so itself")
    return Answer(Lookup.NOTFOUND, "", "no policy is in force", rule, tuple(words))


# -- the words of a reply ---------------------------------------------------------------------


def _secure(patterns: Iterable[str]) -> str:
    """A suffix stands for what a star does (and for more labels); SNI is the MX host's name."""
    names = ":".join(pattern.removeprefix("*") for pattern in patterns)
    return f"secure match={names} servername=hostname"  # RFC 8461, 7.1: the SNI


def _patterns(derivation: Derivation) -> tuple[str, ...]:
    """Return the names of an enforced policy, if these let nobody pass who is not to be used."""
    sts = policy(derivation, Mode.ENFORCE)
    names = _names(sts) if sts else ()
    if any(_passes(host, names) for host in hosts(derivation, *BARRED)):
        return ()
    return names if len(names) <= _MOST_PATTERNS else ()


def _passes(host: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether Postfix, to whom a suffix is one at any depth, would let a host pass."""
    suffixes = tuple(pattern[1:] for pattern in patterns if pattern.startswith("*"))
    return host in patterns or host.endswith(suffixes)


def _names(sts: StsPolicy) -> tuple[str, ...]:
    """Return the patterns that may be matched."""
    return _without_addresses(dict.fromkeys(sts.mx))


def _own_names(derivation: Derivation) -> tuple[str, ...]:
    """Return the names of the servers; where none is known, what Postfix's own secure takes."""
    names = _without_addresses(hosts(derivation, *USABLE))
    return names if derivation.destinations else (*names, *(f"*.{name}" for name in names))


def _without_addresses(names: Iterable[str]) -> tuple[str, ...]:
    """Leave addresses out: with one of them, Postfix would match nothing."""
    return tuple(name for name in names if not is_address(name.removeprefix("*.")))


def _in_testing(level: str, derivation: Derivation, *, reporting: bool) -> str:
    sts = policy(derivation, Mode.TESTING)
    return _with_report(level, derivation, sts, _names(sts)) if sts and reporting else level


def _with_report(
    text: str, derivation: Derivation, sts: StsPolicy, patterns: tuple[str, ...]
) -> str:
    """Add what goes into reports; by the patterns, Postfix 3.10.5 checks the names of servers."""
    about = f"policy_type=sts policy_domain={derivation.domain}"
    names = (f"mx_host_pattern={pattern}" for pattern in patterns)
    lines = (f"{{ policy_string = {line} }}" for line in sts.lines if _is_tellable(line))
    bare = f"{text} {about}"
    short = " ".join([bare, *names])
    whole = " ".join([short, *lines])
    return next((reply for reply in (whole, short) if len(reply) <= _LONGEST), bare)


def _is_tellable(line: str) -> bool:
    return bool(line) and line.isascii() and line.isprintable() and not set("{}") & set(line)


def _in_pairs(digest: str) -> str:
    """Write a digest as Postfix does: AA:BB:CC."""
    return ":".join(digest[place : place + 2] for place in range(0, len(digest), 2)).upper()


def _sources(derivation: Derivation) -> str:
    strict = servers(derivation, Need.NAMED, Need.ENCRYPTED, Need.UNUSABLE)
    return "; ".join(f"{each.endpoint.host}: by {_why(each.decision)}" for each in strict)


def _why(decision: Decision) -> str:
    """Say which sources made it so; what the operator never published is said to be his own."""
    sources = (_OWN.get(policy.source, policy.source) for policy in decision.because)
    return ", ".join(dict.fromkeys(sources))


def _rules(concerned: Iterable[Destination]) -> str:
    rules = (policy.rule for each in concerned for policy in each.decision.because)
    return ", ".join(dict.fromkeys(rule for rule in rules if rule))


def _overriding(derivation: Derivation) -> tuple[str, ...]:
    """Say whom the operator overrides, and where that cannot be told beside the others."""
    words = list(overriding(derivation))
    if words and not derivation.overridden:
        words.append("what is overridden for some servers alone, one level for all cannot tell")
    return tuple(words)


def _caveats(derivation: Derivation) -> tuple[str, ...]:
    """Say what is not as the decision has it."""
    words = []
    if not derivation.destinations:
        words.append("none of its servers is known: they have to prove the name of the domain")
    elif not all(each.decision.vouched for each in servers(derivation, *USABLE)):
        words.append("that these are the domain's servers, only an unsigned answer of DNS says")
    lenient = hosts(derivation, Need.ENCRYPTED, Need.UNUSABLE, Need.FREE, Need.DANE)
    if lenient:
        words.append(f"{_listed(lenient)} is held to its name as well")
    return tuple(words)


def _listed(names: Iterable[str]) -> str:
    return brief(", ".join(names))

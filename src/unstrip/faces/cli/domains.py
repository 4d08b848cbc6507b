"""What the report says of domains and policies: a line for each service, a word for a source."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from datetime import datetime

from unstrip.derivation import MAIL, Derivation
from unstrip.escaping import brief
from unstrip.faces.cli.notes import notes
from unstrip.io.check import Checked
from unstrip.io.domain import DomainChecked, ServiceChecked
from unstrip.policy import Policy, dane
from unstrip.policy.dane import Domain, Route, Standing
from unstrip.policy.mta_sts import Known
from unstrip.verdict import Reach
from unstrip.verdict.expectation import shortfall

OURS = frozenset({"default", "command line"})  # what this command was told is no policy
_MET = "met"


def column(checked: Checked) -> str:
    """Return which policies there are for a server, and how it stands with each: "dane met"."""
    decision = checked.verdict.decision
    found: dict[str, str] = {}
    for policy in (*decision.because, *decision.tested):
        name = _name(policy)
        if policy.source not in OURS and found.get(name, _MET) == _MET:  # of two rules the worse
            found[name] = _standing(policy, checked)
    return ", ".join(f"{name} {standing}" for name, standing in found.items()) or "-"


def _standing(policy: Policy, checked: Checked) -> str:
    """Say how a server stands with one policy, whatever the others say."""
    evidence, verdict = checked.evidence, checked.verdict
    if policy.refuses:
        return "failed" if policy.source == dane.SOURCE else "not met"
    unheld = policy.tlsa and evidence.handshake and evidence.handshake.dane is None
    if verdict.exposure.wiretap is Reach.UNKNOWN or unheld:
        return "not seen"
    return "not met" if shortfall(policy, verdict.decision, evidence) else _MET


def _name(policy: Policy) -> str:
    """A policy that names hosts has a mode."""
    mode = "enforce" if policy.enforced else "testing"
    return f"{policy.source} {mode}" if policy.webpki else policy.source


def together(domain: DomainChecked) -> list[list[ServiceChecked]]:
    """Return the services of a domain; those that could not be found out for one reason as one."""
    groups: dict[Hashable, list[ServiceChecked]] = {}
    for place, service in enumerate(domain.services):
        why = service.inquired.derivation.route.words if service.failed else place
        groups.setdefault(why, []).append(service)
    return list(groups.values())


def takes_none(derivation: Derivation) -> bool:
    """Tell whether a domain takes no mail, for certain: a null MX beside a policy is a lie."""
    policy = derivation.sts.in_force(derivation.at) if derivation.sts else None
    return derivation.route.route is Route.NOWHERE and not (policy and policy.mx)


def title(services: list[ServiceChecked]) -> str:
    """Return what services are called that are told of as one: "example.org, mail"."""
    first = services[0].inquired.derivation
    others = f" and {len(services) - 1} other services" if len(services) > 1 else ""
    return f"{first.domain}, {first.sought.name}{others}"


def about(domain: DomainChecked) -> Iterator[str]:
    """Return what is known of a domain, a sentence for each source."""
    for services in together(domain):
        if len(services) == 1:
            yield from summary(services[0])
        else:
            route = services[0].inquired.derivation.route
            yield brief(f"{title(services)}: {route.route.value}: {route.words}", 300)


def summary(service: ServiceChecked) -> Iterator[str]:
    """Return what is known of one service of a domain, a sentence for each source."""
    derivation = service.inquired.derivation
    yield f"{derivation.domain}, {derivation.sought.name}: {route_words(derivation)}"
    if derivation.route.hosts:
        yield f"dane: {dane_words(derivation.route)}"
    if derivation.sts is not None:
        yield f"mta-sts: {sts_words(derivation.sts, derivation.at)}"
    yield from (f"alarm: {words}" for words in service.inquired.alarms)
    yield from (f"note: {words}" for words in notes(derivation))


def route_words(derivation: Derivation) -> str:
    """Say how the servers were found."""
    route = derivation.route
    record = "MX" if derivation.sought.name == MAIL else "SRV"
    match route.route:
        case Route.NAMED:
            count = len(route.hosts)
            servers = "1 server" if count == 1 else f"{count} servers"
            if route.left_out:
                servers = f"the first {servers} of {count + route.left_out}"
            return f"{servers}, named by {record} ({route.security.value})"
        case Route.ITSELF:
            return f"no {record}: the domain is its own server (RFC 5321, 5.1)"
        case Route.NOWHERE if record == "MX":
            return f"it takes no mail (null MX, RFC 7505; {route.security.value})"
    why = f": {route.words}" if route.route in (Route.FAILED, Route.MISSING) else ""
    return brief(f"{record}: {route.route.value}{why}", 200)


def dane_words(route: Domain) -> str:
    """Say at how many servers DANE says anything, or why nobody knows."""
    standings = [host.standing for host in route.hosts]
    unchecked = [host for host in route.hosts if host.standing is Standing.UNCHECKED]
    if unchecked:
        return f"not checked: {brief(unchecked[0].words, 200)}"
    told = [
        f"{what} at {standings.count(standing)} of {len(standings)}"
        for standing, what in _STANDINGS.items()
        if standing in standings
    ]
    return ", ".join(told) or "none"


_STANDINGS = {
    Standing.AUTHENTICATED: "records to be met",
    Standing.ENCRYPTED: "no usable record",
    Standing.FAILED: "look-up failed",
    Standing.UNREACHABLE: "no address",
}


def sts_words(known: Known, now: datetime) -> str:
    """Say which policy holds, or why none is known."""
    policy = known.in_force(now)
    troubles = [brief(t.words, 200) for t in (known.record, known.fetch) if t is not None]
    if policy is None:
        return "; ".join(troubles) or "none"
    patterns = f", mx {brief(', '.join(policy.mx), 200)}" if policy.mx else ""
    until = f", until {known.expires:%Y-%m-%d}" if known.expires else ""
    return "; ".join([f"mode {policy.mode.value}{patterns}{until}", *troubles])

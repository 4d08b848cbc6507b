"""What the report says of domains and policies: a line for each service, a word for a source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from unstrip.derivation import MAIL, Derivation
from unstrip.escaping import brief
from unstrip.io.check import Checked
from unstrip.io.domain import ServiceChecked
from unstrip.policy import Policy
from unstrip.policy.dane import Domain, Route, Standing
from unstrip.policy.mta_sts import Known

_OURS = frozenset({"default", "command line"})  # what this command was told is no policy


def column(checked: Checked) -> str:
    """Return which policies there are for a server, and whether it meets them: "dane met"."""
    verdict = checked.verdict
    enforced = [policy for policy in verdict.decision.because if policy.source not in _OURS]
    if not enforced:
        return ", ".join(map(_name, verdict.decision.tested)) or "-"
    met = "met" if verdict.meets else "not met"
    return f"{', '.join(dict.fromkeys(map(_name, enforced)))} {met}"


def _name(policy: Policy) -> str:
    """A policy that names hosts has a mode."""
    mode = "enforce" if policy.enforced else "testing"
    return f"{policy.source} {mode}" if policy.webpki else policy.source


def summary(service: ServiceChecked) -> Iterator[str]:
    """Return what is known of one service of a domain, a sentence for each source."""
    derivation = service.inquired.derivation
    yield f"{derivation.domain}, {derivation.sought.name}: {route_words(derivation)}"
    if derivation.route.hosts:
        yield f"dane: {dane_words(derivation.route)}"
    if derivation.sts is not None:
        yield f"mta-sts: {sts_words(derivation.sts, derivation.at)}"
    yield from (f"alarm: {words}" for words in service.inquired.alarms)


def route_words(derivation: Derivation) -> str:
    """Say how the servers were found."""
    route = derivation.route
    record = "MX" if derivation.sought.name == MAIL else "SRV"
    match route.route:
        case Route.NAMED:
            count = len(route.hosts)
            servers = "1 server" if count == 1 else f"{count} servers"
            return f"{servers}, named by {record} ({route.security.value})"
        case Route.ITSELF:
            return f"no {record}: the domain is its own server (RFC 5321, 5.1)"
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

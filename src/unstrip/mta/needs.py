"""What each server of a domain needs from whoever sends there: the same question for every sender.

It is the decision again, sorted by what a mail server can be told to do about it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import datetime
from enum import Enum

from unstrip.derivation import Derivation, Destination
from unstrip.escaping import brief
from unstrip.hostname import is_spelled
from unstrip.policy import Decision, Level, dane, decide
from unstrip.policy.dane import Route, Standing
from unstrip.policy.mta_sts import Mode, StsPolicy


class Need(Enum):
    """What has to be done about one server."""

    PINNED = "its key has to be one that you have pinned"
    DANE = "it has to meet its TLSA records"
    NAMED = "its certificate has to prove its name"
    ENCRYPTED = "TLS, whoever answers"
    UNUSABLE = "the same, and only because its TLSA records cannot be used"
    FREE = "TLS if it is offered, for no policy asks for more"
    GONE = "nothing, for it has no address"
    FAILED = "not to be used: DANE could not be looked up"
    REFUSED = "not to be used: a policy refuses it"


BARRED = (Need.FAILED, Need.REFUSED)
USABLE = tuple(need for need in Need if need not in (*BARRED, Need.GONE))


def need(server: Destination) -> Need:
    """Return what has to be done about one server.

    That it has no address, a mail server sees by itself; if it finds one after all, what was
    decided holds.
    """
    decision = server.decision
    standing = server.dane.standing if server.dane else Standing.UNCHECKED
    gone = standing is Standing.UNREACHABLE
    if standing is Standing.FAILED and not decision.overrides:
        return Need.FAILED
    if any(p.refuses and not (gone and p.source == dane.SOURCE) for p in decision.because):
        return Need.REFUSED
    if not is_spelled(server.endpoint.host):  # no reply could hold it, and none has to
        return Need.GONE
    if decision.pins:
        return Need.PINNED
    if decision.level is Level.AUTHENTICATED:
        return Need.DANE if decision.tlsa else Need.NAMED
    if decision.level is Level.ENCRYPT:
        alone = all(policy.source == dane.SOURCE for policy in decision.because)
        return Need.UNUSABLE if standing is Standing.ENCRYPTED and alone else Need.ENCRYPTED
    return Need.GONE if gone else Need.FREE


def servers(derivation: Derivation, *wanted: Need) -> tuple[Destination, ...]:
    """Return the servers with one of these needs, in the order in which they are to be tried.

    Where none is known it may be one that has the name of the domain, and stands for all.
    """
    return tuple(each for each in derivation.servers if need(each) in wanted)


def hosts(derivation: Derivation, *wanted: Need) -> tuple[str, ...]:
    """Return their names."""
    return tuple(dict.fromkeys(each.endpoint.host for each in servers(derivation, *wanted)))


def wished(derivation: Derivation, least: Level, *, besides: Container[str]) -> tuple[str, ...]:
    """Return the hosts that may be used, and of which other sources than these ask so much."""
    return tuple(
        each.endpoint.host
        for each in servers(derivation, *USABLE)
        if _without(each, besides, derivation.at).level >= least
    )


def _without(server: Destination, sources: Container[str], at: datetime) -> Decision:
    """Return what would be decided if these had no say."""
    return decide((p for p in server.opinions if p.source not in sources), at)


def overridden(derivation: Derivation, *wanted: Need) -> tuple[str, ...]:
    """Return the hosts with one of these needs, of which the operator's table alone speaks."""
    found = (each for each in servers(derivation, *wanted) if each.decision.overrides)
    return tuple(dict.fromkeys(each.endpoint.host for each in found))


def overriding(derivation: Derivation) -> Iterator[str]:
    """Say at which servers the operator's table alone speaks, and whom or what it overrides."""
    failed = ""
    if derivation.route.route is Route.FAILED:
        failed = (
            f"a failed look-up (without it mail would wait, for {brief(derivation.route.words)})"
        )
    for each in derivation.servers:
        if each.decision.overrides:
            rules = ", ".join(policy.rule for policy in each.decision.because)
            lost = ", ".join(filter(None, (failed, each.decision.instead_of()))) or "nobody"
            yield f"{brief(each.endpoint.host)}: {rules} of your own table overrides {lost}"


def closed(derivation: Derivation) -> bool:
    """Tell whether a policy says who the domain's servers are, so that nobody else may be one."""
    heard = (each for each in derivation.servers if not each.decision.overrides)
    said = (policy for each in heard for policy in each.opinions)
    return bool(policy(derivation, Mode.ENFORCE)) or any(p.webpki and p.enforced for p in said)


def policy(derivation: Derivation, mode: Mode) -> StsPolicy | None:
    """Return the domain's MTA-STS policy if it is in force, of this mode, and not overridden."""
    sts = None if derivation.overridden else derivation.sts
    found = sts.in_force(derivation.at) if sts else None
    return found if found is not None and found.mode is mode else None

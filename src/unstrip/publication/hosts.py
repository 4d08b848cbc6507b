"""The MX hosts: is each one there, does it upgrade, and does its certificate name it?

What keeps a sender from delivering where a policy is enforced is worth a word before it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from unstrip.certificates import Fault, Unreadable, WebPki, identifiers, read, webpki
from unstrip.escaping import brief
from unstrip.evidence import Evidence
from unstrip.hostname import is_host_name
from unstrip.policy.dane import Route, Standing
from unstrip.policy.mta_sts import Mode
from unstrip.policy.questions import Alias, Status
from unstrip.publication.case import Case
from unstrip.publication.modes import day
from unstrip.publication.values import Objection, Server, Weight
from unstrip.upgrade import Outcome

_NAMES = 3  # of a certificate, in a hint
SOON = timedelta(days=14)  # a certificate that ends before is not counted on
_AWAY = frozenset({Outcome.BUSY, Outcome.UNAVAILABLE})


def objections(case: Case) -> Iterator[Objection]:
    """Say what is wrong with the MX and the hosts that it names."""
    yield from _route(case)
    for server in case.seen.servers:
        yield from _named(server)
        if case.mode is not Mode.NONE:
            yield from _reached(case, server)
            yield from _faults(case, server)
            yield from _next(case, server)


def answered(evidence: Evidence) -> bool:
    """Tell whether a visit showed anything of a host's TLS, be it that there is none."""
    ended = evidence.upgrade is not None and evidence.upgrade.outcome in _AWAY
    return bool(evidence.transcript) and not ended


def _route(case: Case) -> Iterator[Objection]:
    route, domain = case.seen.route, case.seen.domain
    match route.route:
        case Route.FAILED:
            words = f"the MX of {domain} could not be found out: {brief(route.words)}"
            yield Objection(Weight.UNKNOWN, words, "RFC 7672, 2.1.2")
        case Route.MISSING:
            there = case.seen.mx.status is not Status.NXDOMAIN
            words = f"{domain} takes no mail: it has neither MX nor address"
            words = words if there else f"there is no domain {domain}"
            yield Objection(Weight.REFUSED, words, "RFC 5321, 5.1")
        case Route.NOWHERE:
            words = f"{domain} takes no mail: null MX"
            yield Objection(Weight.REFUSED, words, "RFC 7505, 3")
    if route.left_out:
        yield Objection(Weight.UNKNOWN, f"too many MX hosts: {route.words}")


def _named(server: Server) -> Iterator[Objection]:
    name = brief(server.name)
    if not is_host_name(server.name):
        words = f"an MX names a host, and '{name}' is none"
        hint = "give the host a name with an address, and name that"
        yield Objection(Weight.REFUSED, words, "RFC 5321, 5.1", hint)
    elif server.named.failed:
        words = f"whether {name} is an alias could not be found out: {brief(server.named.said())}"
        yield Objection(Weight.UNKNOWN, words, "RFC 5321, 5.1")
    elif server.named.status is Status.FOUND:
        target = "".join(alias.target for alias in server.named.of(Alias))
        words = f"the MX host {name} is an alias of {brief(target)}: senders disagree on its name"
        hint = f"name {brief(target)} in the MX"
        yield Objection(Weight.REFUSED, words, "RFC 5321, 5.1; RFC 2181, 10.3", hint)


def _reached(case: Case, server: Server) -> Iterator[Objection]:
    """Say where nobody answered; one address that is mute leaves the others."""
    if not is_host_name(server.name):
        return
    name = brief(server.name)
    if not server.addresses:
        certain = server.host.standing is Standing.UNREACHABLE
        weight = _absent(case, server, Weight.REFUSED if certain else Weight.UNKNOWN)
        said = brief(server.host.words) or "none was found"
        yield Objection(weight, f"{name} has no address: {said}", "RFC 5321, 5.1")
        return
    mute = [visit for visit in server.visits if not answered(visit)]
    alone = len(mute) == len(server.visits)
    for visit in mute:
        weight = _absent(case, server, Weight.UNKNOWN) if alone else Weight.NOTED
        words = f"{_place(server, visit)} could not be checked: {_why(visit)}"
        yield Objection(weight, words, hint="see that port 25 can be reached from here")


def _absent(case: Case, server: Server, weight: Weight) -> Weight:
    """Return what it weighs that a host is not there; one that is to come may not be yet."""
    return Weight.NOTED if server.coming else case.enforced(weight)


def _faults(case: Case, server: Server) -> Iterator[Objection]:
    """Say what a sender would not put up with who enforces a policy."""
    for visit in filter(answered, server.visits):
        place = _place(server, visit)
        if not visit.secured:
            words = f"{place} leads to no TLS: {_why(visit)}"
            yield Objection(case.enforced(Weight.REFUSED), words, "RFC 8461, 4.2")
            continue
        assert visit.handshake, "what is secured has shaken hands"
        said = visit.handshake.webpki
        if said is None or not said.valid:
            faults = ", ".join(f.value for f in said.faults) if said else "nobody judged it"
            words = f"the certificate of {place} does not count: {faults}"
            yield Objection(case.enforced(Weight.REFUSED), words, "RFC 8461, 4.2")
        else:
            yield from _ending(case, f"the certificate of {place}", visit.handshake.chain)


def _ending(case: Case, what: str, chain: tuple[bytes, ...]) -> Iterator[Objection]:
    try:
        ends = read(chain[0]).not_after
    except (Unreadable, IndexError):
        return  # which was said of it before
    if ends - case.at < SOON:
        words = f"{what} ends on {day(ends)}, in less than {SOON.days} days"
        yield Objection(case.enforced(Weight.REFUSED), words, "RFC 8461, 4.2", "renew it first")


def _next(case: Case, server: Server) -> Iterator[Objection]:
    """Judge the next certificate as a sender will; of a bare key there is nothing to be judged."""
    key = case.next(server.name)
    if key is None or not key.chain or not is_host_name(server.name):
        return
    said = webpki(key.chain, server.name, case.anchors, case.at)
    if said.valid:
        yield from _ending(case, "the next certificate", key.chain)
        return
    faults = ", ".join(fault.value for fault in said.faults)
    words = f"the next certificate would not count at {server.name}: {faults}"
    hint = "; ".join(_amendments(said, key.chain[0]))
    yield Objection(case.enforced(Weight.REFUSED), words, "RFC 8461, 4.2", hint)


def _amendments(said: WebPki, leaf: bytes) -> Iterator[str]:
    """Say what would mend each fault of a certificate that may need one word more."""
    if Fault.WRONG_NAME in said.faults:
        names = ", ".join(map(brief, identifiers(leaf).dns_names[:_NAMES])) or "no name"
        yield f"it is for {names}: have one issued for {said.name}"
    if Fault.SELF_SIGNED in said.faults:
        yield "have it issued by an authority that the web trusts"
    elif Fault.UNTRUSTED in said.faults:
        yield "give the file with the intermediate certificates too"


def _place(server: Server, visit: Evidence) -> str:
    return f"{brief(server.name)} ({visit.address})" if visit.address else brief(server.name)


def _why(visit: Evidence) -> str:
    if visit.failure is not None:
        return brief(visit.failure.words)
    if visit.upgrade is None:
        return "it broke off"
    said = f": {brief(visit.upgrade.said)}" if visit.upgrade.said else ""
    return f"STARTTLS {visit.upgrade.outcome.value}{said}"

"""Two ways to TLS on one host, side by side: the upgrade in-band, and TLS from the first byte.

Everything is measured: round trips, bytes and what was told in clear come from transcripts, never
from a table. Whether a way is good enough is `judge`'s to say; this only sets one beside the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from unstrip.comparison.values import (
    Comparison,
    Difference,
    Fact,
    Negotiated,
    Point,
    Shown,
    Told,
    Trip,
    Visits,
    Way,
)
from unstrip.comparison.way import measured
from unstrip.escaping import brief
from unstrip.protocols import REGISTRY, Protocol
from unstrip.verdict import Code, Standing

__all__ = [
    "Comparison",
    "Difference",
    "Fact",
    "Negotiated",
    "Point",
    "Shown",
    "Told",
    "Trip",
    "Visits",
    "Way",
    "compare",
]

_ADVICE = {  # on choosing between the two, where somebody has given any
    "smtp": "RFC 8314 recommends implicit TLS to mail clients; servers relay with STARTTLS",
    "imap": "RFC 8314 recommends implicit TLS to mail clients",
    "pop3": "RFC 8314 recommends implicit TLS to mail clients",
    "nntp": "RFC 8143 prefers implicit TLS",
    "xmpp-client": "XEP-0368 lets clients find implicit TLS in the DNS, beside the upgrade",
    "xmpp-server": "XEP-0368 lets servers find implicit TLS in the DNS, beside the upgrade",
}
_LOWERED = "only with TLS 1.2 at most"
_PROBE = "`unstrip check --probe` tells more of it"


def compare(in_band: Visits, implicit: Visits | None = None) -> Comparison:
    """Set what was seen on the two ways of one host side by side.

    Args: implicit: None where the protocol knows no such thing.
    """
    protocol = REGISTRY[in_band.newest.endpoint.protocol]
    upgraded = measured(in_band)
    if implicit is None:
        words = _only_way(protocol, upgraded)
        return Comparison(_whole((upgraded,)), upgraded, None, (), tuple(words))
    direct = measured(implicit)
    differences = tuple(_differences(protocol, upgraded, direct))
    standing = _whole((upgraded, direct), differences)
    words = _conclusion(protocol, upgraded, direct)
    return Comparison(standing, upgraded, direct, differences, tuple(words))


def _whole(ways: tuple[Way, ...], differences: tuple[Difference, ...] = ()) -> Standing:
    """A disagreement is a shortcoming; so is tampering, which is `check`'s to name."""
    standings = {way.standing for way in ways}
    if differences or standings & {Standing.FALLS_SHORT, Standing.TAMPERED}:
        return Standing.FALLS_SHORT
    return Standing.UNKNOWN if Standing.UNKNOWN in standings else Standing.MEETS


# -- where they disagree ---------------------------------------------------------------------


def _differences(protocol: Protocol, upgraded: Way, direct: Way) -> Iterator[Difference]:
    if upgraded.protected and direct.protected:
        yield from _certificates(upgraded.certificate, direct.certificate)
        yield from _versions(protocol, upgraded.versions, direct.versions)
        yield from _capabilities(set(upgraded.inside), set(direct.inside))
    elif upgraded.protected or direct.protected:
        without = direct if upgraded.protected else upgraded
        if without.lowered and without.versions is not None:  # there is TLS, and less of it
            yield from _versions(protocol, upgraded.versions, direct.versions)
            return
        closed = without.code is Code.UNREACHABLE
        if closed or without.standing is not Standing.UNKNOWN:  # one that is busy may be as good
            point = Point.OPEN if closed else Point.PROTECTED
            yield Difference(point, *(_state(way) for way in (upgraded, direct)))


def _state(way: Way) -> str:
    return "protected" if way.protected else way.words or way.code.value


def _certificates(mine: Shown | None, theirs: Shown | None) -> Iterator[Difference]:
    if mine is None or theirs is None:
        return
    both = (mine, theirs)
    if bool(mine.faults) != bool(theirs.faults):
        words = (", ".join(fault.value for fault in one.faults) or "valid" for one in both)
        yield Difference(Point.VALID, *words)
    if mine.spki != theirs.spki:
        yield Difference(Point.KEY, *(f"{one.key} {one.spki[:16]}" for one in both))
    elif mine.sha256 != theirs.sha256:
        yield Difference(Point.CERTIFICATE, *(f"to {one.expires:%Y-%m-%d}" for one in both))


def _versions(
    protocol: Protocol, mine: frozenset[str] | None, theirs: frozenset[str] | None
) -> Iterator[Difference]:
    """Compare the versions of TLS, unless the protocol itself makes them differ."""
    if mine is None or theirs is None or protocol.LEGACY:
        return
    if mine != theirs:
        yield Difference(Point.VERSIONS, *(", ".join(sorted(one)) for one in (mine, theirs)))


def _capabilities(mine: set[str], theirs: set[str]) -> Iterator[Difference]:
    """Compare what is listed where no middlebox can edit it."""
    if mine != theirs:
        only = [", ".join(sorted(one)) for one in (mine - theirs, theirs - mine)]
        words = (brief(f"only here: {one}") if one else "nothing more" for one in only)
        yield Difference(Point.CAPABILITIES, *words)


# -- what it comes to ------------------------------------------------------------------------


def _only_way(protocol: Protocol, way: Way) -> Iterator[str]:
    yield f"{protocol.NAME} has no implicit TLS: {protocol.VERB} is the only way to TLS"
    if way.protected:
        yield from _in_clear(protocol.VERB, way)
    elif way.lowered:
        yield f"and it leads there {_LOWERED}; {_PROBE}"
        yield from _in_clear(protocol.VERB, way)
    elif way.standing is Standing.UNKNOWN:
        yield "and nothing could be told of it"
    else:
        yield f"and it does not lead there; {_PROBE}"


def _conclusion(protocol: Protocol, upgraded: Way, direct: Way) -> Iterator[str]:
    named = ((protocol.VERB, upgraded), ("implicit TLS", direct))
    good = [one for one in named if one[1].protected]
    bad = [one for one in named if not one[1].protected]
    if not bad:
        yield f"implicit TLS is there{_saved(upgraded, direct)}"
    elif good:
        yield _without(good[0][0], *bad[0])
    elif {upgraded.standing, direct.standing} == {Standing.UNKNOWN}:
        yield "nothing could be told of either way"
    elif any(way.lowered for _, way in bad):
        yield _lowered(bad)
    else:
        yield f"neither way leads to TLS; {_PROBE}"
    if leading := good or [one for one in bad if one[1].lowered]:
        yield from _in_clear(*leading[-1])
    if direct.protected and protocol.NAME in _ADVICE:
        yield _ADVICE[protocol.NAME]


def _without(name: str, other: str, way: Way) -> str:
    if way.code is Code.UNREACHABLE:
        return f"only {name} leads to TLS: port {way.endpoint.port} is closed"
    if way.lowered:
        return f"{name} leads to TLS, {other} {_LOWERED}; {_PROBE}"
    if way.standing is Standing.UNKNOWN:
        return f"{name} leads to TLS; of {other} nothing could be told"
    return f"only {name} leads to TLS, {other} does not; {_PROBE}"


def _lowered(named: Iterable[tuple[str, Way]]) -> str:
    """Say what neither way does as it should, and one or both with the older TLS."""
    names = [name for name, way in named if way.lowered]
    if len(names) > 1:
        return f"both ways lead to TLS {_LOWERED}; {_PROBE}"
    return f"only {names[0]} leads to TLS, and {_LOWERED}; {_PROBE}"


def _saved(upgraded: Way, direct: Way) -> str:
    """Say how many round trips implicit TLS saves, with each version that both have."""
    costs = {trip.version: trip.round_trips for trip in direct.trips}
    parts = []
    for trip in upgraded.trips:
        other = costs.get(trip.version)
        if trip.version and trip.round_trips and other:
            version = trip.version.replace("v", " ")
            parts.append(f"{_count(trip.round_trips - other)} with {version}")
    return f", {', '.join(parts)}" if parts else ""


def _count(saved: int) -> str:
    if not saved:
        return "as many round trips"
    trips = "round trip" if abs(saved) == 1 else "round trips"
    return f"{abs(saved)} {trips} {'shorter' if saved > 0 else 'longer'}"


def _in_clear(name: str, way: Way) -> Iterator[str]:
    """Say what crosses in clear with the newest version, and what else with the older one."""
    trips = way.trips[1:] if way.lowered else way.trips
    newest = dict.fromkeys(fact.told for fact in trips[0].told)
    words = _listed([told.value for told in newest])
    yield f"with {name}, {words or 'nothing'} can be read by whoever listens"
    more = {fact.told for trip in trips[1:] for fact in trip.told} - set(newest)
    if more:
        yield f"with TLS 1.2 so can {_listed([told.value for told in Told if told in more])}"


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)

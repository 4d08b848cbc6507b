"""Whether what was wrong has been mended: something has changed since, and nobody met it again.

That nobody has met it again shows nothing where who met it has not reported again, nor where
nothing has changed; so both are asked for. A change is one from how it was on the day of the
failure, in what is known of both times: who is mute now has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

from unstrip.escaping import brief
from unstrip.policy.questions import ResultType
from unstrip.rollout.snapshot import MX, Leaf, Noted, Shown, Snapshot
from unstrip.tlsrpt.overview import OTHERS, Met

Dated = tuple[date, str]
State = Mapping[tuple[str, ...], object]  # of each thing that may change; None if it is not known
_CERTIFICATES = frozenset(
    each.value
    for each in (
        ResultType.CERTIFICATE_HOST_MISMATCH,
        ResultType.CERTIFICATE_EXPIRED,
        ResultType.CERTIFICATE_NOT_TRUSTED,
    )
)
_STARTTLS = ResultType.STARTTLS_NOT_SUPPORTED.value


def mended(met: Met, trail: Sequence[Noted], reported: Mapping[str, date]) -> str:
    """Return what has changed since a failure was met last; "" if it may be met again.

    Args: trail: oldest first, the last one of now; reported: the last day of which each sender has
        told how mail got in.
    """
    if met.cause.result == OTHERS:
        return ""
    heard = min(reported.get(sender, date.min) for sender in met.senders)
    proved = [each for each in _changes(met, trail) if met.last <= each[0] < heard]
    if not proved:
        return ""
    day, words = max(proved)
    return f"{words} since {day}"


def _changes(met: Met, trail: Sequence[Noted]) -> Iterator[Dated]:
    """Yield what may have mended it: of a mail server what it shows, and that it is none."""
    host, result = met.cause.host, met.cause.result
    name = brief(host) or "a host"

    def when(words: str, of: Callable[[Snapshot], State], wrong: object = None) -> Iterator[Dated]:
        day = _since(trail, met.last, of, wrong)
        yield from [(day, words)] if day else ()

    if result == _STARTTLS:
        yield from when(f"{name} leads to TLS", lambda seen: _clear(seen, host), wrong=True)
    else:
        yield from _renewed(met, trail)
        yield from when(f"{name} shows another certificate", lambda seen: _leaves(seen, host))
    if host:
        yield from when(f"{name} is no MX host", lambda seen: _there(seen, host), wrong=True)
    else:
        yield from when("the MX has other hosts", _names)
    if result != _STARTTLS and result not in _CERTIFICATES:
        yield from when("the policy names other hosts", _patterns)


def _since(
    trail: Sequence[Noted], day: date, of: Callable[[Snapshot], State], wrong: object
) -> date | None:
    """Return since when something is not as it was on a day, None if it is, or nobody knows.

    Args: wrong: what it is to have been, and never to be again; None if any change will do.
    """
    then, since = _known(trail, day, of), None
    for noted in trail:
        now = {key: state for key, state in of(noted.snapshot).items() if key in then}
        if noted.first.date() <= day or not now or None in now.values():
            continue
        same = all(state in then[key] for key, state in now.items())
        since = None if same or wrong in now.values() else since or noted.first.date()
    return since


def _known(
    trail: Sequence[Noted], day: date, of: Callable[[Snapshot], State]
) -> Mapping[tuple[str, ...], set[object]]:
    """Return what was known last of a day: if it changed on that day, both before and after."""
    known: dict[tuple[str, ...], set[object]] = {}
    for noted in trail:
        if noted.first.date() > day:
            break
        for key, state in of(noted.snapshot).items():
            if state is not None:
                before = known.get(key, set()) if noted.first.date() == day else set()
                known[key] = before | {state}
    return known


def _renewed(met: Met, trail: Sequence[Noted]) -> Iterator[Dated]:
    """A certificate tells by itself since when it can have been there at the earliest."""
    host = met.cause.host
    now = _leaves(trail[-1].snapshot, host) if trail else {}
    then = _known(trail, met.last, lambda seen: _leaves(seen, host))
    begins = [
        leaf.begins
        for key, leaf in now.items()
        if isinstance(leaf, Leaf) and leaf not in then.get(key, ())
    ]
    days = [begun.date() for begun in begins if begun]
    if days and len(days) == len(now):
        yield min(days), f"{brief(host) or 'every host'} has another certificate"


# -- what may change ---------------------------------------------------------------------------


def _leaves(snapshot: Snapshot, host: str) -> State:
    """Nothing is known of the certificate of who did not answer in TLS."""
    return {key: shown.leaf for key, shown in _shown(snapshot, host)}


def _clear(snapshot: Snapshot, host: str) -> State:
    shown = _shown(snapshot, host)
    return {key: None if each.mute else each.clear for key, each in shown}


def _shown(snapshot: Snapshot, host: str) -> Iterator[tuple[tuple[str, ...], Shown]]:
    """Yield what is shown by the host that is named; by all where a report names none."""
    for each in snapshot.hosts:
        if host in ("", each.name):
            for shown in each.shown or (Shown(""),):
                yield (each.name, shown.address), shown


def _there(snapshot: Snapshot, host: str) -> State:
    return {} if MX in snapshot.unknown else {(): host in snapshot.names}


def _names(snapshot: Snapshot) -> State:
    return {} if MX in snapshot.unknown else {(): snapshot.names}


def _patterns(snapshot: Snapshot) -> State:
    return {} if snapshot.mode is None else {(): snapshot.patterns}

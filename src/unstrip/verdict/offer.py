"""Rules about the offer: masked, removed, hidden, never made.

A single clean transcript without the offer never proves that it was removed. What does is
evidence from outside it: a policy, earlier visits, another vantage, the answer to asking anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from unstrip.escaping import brief
from unstrip.evidence import Evidence
from unstrip.policy import history, irc_sts
from unstrip.policy.history import STEADY_TIME, STEADY_VISITS, proved
from unstrip.protocols import irc
from unstrip.upgrade import Listing, Outcome, Upgrade, lists
from unstrip.verdict.case import Case, Ground, combined, offered_words, proofs
from unstrip.verdict.values import Code, Finding, Proof

_MASKED = re.compile(r"[X*]{2,}[A-Z]?")  # the last letter may stand (Cisco's XXXXXXXA)
_MASKED_BANNER = re.compile(r"[*20 ]{8,}")
_HALF_LIFE = timedelta(days=180)  # of what a sighting is worth
_MOMENT = timedelta(days=7)  # for as long another vantage is of today
_OWN_WORD = 0.7  # of who says that there is TLS, and refuses it: the one or the other is wrong
_FORGOTTEN = 2 * _HALF_LIFE  # an older one says nothing of today


def masked(case: Case) -> Iterator[Finding]:
    """An offered word overwritten at the same length: what inspection devices do (S-02)."""
    words = [line.split()[0] for line in offered_words(case.evidence) if line.split()]
    covered = [word for word in words if _MASKED.fullmatch(word) and set(word[:-1]) <= set("X*")]
    if not covered:
        return
    shown = proofs(case.evidence, covered[0].encode())
    if not case.upgrade.advertised and any(len(word) == len(case.offer) for word in covered):
        sentence = f"the offer of {case.offer} is overwritten in the path, letter for letter"
        # other keywords have eight letters too; only a server that grants it had it under the mask
        if case.evidence.secured:
            yield Finding(Code.OFFER_MASKED, 0.97, sentence, proof=shown)
        else:
            yield Finding(Code.OFFER_MASKED, 0.85, sentence, proof=shown)
        return
    sentence = f"a device in the path overwrites what the server lists: {brief(covered[0])}"
    yield Finding(Code.DEVICE_IN_PATH, 0.95, sentence, proof=shown)


def masked_banner(case: Case) -> Iterator[Finding]:
    """A greeting of stars: the same devices, Cisco's mail guard first of all (S-03)."""
    text = case.upgrade.greeting.partition(" ")[2]
    if _MASKED_BANNER.fullmatch(text) and "*" in text:
        words = "a device in the path overwrites the greeting with stars"
        yield Finding(Code.DEVICE_IN_PATH, 0.95, words, proof=proofs(case.evidence, text.encode()))


def capabilities_refused(case: Case) -> Iterator[Finding]:
    """The question for capabilities is refused by a server that should know it (S-04, S-06)."""
    refusal = case.upgrade.unlisted
    if not refusal or case.upgrade.outcome is Outcome.BUSY or _none_needed(case):
        return
    modern = "ESMTP" in case.upgrade.greeting or "IMAP4" in case.upgrade.greeting
    earlier = [visit for visit in case.history if visit.upgrade and visit.upgrade.offered]
    grounds = []
    if any(masked_banner(case)):
        grounds.append(Ground("transcript", 0.9, "the greeting is masked as well"))
    elif modern:
        grounds.append(Ground("transcript", 0.6, "the greeting names the extended protocol"))
    if earlier:
        grounds.append(Ground("history", 0.9, f"it was answered on {_on(earlier[-1])}"))
    words = "the question what the server can do is refused"
    yield Finding(
        Code.CAPABILITIES_REFUSED,
        combined(grounds),
        words,
        tuple(ground.words for ground in grounds),
        proofs(case.evidence, refusal.encode()),
    )


def missing(case: Case) -> Iterator[Finding]:
    """The offer is not there: removed, hidden, never made, or who knows."""
    if case.upgrade.advertised or not _capabilities_heard(case):
        return
    if any(finding.code is Code.OFFER_MASKED for finding in masked(case)):
        return  # it is there, under the mask
    if _none_needed(case):
        return
    grounds = [*_outside(case), *_comparisons(case)]
    if grounds:
        grounds += _doors(case)
        unkept = _unkept(case, grounds)
        confidence = combined([*grounds, *_granted(case)])
        words = _words(
            case,
            "the offer of {} was removed in the path",
            "the server's yes was turned into a no in the path",
        )
        because = (*dict.fromkeys(ground.words for ground in grounds), *_asked_anyway(case))
        if unkept:
            confidence, because = min(confidence, _OWN_WORD), (*because, unkept)
        yield Finding(Code.OFFER_REMOVED, confidence, words, because, _gap(case))
    elif case.evidence.secured or any(probe.secured for probe in case.probes):
        yield _hidden(case)
    elif _always_missing(case):
        visits = f"{len(case.history)} earlier visits"
        words = _words(case, "{} is not offered", "TLS is refused")
        words += f", as on all {visits}"
        yield Finding(Code.NEVER_OFFERED, 0.8, words, _asked_anyway(case))
    else:
        words = _words(case, "{} is not offered", "TLS is refused")
        words += "; from this one look nobody can tell why"
        doors = (ground.words for ground in _doors(case))
        because = (*doors, *_asked_anyway(case), *_told_where(case))
        yield Finding(Code.OFFER_ABSENT_UNEXPLAINED, 0.9, words, because)


def inconsistent(case: Case) -> Iterator[Finding]:
    """Two lists of one server disagree about the offer (P1, S-08)."""
    upgrade = case.upgrade
    greeted = lists(upgrade.greeted, case.offer)
    if upgrade.greeted and greeted and not upgrade.advertised and upgrade.offered:
        words = f"the greeting offers {case.offer}, the list asked for does not"
        shown = proofs(case.evidence, case.offer.encode())
        yield Finding(Code.OFFER_REMOVED, 0.9, words, proof=shown)
    elif upgrade.greeted and not greeted and upgrade.advertised:
        words = f"the list offers {case.offer}, the greeting does not"
        yield Finding(Code.CAPABILITIES_DIFFER, 0.5, words)
    others = [probe for probe in _listings(case.probes) if not probe.upgrade.advertised]
    if upgrade.advertised and any(_same_machine(probe, case.evidence) for probe in others):
        words = f"{case.offer} comes and goes from one connection to the next"
        yield Finding(Code.OFFER_REMOVED, 0.9, words)
    elif upgrade.advertised and others:
        words = f"{case.offer} comes and goes, from different addresses"
        yield Finding(Code.CAPABILITIES_DIFFER, 0.5, words)


def _none_needed(case: Case) -> bool:
    """TLS was granted by a server that need not have a list, and never had one."""
    due = case.protocol.LISTING is Listing.DUE
    had = any(visit.upgrade and visit.upgrade.offered for visit in case.history)
    return bool(case.upgrade.unlisted) and case.evidence.secured and not due and not had


def _capabilities_heard(case: Case) -> bool:
    """The offer could have been there: the list was asked for, and answered or refused."""
    upgrade = case.evidence.upgrade
    if upgrade is None or case.evidence.endpoint.implicit:
        return False
    if case.protocol.LISTING is Listing.NONE:
        return upgrade.outcome is Outcome.REFUSED
    return upgrade.outcome not in (Outcome.BUSY, Outcome.UNAVAILABLE, Outcome.IMPLICIT)


def _outside(case: Case) -> Iterator[Ground]:
    """What is known of the offer from outside the transcript."""
    for policy in case.decision.attested:
        if policy.source != history.SOURCE:  # whose visits speak for themselves, below
            words = f"{policy.source} says that TLS is offered: {policy.text}"
            yield Ground(policy.source, 0.95, words)
    if vantages := _vantages(case):
        last = vantages[-1]
        words = f"seen from elsewhere on {_on(last)}, it was offered"
        yield Ground("vantage", _vantage_worth(last, case.evidence), words)
    for probe in _listings(case.probes):
        if probe.upgrade.advertised:
            weight = 0.9 if _same_machine(probe, case.evidence) else 0.5
            yield Ground("probe", weight, "on another connection, moments apart, it was offered")
            return


def _unkept(case: Case, grounds: Iterable[Ground]) -> str:
    """Say that the server may break its own promise: nobody but its policies knows of TLS."""
    policies = {policy.source for policy in case.decision.attested} - {history.SOURCE}
    alone = all(ground.source in policies for ground in grounds)
    if not alone or case.upgrade.outcome is not Outcome.REFUSED:
        return ""
    return "its operator may have taken TLS away, against his own policy: nobody else knows of any"


def _doors(case: Case) -> list[Ground]:
    """The implicit port: by itself it says little, since many servers have nothing else."""
    return [
        Ground(
            "implicit port",
            0.6,
            f"port {door.endpoint.port} of the same host speaks TLS with a valid certificate",
        )
        for door in case.doors
        if door.secured and proved(door)
    ]


def _granted(case: Case) -> list[Ground]:
    """P2: asked anyway, it was granted by the server itself; `_asked_anyway` has the words."""
    verified = case.evidence.secured and proved(case.evidence)
    return [Ground("asked anyway", 0.97, "")] if verified else []


def _comparisons(case: Case) -> Iterator[Ground]:
    """What earlier visits say, and how today's list differs from theirs."""
    since = case.evidence.began - _FORGOTTEN
    sightings = [
        visit
        for visit in case.history
        if visit.upgrade and visit.upgrade.advertised and visit.began > since
        if visit.upgrade.outcome is not Outcome.REFUSED  # an offer that was not kept is none
    ]
    if sightings:
        last = sightings[-1]
        visits = "an earlier visit" if len(sightings) == 1 else f"{len(sightings)} earlier visits"
        words = f"it was offered on {visits}, last on {_on(last)}"
        yield Ground("history", _worth(sightings, case.evidence.began), words)
    for source, seen in (("history", sightings[-1:]), ("vantage", _vantages(case)[-1:])):
        if seen and (lost := _lost_lines(case, seen[0])):
            more = f"so are {len(lost) - 1} others"
            others = "every other line is the same" if len(lost) == 1 else more
            yield Ground(source, 0.9, f"missing from the list: {case.offer}; {others}")


def _worth(sightings: list[Evidence], now: datetime) -> float:
    """Three visits over a week are worth 0.85, one is a coin's toss; it fades with the months."""
    span = sightings[-1].began - sightings[0].began
    steady = len(sightings) >= STEADY_VISITS and span >= STEADY_TIME
    age = max((now - sightings[-1].began) / _HALF_LIFE, 0.0)
    faded: float = 0.5**age
    return 0.5 + (0.35 if steady else 0.0) * faded


def _lost_lines(case: Case, seen: Evidence) -> list[str]:
    """The lines that are missing, where the offer is among them and nothing was added."""
    then, now = offered_words(seen), offered_words(case.evidence)
    if not now:  # hidden or refused as a whole: nothing can be said of a line
        return []
    lost = [line for line in then if line not in now]
    return lost if case.offer in lost and not set(now) - set(then) else []


def _hidden(case: Case) -> Finding:
    """P2: not offered, and yet it works."""
    working = next(e for e in (case.evidence, *case.probes) if e.secured)
    verified = proved(working)
    words = f"{case.offer} is not offered, and yet it works: the offer is taken out or held back"
    proof = ", with a valid certificate" if verified else ""
    because = (f"asked anyway, the server upgraded{proof}",)
    return Finding(Code.OFFER_HIDDEN, 0.97 if verified else 0.7, words, because)


def _words(case: Case, of_a_list: str, of_an_answer: str) -> str:
    """Where nothing is listed, the answer to the request is all the offer there is."""
    listed = case.protocol.LISTING is not Listing.NONE
    return of_a_list.format(case.offer) if listed else of_an_answer


def _always_missing(case: Case) -> bool:
    visits = [visit for visit in case.history if visit.upgrade]
    if len(visits) < STEADY_VISITS or visits[-1].began - visits[0].began < STEADY_TIME:
        return False
    return not any(visit.upgrade.advertised or visit.secured for visit in visits if visit.upgrade)


def _asked_anyway(case: Case) -> tuple[str, ...]:
    if case.evidence.secured:
        return ("asked anyway, it was granted: the offer was deleted, not withdrawn",)
    if case.protocol.LISTING is Listing.NONE:
        return (f"the answer was: {brief(case.upgrade.said)}",) if case.upgrade.said else ()
    if case.evidence.insisted and case.upgrade.said:
        return ("asked anyway, it was refused",)
    return ()


def _told_where(case: Case) -> Iterator[str]:
    """IRCv3, sts: the server may say which port has TLS, in words that anybody could have said."""
    port = irc_sts.hint(case.evidence) if case.protocol.NAME == irc.NAME else None
    if port is not None:
        yield f"in clear it was said that TLS is at port {port}: check that one"


def _gap(case: Case) -> tuple[Proof, ...]:
    """Where the offer should have stood: the list as it was heard."""
    last = case.upgrade.offered[-1] if case.upgrade.offered else ""
    words = "the offer belongs behind this"
    return tuple(replace(proof, words=words) for proof in proofs(case.evidence, last.encode()))


def _vantage_worth(seen: Evidence, mine: Evidence) -> float:
    """Moments ago and of the same machine it nearly settles it; later it is one sighting."""
    if abs(seen.began - mine.began) > _MOMENT:
        return 0.5
    return 0.95 if seen.address == mine.address else 0.7


def _vantages(case: Case) -> list[Evidence]:
    """What others saw of the same endpoint, where they saw the offer."""
    return [seen for seen in case.elsewhere if seen.upgrade and seen.upgrade.advertised]


@dataclass(frozen=True, slots=True)
class _Listing:
    """A probe that got as far as a list of capabilities."""

    evidence: Evidence
    upgrade: Upgrade


def _listings(probes: Iterable[Evidence]) -> Iterator[_Listing]:
    for probe in probes:
        if probe.upgrade and probe.upgrade.offered and not probe.upgrade.unlisted:
            yield _Listing(probe, probe.upgrade)


def _same_machine(listing: _Listing, mine: Evidence) -> bool:
    """Whether one address answered: what a machine says of itself, the path can edit."""
    return listing.evidence.address == mine.address


def _on(visit: Evidence) -> str:
    return f"{visit.began:%Y-%m-%d}"


RULES = (masked, masked_banner, capabilities_refused, missing, inconsistent)

"""Whether a policy may be enforced: reports, what is there now, and what was before, together.

- Nothing is enforced that `publish` would not print today, by what it sees.
- Nothing is enforced while others report failures that would have lost mail and are not mended.
- Nothing is enforced before enough was reported to tell.

A policy that is enforced already is judged by the first two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from unstrip.certificates import Anchors
from unstrip.escaping import brief
from unstrip.evidence import Evidence
from unstrip.policy.mta_sts import Mode
from unstrip.publication import Objection, Publication, Seen, Weight, Wish, publish
from unstrip.publication.case import Case
from unstrip.publication.hosts import answered
from unstrip.publication.modes import REPORTS_FIRST, day
from unstrip.rollout import enough
from unstrip.rollout.effects import heeding, only
from unstrip.rollout.endings import endings
from unstrip.rollout.mending import mended
from unstrip.rollout.senders import below
from unstrip.rollout.snapshot import Noted, on, words
from unstrip.rollout.values import Basis, Effect, Foreseen, Rollout, Unsigned
from unstrip.tlsrpt.overview import causes, overview
from unstrip.tlsrpt.received import Proof, Told

_FATAL = frozenset({Effect.LOST, Effect.ALREADY})  # until it is mended
_ORDER = (Effect.LOST, Effect.ALREADY, Effect.MENDED, Effect.SPARED)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known besides what is seen now.

    Attributes:
        told: what others have reported; since, until: the days that count, both among them.
        trail: what was noted of the domain, oldest first, the last one of now.
        visits: earlier ones of ours to its MX hosts.
        unsigned: what unsigned reports may do.
        trusted: domains whose praise counts, with what is below them; none are all that sign.
        without: domains whose reports are left out, with what is below them.
    """

    told: tuple[Told, ...]
    since: date
    until: date
    trail: tuple[Noted, ...]
    visits: tuple[Evidence, ...] = ()
    unsigned: Unsigned = Unsigned.DOUBT
    trusted: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def heeded(self) -> tuple[Told, ...]:
        """What of the reports counts at all."""
        signed_only = self.unsigned is Unsigned.IGNORE
        return tuple(
            one
            for one in self.told
            if self.since <= one.day <= self.until
            if one.proof is Proof.DKIM or not signed_only
            if not below(one.submitter, self.without)
        )

    def praise(self, showing: Iterable[Told]) -> tuple[Told, ...]:
        """Return what counts of what shows that all is well."""
        return tuple(o for o in showing if not self.trusted or below(o.submitter, self.trusted))

    def published(self, _: str, day: date) -> str:
        """Return in words what the domain had published on a day."""
        return words(on(self.trail, day), day)


def judge(seen: Seen, known: Known, anchors: Anchors) -> Rollout:
    """Return whether the policy may be enforced, and what to publish next."""
    case = Case(seen, _wish(seen), anchors)
    told = known.heeded
    heeders = heeding(told)
    showing = enough.counting(told, case.hosts, known.trail, known.unsigned)
    counted = enough.basis(known.praise(showing), heeders, known.trusted)
    foreseen = tuple(_foreseen(seen.domain, told, known, _heard(showing)))
    lost, basis = _lost(told, foreseen), enough.basis(told, heeders)
    enforced = publish(seen, case.wish, anchors)
    too_little = tuple(_too_little(counted, known)) if _mode(case) is Mode.TESTING else ()
    found = (
        *_remembered(case),
        *_reported(case, foreseen, lost, basis, known.trail),
        *too_little,
        *_visited(seen, known.visits),
        *(each for each in enforced.objections if each != REPORTS_FIRST),
    )
    refused = any(objection.fatal for objection in found)
    if _mode(case) is Mode.TESTING and not refused:
        found = (*found, *_word(known))
    return Rollout(
        domain=seen.domain,
        at=seen.at,
        since=known.since,
        until=known.until,
        without=known.without,
        mode=_mode(case),
        told=basis,
        counted=counted,
        lost=lost,
        foreseen=foreseen,
        endings=endings(seen),
        enough=not too_little,
        objections=tuple(sorted(found, key=lambda o: list(Weight).index(o.weight))),
        publication=_as_it_is(case) if refused else enforced,
    )


def _wish(seen: Seen) -> Wish:
    """One thing at a time: the first TLSA records would count at once (RFC 7672, 2.2)."""
    has_tlsa = any(server.host.published for server in seen.servers)
    return Wish(mode=Mode.ENFORCE, tlsa=None if has_tlsa else False)


def _mode(case: Case) -> Mode | None:
    return case.current.mode if case.current else None


def _as_it_is(case: Case) -> Publication:
    """Return what to publish meanwhile: what there is, or what comes before."""
    begins = _mode(case) in (None, Mode.NONE) and case.seen.hidden is None
    mode = Mode.TESTING if begins else None
    return publish(case.seen, replace(case.wish, mode=mode), case.anchors)


def _remembered(case: Case) -> Iterator[Objection]:
    """What is remembered may be changed since, or gone: only what is there now is judged."""
    held, policy, trouble = case.seen.held, case.current, case.seen.hidden
    if trouble is None or policy is None:
        return
    assert held, "nothing else is remembered"
    assert held.fetched, "a policy in force was fetched"
    words = (
        f"the policy cannot be fetched now; what is remembered of {day(held.fetched)} "
        f"says {policy.mode.value}"
    )
    hint = f"unstrip policy test {case.seen.domain}"
    yield Objection(Weight.UNKNOWN, words, "RFC 8461, 3.3", hint)


# -- reports ---------------------------------------------------------------------------------


def _foreseen(
    domain: str, told: tuple[Told, ...], known: Known, heard: Mapping[str, date]
) -> Iterator[Foreseen]:
    """Yield what would have become of mail, the gravest first."""
    heeders = heeding(told)
    found = []
    for effect in Effect:
        parts = tuple(only(told, effect, heeders))
        for met in overview(parts, domain, known.since, known.until, known.published).failures:
            why = mended(met, known.trail, heard) if effect in _FATAL else ""
            fate = Effect.MENDED if why else effect
            found.append(Foreseen(fate, met, Proof.DKIM in met.proofs, why))
    yield from sorted(found, key=lambda each: _ORDER.index(each.effect))


def _lost(told: tuple[Told, ...], foreseen: tuple[Foreseen, ...]) -> int:
    """Count sessions, not causes: one may have had several."""
    over = {each.met.cause for each in foreseen if each.effect is Effect.MENDED}
    lost = 0
    for one in only(told, Effect.LOST, heeding(told)):
        lost += min(one.tally.failed, sum(n for cause, _, n in causes(one) if cause not in over))
    return lost


def _too_little(counted: Basis, known: Known) -> Iterator[Objection]:
    """Say what is missing; who has only unsigned reports may know where they come from."""
    unsigned = known.told and not any(one.proof is Proof.DKIM for one in known.told)
    yield from enough.objections(counted, known.until, unsigned=bool(unsigned))


def _heard(showing: Iterable[Told]) -> Mapping[str, date]:
    """Return the last day of which each sender has told how mail got in."""
    last: dict[str, date] = {}
    for one in showing:
        last[one.submitter] = max(one.day, last.get(one.submitter, one.day))
    return last


def _word(known: Known) -> Iterator[Objection]:
    """A signature shows whose word it is, and not what it is worth."""
    if not known.trusted:
        words = "that all is well rests on the word of whoever has a domain and signs"
        hint = "name those whose word is to count: report.trusted, in the configuration"
        yield Objection(Weight.NOTED, words, "RFC 8460, 7", hint)


def _reported(
    case: Case,
    foreseen: tuple[Foreseen, ...],
    lost: int,
    basis: Basis,
    trail: tuple[Noted, ...],
) -> Iterator[Objection]:
    """Say what reports speak against."""
    effects = {each.effect for each in foreseen}
    if lost:
        enforced = _mode(case) is Mode.ENFORCE
        fate = "were not delivered" if enforced else "would not have been delivered"
        told = f"{lost:,} of {basis.sessions:,} sessions {fate}, by what others report"
        live = [each for each in foreseen if each.effect is Effect.LOST]
        if not any(each.signed for each in live):
            told += "; no signature proves any of it"
        hint = "mend what is named below; once new reports show that it is, it does not count"
        hint += _before(trail, max(each.met.last for each in live))
        sender, *others = {sender for each in live for sender in each.met.senders}
        if not others:
            told += f"; only {brief(sender)} tells of it"
            hint += f"; if you do not believe it: --without {brief(sender)}"
        yield Objection(Weight.REFUSED, told, "RFC 8461, 5", hint)
    if Effect.ALREADY in effects:
        words = "some who heed DANE report that mail to you fails now, in any mode"
        hint = f"unstrip check {case.seen.domain}"
        yield Objection(Weight.NOTED, words, "RFC 7672, 2.2", hint)
    if _without_policy(foreseen):
        words = "some could not have the policy, and went on without: they are not protected"
        hint = f"unstrip policy test {case.seen.domain}"
        yield Objection(Weight.NOTED, words, "RFC 8461, 3.3", hint)


def _before(trail: tuple[Noted, ...], last: date) -> str:
    """Say how to leave out what was mended when nobody noted it."""
    begins = min((noted.first.date() for noted in trail), default=last)
    if last >= begins:
        return ""
    since = last + timedelta(days=1)
    return f"; if it was mended before {begins}, where the trail begins: --since {since}"


def _without_policy(foreseen: Iterable[Foreseen]) -> bool:
    return any(each.met.cause.result.startswith("sts-") for each in foreseen)


# -- our own visits --------------------------------------------------------------------------


def _visited(seen: Seen, visits: Iterable[Evidence]) -> Iterator[Objection]:
    """Say what we have seen ourselves, earlier: it may have been the way from here."""
    for server in seen.servers:
        ours = [v for v in visits if v.endpoint.host == server.name and answered(v)]
        bad = [visit for visit in ours if not _good(visit)]
        if bad:
            last = max(visit.began for visit in bad)
            words = (
                f"{len(bad)} of our own {len(ours)} visits to {server.name} found no TLS that a "
                f"policy asks for, the last on {last:%Y-%m-%d}"
            )
            yield Objection(Weight.NOTED, words, "RFC 8461, 4.2", "unstrip history")


def _good(visit: Evidence) -> bool:
    said = visit.handshake.webpki if visit.handshake else None
    return visit.secured and said is not None and said.valid

"""The case that the rules look at, and how they weigh what speaks for a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from unstrip.evidence import Evidence
from unstrip.policy import Decision
from unstrip.protocols import REGISTRY, Protocol
from unstrip.transcript import Layer, Side
from unstrip.upgrade import Outcome, Upgrade
from unstrip.verdict.values import Finding, Proof

SINGLE_SOURCE = 0.9  # one source, however often it says so, convinces no further
CERTAIN = 0.99  # nothing seen from one end is surer


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be judged.

    Attributes:
        decision: what was insisted on.
        evidence: what was seen.
        history: earlier evidence about the same endpoint.
        beside: evidence of now and from here: probes of the same endpoint, the implicit port.
        elsewhere: what other vantages saw of the same endpoint.
    """

    decision: Decision
    evidence: Evidence
    history: tuple[Evidence, ...] = ()
    beside: tuple[Evidence, ...] = ()
    elsewhere: tuple[Evidence, ...] = ()

    @property
    def upgrade(self) -> Upgrade:
        """How the dialog ended; an empty one where it broke off before anything was learnt."""
        return self.evidence.upgrade or Upgrade(Outcome.BROKEN_OFF)

    @property
    def protocol(self) -> Protocol:
        """What was spoken."""
        return REGISTRY[self.evidence.endpoint.protocol]

    @property
    def offer(self) -> str:
        """The protocol's word for offering TLS."""
        return self.protocol.OFFER

    @property
    def verb(self) -> str:
        """The protocol's command that asks for it."""
        return self.protocol.VERB

    @property
    def asked(self) -> bool:
        """TLS was asked for, in whatever spelling."""
        return bool(self.protocol.REQUEST.search(heard(self.evidence, Side.CLIENT, Layer.CLEAR)))

    @property
    def doors(self) -> tuple[Evidence, ...]:
        """The same host's other port, with implicit TLS, seen now."""
        return tuple(e for e in self.beside if e.endpoint.implicit and not self._same_port(e))

    @property
    def probes(self) -> tuple[Evidence, ...]:
        """Further connections to the same port from here, moments apart."""
        return tuple(e for e in self.beside if self._same_port(e))

    def _same_port(self, other: Evidence) -> bool:
        mine, theirs = self.evidence.endpoint, other.endpoint  # one port may serve both ways
        return (theirs.port, theirs.implicit) == (mine.port, mine.implicit)


Rule = Callable[[Case], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Ground:
    """One reason to believe a finding.

    Attributes: source: who says so; weight: 0 to 1; words: for people.
    """

    source: str
    weight: float
    words: str


def combined(grounds: Iterable[Ground]) -> float:
    """Return the confidence that grounds give together: their odds multiply.

    What one source says is capped, since it may be wrong as a whole; so is the sum.
    """
    by_source: dict[str, float] = {}
    for ground in grounds:
        by_source[ground.source] = _join(by_source.get(ground.source, 0.5), ground.weight)
    total = 0.5
    for weight in by_source.values():
        total = _join(total, min(weight, SINGLE_SOURCE))
    return round(min(total, CERTAIN), 2)


def _join(one: float, other: float) -> float:
    one, other = min(one, 0.999), min(other, 0.999)
    odds = one / (1 - one) * other / (1 - other)
    return odds / (1 + odds)


def heard(evidence: Evidence, speaker: Side, layer: Layer) -> bytes:
    """Return everything `speaker` said on `layer`."""
    parts = (u.data for u in evidence.transcript if u.speaker is speaker and u.layer is layer)
    return b"".join(parts)


def proofs(evidence: Evidence, needle: bytes, speaker: Side = Side.SERVER) -> tuple[Proof, ...]:
    """Find `needle` in what `speaker` said; one that was cut into segments has no proof."""
    for index, utterance in enumerate(evidence.transcript):
        if utterance.speaker is speaker and needle:
            offset = utterance.data.find(needle)
            if offset >= 0:
                return (Proof(index, offset, needle),)
    return ()


def last_proof(evidence: Evidence, needle: bytes) -> tuple[Proof, ...]:
    """Find `needle` as the last thing that the server said in clear."""
    clear = [
        (index, spoken.data)
        for index, spoken in enumerate(evidence.transcript)
        if spoken.speaker is Side.SERVER and spoken.layer is Layer.CLEAR
    ]
    if not clear or not needle or not clear[-1][1].endswith(needle):
        return ()
    index, data = clear[-1]
    return (Proof(index, len(data) - len(needle), needle),)


def offered_words(evidence: Evidence) -> tuple[str, ...]:
    """Return what was offered in clear, upper-case, each line whole."""
    upgrade = evidence.upgrade
    return tuple(line.upper() for line in upgrade.offered) if upgrade else ()

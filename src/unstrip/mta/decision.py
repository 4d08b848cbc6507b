"""What is said of a domain's mail as JSON: what should happen, and what mail servers are told."""

from __future__ import annotations

from dataclasses import dataclass

from unstrip.derivation import Derivation
from unstrip.mta.exim import Options, options
from unstrip.mta.postfix import Answer, Lookup, answer
from unstrip.mta.tongue import FAILED, NOTHING

DECISION = "/v1/decision/"  # the path that it is found at, before the domain
_KINDS = {Lookup.NOTFOUND: NOTHING, Lookup.TEMP: FAILED}


@dataclass(frozen=True, slots=True)
class MailDecision:
    """The answer to GET /v1/decision/DOMAIN.

    Attributes:
        domain: what was asked about, as A-labels.
        waits: why nothing can be sent now, "" if something can.
        postfix: what a Postfix sender is told; postfix_3_10: the same from 3.10 on, which reports.
        exim: what an Exim sender is told.
        derivation: all that it rests on.
    """

    domain: str
    waits: str
    postfix: Answer
    postfix_3_10: Answer
    exim: Options
    derivation: Derivation

    @property
    def kind(self) -> str:
        """Of which kind it is, as Postfix has it."""
        return _KINDS.get(self.postfix_3_10.lookup) or self.postfix_3_10.text.partition(" ")[0]


def decision(derivation: Derivation) -> MailDecision:
    """Return what there is to say."""
    return MailDecision(
        domain=derivation.domain,
        waits=derivation.waits,
        postfix=answer(derivation, reporting=False),
        postfix_3_10=answer(derivation, reporting=True),
        exim=options(derivation),
        derivation=derivation,
    )

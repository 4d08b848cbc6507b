"""How each trick has to end for our own client, and what that is read from."""

from __future__ import annotations

from tests.protocols.specimens import SPECIMENS
from unstrip.evidence import Evidence
from unstrip.lab.crossings import Crossings, Leg
from unstrip.lab.dialects import DIALECTS
from unstrip.lab.tricks import TRICKS, protocols
from unstrip.protocols import REGISTRY
from unstrip.trouble import Trouble
from unstrip.upgrade import Outcome

# what each trick comes to, where a protocol's specimen does not say otherwise
USUAL: dict[str, Outcome | Trouble] = {
    "pass": Outcome.UPGRADED,
    "remove-offer": Outcome.UPGRADED,  # asked for all the same
    "mask-offer": Outcome.UPGRADED,
    "mask-banner": Outcome.UPGRADED,
    "refuse-hello": Outcome.UPGRADED,
    "flicker": Outcome.UPGRADED,
    "refuse": Outcome.REFUSED,
    "refuse-temporary": Outcome.REFUSED,
    "bogus-success": Outcome.REFUSED,
    "silence": Trouble.DEADLINE,
    "reset": Trouble.RESET,
    "mask-verb": Outcome.REFUSED,
    "flip-answer": Outcome.REFUSED,
    "spoof-state": Trouble.SPOOFED,
    "early-ok": Trouble.UNSOLICITED,
    "inject": Trouble.INJECTED,
    "inject-fragment": Trouble.INJECTED,
    "inject-late": Trouble.TLS,
    "clear-answer": Trouble.TLS,
    "own-certificate": Outcome.UPGRADED,  # and not verified
    "half-tls-client": Outcome.REFUSED,  # a second TLS, by the server itself
    "half-tls-server": Outcome.UPGRADED,  # and not verified
    "greet-inside": Trouble.UNSOLICITED,
}
CASES = [(name, protocol) for name, trick in TRICKS.items() for protocol in protocols(trick)]
REFUSALS = [(protocol, code) for protocol, one in DIALECTS.items() for code in one.WORDS.refusals]


def ending(trick: str, protocol: str, code: str = "") -> Outcome | Trouble:
    """Return how it has to end."""
    tricked = SPECIMENS[protocol].tricked
    return tricked.get(f"{trick} {code}") or tricked.get(trick) or USUAL[trick]


def came_to(evidence: Evidence) -> Outcome | Trouble:
    """Return how it ended."""
    if evidence.failure is not None:
        return evidence.failure.trouble
    assert evidence.upgrade is not None
    return evidence.upgrade.outcome


def advertised(evidence: Evidence) -> bool:
    """Tell whether the client saw an offer, in a list or in the go-ahead."""
    return evidence.upgrade is not None and evidence.upgrade.advertised


def asks(protocol: str, said: bytes) -> bool:
    """Tell whether the request for TLS is among what a client said."""
    return REGISTRY[protocol].REQUEST.search(said) is not None


def withheld(protocol: str, crossings: Crossings) -> bool:
    """Tell whether the client asked for TLS, and the server heard neither that nor any TLS."""
    heard = crossings.said(Leg.TO_SERVER)
    silent = not asks(protocol, heard) and heard == crossings.in_clear(Leg.TO_SERVER)
    return silent and asks(protocol, crossings.in_clear(Leg.FROM_CLIENT))

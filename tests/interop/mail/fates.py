"""What becomes of mail to each domain, on an honest road and under each trick.

It follows from the table of safe answers, for a sender that does what it is told, and tries its
best where it is told nothing.
"""

from enum import Enum
from typing import Final

from tests.interop.mail.road import HONEST, TRICKS
from tests.interop.world.answers import ANSWERS, UNMET, Answer
from tests.interop.world.cases import CASES, OPERATORS, USAGES, Case
from unstrip.policy import Level


class Promise(Enum):
    """What the mail of a domain may count on."""

    NOTHING = "nothing"  # but TLS as long as nobody minds
    TLS = "tls"  # with whoever is there
    PROOF = "proof"  # of who is there
    CLEAR = "clear"  # no policy, and no TLS to be had
    NEVER = "never"  # the policy is met by nobody, or could not be found out
    NOBODY = "nobody"  # takes mail there


class Fate(Enum):
    """What became of one letter."""

    WAITED = "waited"
    CLEAR = "went out in clear"
    READ = "was read by the middlebox, inside TLS"
    ARRIVED = "arrived unread"
    RETURNED = "was returned"


# its policy host says one byte at a time, and is given up after a minute
SLOW: Final = "https-slow"
ALL: Final = tuple(case for case in (*CASES, *OPERATORS, *USAGES) if case.name != SLOW)
NOBODY: Final = ("mx-without-address", "no-mx-and-no-address", "null-mx")
CLEAR: Final = "clear-mx"
# a check does not pass there, but a sender has no better way to know whose servers these are
UNSIGNED: Final = {"insecure-mx-with-tlsa", "insecure-no-policy"}
RULED: Final = {  # the others: proof
    "ruled-encrypt": Promise.TLS,
    "visited": Promise.TLS,
    "overridden": Promise.NOTHING,
    "not-found-out": Promise.NEVER,
}
PROMISED: Final = {
    Level.MAY: Promise.NOTHING,
    Level.ENCRYPT: Promise.TLS,
    Level.AUTHENTICATED: Promise.PROOF,
}
FATES: Final = {
    **dict.fromkeys(TRICKS, Fate.WAITED),
    # Postfix throws away what was injected, and goes on inside TLS (B-06)
    "inject": Fate.ARRIVED,
    HONEST: Fate.ARRIVED,
}
IMPERSONATION: Final = "own-certificate"
# Tricks beside those, on a few domains each.
FEW: Final = (
    "tlsa-3-1-1.example",
    "sts-alone.example",
    "ruled-encrypt.example",
    "no-policy.example",
)
EXACT: Final = ("mx-not-in-policy.example", "no-mx-and-sts.example", "ruled-verify.example")
BESIDE: Final = {
    "mask-banner": dict.fromkeys(FEW, Fate.ARRIVED),
    "refuse-hellos": dict.fromkeys(FEW, Fate.WAITED),
    "impostor": {
        **dict.fromkeys((*EXACT, "sts-alone.example"), Fate.WAITED),
        "no-policy.example": Fate.READ,
    },
}


def promise(case: Case) -> Promise:
    """What is promised to a domain."""
    if case.name in NOBODY:
        return Promise.NOBODY
    if case.name == CLEAR:
        return Promise.CLEAR
    answer = ANSWERS.get(case.name)
    if answer is None:
        return RULED.get(case.name, Promise.PROOF)
    if answer.waits or case.name in UNMET - UNSIGNED:
        return Promise.NEVER
    return PROMISED[least(answer)]


def least(answer: Answer) -> Level:
    """What is insisted on everywhere."""
    return min(host.level for host in answer.hosts if not (host.refused or host.unreachable))


def fate(promised: Promise, trick: str) -> Fate:
    """What has to become of a letter, and at first: what waits is tried again."""
    always = {Promise.NEVER: Fate.WAITED, Promise.CLEAR: Fate.CLEAR, Promise.NOBODY: Fate.RETURNED}
    if promised in always:
        return always[promised]
    if trick == IMPERSONATION and promised is not Promise.PROOF:
        return Fate.READ
    if promised is Promise.NOTHING and FATES[trick] is Fate.WAITED:
        return Fate.CLEAR  # which is what opportunistic means
    return FATES[trick]

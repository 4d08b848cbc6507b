"""The values of an upgrade: how it is asked for, how it is served, how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

CANARY = "QSTARTTLSQ"  # no server knows it; a box that rewrites unknown verbs does


class Outcome(Enum):
    """How a dialog ended."""

    UPGRADED = "upgraded"
    IMPLICIT = "implicit"  # TLS from the first byte: there was nothing to upgrade
    NOT_OFFERED = "not offered"  # and, not insisting, we did not ask
    NOT_ASKED = "not asked"  # we are the server and the client never tried, or a probe did not
    REFUSED = "refused"  # asked, and told no
    BUSY = "busy"  # come back later: 421, too many connections, over quota
    UNAVAILABLE = "unavailable"  # no service at all: the greeting was a refusal
    BROKEN_OFF = "broken off"  # no ending: the rules were broken, or the connection was


SECURE_OUTCOMES = frozenset({Outcome.UPGRADED, Outcome.IMPLICIT})


@dataclass(frozen=True, slots=True)
class Upgrade:
    """How the protocol's dialog ended, in its own words.

    Attributes:
        outcome: the ending.
        advertised: the offer was there, before TLS, in words that mean it.
        greeting: the greeting's text, as said.
        greeted: capabilities that came with the greeting (IMAP).
        offered: capabilities listed before TLS, in their order, where a middlebox can edit them.
        unlisted: the refusal, if the question for capabilities was refused.
        said: the last answer to the upgrade request, as said, wherever it was not the go-ahead; or
            the server's goodbye inside TLS.
        inside: capabilities listed inside TLS, where no middlebox can edit them.
        exposed: what stays in clear although TLS stands, in the server's words (FTP's data).
    """

    outcome: Outcome
    advertised: bool = False
    greeting: str = ""
    greeted: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    unlisted: str = ""
    said: str = ""
    inside: tuple[str, ...] = ()
    exposed: str = ""


def lists(lines: Iterable[str], keyword: str) -> bool:
    """Tell whether a list of capabilities has `keyword`, in any case of ASCII's letters alone.

    Unicode has other letters that become these in upper case, and a server has none of them.
    """
    return any(line.isascii() and line.upper() == keyword for line in lines)


class Listing(Enum):
    """How a server of this protocol says, in clear, that it has TLS."""

    DUE = "due"  # it has to answer the question what it can do
    OPTIONAL = "optional"  # it need not
    NONE = "none"  # there is no such question: only asking for TLS tells


class Manner(Enum):
    """How the client side asks for the upgrade: plainly, or as a probe does."""

    PLAIN = "plain"
    LOWER_CASE = "lower case"  # verbs are case-insensitive: only a filter minds
    SPLIT = "split"  # two segments: only a per-segment matcher minds
    CANARY = "canary"  # an unknown verb in place of the request: who echoes what?


@dataclass(frozen=True, slots=True)
class Asking:
    """What the client side is told.

    Attributes:
        helo: the name to give where the protocol wants one; neutral by default (T-13).
        insist: ask for TLS even if it is not offered (R3), since offers are not authenticated.
        manner: how to spell the request.
        tag: a prefix for command tags that nobody else can guess (F-01).
        host: the name that the server is addressed by, where the protocol says it (HTTP's Host,
            XMPP's `to`).
    """

    helo: str = "localhost"
    host: str = "localhost"
    insist: bool = False
    manner: Manner = Manner.PLAIN
    tag: str = "u"


@dataclass(frozen=True, slots=True)
class Serving:
    """What the server side is told.

    Attributes:
        name: how the server calls itself.
        offer: whether it offers TLS, and grants it, at all.
    """

    name: str = "localhost"
    offer: bool = True

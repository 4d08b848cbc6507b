"""A tongue in which mail servers ask and are told; here is what all of them have in common.

There is one file a tongue. It knows where a request ends, what it asks for, and how an answer is
written; it knows neither sockets nor where answers come from. A request that is understood has an
answer, if only that it was in vain; who cannot even say where a request ends is not listened to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from unstrip.derivation import Derivation
from unstrip.escaping import brief
from unstrip.mta.nexthop import BadNextHop, NextHop, next_hop

NOTHING, FAILED, REFUSED = "none", "temp", "perm"  # kinds of replies that each tongue has
_LONGEST_REASON = 200  # characters; Postfix logs no more


class Garbled(ValueError):
    """It cannot be told where a request ends, so nothing that follows can be answered."""


@dataclass(frozen=True, slots=True)
class Told:
    """A reply: its bytes, and for those who count, of which kind it is.

    Attributes: lasting: it may be told again to whoever asks the same.
    """

    data: bytes
    kind: str
    lasting: bool = True

    @property
    def passing(self) -> bool:
        """It says that nothing could be found out, which may soon be over."""
        return self.kind == FAILED


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: about which next hop, and how the one who asks is told of it."""

    hop: NextHop
    tell: Callable[[Derivation], Told]


class Tongue(Protocol):
    """One of them."""

    @property
    def once(self) -> bool:
        """A client asks once, and hears the answer out to the end of the connection."""

    def whole(self, said: bytearray) -> int:
        """Return the length of the request that comes first, 0 while it is not whole.

        Raises: Garbled.
        """

    def requests(self, domain: str) -> tuple[bytes, ...]:
        """Return how one may be asked about a domain, as far as that can be foreseen."""

    def asked(self, request: bytes) -> Query | Told:
        """Return what a whole request asks, or the reply if that needs no finding out."""

    def failed(self, reason: str) -> Told:
        """Return the reply that nothing could be found out now, so that mail waits."""


def line(said: bytearray, longest: int) -> int:
    """Return the length of the line that comes first, 0 while it is not whole.

    Raises: Garbled: it is longer than that.
    """
    end = said.find(b"\n", 0, longest)
    if end < 0 and len(said) >= longest:
        raise Garbled(f"a line of more than {longest} bytes")
    return end + 1


def about(
    key: bytes, tell: Callable[[Derivation], Told], nothing: Told, failed: Callable[[str], Told]
) -> Query | Told:
    """Return what is asked with a key, or at once what is to be said to it."""
    try:
        hop = next_hop(key)
    except BadNextHop as error:
        return failed(str(error))
    return Query(hop, tell) if hop is not None else nothing


def reason(words: str) -> str:
    """Return the words of a failure as they fit into a reply, and into a log."""
    return brief(" ".join(words.split()), _LONGEST_REASON) or "no reason is known"

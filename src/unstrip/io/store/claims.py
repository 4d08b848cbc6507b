"""Claims: the domains that somebody is looking up now, known to all who share the store.

A claim keeps nobody out of anything. It is a hint that waiting may spare a look, so nothing is kept
of it, and it is gone with the connection of whoever made it, killed or not.
"""

from __future__ import annotations

from hashlib import sha256

from unstrip.io.store.database import Database

_CLAIMS = -(1 << 63)  # all are below zero, where no other lock of ours is


class Claims:
    """The claims in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, domain: str) -> bool:
        """Say that we look a domain up, unless another does; each success is to be taken back."""
        return self._database.claim(_key(domain))

    def unclaim(self, domain: str) -> None:
        """Take a claim back; one that was lost with its connection is none any more."""
        self._database.unclaim(_key(domain))


def _key(domain: str) -> int:
    """Return a number of 64 bits. Two domains that share one wait for each other, and no more."""
    return _CLAIMS | int.from_bytes(sha256(domain.encode()).digest()[:8], "big", signed=True)

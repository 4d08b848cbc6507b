"""Sendmail's socketmap, as Postfix speaks it: netstrings (socketmap_table(5), Postfix 3.12).

A request is the name of a map, a blank and a key; the name is what Postfix was configured with. By
it, Postfix says whether it understands what goes into reports: see `mta.postfix`. A reply that
Postfix cannot read holds up all mail to the domain, as an empty one does, and one that is too long.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from unstrip.derivation import Derivation
from unstrip.mta.postfix import Lookup, answer
from unstrip.mta.tongue import FAILED, NOTHING, REFUSED, Garbled, Query, Told, about, reason

LONGEST_QUERY, LONGEST_REPLY = 10_000, 100_000  # bytes of payload: Postfix's own limits
MAPS = {"QUERY": False, "QUERYwithTLSRPT": True}  # whether it may be told what goes into reports
_LENGTH = re.compile(rb"(0|[1-9][0-9]{0,4})(:?)")


@dataclass(frozen=True, slots=True)
class Socketmap:
    """The tongue, for maps of these names."""

    maps: Mapping[str, bool] = field(default_factory=MAPS.copy)
    once: bool = field(default=False, init=False)

    def whole(self, said: bytearray) -> int:
        """Return the length of the netstring that comes first, 0 while it is not whole.

        Raises: Garbled: it is none, or too long.
        """
        length = _LENGTH.match(said)
        if length is None or not length[2]:
            if len(said) > (length.end() if length else 0):
                raise Garbled("not the length of a netstring")
            return 0
        if int(length[1]) > LONGEST_QUERY:
            raise Garbled(f"a request of more than {LONGEST_QUERY} bytes")
        end = length.end() + int(length[1])
        if len(said) <= end:
            return 0
        if said[end] != ord(","):
            raise Garbled("no comma at the end of a netstring")
        return end + 1

    def requests(self, domain: str) -> tuple[bytes, ...]:
        """Return the netstrings in which a domain may be asked about, one a map."""
        return tuple(_netstring(f"{name} {domain}".encode()) for name in self.maps)

    def asked(self, request: bytes) -> Query | Told:
        """Return what a whole netstring asks, or at once what is to be said to it."""
        payload = request[request.index(b":") + 1 : -1]
        name, blank, key = payload.partition(b" ")
        reporting = self.maps.get(name.decode("latin-1"))
        if reporting is None:
            return _reply("PERM", REFUSED, f"no map is named '{name.decode('latin-1')}' here")
        if not blank or not key:
            return _reply("PERM", REFUSED, "a request is a map's name, a blank and a key")
        return about(key, partial(_told, reporting=reporting), _NOTHING, self.failed)

    def failed(self, words: str) -> Told:
        """Return the reply that nothing could be found out now, so that mail waits."""
        return _reply("TEMP", FAILED, words)


def _told(derivation: Derivation, *, reporting: bool) -> Told:
    found = answer(derivation, reporting=reporting)
    if found.lookup is Lookup.NOTFOUND:
        return _NOTHING
    if found.lookup is Lookup.TEMP:
        return _reply("TEMP", FAILED, found.text)
    payload = f"OK {found.text}".encode()
    if not found.text or len(payload) > LONGEST_REPLY:
        return _reply("TEMP", FAILED, f"an answer of {len(payload)} bytes cannot be told")
    return Told(_netstring(payload), found.text.partition(" ")[0])


def _reply(word: str, kind: str, words: str) -> Told:
    return Told(_netstring(f"{word} {reason(words)}".encode()), kind)


def _netstring(payload: bytes) -> bytes:
    return b"%d:%b," % (len(payload), payload)


_NOTHING = Told(_netstring(b"NOTFOUND "), NOTHING)

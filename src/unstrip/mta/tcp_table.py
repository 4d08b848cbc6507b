"""Postfix's tcp_table(5), for what knows no socketmap: a line for each request and each reply.

Percent signs, blanks and whatever is not to be printed are written %XX, both ways. A line is no
longer than 4096 bytes: what goes into reports is left out where that makes the answer fit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from unstrip.derivation import Derivation
from unstrip.mta.postfix import Answer, Lookup, answer
from unstrip.mta.tongue import FAILED, NOTHING, REFUSED, Query, Told, about, line, reason

LONGEST = 4096  # bytes of a line, its end included
_GET = re.compile(rb"get ((?:[!-$&-~]|%[0-9A-Fa-f]{2})+)\n")
_CODED = re.compile(rb"%(..)")
_BARE = re.compile(r"[^!-$&-~]")


@dataclass(frozen=True, slots=True)
class TcpTable:
    """The tongue; `reporting` says that it is Postfix 3.10, or later."""

    reporting: bool = False
    once: bool = field(default=False, init=False)

    def whole(self, said: bytearray) -> int:
        """Return the length of the line that comes first, 0 while it is not whole.

        Raises: Garbled: it is too long.
        """
        return line(said, LONGEST)

    def requests(self, domain: str) -> tuple[bytes, ...]:
        """Return the line in which a domain is asked about."""
        return (f"get {domain}\n".encode(),)

    def asked(self, request: bytes) -> Query | Told:
        """Return what a line asks, or at once what is to be said to it."""
        if request.startswith(b"put "):
            return Told(_line("500 nothing is put in here"), REFUSED)
        get = _GET.fullmatch(request)
        if get is None:
            return Told(_line("400 a request is get, a blank and a key"), REFUSED)
        key = _CODED.sub(lambda code: bytes.fromhex(code[1].decode()), get[1])
        return about(key, self._told, _NOTHING, self.failed)

    def failed(self, words: str) -> Told:
        """Return the reply that nothing could be found out now, so that mail waits."""
        return Told(_line(f"400 {reason(words)}"), FAILED)

    def _told(self, derivation: Derivation) -> Told:
        found = answer(derivation, reporting=self.reporting)
        told = self._written(found)
        if len(told.data) > LONGEST and self.reporting:
            told = self._written(answer(derivation, reporting=False))
        if len(told.data) > LONGEST:
            return self.failed(f"an answer of {len(told.data)} bytes fits into no line")
        return told

    def _written(self, found: Answer) -> Told:
        if found.lookup is Lookup.NOTFOUND:
            return _NOTHING
        if found.lookup is Lookup.TEMP or not found.text:
            return self.failed(found.text)
        return Told(_line(f"200 {found.text}"), found.text.partition(" ")[0])


def _line(text: str) -> bytes:
    code, _, words = text.partition(" ")
    return f"{code} {_BARE.sub(_coded, words)}\n".encode()


def _coded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())


_NOTHING = Told(_line("500 no policy is in force"), NOTHING)

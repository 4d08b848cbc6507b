"""ACAP, as a box hears it."""

from __future__ import annotations

import re
from types import MappingProxyType

from unstrip.lab.dialect import Command, LineDialect, Words, cut
from unstrip.literals import PUSHED, sentence
from unstrip.wire import Dialog, Wire


class Acap(LineDialect):
    """RFC 2244 and RFC 2595."""

    PROTOCOL = "acap"
    COMMAND = re.compile(rb"[ \t]*(?P<tag>[^ \t\r\n]+)[ \t]+(?P<verb>[^ \t\r\n]+)")
    OFFER = re.compile(  # in no string: whatever opens behind it is closed
        rb'(?<= \()STARTTLS(?=\)(?:[^"\\]|"(?:[^"\\]|\\.)*")*+\Z)', re.IGNORECASE | re.DOTALL
    )
    SUCCESS = b" OK"
    WORDS = Words(
        refusals=MappingProxyType(
            {
                "BAD": b'{tag} BAD "Unknown command"\r\n',  # RFC 2244, 6.2
                "NO": b'{tag} NO "TLS is not available"\r\n',
                "TRYLATER": b'{tag} NO (TRYLATER) "TLS is not available now"\r\n',
                "BYE": b'* BYE "Closing"\r\n',
            }
        ),
        temporary=b'{tag} NO (TRYLATER) "TLS is not available now"\r\n',
        bogus=b'+ "go ahead"\r\n',
        answer=b'* ACAP (IMPLEMENTATION "x") (SASL "PLAIN")\r\n',  # RFC 2595, 5
        fragment=b'* ACAP (IMPLEMENTATION "X-INJECTED',
        unexpected=b'* BYE "unexpected"\r\n',
    )

    def command_end(self, heard: bytes) -> int:
        """Return where the first line ends, its literals included."""
        return cut(_command, heard)[1]

    def reply_end(self, heard: bytes, asked: Command | None) -> int:  # noqa: ARG002  # all are alike
        """Return where the first line ends, its literals included."""
        return cut(sentence, heard)[1]

    def cut_out(self, listed: bytes, begin: int, end: int) -> bytes:
        """Return `listed` without the offer, its brackets, and the blank before them."""
        return listed[: begin - 2] + listed[end + 1 :]


def _command(wire: Wire) -> Dialog[bytes]:
    return (yield from sentence(wire, PUSHED))

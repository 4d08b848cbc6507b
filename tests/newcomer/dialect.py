"""FERRY, as a box hears it."""

from __future__ import annotations

import re
from types import MappingProxyType

from unstrip.lab.dialect import LineDialect, Words


class Ferry(LineDialect):
    """A notice on a harbour wall."""

    PROTOCOL = "ferry"
    ASKS = b"DECKS"
    OFFER = re.compile(rb"(?<=\n)SEAL(?=\r?\n)", re.IGNORECASE)
    SUCCESS = b"30"
    LISTING = re.compile(rb"20 [^\n]*\n(?:(?!\.\r?\n)[^\n]*\n)*\.\r?\n|(?!20 )[^\n]*\n")
    STATUS = re.compile(rb"10 ")
    WORDS = Words(
        refusals=MappingProxyType(
            {
                "50": b"50 Not understood\r\n",
                "51": b"51 No seal\r\n",
                "40": b"40 Come back later\r\n",
            }
        ),
        temporary=b"40 Come back later\r\n",
        bogus=b"31 Seal now\r\n",
        answer=b"20 Decks follow\r\nCARS\r\n.\r\n",
        fragment=b"20 Decks",
        unexpected=b"50 Not understood\r\n",
        unlisted=b"50 Not understood\r\n",
        spoofed=b"11 Welcome back aboard\r\n",
    )

"""NNTP, as a box hears it."""

from __future__ import annotations

import re
from types import MappingProxyType

from unstrip.lab.dialect import LineDialect, Words


class Nntp(LineDialect):
    """RFC 3977 and RFC 4642."""

    PROTOCOL = "nntp"
    IDS = MappingProxyType({"refuse-hello": "S-06", "spoof-state": "F-05"})
    ASKS = b"CAPABILITIES"
    OFFER = re.compile(rb"(?<=\n)STARTTLS(?=[ \t\r\n])", re.IGNORECASE)
    SUCCESS = b"382"
    LISTING = re.compile(  # RFC 3977, 3.1.1: only the 101 has a list behind it
        rb"101[^\n]*\n(?:(?!\.\r?\n)[^\n]*\n)*\.\r?\n|(?!101)[^\n]*\n"
    )
    STATUS = re.compile(rb"20[01] ")
    WORDS = Words(
        refusals=MappingProxyType(
            {
                "580": b"580 Can not initiate TLS negotiation\r\n",  # RFC 4642, 2.2
                "502": b"502 STARTTLS is not allowed now\r\n",
                "500": b"500 Unknown command\r\n",
                "501": b"501 Syntax error\r\n",
                "480": b"480 Authentication required\r\n",  # RFC 4642, 2.2 forbids it, and 483
                "483": b"483 Encryption required\r\n",
                "400": b"400 Closing\r\n",
            }
        ),
        temporary=b"580 TLS is not available now, try again later\r\n",
        bogus=b"383 Continue with TLS negotiation\r\n",  # RFC 4642, 2.2 knows 382 alone
        answer=b"101 Capability list:\r\nVERSION 2\r\nAUTHINFO USER\r\n.\r\n",
        fragment=b"101 X-INJECTED",
        unexpected=b"400 unexpected\r\n",
        unlisted=b"500 Unknown command\r\n",
        spoofed=b"281 Authentication accepted\r\n",
    )

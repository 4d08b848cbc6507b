"""POP3, as a box hears it."""

from __future__ import annotations

import re
from types import MappingProxyType

from unstrip.lab.dialect import LineDialect, Words


class Pop3(LineDialect):
    """RFC 1939, RFC 2449 and RFC 2595."""

    PROTOCOL = "pop3"
    IDS = MappingProxyType({"refuse-hello": "S-06", "spoof-state": "F-05"})
    ASKS = b"CAPA"
    OFFER = re.compile(rb"(?<=\n)STLS(?=[ \t]*\r?\n)", re.IGNORECASE)
    SUCCESS = b"+OK"
    LISTING = re.compile(  # RFC 1939, 3
        rb"\+OK[^\n]*\n(?:(?!\.\r?\n)[^\n]*\n)*\.\r?\n|(?!\+OK)[^\n]*\n"
    )
    STATUS = re.compile(rb"\+OK ")
    WORDS = Words(
        refusals=MappingProxyType(
            {
                "-ERR": b"-ERR Unknown command\r\n",  # RFC 2595, 4
                "SYS/PERM": b"-ERR [SYS/PERM] STLS is not supported\r\n",  # RFC 3206, 5
                "SYS/TEMP": b"-ERR [SYS/TEMP] TLS is not available now\r\n",  # RFC 3206, 4
            }
        ),
        temporary=b"-ERR [SYS/TEMP] TLS is not available now\r\n",  # RFC 3206, 4
        bogus=b"+ OK\r\n",
        answer=b"+OK Capability list follows\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n",
        fragment=b"+OK X-INJECTED ",
        unexpected=b"-ERR unexpected\r\n",
        unlisted=b"-ERR Unknown command\r\n",
        spoofed=b"+OK 2 messages (320 octets)\r\n1 120\r\n2 200\r\n.\r\n",
    )

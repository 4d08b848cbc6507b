"""IMAP, as a box hears it."""

from __future__ import annotations

import re
from types import MappingProxyType

from unstrip.lab.dialect import LineDialect, Reply, Words


class Imap(LineDialect):
    """RFC 9051."""

    PROTOCOL = "imap"
    IDS = MappingProxyType({"refuse-hello": "S-06"})
    ASKS = b"CAPABILITY"
    COMMAND = re.compile(rb"[ \t]*(?P<tag>[^ \t\r\n]+)[ \t]+(?P<verb>[^ \t\r\n]+)")
    OFFER = re.compile(rb"(?<= )STARTTLS(?=[ \]\r\n])", re.IGNORECASE)
    SUCCESS = b" OK"
    STATUS = re.compile(rb"\* OK ")
    WORDS = Words(
        refusals=MappingProxyType(
            {
                "BAD": b"{tag} BAD Unknown command\r\n",  # RFC 9051, 6.2.1
                "NO": b"{tag} NO TLS negotiation can't be initiated\r\n",
                "BYE": b"* BYE Closing\r\n",
            }
        ),
        temporary=b"{tag} NO [UNAVAILABLE] TLS is not available now\r\n",  # RFC 5530, 3
        bogus=b"+ go ahead\r\n",
        answer=b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN\r\n",
        fragment=b"* CAPABILITY X-INJECTED ",
        unexpected=b"* BYE unexpected\r\n",
        unlisted=b"{tag} BAD Unknown command\r\n",
        spoofed=b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n",
    )

    def may_offer(self, reply: Reply) -> bool:
        """RFC 9051, 7.1: greetings and answers may list capabilities too."""
        return b"CAPABILITY " in reply.data.upper()

    def cut_out(self, listed: bytes, begin: int, end: int) -> bytes:
        """Return `listed`, a list of words, without the offer and the blank before it."""
        return listed[: begin - 1] + listed[end:]

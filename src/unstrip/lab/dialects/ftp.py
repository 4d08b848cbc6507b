"""FTP, as a box hears it."""

from __future__ import annotations

import re
from types import MappingProxyType

from unstrip.lab.dialect import LineDialect, Topic, Words

_REPLY = re.compile(  # RFC 959, 4.2: it ends with its own code and a blank; in between is text
    rb"([0-9]{3})-[^\n]*\n(?:(?!\1[ \r\n])[^\n]*\n)*\1(?=[ \r\n])[^\n]*\n|(?![0-9]{3}-)[^\n]*\n"
)
_DATA = re.compile(rb"(?<=\n)[ \t]*(?:PBSZ|PROT)(?=[ \t\r\n])[^\n]*\n", re.IGNORECASE)


class Ftp(LineDialect):
    """RFC 959, RFC 2389 and RFC 4217."""

    PROTOCOL = "ftp"
    IDS = MappingProxyType({"refuse-hello": "S-06", "spoof-state": "F-04"})
    ASKS = b"FEAT"
    COMMAND = re.compile(
        rb"[ \t]*(?P<verb>AUTH[ \t]+[^ \t\r\n]+|[^ \t\r\n]+)(?P<tag>)", re.IGNORECASE
    )
    OFFER = re.compile(  # whatever else of AUTH stands in the same line
        rb"(?<=\n )AUTH[ \t]+(?:[^ ;\r\n]+;)*(?:TLS|SSL)(?:-[CP])?(?=[; \t\r\n])[^\r\n]*",
        re.IGNORECASE,
    )
    SUCCESS = b"234"
    REPLY = LISTING = _REPLY
    STATUS = re.compile(rb"220[- ]")
    WORDS = Words(
        refusals=MappingProxyType(
            {
                "500": b"500 AUTH TLS not understood\r\n",  # RFC 2228, 3
                "501": b"501 Syntax error\r\n",
                "502": b"502 Command not implemented\r\n",
                "503": b"503 Bad sequence of commands\r\n",
                "504": b"504 Unknown security mechanism\r\n",
                "530": b"530 Not logged in\r\n",
                "534": b"534 Policy forbids\r\n",
                "431": b"431 Need some unavailable resource to process security\r\n",
                "421": b"421 Closing\r\n",
            }
        ),
        temporary=b"431 Need some unavailable resource to process security\r\n",
        bogus=b"334 ADAT must follow\r\n",  # RFC 4217, 4.1: TLS has nothing to exchange first
        answer=b"200 PBSZ=0\r\n",
        fragment=b"200 X-INJECTED",
        unexpected=b"421 unexpected\r\n",
        unlisted=b"500 FEAT not understood\r\n",
        spoofed=b"230 User logged in\r\n",
    )

    def repaired(self, listed: bytes) -> bytes:
        """Return a list without what is there only where there is AUTH (RFC 4217, 6)."""
        return listed if self.OFFER.search(listed) else _DATA.sub(b"", listed)

    def _topics(self) -> dict[bytes, Topic]:
        """RFC 4217, 6: one mechanism of two names; older clients have two more."""
        names = (b"AUTH TLS", b"AUTH TLS-C", b"AUTH SSL", b"AUTH TLS-P")
        return super()._topics() | dict.fromkeys(names, Topic.UPGRADE)

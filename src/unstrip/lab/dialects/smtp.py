"""SMTP, as a box hears it."""

from __future__ import annotations

import re
from types import MappingProxyType

from unstrip.lab.dialect import LineDialect, Words

_REPLY = re.compile(rb"(?:[0-9]{3}-[^\n]*\n)*(?![0-9]{3}-)[^\n]*\n")  # RFC 5321, 4.2.1
_LAST_LINE = re.compile(rb"(?<![^\n])250-(?=[^\n]*\n\Z)")  # one that says it is not the last


class Smtp(LineDialect):
    """RFC 5321 and RFC 3207."""

    PROTOCOL = "smtp"
    ASKS = b"EHLO"
    OFFER = re.compile(  # the first line is the server's name
        rb"(?<=\n250[- ])STARTTLS(?=[ \t]*\r?\n)", re.IGNORECASE
    )
    SUCCESS = b"220"
    REPLY = LISTING = _REPLY
    STATUS = re.compile(rb"220[- ]")
    WORDS = Words(
        refusals=MappingProxyType(
            {
                "501": b"501 5.5.4 Syntax error\r\n",  # RFC 3207, 4
                "500": b"500 5.5.2 Command not recognized\r\n",
                "502": b"502 5.5.1 Command not implemented\r\n",
                "503": b"503 5.5.1 STARTTLS command used when not advertised\r\n",
                "530": b"530 5.7.0 Authentication required\r\n",
                "550": b"550 5.7.1 Policy forbids\r\n",
                "554": b"554 5.5.1 TLS is active already\r\n",
                "454": b"454 4.7.0 TLS not available due to temporary reason\r\n",
                "421": b"421 4.3.2 Closing\r\n",
            }
        ),
        temporary=b"454 4.7.0 TLS not available due to temporary reason\r\n",  # RFC 3207, 4
        bogus=b"200 Go ahead\r\n",  # RFC 3207, 4 knows 220 alone
        answer=b"250-localhost\r\n250 AUTH PLAIN LOGIN\r\n",
        fragment=b"250-X-INJECTED",
        unexpected=b"421 4.3.0 unexpected\r\n",
        unlisted=b'502 5.5.1 Error: command "EHLO" not implemented\r\n',
    )

    def repaired(self, listed: bytes) -> bytes:
        """Return a list whose last line says that it is the last."""
        return _LAST_LINE.sub(b"250 ", listed)

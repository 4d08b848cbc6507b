"""LMTP, as a box hears it: SMTP with another hello."""

from __future__ import annotations

from dataclasses import replace

from unstrip.lab.dialects.smtp import Smtp


class Lmtp(Smtp):
    """RFC 2033 and RFC 3207."""

    PROTOCOL = "lmtp"
    ASKS = b"LHLO"
    WORDS = replace(Smtp.WORDS, unlisted=b'502 5.5.1 Error: command "LHLO" not implemented\r\n')

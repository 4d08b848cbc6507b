"""LMTP."""

from __future__ import annotations

from dataclasses import replace

from tests.protocols.specimen import Refused
from tests.protocols.specimens import smtp

SPECIMEN = replace(
    smtp.SPECIMEN,
    round_trips=(5, None),
    too_soon=Refused(
        (b"MAIL FROM:<a@example.org>\r\n", b"RCPT TO:<a@example.org>\r\n", b"DATA\r\n"),
        rb"\A530 ",
    ),
    secrets=(
        b"MAIL FROM:<a@example.org>\r\n",
        b"EHLO a\r\n",
        b"HELO a\r\n",
        b"LHLO a\r\nDATA\r\n",
        b"STARTTLS x\r\n",
    ),
    endless_command=b"LHLO ",
    steps=(b"220 mx LMTP\r\n", b"250-mx\r\n250 STARTTLS\r\n", b"220 go\r\n"),
)

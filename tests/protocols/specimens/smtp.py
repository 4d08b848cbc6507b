"""SMTP."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.upgrade import Outcome

_REFUSALS = [  # RFC 5321, 4.2.2 and 4.2.3; RFC 4954, 6: every code there is, and some there are not
    *(b"454 4.7.0 not now", b"501 5.5.4 no", b"500 5.5.1 what?", b"502 5.5.1 no", b"503 5.5.1 no"),
    *(b"550 5.7.1 policy", b"554 5.5.1 no", b"530 5.7.0 no", b"538 5.7.11 no"),
    *(b"200 ok", b"221 bye", b"235 done", b"250 ok", b"251 ok", b"334 go on", b"354 go", b"299 x"),
]

SPECIMEN = Specimen(
    request=b"STARTTLS\r\n",
    go_ahead=rb"\A220 .*Ready to start TLS",
    round_trips=(5, 3),
    too_soon=Refused(
        (
            b"MAIL FROM:<a@example.org>\r\n",
            b"RCPT TO:<a@example.org>\r\n",
            b"DATA\r\n",
            b"AUTH PLAIN AA==\r\n",
        ),
        rb"\A530 ",
    ),
    again=Refused((b"STARTTLS\r\n",), rb"\A503 "),
    smalltalk=b"t NOOP\r\n",
    secrets=(
        b"MAIL FROM:<a@example.org>\r\n",
        b"AUTH PLAIN AHgAeQ==\r\n",
        b"HELO a\r\n",
        b"EHLO a\r\nDATA\r\n",
        b"STARTTLS x\r\n",
    ),
    refusals={
        **{answer + b"\r\n": "refused" for answer in _REFUSALS},
        b"421 4.3.2 closing\r\n": "busy",
    },
    rate_limits=(
        (b"220 mx\r\n", b"450 4.7.1 Too many connections, try again later\r\n"),
        (b"220 mx\r\n", b"452 4.3.1 over quota\r\n"),
    ),
    heads=(b"220 ", b"220-", b"250-", b"250 ", b"421 ", b"454 "),
    endless_line=b"220 ",
    endless_lines=b"220-more\r\n",
    bulky=b"220-" + b"a" * 8000 + b"\r\n",
    endless_command=b"EHLO ",
    steps=(b"220 mx ESMTP\r\n", b"250-mx\r\n250 STARTTLS\r\n", b"220 go\r\n"),
    unasked=b"220 mx\r\n",
    too_busy=b"421 4.7.0 too many connections\r\n",
    tricked={"refuse 421": Outcome.BUSY},
)

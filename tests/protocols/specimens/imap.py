"""IMAP."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.trouble import Trouble
from unstrip.upgrade import Outcome


def _tag(command: bytes) -> bytes:
    return command.partition(b" ")[0]


SPECIMEN = Specimen(
    request=b"t STARTTLS\r\n",
    go_ahead=rb" OK Begin TLS",
    round_trips=(5, 3),
    too_soon=Refused((b"t LOGIN a b\r\n", b"t AUTHENTICATE PLAIN\r\n"), rb"\At NO "),
    again=Refused((b"t STARTTLS\r\n",), rb"\At BAD "),
    smalltalk=b"t NOOP\r\n",
    secrets=(
        b"u1 LOGIN a b\r\n",
        b"u1 AUTHENTICATE PLAIN\r\n",
        b"u1 SELECT INBOX\r\n",
        b"u1 NOOP\r\nu2 LOGIN a b\r\n",
    ),
    refusals={
        b"a002 NO no\r\n": "refused",
        b"a002 BAD what?\r\n": "refused",
        b"a002 NO [UNAVAILABLE] no\r\n": "refused",
        b"* BYE closing\r\n": "unavailable",
    },
    rate_limits=(
        (b"* OK ready\r\n", b"a001 NO [UNAVAILABLE] try again later\r\n"),
        (b"* OK ready\r\n", b"a001 NO [LIMIT] too many connections\r\n"),
    ),
    heads=(b"* OK ", b"* CAPABILITY ", b"* BYE ", b"a001 OK ", b"a002 OK ", b"a002 NO ", b"+ "),
    endless_line=b"* OK ",
    endless_lines=b"* CAPABILITY IMAP4rev1\r\n",
    opening=(b"* OK ready\r\n", b""),
    bulky=b"* CAPABILITY " + b"a" * 8000 + b"\r\n",
    endless_command=b"t ",
    steps=(
        b"* OK ready\r\n",
        lambda heard: b"* CAPABILITY IMAP4rev1 STARTTLS\r\n%s OK\r\n" % _tag(heard),
        lambda heard: b"%s OK go\r\n" % _tag(heard),
    ),
    unasked=b"* OK ready\r\n",
    too_busy=b"* BYE [UNAVAILABLE] too many connections\r\n",
    tricked={"refuse BYE": Outcome.UNAVAILABLE, "bogus-success": Trouble.BROKEN},
)

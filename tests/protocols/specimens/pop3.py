"""POP3."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.trouble import Trouble

SPECIMEN = Specimen(
    request=b"STLS\r\n",
    go_ahead=rb"\A\+OK Begin TLS",
    round_trips=(5, 3),
    too_soon=Refused(
        (b"USER alice\r\n", b"PASS secret\r\n", b"APOP alice x\r\n", b"AUTH PLAIN\r\n"),
        rb"\A-ERR ",
    ),
    again=Refused((b"STLS\r\n",), rb"\A-ERR "),
    smalltalk=b"t NOOP\r\n",
    secrets=(
        b"USER alice\r\n",
        b"PASS secret\r\n",
        b"APOP alice x\r\n",
        b"AUTH PLAIN\r\n",
        b"CAPA\r\nUSER alice\r\n",
    ),
    refusals=dict.fromkeys(
        (
            b"-ERR what?\r\n",
            b"-ERR [SYS/TEMP] no\r\n",
            b"-ERR [SYS/PERM] no\r\n",
            b"-ERR\r\n",
            b"-ERR [AUTH] no\r\n",
        ),
        "refused",
    ),
    rate_limits=(
        (b"+OK ready\r\n", b"-ERR [SYS/TEMP] try again later\r\n"),
        (b"+OK ready\r\n", b"-ERR too many connections\r\n"),
    ),
    heads=(b"+OK ", b"-ERR ", b".", b"STLS", b"+ "),
    endless_line=b"+OK ",
    endless_lines=b"TOP\r\n",
    opening=(b"+OK\r\n", b"+OK\r\n"),
    bulky=b"TOP " + b"a" * 8000 + b"\r\n",
    endless_command=b"CAPA",
    steps=(b"+OK ready\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"+OK go\r\n"),
    unasked=b"+OK ready\r\n",
    too_busy=b"-ERR [IN-USE] too many connections\r\n",
    tricked={"bogus-success": Trouble.BROKEN, "spoof-state": Trouble.UNSOLICITED},
)

"""FTP."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.upgrade import Outcome

_REFUSALS = (  # RFC 959, 5.4; RFC 2228, 5.1; RFC 4217, 4.1: what AUTH may hear, and what not
    *(b"334 more", b"431 no key", b"500 what?", b"501 no", b"502 no", b"503 no", b"504 no"),
    *(b"530 log in", b"534 policy", b"550 no", b"200 ok", b"220 hello", b"221 bye", b"235 ok"),
    *(b"331 password?", b"125 data", b"150 data", b"226 done", b"299 x", b"233 x"),
)

SPECIMEN = Specimen(
    request=b"AUTH TLS\r\n",
    go_ahead=rb"\A234 Begin TLS",
    round_trips=(5, 3),
    too_soon=Refused((b"USER alice\r\n", b"PASS secret\r\n", b"ACCT x\r\n"), rb"\A530 "),
    again=Refused((b"AUTH TLS\r\n", b"AUTH SSL\r\n"), rb"\A503 "),
    smalltalk=b"NOOP\r\n",
    secrets=(
        b"USER alice\r\n",
        b"PASS secret\r\n",
        b"AUTH SSL\r\n",
        b"PBSZ 0\r\n",
        b"SYST\r\n",
        b"FEAT\r\nUSER alice\r\n",
    ),
    refusals={
        **{answer + b"\r\n": "refused" for answer in _REFUSALS},
        b"421 closing\r\n": "busy",
        b"230 welcome\r\n": "spoofed",
        b"232 welcome\r\n": "spoofed",
    },
    rate_limits=(
        (b"220 ftp\r\n", b"421 closing\r\n"),
        (b"220 ftp\r\n", b"530 too many users, try again later\r\n"),
    ),
    heads=(b"220 ", b"220-", b"211-", b"211 ", b"234 ", b"421 ", b"200 ", b" "),
    endless_line=b"220 ",
    endless_lines=b"220-more\r\n",
    bulky=b"220-" + b"a" * 8000 + b"\r\n",
    endless_command=b"FEAT ",
    steps=(b"220 ftp\r\n", b"211-Features\r\n AUTH TLS\r\n211 End\r\n", b"234 go\r\n"),
    unasked=b"220 ftp\r\n",
    too_busy=b"421 too many connections\r\n",
    tricked={"refuse 421": Outcome.BUSY},
)

"""NNTP."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.upgrade import Outcome

_REFUSALS = (  # RFC 3977, 3.2.1; RFC 4642, 2.2: what there is, what is forbidden, and more
    *(b"502 no", b"580 no", b"500 what?", b"501 no", b"403 no", b"503 no"),
    *(
        b"480 log in",
        b"483 encrypt",
        b"200 ok",
        b"201 ok",
        b"205 bye",
        b"381 go on",
        b"383 go",
        b"399 x",
    ),
)

SPECIMEN = Specimen(
    request=b"STARTTLS\r\n",
    go_ahead=rb"\A382 Begin TLS",
    round_trips=(5, 3),
    too_soon=Refused(
        (b"AUTHINFO USER alice\r\n", b"AUTHINFO SASL PLAIN\r\n", b"AUTHINFO PASS secret\r\n"),
        rb"\A483 ",
    ),
    again=Refused((b"STARTTLS\r\n",), rb"\A502 "),
    smalltalk=b"CAPABILITIES\r\n",
    secrets=(
        b"AUTHINFO USER alice\r\n",
        b"GROUP local.private\r\n",
        b"POST\r\n",
        b"MODE READER\r\n",
        b"CAPABILITIES\r\nAUTHINFO USER alice\r\n",
    ),
    refusals={
        **{answer + b"\r\n": "refused" for answer in _REFUSALS},
        b"400 closing\r\n": "busy",
        b"281 welcome\r\n": "spoofed",
    },
    rate_limits=(
        (b"200 news\r\n", b"400 try again later\r\n"),
        (b"200 news\r\n", b"502 too many connections\r\n"),
    ),
    heads=(b"200 ", b"101 ", b"382 ", b"400 ", b"502 ", b".", b"STARTTLS"),
    endless_line=b"200 ",
    endless_lines=b"READER\r\n",
    opening=(b"200 news\r\n", b"101 list\r\n"),
    bulky=b"LIST " + b"a" * 8000 + b"\r\n",
    endless_command=b"CAPABILITIES ",
    steps=(b"200 news\r\n", b"101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n", b"382 go\r\n"),
    unasked=b"200 news\r\n",
    too_busy=b"400 too many connections\r\n",
    tricked={"refuse 400": Outcome.BUSY},
)

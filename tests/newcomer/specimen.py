"""FERRY."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.upgrade import Outcome

SPECIMEN = Specimen(
    request=b"SEAL\r\n",
    go_ahead=rb"\A30 ",
    round_trips=(5, 3),
    too_soon=Refused((b"BOARD alice\r\n",), rb"\A51 "),
    again=Refused((b"SEAL\r\n",), rb"\A51 "),
    smalltalk=b"AHOY\r\n",
    secrets=(b"BOARD alice\r\n", b"DECKS\r\nBOARD alice\r\n"),
    refusals={
        b"40 later\r\n": "busy",
        b"50 what?\r\n": "refused",
        b"51 no\r\n": "refused",
        b"31 yes\r\n": "refused",
    },
    rate_limits=((b"10 harbour\r\n", b"40 later\r\n"),),
    heads=(b"10 ", b"11 ", b"20 ", b"30 ", b"40 ", b".", b"SEAL"),
    endless_line=b"10 ",
    endless_lines=b"CARS\r\n",
    opening=(b"10 harbour\r\n", b"20 list\r\n"),
    bulky=b"CARS" + b"a" * 8000 + b"\r\n",
    endless_command=b"DECKS",
    steps=(b"10 harbour\r\n", b"20 list\r\nSEAL\r\n.\r\n", b"30 go\r\n"),
    unasked=b"10 harbour\r\n",
    too_busy=b"40 later\r\n",
    tricked={"refuse 40": Outcome.BUSY, "refuse-temporary": Outcome.BUSY},
)

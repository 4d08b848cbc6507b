"""Telnet."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.trouble import Trouble

_FOLLOWS = b"\xff\xfa\x2e\x01\xff\xf0"
_WILL = b"\xff\xfb\x2e" + _FOLLOWS
_DO, _DONT, _WONT = b"\xff\xfd\x2e", b"\xff\xfe\x2e", b"\xff\xfc\x2e"

SPECIMEN = Specimen(
    request=_WILL,
    go_ahead=rb"\A\xff\xfa\x2e\x01\xff\xf0",
    learns_inside=False,
    leaves=False,
    round_trips=(4, 2),
    too_soon=Refused((b"root\r\n", b"\r\n", _WONT), rb"\ANobody logs in without TLS"),
    again=Refused((_WILL,), rb"\A\xff\xfe\x2e"),
    smalltalk=b"\xff\xfb\x1f",
    secrets=(
        b"root\r\n",
        b"\xff\xfb\x18",
        b"\xff\xfa\x18\0xterm\xff\xf0",
        b"\xff\xfc\x2e",
        _FOLLOWS,
        _WILL + b"root\r\n",
    ),
    refusals={
        _DONT: "refused",
        _WONT: "refused",
        b"\xff\xf1login: " + _DONT: "refused",
        b"\xff\xfa\x2e\x02\xff\xf0": "broken",
        b"\xff\x00": "broken",
        _DO: "ended",  # which is no go-ahead yet
        b"login: ": "ended",
    },
    quoted=False,
    rate_limits=(),
    heads=(b"\xff\xfd", b"\xff\xfb", b"\xff\xfa", _FOLLOWS, b"\xff\xff", b"login: "),
    endless_line=b"\xff\xfa\x18",
    endless_lines=b"\xff\xfd\x18",
    opening=(_DO,),
    bulky=b"a" * 8000 + b"\xff\xf1",
    endless_command=b"ro",
    steps=(_DO, _FOLLOWS),
    unasked=None,  # either side may begin inside
    too_busy=None,
    tricked={"bogus-success": Trouble.BROKEN},
)

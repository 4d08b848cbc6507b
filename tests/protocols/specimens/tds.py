"""TDS."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.protocols import tds
from unstrip.trouble import Trouble
from unstrip.upgrade import Outcome

_OPTIONS = b"\0\0\x0b\0\6\1\0\x11\0\1\xff\x10\0\x10\0\0\0"  # and a word about encryption behind it


def _packet(kind: int, message: bytes, status: int = 1) -> bytes:
    return bytes((kind, status)) + (8 + len(message)).to_bytes(2, "big") + b"\0\0\1\0" + message


_REQUEST = _packet(0x12, b"\0\0\x0b\0\6\1\0\x11\0\1\xff\x09\0\0\0\0\0\1")
_LOGIN = _packet(0x10, bytes(94))
_LOGGED_IN = _packet(4, b"\xad\x0c\0\1\x74\0\0\4\0\0\0\0\0\0\0")

SPECIMEN = Specimen(
    request=_REQUEST,
    go_ahead=rb"\A\x04\x01\0\x1a.*\xff\x10.*[\1\3]\Z",
    envelope=tds.Envelope,
    learns_inside=False,
    leaves=False,
    round_trips=(4, 2),
    too_soon=Refused((_LOGIN, _packet(1, b"s\0e\0")), rb"\A\x04.*\xaa..\xab\x45\0\0", True),
    again=Refused((_REQUEST,), rb"\A\x04.*\xaa..\xa4\x45\0\0", closes=True),
    smalltalk=None,
    secrets=(_LOGIN, _REQUEST + _LOGIN, _packet(0x12, _OPTIONS + b"\2"), _packet(1, b"s\0e\0")),
    refusals={
        _packet(4, _OPTIONS + b"\0"): "refused",
        _packet(4, _OPTIONS + b"\2"): "refused",
        _packet(4, b"\xff"): "refused",
        _packet(4, _OPTIONS + b"\4"): "broken",
        _packet(4, _OPTIONS + b"\x81"): "broken",
        _packet(4, _OPTIONS): "broken",
        _packet(0x12, _OPTIONS + b"\1"): "broken",
        _LOGGED_IN: "broken",
    },
    quoted=False,
    rate_limits=(),
    heads=(_packet(4, _OPTIONS + b"\1"), _LOGGED_IN, b"\4\1\0\x20\0\0\1\0\1\0\6", b"\x12\1\0\x20"),
    endless_line=b"\x04\x01\xff\xff\0\0\1\0",
    endless_lines=_packet(4, b"a" * 100, status=0),
    opening=(b"",),
    bulky=None,  # a message is too long before the budget is spent
    endless_command=b"\x12\x01\xff\xff\0\0\0\0",
    steps=(b"", _packet(4, _OPTIONS + b"\1")),
    unasked=_LOGGED_IN,
    too_busy=None,
    tricked={
        "refuse-temporary": Outcome.BUSY,
        "bogus-success": Trouble.BROKEN,
        "inject-late": Trouble.BROKEN,
        "clear-answer": Trouble.BROKEN,
    },
)

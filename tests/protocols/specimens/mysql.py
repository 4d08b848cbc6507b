"""MySQL."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.trouble import Trouble


def _packet(sequence: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes((sequence,)) + payload


_GREETING = _packet(
    0,
    b"\x0a8.0.36\0\x08\0\0\0Qk\x1fh8\x22\x05a\0\xff\xff\xff\x02\0\xff\xdf\x15"
    + bytes(10)
    + b"$\x19g\x1a\x7fR{Vd6w0\0caching_sha2_password\0",
)
_REQUEST = b"\x05\xaa\x08\0\0\0\0\x01\x2d" + bytes(23)
_LOGIN = _REQUEST + b"bob\0\0mysql_native_password\0"
_TOO_MANY = _packet(0, b"\xff\x10\x04Too many connections")
_LOGGED_IN = _packet(2, b"\0\0\0\x02\0\0\0")

SPECIMEN = Specimen(
    request=_packet(1, _REQUEST),
    go_ahead=None,
    learns_inside=False,
    leaves=False,
    round_trips=(3, None),
    too_soon=Refused(
        (_packet(1, _LOGIN), _packet(1, b"\x05\xa2" + _LOGIN[2:])), rb"\xff\x57\x0c#HY000", True
    ),
    again=Refused((_packet(2, _REQUEST),), rb"\xff\x13\x04#08S01", closes=True),
    smalltalk=None,
    secrets=(_packet(1, _LOGIN), _packet(1, _REQUEST) + _packet(2, _LOGIN), _packet(0, b"\1")),
    refusals={},  # nothing is answered in clear, unless TLS was not offered
    rate_limits=((_TOO_MANY,),),
    heads=(_GREETING, _TOO_MANY, _LOGGED_IN, b"\x20\0\0\0\x0a8.0", b"\x20\0\0\0\xff\x13\x04#"),
    endless_line=b"\xff\xff\xff\0",
    endless_lines=None,  # a greeting is one packet
    bulky=None,
    endless_command=b"\xff\xff\xff\1",
    steps=(_GREETING, b""),
    unasked=_GREETING,
    too_busy=_TOO_MANY,
    tricked={"refuse": Trouble.TLS, "refuse-temporary": Trouble.TLS, "bogus-success": Trouble.TLS},
)

"""PostgreSQL."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.trouble import Trouble
from unstrip.upgrade import Outcome

_SSL = b"\0\0\0\x08\x04\xd2\x16\x2f"
_GSSENC = b"\0\0\0\x08\x04\xd2\x16\x30"
_STARTUP = b"\0\0\0\x12\0\3\0\0user\0bob\0\0"
_AUTHENTICATED = b"R\0\0\0\x08\0\0\0\0"

SPECIMEN = Specimen(
    request=_SSL,
    go_ahead=rb"\AS\Z",
    learns_inside=False,
    leaves=False,
    round_trips=(3, 2),
    too_soon=Refused(
        (_STARTUP, b"\0\0\0\x12\0\2\0\0user\0bob\0\0"), rb"\AE.*SFATAL\0.*C(?:28000|0A000)\0", True
    ),
    again=Refused((_SSL, _GSSENC), rb"\AE.*C0A000\0", closes=True),
    smalltalk=_GSSENC,
    secrets=(
        _STARTUP,
        _SSL + _STARTUP,
        b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x2a\0\0\0\x07",
        _GSSENC,
        b"p\0\0\0\x0bsecret\0",
        b"X\0\0\0\x04",
    ),
    refusals={
        b"N": "refused",
        b"E": "unavailable",
        b"G": "broken",
        b"s": "broken",
        b"\0": "broken",
        b"\x15\x03\x01\0\x02\x02\x0a": "broken",
        _AUTHENTICATED: "spoofed",
    },
    rate_limits=(),
    heads=(b"S", b"N", b"E\0\0\0\x50SFATAL\0", b"G", _AUTHENTICATED),
    endless_line=None,  # one byte is all that is read
    endless_lines=None,
    bulky=None,
    endless_command=b"\x7f\xff\xff\xff",
    steps=(b"", b"S"),
    unasked=_AUTHENTICATED,
    too_busy=None,
    tricked={
        "refuse E": Outcome.UNAVAILABLE,
        "refuse-temporary": Outcome.UNAVAILABLE,
        "bogus-success": Trouble.BROKEN,
    },
)

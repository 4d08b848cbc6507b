"""RDP."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.trouble import Trouble
from unstrip.upgrade import Outcome

_HEAD = b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0"
_REQUEST = _HEAD + b"\x03\0\0\0"
_OLD_REQUEST = b"\x03\0\0\x0b\x06\xe0\0\0\0\0\0"
_DATA = b"\x03\0\0\x08\x02\xf0\x80\x7f"
_CONFIRM = b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0"
_GO_AHEAD = _CONFIRM + b"\x02\x1f\x08\0\x02\0\0\0"

SPECIMEN = Specimen(
    request=_REQUEST,
    go_ahead=rb"\A\x03\0\0\x13\x0e\xd0.{5}\x02\0\x08\0\x01\0\0\0",
    learns_inside=False,
    leaves=False,
    round_trips=(3, None),
    too_soon=Refused(
        (
            _HEAD + b"\0\0\0\0",
            _HEAD + b"\x02\0\0\0",
            _OLD_REQUEST,
            b"\x03\0\0\x23\x1e\xe0\0\0\0\0\0Cookie: mstshash=alice\r\n",
        ),
        rb"\x03\0\x08\0\x01\0\0\0\Z",
        closes=True,
    ),
    again=Refused((_REQUEST,), rb"\x03\0\x08\0\x04\0\0\0\Z", closes=True),
    smalltalk=None,  # the first packet that is no request for TLS is the last
    secrets=(
        b"\x03\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: mstshash=alice\r\n\x01\0\x08\0\x03\0\0\0",
        _HEAD + b"\0\0\0\0",
        _OLD_REQUEST,
        _DATA,
        _REQUEST + _DATA,
    ),
    refusals={
        b"\x03\0\0\x0b\x06\xd0\0\0\x12\x34\0": "refused",
        _CONFIRM + b"\x02\x1f\x08\0\0\0\0\0": "refused",
        **{_CONFIRM + b"\x03\0\x08\0%c\0\0\0" % code: "refused" for code in range(8)},
        b"\x03\0\0\x0b\x06\x80\0\0\x12\x34\0": "unavailable",
        _CONFIRM + b"\x02\x1f\x08\0\x03\0\0\0": "unsolicited",
        _CONFIRM + b"\x02\x1f\x08\0\x04\0\0\0": "unsolicited",
        _CONFIRM + b"\x02\x1f\x08\0\x08\0\0\0": "unsolicited",
        _CONFIRM + b"\x01\x1f\x08\0\x01\0\0\0": "broken",
        _CONFIRM + b"\x02\x1f\x09\0\x01\0\0\0": "broken",
        _DATA: "broken",
        b"SSH-2.0-OpenSSH_9.2\r\n": "broken",
    },
    quoted=False,
    rate_limits=(),
    heads=(_CONFIRM, _GO_AHEAD, b"\x03\0\0\x0b", b"\x03\0\0\x13\x0e\xd0", _DATA),
    endless_line=b"\x03\0\xff\xff",
    endless_lines=None,
    bulky=None,  # one packet is all that is read
    endless_command=b"\x03\0\xff\xff",
    steps=(b"", _GO_AHEAD),
    unasked=_DATA,
    too_busy=None,
    tricked={
        "refuse disconnect": Outcome.UNAVAILABLE,
        "refuse-temporary": Outcome.UNAVAILABLE,
        "bogus-success": Trouble.UNSOLICITED,
    },
)

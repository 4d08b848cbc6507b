"""VNC."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.trouble import Trouble

_VERSION, _VENCRYPT, _VENCRYPT_VERSION = b"RFB 003.008\n", b"\x13", b"\0\x02"
_X509_NONE, _TLS_NONE, _PLAIN = b"\0\0\x01\x04", b"\0\0\x01\x01", b"\0\0\x01\0"
_TOO_MANY = b"\0\0\0\x1aToo many security failures"

SPECIMEN = Specimen(
    request=_X509_NONE,
    before=(_VERSION, _VENCRYPT, _VENCRYPT_VERSION),
    go_ahead=rb"\A\x01\Z",
    server_first=True,
    learns_inside=False,
    leaves=False,
    round_trips=(7, None),
    too_soon=Refused((b"\x01", b"\x02"), rb"\A\0\0\0\x01.*without TLS", closes=True, after=1),
    again=None,  # inside, our server's first word is its last
    smalltalk=None,
    secrets=(
        b"\x01",
        b"\x02",
        b"\x12",
        _PLAIN,
        _TLS_NONE,
        _X509_NONE + b"\0\0\0\x05\0\0\0\x06alicesecret",
        bytes(range(16)),
        b"\x04\x01\0\0\0\0\0a",
    ),
    refusals={
        b"\0": "refused",
        b"\x02": "refused",
        b"\xff": "refused",
        b"\0\0\0\x01\0\0\0\x02No": "refused",
        b"\x15\x03\x01\0\x02\x02\x0a": "refused",
    },
    quoted=False,
    rate_limits=((b"RFB 003.008\n", b"\0" + _TOO_MANY),),
    heads=(b"RFB ", b"\x01\x13", b"\0", b"\0\x02", b"\0\0\0\x01", b"\x01"),
    endless_line=b"RFB 003.003\n\0\0\0\0\xff\xff\xff\xff",
    endless_lines=None,
    bulky=None,  # nothing that is listed can be longer than its byte of a length says
    endless_command=None,  # every message of a viewer's has its one length
    steps=(b"RFB 003.008\n", b"\x02\x13\x02", b"\0\x02", b"\0\x01\0\0\x01\x04", b"\x01"),
    unasked=None,  # the server may begin inside
    too_busy=b"RFB 003.003\n\0\0\0\0" + _TOO_MANY,
    tricked={"bogus-success": Trouble.SPOOFED},
)

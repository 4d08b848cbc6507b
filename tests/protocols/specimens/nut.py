"""NUT."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.trouble import Trouble

_VERSION = b"Network UPS Tools upsd 2.8.0\n"

SPECIMEN = Specimen(
    request=b"STARTTLS\n",
    go_ahead=rb"\AOK STARTTLS\n\Z",
    round_trips=(3, None),
    too_soon=Refused(
        (b"USERNAME alice\n", b"PASSWORD secret\n", b"LOGIN ups\n", b"LIST UPS\n"),
        rb"\AERR ACCESS-DENIED ",
    ),
    again=Refused((b"STARTTLS\n",), rb"\AERR ALREADY-SSL-MODE\n"),
    smalltalk=b"VER\n",
    secrets=(
        b"USERNAME alice\n",
        b"PASSWORD secret\n",
        b"LOGIN ups\n",
        b"LIST UPS\n",
        b"STARTTLS\nUSERNAME alice\n",
        b"STARTTLS\r\n",
    ),
    refusals={
        b"ERR FEATURE-NOT-CONFIGURED\n": "refused",
        b"ERR FEATURE-NOT-SUPPORTED\n": "refused",
        b"ERR ALREADY-SSL-MODE\n": "refused",
        b"ERR UNKNOWN-COMMAND\n": "refused",
        b"ERR ACCESS-DENIED more\n": "refused",
        b"OK\n": "broken",
        b"OK STARTTLS \n": "broken",
        b"OK STARTTLS\r\n\n": "injected",
        _VERSION: "broken",
    },
    rate_limits=(),
    heads=(b"OK ", b"OK STARTTLS\n", b"ERR ", b"VAR ", b"Network UPS Tools "),
    endless_line=b"OK ",
    endless_lines=None,
    bulky=None,
    endless_command=b"VER",
    steps=(b"", b"OK STARTTLS\n"),
    unasked=_VERSION,
    too_busy=None,
    tricked={"bogus-success": Trouble.BROKEN},
)

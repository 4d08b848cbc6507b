"""HTTP/1.1."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.trouble import Trouble
from unstrip.upgrade import Outcome

_OPTIONS = b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n"
_UPGRADE = _OPTIONS + b"Upgrade: TLS/1.0\r\nConnection: Upgrade\r\n"
_GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"
_EMPTY = b"Content-Length: 0\r\n\r\n"

SPECIMEN = Specimen(
    request=_UPGRADE + b"\r\n",
    go_ahead=rb"\AHTTP/1\.1 101 ",
    server_first=True,
    leaves=False,
    round_trips=(3, 2),
    too_soon=Refused(
        (
            _GET + b"Authorization: Basic YTpi\r\n\r\n",
            _GET + b"Cookie: a=b\r\n\r\n",
            _GET.replace(b"GET", b"POST") + b"Content-Length: 3\r\n\r\na=b",
        ),
        rb"\AHTTP/1\.1 426 ",
    ),
    again=Refused((_UPGRADE + b"\r\n",), rb"\AHTTP/1\.1 200 OK\r\nAllow: OPTIONS\r\nContent-"),
    smalltalk=_OPTIONS + b"\r\n",
    secrets=(
        _GET + b"\r\n",
        _OPTIONS.replace(b"*", b"/private") + b"Upgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n",
        _UPGRADE + b"Cookie: a=b\r\n\r\n",
        _UPGRADE + b"Authorization: Basic YTpi\r\n\r\n",
        _UPGRADE + b"User-Agent: x\r\n\r\n",
        _UPGRADE + b"\r\n" + _GET + b"\r\n",
    ),
    refusals={
        b"HTTP/1.1 200 OK\r\n" + _EMPTY: "refused",
        b"HTTP/1.1 200\r\n" + _EMPTY: "refused",
        b"HTTP/1.1 301 Moved\r\nLocation: https://localhost/\r\n" + _EMPTY: "refused",
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n" + _EMPTY: "refused",
        b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2c\r\n" + _EMPTY: "refused",
        b"HTTP/1.1 501 Not Implemented\r\n" + _EMPTY: "refused",
        b"HTTP/1.0 503 Busy\r\nConnection: close\r\n" + _EMPTY: "busy",
        b"HTTP/1.1 429 Too Many\r\nConnection: close\r\n" + _EMPTY: "busy",
        _SWITCHING + b"\r\n": "broken",
        _SWITCHING + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n": "broken",
        _SWITCHING + b"Upgrade: TLS/1.0\r\nContent-Length: 1\r\n\r\n": "broken",
    },
    rate_limits=(),
    heads=(
        _SWITCHING + b"Upgrade: ",
        _SWITCHING + b"Upgrade: TLS/1.0\r\n\r\nHTTP/1.1 ",
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 ",
        b"Upgrade: ",
        b"Content-Length: ",
    ),
    endless_line=b"HTTP/1.1 200 ",
    endless_lines=b"X: y\r\n",
    opening=(b"HTTP/1.1 200 OK\r\n",),
    bulky=b"X: " + b"a" * 8000 + b"\r\n",
    endless_command=_OPTIONS + b"X: ",
    steps=(b"", _SWITCHING + b"Upgrade: TLS/1.0, HTTP/1.1\r\nConnection: Upgrade\r\n\r\n"),
    unasked=_SWITCHING + b"Upgrade: TLS/1.0\r\n\r\n",
    too_busy=None,
    tricked={
        "refuse 429": Outcome.BUSY,
        "refuse 503": Outcome.BUSY,
        "bogus-success": Trouble.BROKEN,
    },
)

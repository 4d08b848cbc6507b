"""ManageSieve."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.trouble import Trouble
from unstrip.upgrade import Outcome

SPECIMEN = Specimen(
    request=b"STARTTLS\r\n",
    go_ahead=rb'\AOK "Begin TLS',
    server_first=True,
    round_trips=(5, None),
    too_soon=Refused(
        (b'AUTHENTICATE "PLAIN" "AGEAYg=="\r\n', b'AUTHENTICATE "PLAIN" {4+}\r\nAGEA\r\n'),
        rb"\ANO \(ENCRYPT-NEEDED\) ",
    ),
    again=Refused((b"STARTTLS\r\n",), rb"\ANO "),
    smalltalk=b"NOOP\r\n",
    secrets=(
        b'AUTHENTICATE "PLAIN" "AGEAYg=="\r\n',
        b"LISTSCRIPTS\r\n",
        b'HAVESPACE "mine" 100\r\n',
        b"STARTTLS\r\nLISTSCRIPTS\r\n",
        b"NOOP {5+}\r\nalice\r\n",
    ),
    refusals={
        b'NO "what?"\r\n': "refused",
        b"NO\r\n": "refused",
        b'no (TRYLATER) "later"\r\n': "refused",
        b"NO {2}\r\nno\r\n": "refused",
        b'BYE "closing"\r\n': "unavailable",
        b'BYE (TRYLATER) "later"\r\n': "busy",
        b'"IMPLEMENTATION" "x"\r\n': "broken",
        b"OKAY\r\n": "broken",
    },
    quoted=False,  # a response has no case
    rate_limits=((b'"SASL" ""\r\nBYE (TRYLATER) "later"\r\n',), (b'BYE "Too many users"\r\n',)),
    heads=(b'"', b'"STARTTLS" "', b"{5}\r\n", b"OK ", b'OK "', b"NO ", b"BYE (", b"OK {0}\r\n"),
    endless_line=b'"',
    endless_lines=b'"X" "Y"\r\n',
    bulky=b'"' + b"a" * 8000 + b'"\r\n',
    endless_command=b"NOOP ",
    steps=(b'"STARTTLS"\r\nOK\r\n', b"OK\r\n"),
    unasked=b'OK "done"\r\n',
    too_busy=b'BYE (TRYLATER) "Too busy"\r\n',
    tricked={
        "refuse BYE": Outcome.UNAVAILABLE,
        "refuse REFERRAL": Outcome.UNAVAILABLE,
        "bogus-success": Trouble.BROKEN,
    },
)

"""ACAP."""

from __future__ import annotations

from tests.protocols.specimen import Refused, Specimen
from unstrip.trouble import Trouble
from unstrip.upgrade import Outcome

SPECIMEN = Specimen(
    request=b"t STARTTLS\r\n",
    go_ahead=rb' OK "Begin TLS',
    server_first=True,
    round_trips=(5, None),
    too_soon=Refused(
        (b't AUTHENTICATE "PLAIN" "AGEAYg=="\r\n', b't AUTHENTICATE "PLAIN" {4+}\r\nAGEA\r\n'),
        rb"\At NO \(ENCRYPT-NEEDED\) ",
    ),
    again=Refused((b"t STARTTLS\r\n",), rb"\At BAD "),
    smalltalk=b"t NOOP\r\n",
    secrets=(
        b'u1 AUTHENTICATE "PLAIN" "AGEAYg=="\r\n',
        b'u1 SEARCH "/addressbook/" ALL\r\n',
        b"u1 STARTTLS\r\nu2 NOOP\r\n",
        b"a-user-whose-name-is-in-the-tag1 STARTTLS\r\n",
    ),
    refusals={
        b'a1 NO "no"\r\n': "refused",
        b'a1 BAD "what?"\r\n': "refused",
        b'a1 NO (TRYLATER) "later"\r\n': "refused",
        b"a1 NO {2}\r\nno\r\n": "refused",
        b'* BYE "closing"\r\n': "unavailable",
        b'* BYE (TRYLATER) "later"\r\n': "busy",
        b'a2 OK "go"\r\n': "unsolicited",
        b'a1 ENTRY "/x"\r\n': "broken",
        b'+ "go on"\r\n': "broken",
    },
    rate_limits=((b'* BYE (TRYLATER) "later"\r\n',), (b'* BYE "Too many users"\r\n',)),
    heads=(b"* ACAP (", b'* ACAP (STARTTLS) "', b"* BYE ", b"* OK ", b"a1 OK ", b"a1 NO {3}\r\n"),
    endless_line=b"* ACAP (",
    endless_lines=b'* OK "still here"\r\n',
    opening=(b"* ACAP (STARTTLS)\r\n",),
    bulky=b'* ALERT "' + b"a" * 8000 + b'"\r\n',
    endless_command=b"t ",
    steps=(
        b"* ACAP (STARTTLS)\r\n",
        lambda heard: b'%b OK "go"\r\n' % heard.partition(b" ")[0],
    ),
    unasked=b'u2 OK "done"\r\n',
    too_busy=b'* BYE (TRYLATER) "Too busy"\r\n',
    tricked={"refuse BYE": Outcome.UNAVAILABLE, "bogus-success": Trouble.BROKEN},
)
